"""What is asked of the tables."""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..books import Asked, Page
from ..grains import begins
from ..row import DIMENSIONS, Dimension, Grain, Row, Sums, Total
from .buckets import CODES
from .entries import row_of
from .schema import SUMMED

__all__ = [
    "OF_REQUEST_MOST",
    "replica_of",
    "rows_of",
    "rows_of_request",
    "single",
    "sums_from",
    "totals_of",
]

_ROWS_MOST: Final = 1000
_OF_TIME: Final = "cost_totals AS totals JOIN cost_groups AS groups ON groups.id = totals.counted"
_OF_GROUPS: Final = (
    "cost_groups AS groups CROSS JOIN cost_totals AS totals INDEXED BY cost_totals_by_group "
    "ON groups.id = totals.counted"
)
OF_REQUEST_MOST: Final = 200
"""Rows of one request that are shown."""


def totals_of(
    on: sqlite3.Connection, asked: Asked, grain: Grain, by: Sequence[Dimension]
) -> tuple[Total, ...]:
    """Return what was spent, see `books.Ledger`."""
    where, values = _where(asked.where, "groups")
    names = [f'groups."{one}"' for one in _known(by)]
    added = ", ".join(f"sum({one})" for one in SUMMED)
    order = ", ".join(["begins", *names])
    # Of one user: their few groups first, instead of everybody's totals of the time.
    joined = _OF_GROUPS if "user" in asked.where else _OF_TIME
    rows = on.execute(
        f"SELECT {order}, {added} FROM {joined} "  # noqa: S608 - names of ours
        f"WHERE grain = ? AND begins >= ? AND begins < ? {where} "
        f"GROUP BY {order} ORDER BY {order}",
        (CODES[grain], begins(asked.since, grain), asked.until, *values),
    )
    width = 1 + len(by)
    return tuple(
        Total(float(row[0]), dict(zip(by, row[1:width], strict=True)), sums_from(row[width:]))
        for row in rows
    )


def sums_from(summed: Sequence[int]) -> Sums:
    """Return sums from the columns of `SUMMED`."""
    return Sums._make((*summed[:-2], (summed[-2] << 32) + summed[-1]))


def rows_of(on: sqlite3.Connection, asked: Asked, limit: int, after: str) -> Page:
    """Return rows, see `books.Ledger`."""
    limit = max(1, min(limit, _ROWS_MOST))
    own: dict[Dimension, str] = {}
    theirs: dict[Dimension, str] = {}
    for one, value in asked.where.items():
        (own if one == "user" else theirs)[one] = value
    where, values = _where(own, "lines")  # who it was, even where totals say that it was others
    more, further = _where(theirs, "groups")
    at, row_id = _place(after)
    found = on.execute(
        "SELECT lines.at, lines.id, entry FROM cost_rows AS lines "  # noqa: S608 - names of ours
        "JOIN cost_groups AS groups ON groups.id = lines.counted "
        f"WHERE at >= ? AND at < ? AND (at, lines.id) > (?, ?) {where} {more} "
        "ORDER BY at, lines.id LIMIT ?",
        (asked.since, asked.until, at, row_id, *values, *further, limit + 1),
    ).fetchall()
    rows = tuple(row_of(entry) for _, _, entry in found[:limit])
    return Page(rows, f"{rows[-1].at!r} {rows[-1].id}" if len(found) > limit else "")


def replica_of(on: sqlite3.Connection) -> str:
    """Return the random name of the file, by which a fleet knows whose rows they are."""
    (found,) = on.execute("SELECT value FROM cost_meta WHERE name = 'replica'").fetchone()
    return str(found)


def single(on: sqlite3.Connection, row_id: str) -> Row | None:
    """Return one row."""
    found = on.execute("SELECT entry FROM cost_rows WHERE id = ?", (row_id,)).fetchone()
    return None if found is None else row_of(found[0])


def rows_of_request(on: sqlite3.Connection, request_id: str) -> tuple[Row, ...]:
    """Return what a request has brought, and what was corrected of it, by time."""
    found = on.execute(
        """
        WITH mine AS (SELECT id FROM cost_rows WHERE request_id = ?1 AND request_id != '')
        SELECT entry FROM cost_rows
        WHERE id IN mine OR (ref IN mine AND ref != '') ORDER BY at, number LIMIT ?2
        """,
        (request_id, OF_REQUEST_MOST),
    )
    return tuple(row_of(entry) for (entry,) in found)


def _where(where: Mapping[Dimension, str], table: str) -> tuple[str, list[Any]]:
    """Return further conditions, and their values. Raises ValueError for no dimension."""
    _known([*where])
    return "".join(f'AND {table}."{one}" = ? ' for one in where), [*where.values()]


def _known(by: Sequence[Dimension]) -> Sequence[Dimension]:
    for one in by:
        if one not in DIMENSIONS or by.count(one) > 1:
            raise ValueError(f"totals are told apart by some of: {', '.join(DIMENSIONS)}")
    return by


def _place(after: str) -> tuple[float, str]:
    """Return where a page begins. Raises ValueError for what was never the end of one."""
    if not after:
        return float("-inf"), ""
    at, _, row_id = after.partition(" ")
    try:
        return float(at), row_id
    except ValueError:
        raise ValueError(f"{after[:80]!r} is not what a page said that it ended with") from None
