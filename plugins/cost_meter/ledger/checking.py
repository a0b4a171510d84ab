"""Whether totals are the sums of the rows."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from ..row import GRAINS, Row, Sums
from .buckets import Bucket, Horizons, combined
from .entries import row_of
from .reading import sums_from
from .schema import SUMMED
from .writing import horizons_of

__all__ = ["differences"]

_TOLD_MOST: Final = 100
_ROWS: Final = "SELECT entry, counted FROM cost_rows WHERE at >= ? ORDER BY at"
_TOTALS: Final = f"SELECT grain, begins, counted, {', '.join(SUMMED)} FROM cost_totals"  # noqa: S608


def differences(on: sqlite3.Connection) -> tuple[str, ...]:
    """Return where totals are not the sums of the rows, in sentences; 100 at most.

    Looked at is what all rows are still kept of. Reads the whole file: for tests and operators.
    """
    horizons = horizons_of(on)
    wanted = combined(_rows(on, horizons), horizons)
    found = {Bucket(*row[:3]): sums_from(row[3:]) for row in on.execute(_TOTALS)}
    buckets = sorted(one for one in wanted | found if _is_whole(one, horizons))
    told = (_told(one, found.get(one), wanted.get(one)) for one in buckets)
    return tuple(one for one in told if one)[:_TOLD_MOST]


def _rows(on: sqlite3.Connection, horizons: Horizons) -> Iterator[tuple[Row, int]]:
    for entry, counted in on.execute(_ROWS, (horizons.rows,)):
        yield row_of(entry), counted


def _is_whole(bucket: Bucket, horizons: Horizons) -> bool:
    kept = (horizons.minutes, horizons.hours, horizons.rows, horizons.rows)[bucket.grain]
    return bucket.begins >= max(kept, horizons.rows)


def _told(bucket: Bucket, found: Sums | None, wanted: Sums | None) -> str:
    found, wanted = found or Sums(), wanted or Sums()
    if found == wanted:
        return ""
    begins = datetime.fromtimestamp(bucket.begins, UTC).isoformat(" ", "minutes")
    said = ", ".join(
        f"{name} {is_it} instead of {should}"
        for name, is_it, should in zip(Sums._fields, found, wanted, strict=True)
        if is_it != should
    )
    return f"{GRAINS[bucket.grain]} of {begins}, group {bucket.counted}: {said}"
