"""Ends of attempts on their way to the shared store: in order, in batches, until it has them."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from proxy.api import StoreError

from .claims import Entry, Reading, Reserving, Share
from .counting import Saw

__all__ = ["MOST", "Settling", "spoilt"]

MOST: Final = 100_000
"""So many are kept; of more, the latest."""

_TOGETHER: Final = 64
_SPOILT: Final = ("WRONGTYPE", "not an integer", "overflow")


class Settling:
    """What is owed to the store. Plain values in a dict, so that a reload goes on with them."""

    def __init__(
        self, store: Reserving, saw: Saw, forgotten: Callable[[], None], state: dict[str, Any]
    ) -> None:
        """`saw` is told of each that is counted, `forgotten` of one that had to go."""
        self._store = store
        self._saw = saw
        self._forgotten = forgotten
        self._owed: deque[tuple[Any, ...]] = state.setdefault("owed", deque())
        self._pending: dict[str, dict[int, int]] = state.setdefault("pending", {})
        self._some = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        if self._owed:
            self._some.set()

    def __len__(self) -> int:
        return len(self._owed)

    def add(self, entry: Entry) -> None:
        """Have it counted as soon as may be."""
        attempt, at, shares, spent = entry
        self._owed.append((attempt, at, [tuple(share) for share in shares], spent))
        self._count(entry, 1)
        if len(self._owed) > MOST:
            self._count(_entry(self._owed.popleft()), -1)
            self._forgotten()
        self._some.set()

    def pending(self, bucket: str) -> Mapping[int, int]:
        """Return what is not counted yet, in nano-USD by slice."""
        return dict(self._pending.get(bucket, {}))

    async def waiting(self) -> None:
        """Wait until something is owed."""
        await self._some.wait()

    async def pay(self) -> None:
        """Tell the store until nothing is owed. Raises StoreError; then the rest is still owed."""
        async with self._one_at_a_time:
            while self._owed:
                await self._pay_some()
            self._some.clear()

    async def _pay_some(self) -> None:
        batch = [self._owed.popleft() for _ in range(min(_TOGETHER, len(self._owed)))]
        entries = [_entry(plain) for plain in batch]
        try:
            told = await self._told(entries)
        except BaseException:  # also where this ends: somebody goes on with it
            self._owed.extendleft(reversed(batch))
            raise
        for entry, seen in zip(entries, told, strict=True):
            self._count(entry, -1)
            if seen is None:
                self._forgotten()
            else:
                self._saw(entry, seen)

    async def _told(self, entries: Sequence[Entry]) -> list[Sequence[Reading] | None]:
        """Return how the buckets of each stand; None for one that a spoilt bucket keeps out."""
        try:
            return list(await self._store.settle(entries))
        except StoreError as error:
            if not spoilt(error):
                raise
            if len(entries) == 1:
                return [None]
        return [seen for entry in entries for seen in await self._told([entry])]

    def _count(self, entry: Entry, sign: int) -> None:
        if not entry.spent:
            return
        for share in entry.shares:
            slices = self._pending.setdefault(share.bucket, {})
            left = slices.get(share.slice, 0) + sign * entry.spent
            if left:
                slices[share.slice] = left
            else:
                slices.pop(share.slice, None)
                if not slices:
                    del self._pending[share.bucket]


def spoilt(error: StoreError) -> bool:
    """Return whether a bucket holds what is none of ours; the store itself is there."""
    return any(word in str(error) for word in _SPOILT)


def _entry(plain: tuple[Any, ...]) -> Entry:
    attempt, at, shares, spent = plain
    return Entry(attempt, at, tuple(Share(*share) for share in shares), spent)
