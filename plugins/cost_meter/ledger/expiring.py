"""Old rows, minutes and hours go, in small steps; days and months stay."""

import sqlite3
from typing import Final, NamedTuple

from ..grains import LENGTHS, begins
from ..row import Grain
from .buckets import Horizons
from .writing import horizons_of

__all__ = ["Keep", "expired", "widened"]

_STEP: Final = 500
_STRIDE: Final = 3600.0
_NOTE: Final = "INSERT OR REPLACE INTO cost_meta (name, value) VALUES (?, ?)"
_ROWS: Final = """
    DELETE FROM cost_rows WHERE number IN (
        SELECT number FROM cost_rows INDEXED BY cost_rows_by_time WHERE at < ? LIMIT ?
    )
"""
_TOTALS: Final = """
    DELETE FROM cost_totals WHERE grain = ?1 AND (begins, counted) IN (
        SELECT begins, counted FROM cost_totals WHERE grain = ?1 AND begins < ?2 LIMIT ?3
    )
"""


class Keep(NamedTuple):
    """How long what is kept, in seconds."""

    rows: float
    minutes: float
    hours: float


def widened(on: sqlite3.Connection, keep: Keep, now: float) -> Horizons:
    """Note that more is too old by now; it never becomes less again.

    At most an hour at a time, so that a clock that is ahead for some minutes does not empty the
    ledger; what was not looked at for long is caught up with step by step.
    """
    noted = horizons_of(on)
    horizons = Horizons(
        _moved(noted.rows, now - keep.rows, "day"),
        _moved(noted.minutes, now - keep.minutes, "minute"),
        _moved(noted.hours, now - keep.hours, "hour"),
    )
    on.executemany(_NOTE, [(name, str(value)) for name, value in horizons._asdict().items()])
    return horizons


def _moved(noted: int, wanted: float, grain: Grain) -> int:
    """Return a horizon, moved on towards what is wanted."""
    if noted:
        wanted = min(wanted, noted + max(_STRIDE, LENGTHS[grain]))
    return max(noted, begins(max(0.0, wanted), grain))


def expired(on: sqlite3.Connection, horizons: Horizons) -> int:
    """Remove some of what is too old; how many lines, 0 when none is left."""
    removed = on.execute(_ROWS, (horizons.rows, _STEP)).rowcount
    for grain, horizon in enumerate((horizons.minutes, horizons.hours)):
        removed += on.execute(_TOTALS, (grain, horizon, _STEP)).rowcount
    return removed
