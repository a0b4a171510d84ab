"""What operators are told of budgets: alerts at thresholds, and metrics."""

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from proxy.api import Alert, Measured, NanoUSD, Services, StoreError
from proxy.api.documents import usd

from ..alerting import Alerting
from .deciding import Burn, burn, fallen, percent, reached, severity
from .matching import Budget, Place
from .wording import alert_text

__all__ = ["Watching"]

_MOST: Final = 10_000
_LATE: Final = 3600.0
"""Seconds after a period for which its alerts are known, so that somebody ends them."""

_HOUR: Final = 3600.0

Between = Callable[[Place, float, float], Awaitable[int]]
"""Returns what was spent in a time, in nano-USD. Raises StoreError."""


class _Watched:
    """A bucket: what was spent of it when it was seen last, and which thresholds were told."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.spent = -1
        """Nothing was seen yet."""
        self.told: set[int] = set()


class Watching:
    """Sees how buckets stand."""

    def __init__(
        self,
        budgets: Sequence[Budget],
        alerting: Alerting,
        between: Between,
        services: Services,
        zone: str,
    ) -> None:
        """`between` reads the ledger; `zone` is the time zone in which times are told."""
        self._alerting = alerting
        self._between = between
        self._services = services
        self._zone = zone
        self._seen: dict[str, _Watched] = {}
        self._fullest: dict[str, int] = {}
        self._budgets = tuple(budgets)
        one = ("budget",)
        gauge, counter = services.gauge, services.counter
        self._limit = gauge("budget_limit_nano_usd", "What a budget's owner may spend.", one)
        self._spent = gauge("budget_spent_nano_usd", "Spent of budgets that all share.", one)
        self._reserved = gauge(
            "budget_reserved_nano_usd", "Held back for attempts of this process under way.", one
        )
        self._percent = gauge(
            "budget_percent", "What is spent of a limit, of the owner with the least left.", one
        )
        self._overshoot = gauge(
            "budget_overshoot_nano_usd",
            "By how much attempts of this process under way may exceed what is held back for them.",
            one,
        )
        self._refused = counter(
            "budget_refused", "Attempts that a budget did not let through.", (*one, "action")
        )
        self._drift = counter(
            "budget_drift_nano_usd", "Corrections of what was counted, by the ledger.", one
        )
        self._store = counter(
            "budget_store",
            "What happened to the shared store: lost, back, forgotten; decisions without it: "
            "local, closed.",
            ("what",),
        )
        for budget in budgets:
            self._limit.set(budget.limit, budget=budget.name)
            self._percent.set(0, budget=budget.name)

    @property
    def places(self) -> tuple[Place, ...]:
        """Return the places that were seen lately, those with the least left first."""
        fullest = sorted(
            self._seen.values(), key=lambda one: -percent(one.spent, one.place.budget.limit)
        )
        return tuple(one.place for one in fullest)

    def of_store(self, what: str) -> None:
        """Note what happened to the shared store."""
        self._store.add(what=what)

    def refused(self, place: Place, action: str) -> None:
        """Note that a budget did not let something through."""
        self._refused.add(budget=place.budget.name, action=action)

    def drifted(self, budget: str, nano: int) -> None:
        """Note a correction."""
        self._drift.add(nano, budget=budget)

    def under_way(self, held: Mapping[str, int], beyond: Mapping[str, int]) -> None:
        """Show by budget what this process holds back, and how much more it may come to.

        Asked when metrics are read: both change with each attempt.
        """
        for budget in self._budgets:
            name = budget.name
            self._reserved.set_function(partial(_of, held, name), budget=name)
            self._overshoot.set_function(partial(_of, beyond, name), budget=name)

    def saw(self, place: Place, spent: int) -> None:
        """Take in how much is spent of a bucket; whoever has to know is told."""
        one = self._seen.get(place.bucket)
        if one is None:
            one = self._seen[place.bucket] = _Watched(place)
            if len(self._seen) > _MOST:
                del self._seen[next(iter(self._seen))]
        if one.spent != spent:
            one.place = place
            self._changed(one, spent)

    def counted(self, bucket: str, spent: int) -> None:
        """Take in the same of a bucket of which it is known whose it is; others are passed over."""
        one = self._seen.get(bucket)
        if one is not None and one.spent != spent:
            self._changed(one, spent)

    def _changed(self, one: _Watched, spent: int) -> None:
        place, one.spent = one.place, spent
        self._seen[place.bucket] = self._seen.pop(place.bucket)  # the one seen last
        self._show(one)
        budget = place.budget
        if place.window.rolls and one.told:
            for at in [at for at in one.told if fallen(at, spent, budget.limit)]:
                one.told.discard(at)
                self._begin(self._over(place, at))
        above = reached(budget.said.thresholds, spent, budget.limit)
        if above and above[-1] not in one.told:
            self._begin(self._tell(place, above[-1], spent))
            one.told.update(above)

    async def sweep(self) -> None:
        """End the alerts of periods that are over."""
        now = self._services.now()
        for bucket, one in list(self._seen.items()):
            if one.place.window.rolls or one.place.window.until > now:
                continue
            del self._seen[bucket]
            for at in sorted(one.told):
                await self._over(one.place, at)
        self._fullest.clear()
        for one in self._seen.values():
            self._show(one)

    def _show(self, one: _Watched) -> None:
        budget, spent = one.place.budget, one.spent
        if budget.said.of == "everyone":
            self._spent.set(spent, budget=budget.name)
        most = percent(spent, budget.limit)
        if most > self._fullest.get(budget.name, -1):
            self._fullest[budget.name] = most
            self._percent.set(most, budget=budget.name)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        with suppress(RuntimeError):  # the plugin has ended
            self._services.spawn(work, "tell of a budget")

    async def _tell(self, place: Place, threshold: int, spent: int) -> None:
        window, now = place.window, self._services.now()
        until = (now + 2 * window.seconds if window.rolls else window.until) + _LATE
        text = alert_text(place, threshold, spent, await self._pace(place, now), self._zone)
        alert = self._alert(place, threshold, text)
        await self._alerting.once(alert._replace(measured=_measured(place, spent)), until)

    async def _over(self, place: Place, threshold: int) -> None:
        text = f"Budget {place.budget.name}: what was told of {threshold} % is over."
        await self._alerting.over(self._alert(place, threshold, text))

    async def _pace(self, place: Place, now: float) -> Burn | None:
        try:
            last, six = [await self._between(place, now - h * _HOUR, now + 60) for h in (1, 6)]
        except StoreError:
            return None
        return burn(last, six, place.budget.limit, place.window.seconds)

    @staticmethod
    def _alert(place: Place, threshold: int, text: str) -> Alert:
        budget = place.budget
        return Alert(
            "budget_threshold",
            budget.name,
            text,
            severity(threshold),
            key=f"budget_threshold:{place.bucket}:{threshold}",
            user=place.scope if budget.said.of == "user" else "",
        )


def _of(amounts: Mapping[str, int], budget: str) -> int:
    return amounts.get(budget, 0)


def _measured(place: Place, spent: int) -> Measured:
    budget, window = place.budget, place.window
    since, until = (None, None) if window.rolls else (window.since, window.until)
    return Measured(
        "USD",
        usd(NanoUSD(budget.limit)),
        usd(NanoUSD(spent)),
        budget.said.per or "",
        since=since,
        until=until,
    )
