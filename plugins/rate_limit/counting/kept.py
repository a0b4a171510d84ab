"""Counts in this process that outlive it: what is taken is in a SQLite file before it is said."""

import sqlite3
from typing import Final

from proxy.api import SqliteFile

from ..claims import Claim, Counted
from .memory import MemoryCounts, Row

__all__ = ["MIGRATIONS", "KeptCounts"]

MIGRATIONS: Final = (
    """
    CREATE TABLE limit_counts (
        bucket TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        at INTEGER NOT NULL,
        units INTEGER NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (bucket, name)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX limit_counts_by_end ON limit_counts (until);
    """,
)
"""Of LOG and LEASE a row is a ticket with its units; of DISTINCT a member; of LEVEL a period
with what is owed. Times are microseconds."""

_PUT: Final = "INSERT OR REPLACE INTO limit_counts VALUES (?, ?, ?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM limit_counts WHERE bucket = ? AND name = ?"
_CLEAR: Final = "DELETE FROM limit_counts WHERE bucket = ?"
_PRUNE: Final = """
    DELETE FROM limit_counts WHERE (bucket, name) IN (
        SELECT bucket, name FROM limit_counts WHERE until <= ? LIMIT ?
    )
"""
_PRUNED_AT_ONCE: Final = 20
_AHEAD: Final = "UPDATE limit_counts SET at = ?, until = until - at + ? WHERE at > ?"
_LOAD: Final = """
    SELECT bucket, kind, name, at, units, until FROM limit_counts WHERE until > ? ORDER BY at
"""


class KeptCounts:
    """See `Counts`: decides in memory, and has written what that came to when it answers.

    Raises StoreError where it could not be written: what was taken then is given back. Peeks
    ask the memory alone.
    """

    def __init__(self, file: SqliteFile, memory: MemoryCounts) -> None:
        """`file` has had the `MIGRATIONS`."""
        self._file = file
        self._memory = memory

    async def open(self) -> None:
        """Read what still counts. What is said to be of the future is of now."""
        now = self._memory.time()

        def job(connection: sqlite3.Connection) -> list[Row]:
            connection.execute(_AHEAD, (now, now, now))
            return connection.execute(_LOAD, (now,)).fetchall()

        self._memory.restore(await self._file.write(job), self._file.url)

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        counted = self._memory.take_now(claims, ticket)
        if counted.admitted:
            await self._write_or_undo(claims, ticket)
        return counted

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        return self._memory.peek_now(claims)

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`."""
        self._memory.refund_now(claims, ticket)
        await self._write(claims, ticket)

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        self._memory.debit_now(claims, ticket)
        await self._write_or_undo(claims, ticket)

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`."""
        there = self._memory.extend_now(claims, ticket)
        if there:
            await self._write(claims, ticket)
        return there

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        self._memory.clear_now(claims)
        buckets = [(claim.bucket,) for claim in claims]
        await self._file.write(lambda c: c.executemany(_CLEAR, buckets).close())

    async def close(self) -> None:
        """See `Counts.close`; the file is closed by whom it belongs to."""

    async def _write_or_undo(self, claims: tuple[Claim, ...], ticket: str) -> None:
        try:
            await self._write(claims, ticket)
        except BaseException:  # also who stopped waiting has not taken anything
            self._memory.refund_now(claims, ticket)
            raise

    async def _write(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """Write what the memory has of a ticket; drop a few rows that say nothing any more."""
        kept, gone = self._memory.rows(claims, ticket)
        expired = (self._memory.time(), _PRUNED_AT_ONCE)

        def job(connection: sqlite3.Connection) -> None:
            connection.executemany(_PUT, kept)
            connection.executemany(_REMOVE, gone)
            connection.execute(_PRUNE, expired)

        await self._file.write(job)
