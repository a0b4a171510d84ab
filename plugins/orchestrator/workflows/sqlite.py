"""Workflows in a SQLite file, or in memory: for one process.

Two processes on one file see the same workflows and cannot take each other's; what one that
died has left is taken at once only where no other process has the file.
"""

import fcntl
import os
import sqlite3
import weakref
from collections.abc import Callable, Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger

from proxy.api import SqliteFile
from proxy.api.workflows import WorkflowCosts

from .documents import Reading, costs_of, day_of, stored_as
from .record import Workflow
from .store import IDEMPOTENT_FOR

__all__ = ["IN_MEMORY_MOST", "MIGRATIONS", "SqliteWorkflows"]

IN_MEMORY_MOST: Final = 10_000
"""So many ended workflows are kept in memory."""

_FORGOTTEN_AT_ONCE: Final = 1_000
_DAY: Final = 86_400
_SPARE: Final = 100
"""So many unreadable ones are passed over to fill a list."""

MIGRATIONS: Final = (
    """
    CREATE TABLE workflows (
        id TEXT PRIMARY KEY,
        version INTEGER NOT NULL,
        user_id TEXT NOT NULL,
        status TEXT NOT NULL,
        request_id TEXT NOT NULL,
        idempotency TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL,
        due REAL NOT NULL,
        lease_until REAL NOT NULL,
        document TEXT NOT NULL
    ) STRICT;
    CREATE INDEX workflows_by_time ON workflows (created, status);
    CREATE INDEX workflows_by_user ON workflows (user_id, created);
    CREATE INDEX workflows_by_request ON workflows (request_id, created);
    CREATE INDEX workflows_by_key ON workflows (idempotency, created) WHERE idempotency != '';
    CREATE INDEX workflows_unfinished ON workflows (lease_until, due, status)
    WHERE status IN ('running', 'queued');
    CREATE INDEX workflows_ended ON workflows (updated, idempotency, created)
    WHERE status NOT IN ('running', 'queued');
    CREATE TABLE workflow_costs (
        created REAL NOT NULL,
        workflow TEXT NOT NULL,
        provider TEXT NOT NULL,
        user_id TEXT NOT NULL,
        type TEXT NOT NULL,
        tokens INTEGER NOT NULL,
        nano_usd INTEGER NOT NULL,
        PRIMARY KEY (created, workflow, provider)
    ) STRICT, WITHOUT ROWID;
    """,
)

_INSERT = """
    INSERT INTO workflows (
        id, version, user_id, status, request_id, idempotency,
        created, updated, due, lease_until, document
    ) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_UPDATE = """
    UPDATE workflows
    SET version = version + 1, status = ?, updated = ?, due = ?, lease_until = ?, document = ?
    WHERE id = ? AND version = ?
"""
_HOLDER = """
    SELECT id, document FROM workflows
    WHERE idempotency = ? AND idempotency != '' AND created > ? ORDER BY created DESC LIMIT 1
"""
_COST = "INSERT OR REPLACE INTO workflow_costs VALUES (?, ?, ?, ?, ?, ?, ?)"
_COSTS = """
    SELECT CAST(created / ? AS INTEGER) AS day, type, provider,
        count(*), sum(tokens), sum(nano_usd)
    FROM workflow_costs WHERE created >= ? AND created < ? AND (? IS NULL OR user_id = ?)
    GROUP BY day, type, provider ORDER BY day, type, provider
"""
_TAKEABLE = """
    SELECT id, document FROM workflows
    WHERE status IN ('running', 'queued') AND lease_until <= ? AND due <= ?
    ORDER BY lease_until, due, created LIMIT ?
"""
# The first condition is that of the index.
_WAITING = """
    SELECT count(*) FROM workflows WHERE status IN ('running', 'queued') AND status = 'queued'
"""
_VOID = "UPDATE workflows SET lease_until = 0 WHERE status IN ('running', 'queued')"
_FORGETTABLE = """
    SELECT id, created FROM workflows
    WHERE status NOT IN ('running', 'queued') AND updated < ? AND (idempotency = '' OR created <= ?)
    ORDER BY updated LIMIT ?
"""
_TOO_MANY = """
    SELECT id, created FROM workflows WHERE status NOT IN ('running', 'queued')
    ORDER BY updated DESC LIMIT -1 OFFSET ?
"""

_Row = tuple[str, str]


class SqliteWorkflows:
    """A `WorkflowStore` on one file, or on ``:memory:``."""

    def __init__(
        self, file: SqliteFile, now: Callable[[], float], log: FilteringBoundLogger
    ) -> None:
        """`now` gives Unix time in seconds."""
        self.url = file.url
        self._file = file
        self._now = now
        self._reading = Reading(file.url, log)

    async def open(self) -> None:
        """Create or upgrade the tables; let go of what a process that died has held."""
        lock = await self._file.write(_locked)
        if lock is not None:
            weakref.finalize(self, os.close, lock)

    async def create(self, workflow: Workflow) -> Workflow | None:
        """Store a new workflow, see `WorkflowStore`."""
        text = stored_as(workflow, 1)

        def job(connection: sqlite3.Connection) -> _Row | None:
            since = workflow.created - IDEMPOTENT_FOR
            holder: _Row | None = (
                connection.execute(_HOLDER, (workflow.idempotency, since)).fetchone()
                if workflow.idempotency
                else None
            )
            if holder is None:
                connection.execute(_INSERT, _columns(workflow, text))
                _note_costs(connection, workflow)
            return holder

        taken = await self._file.write(job)
        return None if taken is None else self._reading.one(*taken)

    async def save(self, workflow: Workflow, expected: int) -> bool:
        """Replace a version by the next one, see `WorkflowStore`."""
        text = stored_as(workflow, expected + 1)

        def job(connection: sqlite3.Connection) -> bool:
            fields = (workflow.status, workflow.updated, workflow.due, workflow.lease_until, text)
            changed = connection.execute(_UPDATE, (*fields, workflow.id, expected)).rowcount == 1
            if changed:
                _note_costs(connection, workflow)
            return changed

        return await self._file.write(job)

    async def get(self, workflow_id: str) -> Workflow | None:
        """Return a workflow."""
        found = await self._rows("SELECT id, document FROM workflows WHERE id = ?", workflow_id)
        return self._reading.one(*found[0]) if found else None

    async def of_request(self, request_id: str) -> tuple[Workflow, ...]:
        """Return the workflows of a request, the oldest first."""
        query = "SELECT id, document FROM workflows WHERE request_id = ? ORDER BY created LIMIT 20"
        return self._reading.all(await self._rows(query, request_id), 20)

    async def list(
        self, *, user_id: str | None, status: str | None, limit: int
    ) -> tuple[Workflow, ...]:
        """Return the newest first."""
        asked = {"user_id": user_id, "status": status}
        values = {name: value for name, value in asked.items() if value is not None}
        where = " AND ".join(f"{name} = ?" for name in values) or "1"
        query = (
            f"SELECT id, document FROM workflows WHERE {where} "  # noqa: S608 - ours
            "ORDER BY created DESC LIMIT ?"
        )
        return self._reading.all(await self._rows(query, *values.values(), limit + _SPARE), limit)

    async def takeable(self, now: float, limit: int) -> tuple[Workflow, ...]:
        """Return unfinished ones that are due and nobody holds; who was let go first, first."""
        return self._reading.all(await self._rows(_TAKEABLE, now, now, limit + _SPARE), limit)

    async def waiting(self) -> int:
        """Return how many are queued."""
        count: int = await self._file.ask(lambda c: c.execute(_WAITING).fetchone()[0])
        return count

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        """Sum by day, type and provider."""
        values = (_DAY, since, until, user_id, user_id)
        rows = await self._file.ask(lambda c: c.execute(_COSTS, values).fetchall())
        return tuple(WorkflowCosts(day_of(row[0]), *row[1:]) for row in rows)

    async def forget(self, before: float) -> int:
        """Remove ended ones; not those whose Idempotency-Key still finds them.

        In memory also all but the last `IN_MEMORY_MOST`, whatever their keys.
        """
        keyed = self._now() - IDEMPOTENT_FOR

        def job(connection: sqlite3.Connection) -> int:
            old = connection.execute(_FORGETTABLE, (before, keyed, _FORGOTTEN_AT_ONCE)).fetchall()
            _delete(connection, old)
            if _path_of(connection):
                return len(old)
            more = connection.execute(_TOO_MANY, (IN_MEMORY_MOST,)).fetchall()
            _delete(connection, more)
            return len(old) + len(more)

        return await self._file.write(job)

    async def _rows(self, query: str, *values: str | float) -> Sequence[_Row]:
        return await self._file.ask(lambda c: c.execute(query, values).fetchall())


def _columns(workflow: Workflow, text: str) -> tuple[str | float, ...]:
    return (
        workflow.id,
        workflow.user_id,
        workflow.status,
        workflow.request_id,
        workflow.idempotency,
        workflow.created,
        workflow.updated,
        workflow.due,
        workflow.lease_until,
        text,
    )


def _note_costs(connection: sqlite3.Connection, workflow: Workflow) -> None:
    for provider, (tokens, nano_usd) in costs_of(workflow).items():
        place = (workflow.created, workflow.id, provider)
        connection.execute(_COST, (*place, workflow.user_id, workflow.type, tokens, nano_usd))


def _delete(connection: sqlite3.Connection, rows: Sequence[tuple[str, float]]) -> None:
    connection.executemany("DELETE FROM workflows WHERE id = ?", [(row[0],) for row in rows])
    connection.executemany("DELETE FROM workflow_costs WHERE workflow = ? AND created = ?", rows)


def _path_of(connection: sqlite3.Connection) -> str:
    """Where the file is; empty for a database in memory."""
    path: str = connection.execute("PRAGMA database_list").fetchone()[2]
    return path


def _locked(connection: sqlite3.Connection) -> int | None:
    """Say by a lock that this process has the workflows; where it is alone, void all leases.

    The lock is on a file beside the database and ends with its descriptor, which is
    returned: by a crash at the latest. None where there is nothing to be locked.
    """
    path = _path_of(connection)
    if not path:
        return None
    lock = os.open(f"{path}-workflows", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if _lock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            connection.execute(_VOID)
        _lock(lock, fcntl.LOCK_SH)
    except BaseException:
        os.close(lock)
        raise
    return lock


def _lock(descriptor: int, how: int) -> bool:
    """Whether it could be locked; not where somebody else has it, or such a disk has no locks."""
    try:
        fcntl.flock(descriptor, how)
    except OSError:
        return False
    return True
