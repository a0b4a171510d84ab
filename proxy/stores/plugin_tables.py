"""The tables of plugins in a SQLite file, and how older ones become those of today.

One file may serve several plugins, and the rollouts too: so what a file has seen is counted
for each plugin, in a table. A migration that was released is never edited: what changes is a
further one.
"""

import sqlite3
from collections.abc import Iterator, Sequence

from proxy.stores.rollouts import StoreLostError
from proxy.stores.sqlite_schema import APPLICATION_ID, check_owner, transaction

__all__ = ["migrate_plugin", "statements"]

_SEEN = """
    CREATE TABLE IF NOT EXISTS plugin_migrations (
        plugin TEXT PRIMARY KEY,
        seen INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID
"""
_NOTE = "INSERT OR REPLACE INTO plugin_migrations (plugin, seen) VALUES (?, ?)"


def migrate_plugin(
    connection: sqlite3.Connection, url: str, plugin: str, migrations: Sequence[str]
) -> None:
    """Run those of the scripts that the file has not seen, each in a transaction.

    Raises StoreLostError for a file of another program or of a newer version of the plugin.
    """
    check_owner(connection, url)
    while (seen := _seen(connection, plugin)) != len(migrations):
        if seen > len(migrations):
            raise StoreLostError(
                f"{url} was written by a newer version of the plugin {plugin} (schema {seen}, "
                f"this one knows {len(migrations)}); run that version, or name another file"
            )
        with transaction(connection):
            # Asked again now that nobody else can be upgrading it, too.
            if _seen(connection, plugin) == seen:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(_SEEN)
                for statement in statements(migrations[seen]):
                    connection.execute(statement)
                connection.execute(_NOTE, (plugin, seen + 1))


def statements(script: str) -> Iterator[str]:
    """Split a script; a statement ends with a semicolon, the last one need not."""
    statement = ""
    for piece in script.split(";"):
        statement += piece
        if not statement.strip():
            statement = ""
        elif sqlite3.complete_statement(f"{statement};"):
            yield statement
            statement = ""
        else:  # the semicolon was within a text, a comment or a trigger
            statement += ";"
    if statement.strip().strip(";"):
        yield statement


def _seen(connection: sqlite3.Connection, plugin: str) -> int:
    known = "SELECT 1 FROM sqlite_schema WHERE name = 'plugin_migrations'"
    if connection.execute(known).fetchone() is None:
        return 0
    row = connection.execute(
        "SELECT seen FROM plugin_migrations WHERE plugin = ?", (plugin,)
    ).fetchone()
    return 0 if row is None else int(row[0])
