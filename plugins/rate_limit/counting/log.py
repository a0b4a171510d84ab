"""The kinds LOG and LEASE, see `ways.Way`: units that their ticket can give back, or let last on.

A bucket holds the times of its units, and by ticket when it has taken how many.
"""

from ..claims import Claim, Reading
from . import stamps
from .buckets import Record
from .stamps import longest

__all__ = ["add", "fresh", "kept", "readings", "refund", "restore", "waits"]

_TIMES = 2
_HELD = 3


def fresh() -> Record:
    """Return a bucket with nothing in it."""
    return [0, 0, [], {}]


def waits(record: Record, claim: Claim, ticket: str, now: int) -> list[int] | None:
    """Return the waits of a claim; None if the ticket has units here that still count."""
    _, _, times, held = record
    if ticket in held and held[ticket][0] > now - longest(claim.windows):
        return None
    return stamps.waits(times, claim.windows, claim.cost, now)


def readings(record: Record, claim: Claim, waits: list[int], now: int) -> tuple[Reading, ...]:
    """Return how each window stands."""
    return stamps.readings(record[_TIMES], claim.windows, waits, now)


def add(record: Record, claim: Claim, ticket: str, now: int) -> int:
    """Count the claim's units."""
    _, _, times, held = record
    windows = claim.windows
    lifetime = longest(windows)
    cost = stamps.room(times, held, windows, claim.cost, now - lifetime)
    held[ticket] = (now, cost)
    stamps.put(times, now, cost)
    return lifetime


def refund(record: Record, claim: Claim, ticket: str, now: int) -> None:  # noqa: ARG001 - as all
    """Take the ticket's units out."""
    held = record[_HELD].pop(ticket, None)
    if held is not None:
        stamps.drop(record[_TIMES], *held)


def kept(record: Record, claim: Claim, ticket: str) -> list[tuple[str, int, int]]:  # noqa: ARG001
    """Return the ticket's units."""
    return [(ticket, *record[_HELD].get(ticket, (0, 0)))]


def restore(record: Record, name: str, at: int, units: int) -> None:
    """Put back a ticket's units."""
    _, _, times, held = record
    held[name] = (at, units)
    stamps.put(times, at, units)
