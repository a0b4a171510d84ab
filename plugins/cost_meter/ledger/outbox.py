"""What the journal still has to bring to the ledger of a fleet; see `books.Outbox`.

Rows are brought in the order in which they were written. Only when they are there do they count in
the totals that are owed: a fleet's totals never tell of rows that nobody there can find.
"""

import json
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from proxy.api.stores import SqliteFile

from ..books import Owed
from ..row import DIMENSIONS, GRAINS, Dimension, Row, Sums, plus
from .buckets import Horizons, combined
from .entries import row_of
from .reading import replica_of

__all__ = ["SqliteOutbox"]

_BROUGHT: Final = "SELECT CAST(value AS INTEGER) FROM cost_meta WHERE name = 'brought'"
_NEXT: Final = "SELECT number, entry FROM cost_rows WHERE number > ? ORDER BY number LIMIT ?"
_OWED: Final = """
    SELECT grain, begins, apart, sums, seq FROM cost_shared WHERE owed = 1 ORDER BY seq LIMIT ?
"""
_KEY: Final = "grain = ? AND begins = ? AND apart = ?"
_SUMS: Final = f"SELECT sums FROM cost_shared WHERE {_KEY}"  # noqa: S608 - a text of ours
_PUT: Final = """
    INSERT INTO cost_shared (grain, begins, apart, sums, seq, owed) VALUES (?, ?, ?, ?, ?, 1)
    ON CONFLICT DO UPDATE SET sums = excluded.sums, seq = excluded.seq, owed = 1
"""
_PAID: Final = f"UPDATE cost_shared SET owed = 0 WHERE {_KEY} AND seq = ?"  # noqa: S608
_EXPIRED: Final = "DELETE FROM cost_shared WHERE grain = ? AND begins < ? AND owed = 0"
_EVERYBODY: Final = DIMENSIONS[1:]


class SqliteOutbox:
    """A `books.Outbox` on the file of a journal."""

    def __init__(self, file: SqliteFile, horizons: Callable[[], Horizons]) -> None:
        """`horizons` says before what time totals are not kept any more."""
        self._file = file
        self._horizons = horizons

    async def replica(self) -> str:
        """Return the journal's own name. Raises StoreError."""
        return await self._file.ask(replica_of)

    async def rows(self, limit: int) -> tuple[tuple[int, Row], ...]:
        """Return the next rows, each with its number. Raises StoreError."""

        def read(on: sqlite3.Connection) -> list[Any]:
            return on.execute(_NEXT, (_brought(on), limit)).fetchall()

        return tuple((number, row_of(entry)) for number, entry in await self._file.ask(read))

    async def brought(
        self, rows: Sequence[tuple[int, Row]], elsewhere: Collection[str] = ()
    ) -> None:
        """Take in that these are there; now their totals are owed. Raises StoreError.

        Those with an id of `elsewhere` count in another's. Those that somebody else has taken in
        meanwhile (a reload has two at work) do not count again.
        """
        await self._file.write(lambda on: _take_in(on, rows, elsewhere, self._horizons()))

    async def totals(self, limit: int) -> tuple[Owed, ...]:
        """Return totals that are owed, the longest owed ones first. Raises StoreError."""
        found = await self._file.ask(lambda on: on.execute(_OWED, (limit,)).fetchall())
        return tuple(
            Owed(GRAINS[grain], begins, _by(apart), Sums(*json.loads(sums)), seq)
            for grain, begins, apart, sums, seq in found
        )

    async def paid(self, totals: Sequence[Owed]) -> None:
        """Take in that these versions are there; forget what is not kept. Raises StoreError."""
        done = [(GRAINS.index(one.grain), one.begins, _apart(one.by), one.seq) for one in totals]
        horizons = self._horizons()

        def write(on: sqlite3.Connection) -> None:
            on.executemany(_PAID, done)
            on.execute(_EXPIRED, (0, horizons.minutes))
            on.execute(_EXPIRED, (1, horizons.hours))

        await self._file.write(write)

    async def waiting(self) -> int:
        """Return how many rows are still to be brought over. Raises StoreError."""

        def count(on: sqlite3.Connection) -> int:
            (last,) = on.execute("SELECT coalesce(max(number), 0) FROM cost_rows").fetchone()
            return max(0, int(last) - _brought(on))

        return await self._file.ask(count)


def _brought(on: sqlite3.Connection) -> int:
    return int(on.execute(_BROUGHT).fetchone()[0])


def _take_in(
    on: sqlite3.Connection,
    rows: Sequence[tuple[int, Row]],
    elsewhere: Collection[str],
    horizons: Horizons,
) -> None:
    before = _brought(on)
    fresh = [row for number, row in rows if number > before and row.id not in elsewhere]
    if not rows or rows[-1][0] <= before:
        return
    last = rows[-1][0]
    on.execute("UPDATE cost_meta SET value = ? WHERE name = 'brought'", (str(last),))
    for (grain, begins, apart), sums in _totals(fresh, horizons).items():
        found = on.execute(_SUMS, (grain, begins, apart)).fetchone()
        if found is not None:
            sums = plus(sums, Sums(*json.loads(found[0])))
        on.execute(_PUT, (grain, begins, apart, json.dumps(sums), last))


def _totals(rows: Sequence[Row], horizons: Horizons) -> dict[tuple[int, int, str], Sums]:
    """Return what rows come to, each once with its user and once without."""
    names: dict[str, int] = {}
    counted = [
        (row, names.setdefault(_apart({one: getattr(row, one) for one in by}), len(names)))
        for row in rows
        for by in (DIMENSIONS, _EVERYBODY)
    ]
    aparts = tuple(names)
    return {
        (bucket.grain, bucket.begins, aparts[bucket.counted]): sums
        for bucket, sums in combined(counted, horizons).items()
    }


def _apart(by: Mapping[Dimension, str]) -> str:
    return json.dumps([by.get(one) for one in DIMENSIONS], ensure_ascii=False)


def _by(apart: str) -> dict[Dimension, str]:
    values = zip(DIMENSIONS, json.loads(apart), strict=True)
    return {name: value for name, value in values if value is not None}
