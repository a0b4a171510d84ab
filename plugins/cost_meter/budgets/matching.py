"""Which budgets an attempt is paid for out of, and which buckets those are."""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple

from proxy.api import PlannedSpend

from ..row import NOT_SAID, UNVERIFIED
from .claims import Claim, Share
from .deciding import cap, gates_of, warns_from
from .declaring import BudgetSettings
from .periods import Periodic, Periods, Rolling, Window

__all__ = ["Budget", "Place", "budgets_of", "places_of"]

_MOST_PLACES: Final = 10_000
_LATE: Final = 48 * 3600.0
"""Seconds that a bucket outlives its period, for attempts whose end is told late."""

_WHOSE: Final[Mapping[str, Callable[[PlannedSpend], str]]] = {
    "user": lambda planned: planned.user,
    "plan": lambda planned: planned.plan,
    "route": lambda planned: planned.route,
    "everyone": lambda _: "",
}


class Budget:
    """One budget as it was declared."""

    def __init__(self, name: str, said: BudgetSettings, zone: str) -> None:
        """`zone` is the time zone in which days and months begin."""
        self.name = name
        self.said = said
        self.limit = int(said.nano_usd)
        self.gates = gates_of(said.actions)
        self.warns_from = warns_from(said.actions, self.limit)
        self._caps = tuple(cap(self.gates, self.limit, cheaper=one) for one in (False, True))
        self.periods: Periods = (
            Periodic(said.per, zone) if said.per is not None else Rolling(said.rolling or 0.0)
        )
        self.whose = _WHOSE[said.of]
        when = said.when
        asked: tuple[tuple[Callable[[PlannedSpend], str], tuple[str, ...]], ...] = (
            (lambda planned: planned.route, when.routes),
            (lambda planned: planned.plan, when.plans),
            (lambda planned: planned.intent, when.intents),
            (lambda planned: planned.key.model, when.models),
            (lambda planned: planned.arm, when.arms),
        )
        self._asked = tuple((fact, frozenset(some)) for fact, some in asked if some)
        # What is counted otherwise is counted anew; a changed limit is the same bucket's.
        meaning = repr((said.of, tuple(when), said.per, said.rolling, zone))
        self.mark = f"{name}.{_digest(meaning)[:8]}"
        self._window: Window | None = None
        self._placed_in: Window | None = None
        self._places: dict[str, Place] = {}
        """Those of that window."""
        self._begins = 0.0
        """When the slice began in which is counted what is spent by that window."""

    def pays_for(self, planned: PlannedSpend) -> bool:
        """Return whether an attempt is paid for out of it."""
        for fact, some in self._asked:  # noqa: SIM110 - no generator: each attempt asks
            if fact(planned) not in some:
                return False
        return True

    def window(self, moment: float) -> Window:
        """Return what counts at a moment (Unix seconds)."""
        window = self._window
        if window is None or not self._begins <= moment < window.until:
            window = self._window = self.periods.at(moment)
            self._begins = window.until - (window.until - window.since) / window.slices
        return window

    def cap(self, *, cheaper: bool) -> int:
        """See `deciding.cap`."""
        return self._caps[cheaper]

    def place(self, scope: str, moment: float) -> "Place":
        """Return where is counted what somebody spends at a moment."""
        window = self.window(moment)
        if window is not self._placed_in or len(self._places) >= _MOST_PLACES:
            self._placed_in = window
            self._places.clear()
        found = self._places.get(scope)
        if found is None:
            bucket = f"{self.mark}:{_digest(scope)}:{window.name}"
            share = Share(bucket, window.first, window.slice, window.seconds + _LATE)
            found = self._places[scope] = Place(self, scope, window, bucket, share)
        return found


class Place(NamedTuple):
    """A bucket, and whose it is."""

    budget: Budget
    scope: str
    """The user, the plan, the route; empty for everyone, and for what is not known."""
    window: Window
    bucket: str
    share: Share
    """Where in it is counted what an attempt costs."""

    @property
    def shown(self) -> str:
        """Whose it is, for operators."""
        of = self.budget.said.of
        return self.scope or (UNVERIFIED if of == "user" else "" if of == "everyone" else NOT_SAID)

    def claim(self, amount: int, *, cheaper: bool) -> Claim:
        """Return what is asked of it for an attempt; `cheaper` see `deciding.cap`."""
        bucket, first, last, keep = self.share
        return Claim(bucket, first, last, self.budget.cap(cheaper=cheaper), amount, keep)


def budgets_of(declared: Mapping[str, BudgetSettings], zone: str) -> tuple[Budget, ...]:
    """Return the budgets in the order in which they were declared."""
    return tuple(Budget(name, said, zone) for name, said in declared.items())


def places_of(budgets: Iterable[Budget], planned: PlannedSpend) -> tuple[Place, ...]:
    """Return where an attempt is counted: always the same, whenever it is asked."""
    found = [
        budget.place(budget.whose(planned), planned.at)
        for budget in budgets
        if budget.pays_for(planned)
    ]
    return tuple(found)


@lru_cache(maxsize=10_000)
def _digest(text: str) -> str:
    """Return what stands for an id where it could be read by many."""
    return blake2b(text.encode(), digest_size=12).hexdigest()
