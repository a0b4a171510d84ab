"""What a batch of rows does to the tables, in one transaction: rows, and what they come to.

All of it may be done twice, and in any order of batches: a row counts when it is first inserted.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import inf
from typing import Final, NamedTuple

import orjson

from proxy.api.spending import NanoUSD

from ..grains import begins
from ..row import Row, Sums
from .buckets import Bucket, Horizons, combined
from .entries import entry_of, row_of
from .groups import Groups
from .leftovers import LOST
from .schema import SUMMED

__all__ = ["LATE", "Written", "horizons_of", "in_tables", "write_batch"]

LATE: Final = ":late"
_COUNTED: Final = """
    SELECT sum(nano_usd) FROM cost_rows WHERE id = ?1 OR (ref = ?1 AND ref != '')
"""
"""Ends the id of the correction of such a one, where its end is told after all."""

_HOUR: Final = 3600.0
_DAY: Final = 86_400.0
_MOST_AT_ONCE: Final = 64
"""Rows that one statement inserts. After each statement this thread has to wait until the event
loop leaves it the interpreter again, so there are few of them."""

_THERE: Final = "SELECT id FROM cost_rows WHERE id IN (SELECT value FROM json_each(?))"
_ROW: Final = """
    INSERT INTO cost_rows (id, at, user, request_id, ref, counted, nano_usd, entry)
"""
_TOTAL: Final = f"""
    INSERT INTO cost_totals (grain, begins, counted, {", ".join(SUMMED)})
"""
_ADDED: Final = f"""
    ON CONFLICT DO UPDATE SET {", ".join(f"{one} = {one} + excluded.{one}" for one in SUMMED)}
"""
_HORIZONS: Final = "SELECT name, value FROM cost_meta WHERE name IN ('rows', 'minutes', 'hours')"


class Written(NamedTuple):
    """What came of a batch."""

    rows: int
    """How many were not there yet."""
    groups: Mapping[tuple[str, ...], int]
    """Ids that are safe to be remembered once it is committed."""


def write_batch(
    on: sqlite3.Connection, rows: Iterable[Row], groups: Groups, now: float = inf
) -> Written:
    """Insert the rows that are not there, and count them; `now` see `horizons_of`."""
    horizons = horizons_of(on, now)
    wanted: dict[str, Row] = {}
    for row in rows:
        wanted.setdefault(row.id, row)  # of two with one id the first counts
    there = in_tables(on, wanted)
    if there:
        late = [_late(on, wanted[one]) for one in there]
        wanted |= {one.id: one for one in late if one is not None}
        there |= in_tables(on, [one.id for one in late if one is not None])
    fresh = [row for row in wanted.values() if row.id not in there and row.at >= horizons.rows]
    known: dict[tuple[str, ...], int] = {}
    counted = [(row, groups.of(on, row, known)) for row in fresh]
    _put(on, _ROW, [_values(row, group) for row, group in counted])
    _add(on, combined(counted, horizons))
    return Written(len(fresh), known)


def in_tables(on: sqlite3.Connection, ids: Iterable[str]) -> set[str]:
    """Return which of these ids have a row."""
    return {one for (one,) in on.execute(_THERE, (orjson.dumps([*ids]).decode(),))}


def horizons_of(on: sqlite3.Connection, now: float = inf) -> Horizons:
    """Return what is not kept any more.

    With `now` (Unix seconds) never what is new by that: a clock that was ahead may have noted
    horizons that lie in the future, and what is spent today has to be counted all the same.
    """
    noted = Horizons(**{name: int(value) for name, value in on.execute(_HORIZONS)})
    if now == inf:
        return noted
    newest = Horizons(
        begins(max(0.0, now - _DAY), "day"),
        begins(max(0.0, now - _HOUR), "minute"),
        begins(max(0.0, now - _DAY), "hour"),
    )
    return Horizons(*map(min, noted, newest))


def _late(on: sqlite3.Connection, row: Row) -> Row | None:
    """Return what sets right an attempt that was given up, now that its end is told.

    The provider's bill may have set it right before: what is corrected is all that it counts for.
    """
    if row.kind != "attempt" or row.failure == LOST:
        return None
    found = on.execute("SELECT entry FROM cost_rows WHERE id = ?", (row.id,)).fetchone()
    given_up = row_of(found[0])
    if given_up.failure != LOST:
        return None
    (counted,) = on.execute(_COUNTED, (row.id,)).fetchone()
    difference = NanoUSD(row.nano_usd - counted)
    if not difference:
        return None
    return row._replace(
        id=row.id + LATE,
        kind="adjust",
        ref=row.id,
        at=given_up.at,
        nano_usd=difference,
        note="its end was told after it had been given up",
    )


def _values(row: Row, group: int) -> tuple[str | float | int, ...]:
    return (
        row.id,
        row.at,
        row.user,
        row.request_id if row.kind == "attempt" else "",
        row.ref,
        group,
        row.nano_usd,
        entry_of(row),
    )


def _add(on: sqlite3.Connection, totals: Mapping[Bucket, Sums]) -> None:
    lines = [
        (*bucket, *sums[:-1], sums[-1] >> 32, sums[-1] & 0xFFFFFFFF)
        for bucket, sums in sorted(totals.items())  # in the order of the key: faster
    ]
    _put(on, _TOTAL, lines, _ADDED)


def _put(
    on: sqlite3.Connection,
    insert: str,
    lines: Sequence[tuple[str | float | int, ...]],
    conflict: str = "",
) -> None:
    """Insert lines, all of one length, in few statements."""
    done, count = 0, _MOST_AT_ONCE
    while done < len(lines):
        while count > len(lines) - done:
            count //= 2  # few lengths of statements: SQLite keeps them prepared
        values = [*chain.from_iterable(lines[done : done + count])]
        on.execute(_statement(insert, conflict, len(lines[0]), count), values)
        done += count


@lru_cache(maxsize=64)
def _statement(insert: str, conflict: str, columns: int, lines: int) -> str:
    line = f"({', '.join('?' * columns)})"
    return f"{insert} VALUES {', '.join([line] * lines)} {conflict}"
