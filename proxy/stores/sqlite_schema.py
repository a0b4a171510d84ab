"""The tables of the SQLite store, and how an older file becomes one of today.

`PRAGMA user_version` counts the migrations that a file has seen. A migration that was
released is never edited: what changes is a further one.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from proxy.stores.rollouts import StoreLostError

__all__ = ["APPLICATION_ID", "MIGRATIONS", "check_owner", "migrate", "transaction"]

APPLICATION_ID: Final = 0x43524644
"""Marks a file as Crossfade's (``CRFD``)."""

MIGRATIONS: Final[tuple[tuple[str, ...], ...]] = (
    (
        """
        CREATE TABLE rollouts (
            name TEXT PRIMARY KEY,
            version INTEGER NOT NULL,
            state TEXT NOT NULL
        ) STRICT, WITHOUT ROWID
        """,
        """
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            milliseconds INTEGER NOT NULL,
            rollout TEXT NOT NULL,
            version INTEGER NOT NULL,
            idempotency_key TEXT NOT NULL,
            entry TEXT NOT NULL
        ) STRICT
        """,
        "CREATE INDEX audit_by_rollout ON audit (rollout, number)",
        """
        CREATE INDEX audit_by_key ON audit (idempotency_key, number)
        WHERE idempotency_key != ''
        """,
    ),
)
"""Statement after statement, version after version."""


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing: the file is locked for writing, and committed at the end."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrate(connection: sqlite3.Connection, url: str) -> None:
    """Create or upgrade the tables. Raises StoreLostError for a file that is not ours."""
    if _version(connection, url) == len(MIGRATIONS):
        return
    with transaction(connection):
        # Asked again now that nobody else can be upgrading it, too.
        for statements in MIGRATIONS[_version(connection, url) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def check_owner(connection: sqlite3.Connection, url: str) -> None:
    """Raise StoreLostError for a file that has tables of another program."""
    tables = int(connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0])
    if tables and _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreLostError(
            f"{url} is a database of another program; name a file of Crossfade's own"
        )


def _version(connection: sqlite3.Connection, url: str) -> int:
    check_owner(connection, url)
    version = _pragma(connection, "user_version")
    if version > len(MIGRATIONS):
        raise StoreLostError(
            f"{url} was written by a newer Crossfade (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); run that version, or name another file"
        )
    return version


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])
