"""What the ledger says that a budget's owner has spent."""

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from typing import Final, Protocol

from ..books import Asked, Ledger
from ..paging import each_row
from ..row import Dimension, Row
from .matching import Budget, Place
from .periods import Span, spans

__all__ = ["MINUTES_KEPT", "AmountOnPlan", "Plans", "Recounting", "by_plan"]

MINUTES_KEPT: Final = 48 * 3600.0
"""Seconds for which ledgers keep minutes, unless it is said otherwise."""

_AHEAD: Final = 86_400.0
"""Seconds by which rows may lie ahead of now: clocks of others differ, and one's own may have been
set back. What is spent stays spent."""

_SOON: Final = 300.0
_MOST_ROWS: Final = 200_000
_MOST_OWNERS: Final = 1000


class AmountOnPlan(Protocol):
    """What was spent on a plan in an hour."""

    @property
    def begins(self) -> int:
        """The hour's first second, in Unix seconds."""

    @property
    def by(self) -> Mapping[Dimension, str]:
        """Route, arm, model, intent."""

    @property
    def nano_usd(self) -> int:
        """How much."""


class Plans(Protocol):
    """A ledger that knows by the hour what was spent on plans."""

    async def on_plans(self, asked: Asked, plans: Collection[str]) -> Sequence[AmountOnPlan]:
        """Return what was spent on plans, of one user if `asked` names one. Raises StoreError."""


class Recounting:
    """Reads the ledger as budgets count. Its methods raise StoreError."""

    def __init__(
        self, ledger: Ledger, minutes: float = MINUTES_KEPT, plans: Plans | None = None
    ) -> None:
        """`ledger` is that of this process, or of the fleet, and keeps minutes for `minutes`.

        `plans`: where it knows of plans; None: from its rows.
        """
        self._ledger = ledger
        self._minutes = minutes
        self._plans = plans

    async def owners(self, budget: Budget, now: float) -> tuple[str, ...]:
        """Return who has spent of a budget in what counts now, the first 1000 by name.

        Nobody of a plan: totals do not know plans.
        """
        of, window = budget.said.of, budget.window(now)
        if of == "everyone":
            return ("",)
        if of == "plan":
            return ()
        found: set[str] = set()
        for grain, begins, ends in spans(window.since, min(window.until, now + _AHEAD)):
            for total in await self._ledger.totals(Asked(begins, ends), grain, (of,)):
                found.add(total.by[of])
        return tuple(sorted(found)[:_MOST_OWNERS])

    async def by_slice(self, place: Place, now: float) -> dict[int, int]:
        """Return what is spent of a bucket, in nano-USD by slice.

        Where nothing but rows knows of plans, budgets that ask for them are counted row by row,
        and of more than 200,000 rows the first ones.
        """
        window = place.window
        found: dict[int, int] = {}
        until = min(window.until, now + _AHEAD)
        async for at, nano in self._spent(place, window.since, until, now - self._minutes + _SOON):
            slice_ = place.budget.periods.slice_of(at, window)
            if slice_ is not None:
                found[slice_] = found.get(slice_, 0) + nano
        return found

    async def between(self, place: Place, since: float, until: float) -> int:
        """Return what was spent in a time, in nano-USD, to the minute."""
        return sum([nano async for _, nano in self._spent(place, since, until)])

    async def _spent(
        self, place: Place, since: float, until: float, minutes: float = 0.0
    ) -> AsyncIterator[tuple[float, int]]:
        """Yield when how much was spent. Minutes from before `minutes` are not kept any more.

        Periods that do not begin with an hour of UTC, months in India for one, begin with some of
        those; they are counted by their rows.
        """
        if by_plan(place):
            async for spent in self._on_plans(place, since, until):
                yield spent
            return
        asks = tuple(_asks(place))
        for grain, begins, ends in _parts(place, since, until):
            if grain == "minute" and begins < minutes:
                async for row in self._rows(place, begins, ends):
                    yield row.at, int(row.nano_usd)
                continue
            asked = Asked(begins, ends, _where(place))
            by = tuple(dimension for dimension, _ in asks)
            for total in await self._ledger.totals(asked, grain, by):
                if all(total.by[dimension] in some for dimension, some in asks):
                    yield total.begins, total.sums.nano_usd

    async def _on_plans(
        self, place: Place, since: float, until: float
    ) -> AsyncIterator[tuple[float, int]]:
        """Yield when how much was spent on plans: by the hour where that is known, else by rows."""
        asks = tuple(_asks(place))
        parts = (Span("minute", since, until),)
        for grain, begins, ends in parts if self._plans is None else _parts(place, since, until):
            if grain == "minute" or self._plans is None:
                async for row in self._rows(place, begins, ends):
                    yield row.at, int(row.nano_usd)
                continue
            asked = Asked(begins, ends, _where(place))
            for amount in await self._plans.on_plans(asked, _plans_of(place)):
                if all(amount.by[dimension] in some for dimension, some in asks):
                    yield amount.begins, amount.nano_usd

    async def _rows(self, place: Place, since: float, until: float) -> AsyncIterator[Row]:
        asks = tuple(_asks(place))
        plans = place.budget.said.when.plans
        asked = Asked(since, until, _where(place))
        async for row in each_row(self._ledger, asked, _MOST_ROWS):
            ours = place.budget.said.of != "plan" or row.plan == place.scope
            fits = not plans or row.plan in plans
            if ours and fits and all(getattr(row, name) in some for name, some in asks):
                yield row


def by_plan(place: Place) -> bool:
    """Return whether it takes the rows themselves to know what was spent."""
    return place.budget.said.of == "plan" or bool(place.budget.said.when.plans)


def _parts(place: Place, since: float, until: float) -> tuple[Span, ...]:
    """Return the parts of a time; minutes alone where slices are shorter than hours."""
    window = place.window
    length = (window.until - window.since) / window.slices
    if window.rolls and length % 3600:
        return (Span("minute", since, until),)
    return spans(since, until)


def _plans_of(place: Place) -> tuple[str, ...]:
    said = place.budget.said
    if said.of != "plan":
        return said.when.plans
    return (place.scope,) if not said.when.plans or place.scope in said.when.plans else ()


def _where(place: Place) -> dict[Dimension, str]:
    of = place.budget.said.of
    return {of: place.scope} if of == "user" or of == "route" else {}


def _asks(place: Place) -> Iterator[tuple[Dimension, tuple[str, ...]]]:
    when = place.budget.said.when
    asks: tuple[tuple[Dimension, tuple[str, ...]], ...] = (
        ("route", when.routes),
        ("intent", when.intents),
        ("model", when.models),
        ("arm", when.arms),
    )
    return ((dimension, some) for dimension, some in asks if some)
