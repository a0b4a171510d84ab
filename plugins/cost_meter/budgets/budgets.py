"""Budgets: what attempts may spend is held back before they are sent, and counted afterwards."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.api import NanoUSD, PlannedSpend, Services, SpendAnswer
from proxy.api.spending import ALLOWED

from .claims import Claim, Entry, Reading, Share
from .comparing import Comparing
from .counting import Counting, Decided
from .deciding import Blocked, blocked, percent, reached
from .estimating import Estimates
from .matching import Budget, Place, places_of
from .periods import opens_in
from .watching import Watching
from .wording import CLOSED, Why, refusal, warning

__all__ = ["BudgetView", "Budgets"]

LEASE: Final = 60.0
"""Seconds after an attempt should have ended for which is still held back what it may cost."""

_LONGEST: Final = 86_400.0
_SOON: Final = 5.0
"""Seconds after which to come again where only attempts under way are in the way."""

_MOST_OPEN: Final = 100_000
_MOST_SHOWN: Final = 100
_STRICTNESS: Final[Sequence[Blocked]] = ("cheaper_model", "queue", "reject")


class BudgetView(NamedTuple):
    """How a budget of somebody stands, for operators and for whose it is."""

    name: str
    of: str
    """``user``, ``plan``, ``route`` or ``everyone``."""
    scope: str
    """Which user, plan or route; ``(unverified)`` for all users for whom nobody vouches."""
    limit: NanoUSD
    spent: NanoUSD
    reserved: NanoUSD
    """Held back for attempts under way."""
    leases: int
    """How many those are."""
    percent: int
    """Spent, of the limit."""
    since: float
    until: float
    """Unix seconds: the period; of a rolling one, what counts, and when it moves on."""
    rolling: bool
    reached: tuple[int, ...]
    """Thresholds, in percent."""
    mode: str


_Held = tuple[str, int, int]
"""A budget, what of it is held back for an attempt, and how much more that may come to."""
_Open = tuple[str, int, list[_Held]]
"""An attempt under way: its kind, its estimate, and what is held back for it."""


class Budgets:
    """Those of one process; `Counting` knows of whom else."""

    def __init__(
        self,
        budgets: Sequence[Budget],
        counting: Counting,
        comparing: Comparing,
        watching: Watching,
        services: Services,
        zone: str,
        state: dict[str, Any],
    ) -> None:
        """Go on with what `state` holds, plain values only."""
        self._budgets = tuple(budgets)
        self._counting = counting
        self._comparing = comparing
        self._watching = watching
        self._services = services
        self._zone = zone
        self._estimates = Estimates(state)
        self._open: dict[str, _Open] = state.setdefault("open", {})
        self._held: dict[str, int] = state.setdefault("held", {})
        self._beyond: dict[str, int] = state.setdefault("beyond", {})
        watching.under_way(self._held, self._beyond)
        self._state = state
        self._shares: dict[str, tuple[Share, ...]] = {}
        """Where attempts under way are counted: found out once for each."""

    @property
    def memory(self) -> dict[str, Any]:
        """Return what is known in this process, as plain values, for whoever takes its place."""
        return self._state

    @property
    def limits(self) -> Mapping[str, Budget]:
        """Return the budgets that there are, by name."""
        return {budget.name: budget for budget in self._budgets}

    async def open(self) -> None:
        """Make ready, and begin what goes on in the background."""
        if not self._budgets:
            return
        await self._counting.open()
        await self._comparing.open()
        self._services.spawn(
            self._comparing.go_on(self._budgets), "compare budgets with the ledger"
        )
        self._services.spawn(self._sweep(), "end what was told of budgets")

    async def close(self) -> None:
        """Tell the store what it has to know."""
        if self._budgets:
            await self._counting.close()

    def health(self) -> str:
        """Say what is wrong; empty if nothing is."""
        return self._counting.health()

    async def reserve(self, planned: PlannedSpend, nano_usd: NanoUSD) -> SpendAnswer:
        """Hold back what an attempt may cost, or say why it may not be sent. Never raises.

        `nano_usd` is what its estimate costs. What is allowed has to be settled, once.
        """
        places = places_of(self._budgets, planned)
        if not places:
            return ALLOWED
        if not self._comparing.knows(places):
            await self._comparing.prepare(places)
        now, kind = self._services.now(), _kind(planned)
        claims = [
            place.claim(
                self._estimates.amount(kind, nano_usd, place.budget.said.mode),
                cheaper=planned.cheaper,
            )
            for place in places
        ]
        ways = [place.budget.said.on_store_error for place in places]
        seconds = min(max(0.0, planned.until - now) + LEASE, _LONGEST)
        try:
            decided = await self._counting.reserve(
                planned.attempt_id, planned.at, claims, ways, seconds
            )
            if not decided.how and _forgotten(decided.answer.readings):
                decided = await self._compared(decided, places, claims, planned)
        except asyncio.CancelledError:  # it may be held back for all we know
            self._give_back(planned, places)
            raise
        if not decided.how:
            for place, reading in zip(places, decided.answer.readings, strict=True):
                self._watching.saw(place, reading.total)
        if decided.answer.admitted:
            self._begin(planned, kind, int(nano_usd), places, claims)
            return self._allowed(places, decided, now)
        if decided.how:
            self._give_back(planned, places)
        return self._refused(planned, places, claims, decided, now)

    def settle(self, planned: PlannedSpend, nano_usd: NanoUSD | None) -> None:
        """Count what an attempt has cost; None: it was never sent. Again, it counts nothing.

        Also of one that nobody has planned here, or whose time was over.
        """
        opened = self._open.pop(planned.attempt_id, None)
        if opened is not None:
            self._end(opened)
            if nano_usd is not None:
                kind, estimate, held = opened
                most = max([nano for _, nano, _ in held], default=0)
                self._estimates.learn(kind, estimate, most, int(nano_usd))
        shares = self._shares.pop(planned.attempt_id, None)
        if shares is None:
            shares = _shares(places_of(self._budgets, planned))
        if shares:
            spent = None if nano_usd is None else int(nano_usd)
            self._counting.settle(Entry(planned.attempt_id, planned.at, shares, spent))

    async def standing(self, user: str | None = None) -> tuple[BudgetView, ...]:
        """Return how budgets stand: those of one user; or all, as operators may see them.

        Of users, plans and routes all that this process has seen lately, 100 at most, those with
        the least left first. Raises StoreError.
        """
        now = self._services.now()
        places = self._all_places(now) if user is None else self._places_of_user(user, now)
        if not places:
            return ()
        await self._comparing.prepare(places)
        readings = await self._counting.read(_shares(places))
        return tuple(map(_view, places, readings))

    def _places_of_user(self, user: str, now: float) -> tuple[Place, ...]:
        return tuple(one.place(user, now) for one in self._budgets if one.said.of == "user")

    def _all_places(self, now: float) -> tuple[Place, ...]:
        found = {
            place.bucket: place
            for place in (one.place("", now) for one in self._budgets)
            if place.budget.said.of == "everyone"
        }
        for seen in self._watching.places[:_MOST_SHOWN]:
            place = seen.budget.place(seen.scope, now)
            found.setdefault(place.bucket, place)
        return tuple(found.values())

    async def _compared(
        self,
        decided: Decided,
        places: Sequence[Place],
        claims: Sequence[Claim],
        planned: PlannedSpend,
    ) -> Decided:
        """Decide once more where the store turns out to have lost what it knew of some buckets."""
        lost = [
            place
            for place, reading in zip(places, decided.answer.readings, strict=True)
            if reading.version == 0
        ]
        for place in lost:
            self._comparing.doubt(place)
        await self._comparing.prepare(lost)
        if not decided.answer.admitted:
            return decided
        readings = await self._counting.read(_shares(places))
        if all(
            claim.cap < 0 or reading.held <= claim.cap
            for claim, reading in zip(claims, readings, strict=True)
        ):
            return decided
        self._give_back(planned, places)
        without = tuple(
            reading._replace(reserved=reading.reserved - claim.amount)
            for claim, reading in zip(claims, readings, strict=True)
        )
        return Decided(decided.answer._replace(admitted=False, readings=without))

    def _give_back(self, planned: PlannedSpend, places: Sequence[Place]) -> None:
        shares = _shares(places)
        self._counting.settle(Entry(planned.attempt_id, planned.at, shares, None))

    def _allowed(self, places: Sequence[Place], decided: Decided, now: float) -> SpendAnswer:
        if decided.how:
            return ALLOWED
        said = [
            warning(place, reading.total, place.window.until, now)
            for place, reading in zip(places, decided.answer.readings, strict=True)
            if place.budget.warns_from is not None and reading.total >= place.budget.warns_from
        ]
        return SpendAnswer(warnings=tuple(said)) if said else ALLOWED

    def _refused(
        self,
        planned: PlannedSpend,
        places: Sequence[Place],
        claims: Sequence[Claim],
        decided: Decided,
        now: float,
    ) -> SpendAnswer:
        place, claim, reading = _binding(places, claims, decided.answer.readings, planned)
        budget = place.budget
        if decided.how == "closed":
            self._watching.refused(place, "closed")
            return SpendAnswer(
                False, budget=budget.name, says=CLOSED, retry_after=_SOON, status=503
            )
        action = _action(place, claim, reading, planned) or "reject"
        self._watching.refused(place, action)
        why, wait = _wait(place, claim, reading, now)
        opens = now + (wait or 0.0)
        return SpendAnswer(
            allowed=False,
            instead=action,
            budget=budget.name,
            says=refusal(place, reading.total, why, opens, self._zone),
            retry_after=wait,
            status=budget.said.status,
        )

    def _begin(
        self,
        planned: PlannedSpend,
        kind: str,
        estimate: int,
        places: Sequence[Place],
        claims: Sequence[Claim],
    ) -> None:
        beyond, held = self._estimates.beyond, list[_Held]()
        for place, claim in zip(places, claims, strict=True):
            budget = place.budget
            held.append((budget.name, claim.amount, beyond(kind, estimate, budget.said.mode)))
        self._count(held, 1)
        self._open[planned.attempt_id] = (kind, estimate, held)
        self._shares[planned.attempt_id] = _shares(places)
        if len(self._open) > _MOST_OPEN:
            oldest = next(iter(self._open))
            self._end(self._open.pop(oldest))
            self._shares.pop(oldest, None)

    def _end(self, opened: _Open) -> None:
        _, _, held = opened
        self._count(held, -1)

    def _count(self, held: Sequence[_Held], sign: int) -> None:
        for name, nano, beyond in held:
            self._held[name] = self._held.get(name, 0) + sign * nano
            if beyond:
                self._beyond[name] = self._beyond.get(name, 0) + sign * beyond

    async def _sweep(self) -> None:
        while True:
            await self._services.sleep(60.0)
            await self._watching.sweep()


def _forgotten(readings: Sequence[Reading]) -> bool:
    for reading in readings:  # noqa: SIM110 - no generator: each attempt asks
        if reading.version == 0:
            return True
    return False


def _shares(places: Sequence[Place]) -> tuple[Share, ...]:
    return tuple([place.share for place in places])


def _kind(planned: PlannedSpend) -> str:
    """Return what attempts have in common that cost about the same share of their estimates."""
    return f"{planned.intent}|{planned.key.model}"[:200]


def _action(place: Place, claim: Claim, reading: Reading, planned: PlannedSpend) -> Blocked | None:
    budget = place.budget
    return blocked(budget.gates, budget.limit, reading.held, claim.amount, cheaper=planned.cheaper)


def _binding(
    places: Sequence[Place],
    claims: Sequence[Claim],
    readings: Sequence[Reading],
    planned: PlannedSpend,
) -> tuple[Place, Claim, Reading]:
    """Return the budget that is in the way most strictly; of equal ones, that which is fullest."""

    def how_strict(each: tuple[Place, Claim, Reading]) -> tuple[int, int]:
        place, _, reading = each
        action = _action(*each, planned)
        strict = -1 if action is None else _STRICTNESS.index(action)
        return strict, percent(reading.held, place.budget.limit)

    return max(zip(places, claims, readings, strict=True), key=how_strict)


def _wait(place: Place, claim: Claim, reading: Reading, now: float) -> tuple[Why, float | None]:
    """Return what is in the way, and the seconds until it may fit; None: it never will."""
    if claim.amount > claim.cap >= 0:
        return "never", None
    if reading.total + claim.amount <= claim.cap:
        return "held", _SOON
    too_much = reading.total + claim.amount - claim.cap
    return "spent", opens_in(place.window, reading.spent, too_much, now)


def _view(place: Place, reading: Reading) -> BudgetView:
    budget, window, spent = place.budget, place.window, reading.total
    return BudgetView(
        name=budget.name,
        of=budget.said.of,
        scope=place.shown,
        limit=NanoUSD(budget.limit),
        spent=NanoUSD(spent),
        reserved=NanoUSD(reading.reserved),
        leases=reading.leases,
        percent=percent(spent, budget.limit),
        since=window.since,
        until=window.until,
        rolling=window.rolls,
        reached=reached(budget.said.thresholds, spent, budget.limit),
        mode=budget.said.mode,
    )
