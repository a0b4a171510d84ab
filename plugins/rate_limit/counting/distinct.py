"""The kind DISTINCT, see `ways.Way`: members by the time at which each was counted last.

A bucket holds those times in order, and by member the time, the ticket that it was counted by
and the time before (0 if there was none), so that the last one can be given back.
"""

from ..claims import Claim
from . import log, stamps
from .buckets import Record
from .stamps import longest

__all__ = ["add", "fresh", "kept", "readings", "refund", "restore", "waits"]

_TIMES = 2
_HELD = 3
_UNKNOWN = (0, None, 0)

fresh = log.fresh
readings = log.readings


def waits(record: Record, claim: Claim, ticket: str, now: int) -> list[int] | None:
    """Return the waits of a claim; None if it was this very ticket that counted the member.

    A member that a window knows fits.
    """
    _, _, times, held = record
    windows = claim.windows
    found = stamps.waits(times, windows, 1, now)
    if claim.member not in held:
        return found
    last, by, _ = held[claim.member]
    if by == ticket and last > now - longest(windows):
        return None
    return [
        0 if last > now - window.period else wait
        for window, wait in zip(windows, found, strict=True)
    ]


def add(record: Record, claim: Claim, ticket: str, now: int) -> int:
    """Count the member from now on."""
    _, _, times, held = record
    lifetime = longest(claim.windows)
    stamps.room(times, held, claim.windows, 1, now - lifetime)
    before = 0
    if claim.member in held:
        before, _, _ = held.pop(claim.member)
        stamps.drop(times, before, 1)
    held[claim.member] = (now, ticket, before)
    stamps.put(times, now, 1)
    return lifetime


def refund(record: Record, claim: Claim, ticket: str, now: int) -> None:  # noqa: ARG001 - as all
    """Have the member counted when it was before, if the ticket was the last one."""
    _, _, times, held = record
    at, by, before = held.get(claim.member, _UNKNOWN)
    if by == ticket:
        del held[claim.member]
        stamps.drop(times, at, 1)
        if before:
            restore(record, claim.member, before, 1)


def kept(record: Record, claim: Claim, ticket: str) -> list[tuple[str, int, int]]:  # noqa: ARG001
    """Return when the member was counted last."""
    at, _, _ = record[_HELD].get(claim.member, _UNKNOWN)
    return [(claim.member, at, 1 if at else 0)]


def restore(record: Record, name: str, at: int, units: int) -> None:
    """Put back when a member was counted last."""
    _, _, times, held = record
    if name not in held:
        held[name] = (at, None, 0)
        stamps.put(times, at, units)
