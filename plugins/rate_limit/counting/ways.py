"""How each kind of claim is counted: what the kinds have in common, and which module knows it."""

from typing import Final, Protocol

from ..claims import Claim, Kind, Reading
from . import distinct, level, log
from .buckets import Record

__all__ = ["LEASE", "Way", "way_of"]

# Names of a module are read in a third of the time that members of an Enum take.
LEASE: Final = Kind.LEASE
_LOG: Final = Kind.LOG
_LEVEL: Final = Kind.LEVEL


class Way(Protocol):
    """How one kind counts: arithmetic on a bucket's record; `now` in microseconds. A module."""

    def fresh(self) -> Record:
        """Return a bucket with nothing in it."""

    def waits(self, record: Record, claim: Claim, ticket: str, now: int, /) -> list[int] | None:
        """Return for each window the microseconds until the claim fits; see `Reading.wait`.

        None: it was taken by this very ticket, and that still counts.
        """

    def readings(
        self, record: Record, claim: Claim, waits: list[int], now: int, /
    ) -> tuple[Reading, ...]:
        """Return how each window stands; `waits` are from before."""

    def add(self, record: Record, claim: Claim, ticket: str, now: int, /) -> int:
        """Count the claim; return for how many microseconds the bucket matters from now on."""

    def refund(self, record: Record, claim: Claim, ticket: str, now: int, /) -> None:
        """Take out again what was counted."""

    def kept(self, record: Record, claim: Claim, ticket: str, /) -> list[tuple[str, int, int]]:
        """Return what to keep of what the claim has changed: name, time, units (0 if gone)."""

    def restore(self, record: Record, name: str, at: int, units: int, /) -> None:
        """Put back what was kept, unless there is something of that name."""


def way_of(kind: Kind) -> Way:
    """Return how a kind is counted."""
    if kind is _LOG or kind is LEASE:
        return log
    return level if kind is _LEVEL else distinct
