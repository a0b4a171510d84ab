"""The store of one process on its own disk: a SQLite file that one thread reads and writes."""

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from proxy.core.rollout_state import RolloutState
from proxy.stores.records import (
    AUDIT_KEPT,
    FOUND_FOR,
    Reading,
    entry_of,
    entry_text,
    finding,
    id_parts,
    page_size,
    state_text,
    version_of,
)
from proxy.stores.rollouts import AuditEntry
from proxy.stores.sqlite_file import PATIENCE, SqliteFile
from proxy.stores.sqlite_schema import migrate, transaction

__all__ = ["SqliteStore"]

_TRIM_EVERY: Final = 1_000


class SqliteStore:
    """States and audit in a file with the rights 0600, in a folder that is made if need be.

    A change is on the disk when `save` returns (WAL with ``synchronous=FULL``). Whatever
    fails is tried again from scratch at the next call.
    """

    shared = False

    def __init__(
        self,
        path: Path,
        wall_clock: Callable[[], float] = time.time,
        patience: float = PATIENCE,
    ) -> None:
        """`wall_clock` gives Unix time in seconds; `patience` see `PATIENCE`."""
        self.url = f"sqlite://{path}"
        self._reading = Reading(self.url, wall_clock)
        self._wall_clock = wall_clock
        file = SqliteFile(path, synchronous="FULL", patience=patience)
        self._file = file.door(lambda connection: migrate(connection, self.url))

    async def open(self) -> None:
        """Create or upgrade the file. Raises StoreLostError."""
        await self._file.ask(lambda _: None)

    async def close(self) -> None:
        """End the thread, after what it has been asked for; the log is folded into the file."""
        await self._file.close()

    async def now(self) -> float:
        """Return Unix time in seconds."""
        return self._wall_clock()

    async def load(self) -> dict[str, RolloutState]:
        """Return all states by name."""
        rows = await self._file.ask(
            lambda connection: connection.execute("SELECT name, state FROM rollouts").fetchall()
        )
        return self._reading.states(dict(rows))

    async def save(
        self,
        state: RolloutState,
        expected: int,
        entry: AuditEntry | None,
        fence: int = 0,  # noqa: ARG002 - there is no lease that could be lost
    ) -> RolloutState:
        """Store state and entry in one transaction, see `RolloutStore`.

        Raises ConflictError, UnreadableError.
        """
        self._reading.check(state, entry)
        stored = state.stored(version_of(expected, entry))
        text = state_text(stored)
        current = await self._file.ask(
            lambda connection: self._save(connection, stored, expected, text, entry)
        )
        if current is None:
            return stored
        raise self._reading.conflict(state.name, current, entry)

    async def find(self, idempotency_key: str) -> AuditEntry | None:
        """Return what was stored with this key within the last day; None if nothing."""
        if not idempotency_key:
            return None
        since = int((self._wall_clock() - FOUND_FOR) * 1000)
        found = await self._entries(
            "idempotency_key = ? AND idempotency_key != '' AND milliseconds >= ?",
            (finding(idempotency_key), since),
            1,
        )
        return found[0] if found else None

    async def audit(
        self, *, rollout: str | None = None, before: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """Return entries, the newest first, see `RolloutStore`."""
        number = id_parts(before)[1] if before else 2**63 - 1
        if rollout is None:
            return await self._entries("number < ?", (number,), limit)
        return await self._entries("rollout = ? AND number < ?", (rollout, number), limit)

    def watch(self, changed: Callable[[], None]) -> None:
        """Do nothing: no other replica writes."""

    # -- in the thread ---------------------------------------------------------

    def _save(
        self,
        connection: sqlite3.Connection,
        state: RolloutState,
        expected: int,
        text: str,
        entry: AuditEntry | None,
    ) -> str | None:
        """Store both; where the version is another one, return the text of that instead."""
        with transaction(connection):
            row: tuple[int, str] = connection.execute(
                "SELECT version, state FROM rollouts WHERE name = ?", (state.name,)
            ).fetchone() or (0, "")
            if row[0] != expected:
                return row[1]
            connection.execute(
                "INSERT OR REPLACE INTO rollouts (name, version, state) VALUES (?, ?, ?)",
                (state.name, state.version, text),
            )
            if entry is not None:
                self._append(connection, entry)
        return None

    def _append(self, connection: sqlite3.Connection, entry: AuditEntry) -> None:
        """Add to the audit, under the time of now, or of the last entry if that is later."""
        number = connection.execute(
            """
            INSERT INTO audit (milliseconds, rollout, version, idempotency_key, entry)
            VALUES (
                max(?, ifnull((SELECT milliseconds FROM audit ORDER BY number DESC LIMIT 1), 0)),
                ?, ?, ?, ?
            )
            """,
            (
                int(self._wall_clock() * 1000),
                entry.rollout,
                entry.version,
                finding(entry.idempotency_key),
                entry_text(entry),
            ),
        ).lastrowid
        if number is not None and number % _TRIM_EVERY == 0:
            connection.execute("DELETE FROM audit WHERE number <= ?", (number - AUDIT_KEPT,))

    async def _entries(
        self, condition: str, values: tuple[str | int, ...], limit: int
    ) -> list[AuditEntry]:
        query = (
            f"SELECT milliseconds, number, entry FROM audit WHERE {condition} "  # noqa: S608 - ours
            "ORDER BY number DESC LIMIT ?"
        )
        values = (*values, page_size(limit))
        rows = await self._file.ask(lambda connection: connection.execute(query, values).fetchall())
        return [entry_of(f"{ms}-{number}", text, self.url) for ms, number, text in rows]
