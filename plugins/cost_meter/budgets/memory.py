"""Budgets of one process: counted in its memory, without anything to wait for."""

from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from typing import Any, Final

from .claims import Answer, Claim, Correction, Entry, Reading, Share

__all__ = ["MemoryReserving"]

_MOST_SETTLED: Final = 100_000
"""So many attempts are remembered to have ended."""

_Bucket = dict[str, Any]
"""``reserved``; ``spent`` by slice; ``leases``: amount and end by attempt; ``ends``: a heap of the
same by end, of which some have ended otherwise; ``version``; ``keep``: until when it is of use."""


class MemoryReserving:
    """See `Reserving`; nothing here raises StoreError.

    No method gives way to others in its middle, so each is all or nothing.
    """

    def __init__(
        self, state: dict[str, Any], now: Callable[[], float], most: int = 200_000
    ) -> None:
        """Go on with what `state` holds, plain values only.

        `now` returns seconds that only grow while the process lives: somebody who sets the clock
        of the machine must not end what is held back. Where it goes back, time stands. There are
        at most about `most` buckets; above that, those go that have not been used for longest:
        they are compared with the ledger when they are used again. Those with something under way
        stay.
        """
        self._buckets: dict[str, _Bucket] = state.setdefault("buckets", {})
        self._settled: dict[str, None] = state.setdefault("settled", {})
        self._now = now
        self._most = most
        self._latest = 0.0

    def __len__(self) -> int:
        return len(self._buckets)

    async def reserve(
        self, attempt: str, at: float, claims: Sequence[Claim], seconds: float
    ) -> Answer:
        """See `Reserving.reserve`."""
        del at
        return self.reserve_now(attempt, claims, seconds)

    async def settle(self, entries: Sequence[Entry]) -> tuple[tuple[Reading, ...], ...]:
        """See `Reserving.settle`."""
        return tuple(self.settle_now(entry) for entry in entries)

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """See `Reserving.read`."""
        now = self._time()
        readings = (self._reading(one.bucket, one.first, one.slice, now) for one in shares)
        return tuple(one._replace(booked=one.spent) for one in readings)

    async def correct(self, correction: Correction) -> bool:
        """See `Reserving.correct`."""
        bucket = self._bucket(correction.bucket, self._time() + correction.keep)
        if bucket["version"] != correction.version:
            return False
        _add(bucket["spent"], correction.deltas)
        bucket["version"] += 1
        return True

    def reserve_now(self, attempt: str, claims: Sequence[Claim], seconds: float) -> Answer:
        """See `Reserving.reserve`."""
        now = self._time()
        readings = tuple([self._reading(one.bucket, one.first, one.slice, now) for one in claims])
        if attempt in self._settled:
            return Answer(False, readings)
        fits = True
        for one, reading in zip(claims, readings, strict=True):
            if reading.leases and attempt in self._buckets[one.bucket]["leases"]:
                return Answer(True, readings)
            fits = fits and not 0 <= one.cap < reading.held + one.amount
        if not fits:
            return Answer(False, readings)
        until = now + seconds
        for one in claims:
            bucket = self._bucket(one.bucket, now + one.keep)
            _forget(bucket["spent"], one.first)
            bucket["leases"][attempt] = (one.amount, until)
            heappush(bucket["ends"], (until, attempt))
            bucket["reserved"] += one.amount
        return Answer(True, readings)

    def settle_now(self, entry: Entry) -> tuple[Reading, ...]:
        """See `Reserving.settle`."""
        now = self._time()
        attempt, _, shares, spent = entry
        if attempt not in self._settled:
            self._remember(attempt)
            for share in shares:
                bucket = self._bucket(share.bucket, now + share.keep)
                amount, _ = bucket["leases"].pop(attempt, (0, 0.0))
                bucket["reserved"] -= amount
                if spent:
                    counted: dict[int, int] = bucket["spent"]
                    counted[share.slice] = counted.get(share.slice, 0) + spent
        return tuple([self._reading(one.bucket, one.first, one.slice, now) for one in shares])

    def _time(self) -> float:
        now = self._now()
        if now > self._latest:
            self._latest = now
        return self._latest

    def _reading(self, name: str, first: int, last: int, now: float) -> Reading:
        bucket = self._buckets.get(name)
        if bucket is None:
            return Reading(0, {}, 0)
        ends = bucket["ends"]
        if ends and ends[0][0] <= now:
            _reap(bucket, now)
        kept: dict[int, int] = bucket["spent"]
        if first == last:  # a period of the calendar
            spent = {last: kept[last]} if last in kept else {}
        else:
            spent = {at: amount for at, amount in kept.items() if first <= at <= last}
        return Reading(bucket["reserved"], spent, bucket["version"], len(bucket["leases"]))

    def _bucket(self, name: str, keep: float) -> _Bucket:
        """Return a bucket, as the one used last; made if there is none."""
        bucket = self._buckets.pop(name, None)
        if bucket is None:
            bucket = {"reserved": 0, "spent": {}, "leases": {}, "ends": [], "version": 0, "keep": 0}
            self._make_room()
        if bucket["keep"] < keep:
            bucket["keep"] = keep
        self._buckets[name] = bucket
        return bucket

    def _make_room(self) -> None:
        """Look at some that have not been used for longest; those of no more use go."""
        crowded = len(self._buckets) >= self._most
        for name in [name for name, _ in zip(self._buckets, range(20), strict=False)]:
            bucket = self._buckets[name]
            _reap(bucket, self._latest)
            if not bucket["leases"] and (crowded or bucket["keep"] < self._latest):
                del self._buckets[name]
            elif crowded:  # it is in use: look at others the next time
                self._buckets[name] = self._buckets.pop(name)

    def _remember(self, attempt: str) -> None:
        self._settled[attempt] = None
        if len(self._settled) > _MOST_SETTLED:
            del self._settled[next(iter(self._settled))]


def _reap(bucket: _Bucket, now: float) -> None:
    """Let go of what is held back for attempts that should have ended."""
    ends: list[tuple[float, str]] = bucket["ends"]
    while ends and ends[0][0] <= now:
        end, attempt = heappop(ends)
        amount, until = bucket["leases"].get(attempt, (0, None))
        if until == end:
            del bucket["leases"][attempt]
            bucket["reserved"] -= amount


def _add(spent: dict[int, int], deltas: Any) -> None:
    for at, amount in deltas.items():
        spent[at] = spent.get(at, 0) + amount


def _forget(spent: dict[int, int], first: int) -> None:
    """Forget slices that will never count again, where many have gathered."""
    if len(spent) > 100:
        for at in [at for at in spent if at < first]:
            del spent[at]
