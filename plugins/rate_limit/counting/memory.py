"""Counts in this process: plain arithmetic on what a dict holds."""

from collections.abc import Callable, Iterable
from typing import Any

from ..claims import Claim, Counted, Kind, Reading
from .buckets import Buckets, Record
from .ways import LEASE, Way, way_of

__all__ = ["Gone", "MemoryCounts", "Row"]

Row = tuple[str, str, str, int, int, int]
"""What is kept of something counted: its bucket, kind and name there, microsecond, units, and the
microsecond from which on it says nothing any more."""

Gone = tuple[str, str]
"""Bucket and name of something that is not counted any more."""

_Asked = list[tuple[Way, Claim, Record]]


class MemoryCounts:
    """See `Counts`; the same without anything to wait for are the methods in ``_now``."""

    def __init__(self, state: dict[str, Any], now: Callable[[], int], most: int = 200_000) -> None:
        """Go on with what `state` holds, and count in it; `now` gives microseconds.

        Where `now` goes back, time stands. `most` is how many buckets there may be; expired ones
        go first, then those not used for longest.
        """
        self._state = state
        self._now = now
        self._latest: int = state.get("latest", 0)
        self._buckets = Buckets(state, most)

    def __len__(self) -> int:
        return len(self._buckets)

    @property
    def evicted(self) -> int:
        """Return how many buckets were dropped that still counted."""
        return self._buckets.evicted

    def time(self) -> int:
        """Return the microsecond that it is; never less than before."""
        now = self._now()
        if now < self._latest:
            return self._latest
        self._latest = self._state["latest"] = now
        return now

    def take_now(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        now = self.time()
        asked = self._asked(claims)
        waits = _waits(asked, ticket, now)
        if waits is None:  # it was taken before, when only the answer got lost
            return Counted(True, _readings(asked, [[0] * len(c.windows) for c in claims], now))
        admitted = not any(map(any, waits))
        if admitted:
            self._add(asked, ticket, now)
        return Counted(admitted, _readings(asked, waits, now))

    def peek_now(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        now = self.time()
        asked = self._asked(claims)
        waits = _waits(asked, "", now) or []  # nothing was taken without a ticket
        return Counted(not any(map(any, waits)), _readings(asked, waits, now))

    def refund_now(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`."""
        now = self.time()
        for way, claim, record in self._asked(claims):
            way.refund(record, claim, ticket, now)

    def debit_now(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        now = self.time()
        asked = self._asked(claims)
        if _waits(asked, ticket, now) is not None:
            self._add(asked, ticket, now)

    def extend_now(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`."""
        now = self.time()
        asked = self._asked(tuple(one for one in claims if one.kind is LEASE and one.cost))
        there = all(way.waits(record, claim, ticket, now) is None for way, claim, record in asked)
        if there:
            for way, claim, record in asked:
                way.refund(record, claim, ticket, now)
            self._add(asked, ticket, now)
        return there

    def clear_now(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        for claim in claims:
            self._buckets.drop(claim.bucket)

    def rows(self, claims: tuple[Claim, ...], ticket: str) -> tuple[list[Row], list[Gone]]:
        """Return what to keep of the claims of a ticket, and what there is no more."""
        kept: list[Row] = []
        gone: list[Gone] = []
        for way, claim, record in self._asked(claims):
            bucket, kind, until = claim.bucket, claim.kind.value, record[0]
            for name, at, units in way.kept(record, claim, ticket):
                if units:
                    kept.append((bucket, kind, name, at, units, until))
                else:
                    gone.append((bucket, name))
        return kept, gone

    def restore(self, rows: Iterable[Row], source: str) -> None:
        """Put back what was kept, the oldest first; what there is of a name already, stands.

        Of one `source` once only: what was counted since, a reload hands on.
        """
        sources = self._state.setdefault("sources", {})
        if source in sources:
            return
        for bucket, kind, name, at, units, until in rows:
            way = way_of(Kind(kind))
            record = self._buckets.get(bucket) or way.fresh()
            way.restore(record, name, at, units)
            self._buckets.used(bucket, record, until - at, at)
        sources[source] = True

    async def open(self) -> None:
        """See `Counts.open`."""

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        return self.take_now(claims, ticket)

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        return self.peek_now(claims)

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`."""
        self.refund_now(claims, ticket)

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        self.debit_now(claims, ticket)

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`."""
        return self.extend_now(claims, ticket)

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        self.clear_now(claims)

    async def close(self) -> None:
        """See `Counts.close`."""

    def _asked(self, claims: tuple[Claim, ...]) -> _Asked:
        get = self._buckets.get
        asked = []
        for claim in claims:
            way = way_of(claim.kind)
            asked.append((way, claim, get(claim.bucket) or way.fresh()))
        return asked

    def _add(self, asked: _Asked, ticket: str, now: int) -> None:
        for way, claim, record in asked:
            if claim.cost:
                lifetime = way.add(record, claim, ticket, now)
                self._buckets.used(claim.bucket, record, lifetime, now)


def _waits(asked: _Asked, ticket: str, now: int) -> list[list[int]] | None:
    """Return the waits of all claims; None if one of them was taken by this very ticket."""
    found = []
    for way, claim, record in asked:
        waits = way.waits(record, claim, ticket, now)
        if waits is None:
            return None
        found.append(waits)
    return found


def _readings(asked: _Asked, waits: list[list[int]], now: int) -> tuple[tuple[Reading, ...], ...]:
    return tuple(
        [
            way.readings(record, claim, each, now)
            for (way, claim, record), each in zip(asked, waits, strict=True)
        ]
    )
