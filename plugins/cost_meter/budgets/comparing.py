"""Holds what is counted against what the ledger says, and corrects it.

A bucket that was never compared - at the start, or when a store has lost it - is compared before
anything is let through by it; those in use are again each minute. At its start a process compares
all that its journal knows: what it had not told when it was killed, it tells when it is back.

Of this process's own journal it is known what is still on its way to the counts, so a difference is
exact. The ledger of a fleet is behind by what others have not brought yet: what it has more is
added at once, what it has less only if five looks on end say so, and then as little as any of them
said; and not while any process says that it cannot bring what it has spent.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final

from proxy.api import Services, StoreError

from .claims import Correction
from .counting import Counting
from .matching import Budget, Place
from .recounting import Recounting, by_plan

__all__ = ["EVERY", "Comparing"]

EVERY: Final = 60.0
"""Seconds between two looks."""

_MOST_KNOWN: Final = 20_000
_AT_A_TIME: Final = 500
_LOOKS: Final = 5
_TOLERATED: Final = 1000
"""A difference of less than one in so many is left alone."""

_PATIENCE: Final = 2.0
"""Seconds that attempts wait for a ledger."""

_Deltas = dict[int, int]
_UnderWay = tuple["asyncio.Task[None]", float]
"""A comparison, and until when it is waited for, on the clock of the loop."""


class Comparing:
    """Knows which buckets are compared."""

    def __init__(
        self,
        counting: Counting,
        recounting: Recounting,
        services: Services,
        written: Callable[[], Awaitable[None]] | None,
        drifted: Callable[[str, int], None],
        *,
        keeps: bool = False,
    ) -> None:
        """`written` returns when all that was settled here is in the ledger; raises StoreError.

        None: the ledger is a fleet's. `drifted` hears of corrections of a budget, in nano-USD.
        `keeps`: what was counted lately is still counted, so a bucket in which nothing is has
        nothing in the ledger that is not written yet.
        """
        self._counting = counting
        self._recounting = recounting
        self._services = services
        self._written = written
        self._drifted = drifted
        self._keeps = keeps
        self._known: dict[str, Place] = {}
        self._under_way: dict[str, _UnderWay] = {}
        self._above: dict[str, deque[_Deltas]] = {}

    async def open(self) -> None:
        """Have all written that was settled before there were these budgets."""
        if self._written is not None:
            with suppress(StoreError):  # it is compared again each minute
                await self._written()

    def knows(self, places: Sequence[Place]) -> bool:
        """Return whether all buckets are compared already."""
        for place in places:  # noqa: SIM110 - no generator: each attempt asks
            if place.bucket not in self._known:
                return False
        return True

    async def prepare(self, places: Sequence[Place]) -> None:
        """Return when all buckets are compared, or cannot be at the moment.

        Of a ledger that is slow nobody waits for long: its answer counts when it comes.
        """
        clock = asyncio.get_running_loop().time
        for place in places:
            if place.bucket in self._known:
                continue
            under_way = self._under_way.get(place.bucket)
            if under_way is None:
                begun = asyncio.ensure_future(self._prepare(place))
                under_way = self._under_way[place.bucket] = begun, clock() + _PATIENCE
            work, until = under_way
            done, _ = await asyncio.wait((work,), timeout=max(0.0, until - clock()))
            for one in done:
                one.result()

    def doubt(self, place: Place) -> None:
        """Take in that the store has lost a bucket."""
        self._known.pop(place.bucket, None)

    async def begin(self, budgets: Sequence[Budget]) -> None:
        """Compare all buckets that the ledger knows of: what this process had not told is told."""
        now = self._services.now()
        try:
            for budget in budgets:
                for scope in await self._recounting.owners(budget, now):
                    await self.prepare((budget.place(scope, now),))
        except StoreError as error:
            self._services.log.warning("budget_not_compared", reason=str(error)[:300])

    async def go_on(self, budgets: Sequence[Budget]) -> None:
        """Begin, and look each minute, until cancelled."""
        await self.begin(budgets)
        while True:
            await self._services.sleep(EVERY)
            await self.look()

    async def look(self) -> None:
        """Compare the buckets that were used lately."""
        now = self._services.now()
        for bucket, place in list(self._known.items()):
            if place.window.until <= now and not place.window.rolls:
                del self._known[bucket]
                self._above.pop(bucket, None)
        for place in list(self._known.values())[-_AT_A_TIME:]:
            if by_plan(place):
                continue  # row by row, each minute, would be too much
            try:
                await self._compare(self._current(place, now), first=False)
            except StoreError as error:
                self._services.log.warning("budget_not_compared", reason=str(error)[:300])
                return

    async def _prepare(self, place: Place) -> None:
        try:
            (seen,) = await self._counting.read((place.share,))
            if seen.version == 0 or self._written is not None:
                await self._compare(place, first=True)
        except StoreError as error:
            self._services.log.warning("budget_not_compared", reason=str(error)[:300])
        finally:
            self._under_way.pop(place.bucket, None)
        self._known[place.bucket] = place
        if len(self._known) > _MOST_KNOWN:
            del self._known[next(iter(self._known))]

    async def _compare(self, place: Place, *, first: bool) -> None:
        now = self._services.now()
        share = place.share
        (before,) = await self._counting.read((share,))
        pending = self._counting.pending(place.bucket)
        if self._written is not None and (before.booked or pending or not self._keeps):
            await self._written()
        right = await self._recounting.by_slice(place, now)
        still = self._counting.pending(place.bucket)
        (after,) = await self._counting.read((share,))
        if self._written is not None:
            least, most = _sum(before.booked, pending), _sum(after.booked, still)
            deltas = _outside(right, least, most)
        else:
            deltas = _outside(right, before.spent, _sum(after.spent, still))
            less = any(delta < 0 for delta in deltas.values())
            behind = less and await self._counting.behind()
            deltas = self._believed(place.bucket, deltas, behind=behind)
        off = sum(map(abs, deltas.values()))
        if not first and off * _TOLERATED <= max(sum(right.values()), 1):
            return
        correction = Correction(place.bucket, deltas, after.version, share.keep)
        if first and not off and after.version:
            return
        if await self._counting.correct(correction) and off and after.version:
            self._drifted(place.budget.name, off)

    def _believed(self, bucket: str, deltas: _Deltas, *, behind: bool) -> _Deltas:
        """Return what of the differences from a fleet's ledger is not only its being behind."""
        looks = self._above.setdefault(bucket, deque(maxlen=_LOOKS))
        looks.append({at: -delta for at, delta in deltas.items() if delta < 0 and not behind})
        found = {at: delta for at, delta in deltas.items() if delta > 0}
        if len(looks) == _LOOKS:
            for at in looks[0]:
                least = min(look.get(at, 0) for look in looks)
                if least:
                    found[at] = -least
            if any(delta < 0 for delta in found.values()):
                looks.clear()
        return found

    @staticmethod
    def _current(place: Place, now: float) -> Place:
        return place.budget.place(place.scope, now) if place.window.rolls else place


def _sum(one: Mapping[int, int], other: Mapping[int, int]) -> _Deltas:
    return {at: one.get(at, 0) + other.get(at, 0) for at in {*one, *other}}


def _outside(
    right: Mapping[int, int], least: Mapping[int, int], most: Mapping[int, int]
) -> _Deltas:
    """Return by how much each slice is outside of what it may be at least and at most."""
    deltas = {}
    for at in {*right, *least, *most}:
        found, low, high = right.get(at, 0), least.get(at, 0), most.get(at, 0)
        low, high = min(low, high), max(low, high)
        if not low <= found <= high:
            deltas[at] = found - (high if found > high else low)
    return deltas
