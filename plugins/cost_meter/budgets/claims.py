"""What is asked of whoever counts money: claims on buckets. An interface, and its values."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

__all__ = ["Answer", "Ask", "Claim", "Correction", "Entry", "Reading", "Reserving", "Share"]


class Claim(NamedTuple):
    """That an attempt is paid for out of one bucket: one budget, of somebody, in a period."""

    bucket: str
    first: int
    """The oldest slice that counts."""
    slice: int
    """In which is counted what the attempt costs; the last one that counts."""
    cap: int
    """What is spent, held back and asked for may be together, in nano-USD; below zero: anything."""
    amount: int
    """What is held back for the attempt, in nano-USD."""
    keep: float
    """Seconds from now for which the bucket is kept at least."""


class Reading(NamedTuple):
    """How a bucket stands."""

    reserved: int
    """Held back for attempts under way, in nano-USD."""
    spent: Mapping[int, int]
    """Nano-USD by slice, of those slices that count; those without any may be left out."""
    version: int
    """How often it was corrected by whoever asks; 0: it was never compared with the ledger."""
    leases: int = 0
    """How many attempts it is held back for, where that was asked."""
    booked: Mapping[int, int] = {}
    """What whoever asks has counted itself, by slice, where that was asked."""

    @property
    def total(self) -> int:
        """All that is spent."""
        return sum(self.spent.values())

    @property
    def held(self) -> int:
        """All that cannot be spent any more."""
        return self.total + self.reserved


class Answer(NamedTuple):
    """Whether everything fits, and how each bucket stands without what was asked for."""

    admitted: bool
    readings: tuple[Reading, ...]


class Ask(NamedTuple):
    """That something is held back for an attempt; see `Reserving.reserve`."""

    attempt: str
    at: float
    claims: tuple[Claim, ...]
    seconds: float


class Share(NamedTuple):
    """What an attempt counts for in one bucket."""

    bucket: str
    first: int
    slice: int
    keep: float


class Entry(NamedTuple):
    """An attempt that has ended."""

    attempt: str
    at: float
    """When it began, in Unix seconds."""
    shares: tuple[Share, ...]
    spent: int | None
    """Nano-USD; None: it was never sent."""


class Correction(NamedTuple):
    """What the ledger says differs from what was counted."""

    bucket: str
    deltas: Mapping[int, int]
    """Nano-USD to be added, by slice."""
    version: int
    """As it was read: if it is another one meanwhile, nothing is changed."""
    keep: float


class Reserving(Protocol):
    """Counts what is spent and holds back what may be. Amounts are whole nano-USD."""

    async def reserve(
        self, attempt: str, at: float, claims: Sequence[Claim], seconds: float
    ) -> Answer:
        """Hold back what an attempt may cost in all buckets, or in none. Raises StoreError.

        `at` is when it begins, in Unix seconds, the same as in its `Entry`.
        It is held until the attempt is settled, and for `seconds` at most. Asked again for an
        attempt that holds something, it says yes once more; for one that is settled, no.
        """

    async def settle(self, entries: Sequence[Entry]) -> tuple[tuple[Reading, ...], ...]:
        """Count what attempts have cost, each once however often it is told. Raises StoreError.

        What was held back for them is free again. Returns how their buckets stand then.
        """

    async def read(self, shares: Sequence[Share]) -> tuple[Reading, ...]:
        """Return how buckets stand. Raises StoreError."""

    async def correct(self, correction: Correction) -> bool:
        """Add what was missing; whether it was done. Raises StoreError."""
