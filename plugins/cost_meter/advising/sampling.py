"""Reads evidence out of a ledger: exact totals, and of the rows no more than is bounded."""

from ..books import Asked, Ledger
from ..paging import each_row
from ..row import Grain, Row
from .evidence import Evidence, Piece

__all__ = ["gathered"]

_SLICES = 6
"""Of each piece, where not all rows can be read."""

_LENGTHS: dict[Grain, float] = {"hour": 3600.0, "day": 86_400.0}
_HOURS_UP_TO = 3 * 86_400.0
"""A shorter time is looked at by the hour."""


async def gathered(ledger: Ledger, since: float, until: float, most: int) -> Evidence:
    """Return what is known of a time, from at most about `most` rows. Raises StoreError."""
    grain: Grain = "hour" if until - since <= _HOURS_UP_TO else "day"
    totals = await ledger.totals(Asked(since, until), grain)
    if grain == "day" and totals and until - totals[0].begins <= _HOURS_UP_TO:
        grain = "hour"
        totals = await ledger.totals(Asked(since, until), grain)
    if not totals:
        return Evidence(until, until, ())
    every = sum(total.sums.attempts for total in totals) <= most
    quota, length = max(most // len(totals), _SLICES), _LENGTHS[grain]
    pieces = []
    for total in totals:
        begins, ends = max(total.begins, since), min(total.begins + length, until)
        rows = await _rows(ledger, begins, ends, most if every else quota, every=every)
        pieces.append(Piece(total.begins, total.sums, rows))
    return Evidence(max(pieces[0].begins, since), until, tuple(pieces))


async def _rows(
    ledger: Ledger, since: float, until: float, most: int, *, every: bool
) -> tuple[Row, ...]:
    """Return attempts of a piece: all of them, or those with which equal parts of it begin."""
    slices = 1 if every else _SLICES
    length, found = (until - since) / slices, list[Row]()
    for number in range(slices):
        begins = since + number * length
        asked = Asked(begins, begins + length if number + 1 < slices else until)
        found += [row async for row in each_row(ledger, asked, most // slices)]
    return tuple(row for row in found if row.kind == "attempt")
