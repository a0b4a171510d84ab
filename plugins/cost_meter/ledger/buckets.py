"""What rows come to in each of their buckets."""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

from ..grains import LENGTHS, begins
from ..row import GRAINS, Row, Sums, plus, sums_of

__all__ = ["CODES", "Bucket", "Horizons", "combined"]

CODES: Final = {grain: code for code, grain in enumerate(GRAINS)}
"""How the grains are called in the tables."""

_MINUTE, _HOUR, _DAY = LENGTHS["minute"], LENGTHS["hour"], LENGTHS["day"]


class Bucket(NamedTuple):
    """One line of totals."""

    grain: int
    begins: int
    """Unix seconds."""
    counted: int
    """The id of a group."""


class Horizons(NamedTuple):
    """What began before is not kept any more; Unix seconds, each the beginning of a bucket."""

    rows: int = 0
    minutes: int = 0
    hours: int = 0


def combined(rows: Iterable[tuple[Row, int]], horizons: Horizons) -> dict[Bucket, Sums]:
    """Return what rows come to, each given with its group.

    What is not kept any more is left out. Minutes are added up first and the rest from them: most
    rows of a batch are of one minute.
    """
    minutes: dict[tuple[int, int], Sums] = {}
    for row, counted in rows:
        key = math.floor(row.at) // _MINUTE * _MINUTE, counted
        before = minutes.get(key)
        minutes[key] = sums_of(row) if before is None else plus(before, sums_of(row))
    found: dict[Bucket, Sums] = {}
    for (minute, counted), sums in minutes.items():
        if minute >= horizons.minutes:
            found[Bucket(0, minute, counted)] = sums
        hour, day = minute // _HOUR * _HOUR, minute // _DAY
        if hour >= horizons.hours:
            _add(found, Bucket(1, hour, counted), sums)
        _add(found, Bucket(2, day * _DAY, counted), sums)
        _add(found, Bucket(3, begins(minute, "month"), counted), sums)
    return found


def _add(found: dict[Bucket, Sums], bucket: Bucket, sums: Sums) -> None:
    before = found.get(bucket)
    found[bucket] = sums if before is None else plus(before, sums)
