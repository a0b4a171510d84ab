"""Who counts for this process: an interface, and how one does that is alone."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from .claims import Answer, Claim, Correction, Entry, Reading, Share
from .declaring import OnStoreError
from .memory import MemoryReserving

__all__ = ["Alone", "Counting", "Decided", "Saw"]

Saw = Callable[[Entry, Sequence[Reading]], None]
"""Told how an attempt's buckets stand when its end was counted."""


class Decided(NamedTuple):
    """An answer, and how it was come to."""

    answer: Answer
    how: Literal["", "local", "closed"] = ""
    """``local``: without the shared store, by this process's share; ``closed``: likewise, by what
    little may be spent then."""


class Counting(Protocol):
    """Reserves and settles; where it fails, it says so in its answers and in `health`."""

    async def open(self) -> None:
        """Make ready; begin what goes on in the background."""

    async def close(self) -> None:
        """End; what is still to be told to a store is told, or kept for whoever comes after."""

    def health(self) -> str:
        """Say what is wrong; empty if nothing is."""

    async def reserve(
        self,
        attempt: str,
        at: float,
        claims: Sequence[Claim],
        ways: Sequence[OnStoreError],
        seconds: float,
    ) -> Decided:
        """See `Reserving.reserve`; `ways` say for each claim what if the store is gone."""

    def settle(self, entry: Entry) -> None:
        """See `Reserving.settle`: now, or as soon as the store takes it."""

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """See `Reserving.read`. Raises StoreError."""

    async def correct(self, correction: Correction) -> bool:
        """See `Reserving.correct`. Raises StoreError."""

    def pending(self, bucket: str) -> Mapping[int, int]:
        """Return what was settled here and is not counted yet, in nano-USD by slice."""

    async def behind(self) -> bool:
        """Tell whether a process has spent what the ledger of the fleet does not know yet.

        Raises StoreError.
        """


class Alone:
    """See `Counting`; in memory."""

    def __init__(self, memory: MemoryReserving, saw: Saw) -> None:
        """`saw` is told of each end."""
        self._memory = memory
        self._saw = saw

    async def open(self) -> None:
        """See `Counting.open`."""

    async def close(self) -> None:
        """See `Counting.close`."""

    def health(self) -> str:
        """See `Counting.health`."""
        return ""

    async def reserve(
        self,
        attempt: str,
        at: float,
        claims: Sequence[Claim],
        ways: Sequence[OnStoreError],
        seconds: float,
    ) -> Decided:
        """See `Counting.reserve`."""
        del at, ways
        return Decided(self._memory.reserve_now(attempt, claims, seconds))

    def settle(self, entry: Entry) -> None:
        """See `Counting.settle`."""
        self._saw(entry, self._memory.settle_now(entry))

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """See `Counting.read`."""
        return await self._memory.read(shares)

    async def correct(self, correction: Correction) -> bool:
        """See `Counting.correct`."""
        return await self._memory.correct(correction)

    def pending(self, bucket: str) -> Mapping[int, int]:
        """See `Counting.pending`."""
        del bucket
        return {}

    async def behind(self) -> bool:
        """See `Counting.behind`."""
        return False
