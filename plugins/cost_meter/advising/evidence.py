"""What is known of a time, and what would have been saved in it: bounds, not just a number.

Totals are exact, rows may be a sample. The time is cut into pieces, each with its exact spending;
what a piece would have saved follows from its rows. How different the pieces are tells how sure
the sum is: it is drawn again and again from them (a bootstrap of blocks, since neighbours are
alike). Nothing here is booked; all of it is whole nano-USD nevertheless.
"""

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from typing import NamedTuple

from ..row import Row, Sums

__all__ = ["MONTH", "Estimate", "Evidence", "Piece", "estimate", "share_between"]

MONTH = 30 * 86_400
"""Seconds."""

_BLOCKS = 24
_WHOLE = 3
"""So many pieces stand for themselves: what lies within one is alike, and tells little more."""
_DRAWS = 400
_SUREST = 99
_LEAST_SECONDS = 86_400.0
"""A day stands for itself at least: minutes are not multiplied into a month."""


class Piece(NamedTuple):
    """An hour or a day."""

    begins: float
    sums: Sums
    """What all attempts of it come to."""
    rows: tuple[Row, ...]
    """Attempts of it, by time: all of them or some."""


class Evidence(NamedTuple):
    """A time, in pieces."""

    since: float
    until: float
    """From the first attempt's piece until now, in Unix seconds."""
    pieces: tuple[Piece, ...]

    @property
    def seconds(self) -> float:
        """Of how much time it is."""
        return max(self.until - self.since, 0.0)

    def rows(self) -> Iterator[Row]:
        """Return all attempts that are known, by time."""
        for piece in self.pieces:
            yield from piece.rows


class Estimate(NamedTuple):
    """What would be saved in a month, in nano-USD."""

    p10: int
    p50: int
    p90: int
    sure: int
    """In how many percent of the draws anything is saved; 99 at most."""
    sample: int


def estimate(evidence: Evidence, savings: Mapping[str, int], seed: str) -> Estimate:
    """Return what would be saved in a month.

    `savings`: by the id of each attempt that it is about, what it would have cost less, in
    nano-USD. The same `seed` draws the same.
    """
    blocks = list(_blocks(evidence, savings))
    if not blocks:
        return Estimate(0, 0, 0, 0, 0)
    draw = Random(seed)  # noqa: S311 - statistics
    drawn = sorted(sum(draw.choices(blocks, k=len(blocks))) for _ in range(_DRAWS))
    sums = _widened(drawn, min(len(evidence.pieces), len(blocks)))
    seconds = round(max(evidence.seconds, _LEAST_SECONDS))
    p10, p50, p90 = (sums[_DRAWS * part // 100] * MONTH // seconds for part in (10, 50, 90))
    sure = min(sum(1 for one in sums if one > 0) * 100 // _DRAWS, _SUREST)
    return Estimate(p10, p50, p90, sure, len(savings))


def share_between(part: int, whole: int) -> tuple[float, float]:
    """Return between which shares (0..1) the true one is, with 95 % (Wilson's interval)."""
    if whole <= 0:
        return 0.0, 1.0
    z, share = 1.96, part / whole
    middle = share + z * z / (2 * whole)
    spread = z * (share * (1 - share) / whole + z * z / (4 * whole * whole)) ** 0.5
    least, most = ((middle + side) / (1 + z * z / whole) for side in (-spread, spread))
    return min(max(least, 0.0), share), max(min(most, 1.0), share)


def _blocks(evidence: Evidence, savings: Mapping[str, int]) -> Iterator[int]:
    """Yield what each block would have saved: pieces, cut further where there are few."""
    count = max(len(evidence.pieces), 1)
    parts = 1 if count >= _WHOLE else -(-_BLOCKS // count)
    for piece in evidence.pieces:
        known = sum(int(row.nano_usd) for row in piece.rows)
        for rows in _cut(piece.rows, parts):
            saved = sum(savings.get(row.id, 0) for row in rows)
            yield saved * piece.sums.nano_usd // known if known > 0 else 0


def _widened(drawn: Sequence[int], pieces: int) -> list[int]:
    """Return draws farther from their middle the fewer pieces there are.

    A bootstrap of few is too sure: of its variance one part in all pieces is missing, and
    Student's distribution is wider than the normal one. Less than the least of them is none.
    """
    free = max(pieces - 1, 1)
    wider = round((1 + 0.8 / free + 0.6 / free**2) * ((free + 1) / free) ** 0.5 * 1000)
    middle = drawn[len(drawn) // 2]
    return [max(middle + (one - middle) * wider // 1000, drawn[0]) for one in drawn]


def _cut(rows: Sequence[Row], parts: int) -> Iterator[Sequence[Row]]:
    length = max(-(-len(rows) // parts), 1)
    for begin in range(0, max(len(rows), 1), length):
        yield rows[begin : begin + length]
