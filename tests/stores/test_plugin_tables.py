"""Tables of several plugins in one file, of older, newer and foreign make."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.stores.plugin_tables import migrate_plugin, statements
from proxy.stores.rollouts import StoreLostError
from proxy.stores.sqlite_schema import migrate

URL = "sqlite:///var/x.db"
FIRST = "CREATE TABLE queue (x); CREATE INDEX by_x ON queue (x)"
SECOND = "ALTER TABLE queue ADD COLUMN y TEXT"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        yield connection


def names(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}


def test_a_file_gets_what_it_has_not_seen(connection: sqlite3.Connection) -> None:
    migrate_plugin(connection, URL, "queue", (FIRST,))
    connection.execute("INSERT INTO queue VALUES (1)")
    for _ in range(2):
        migrate_plugin(connection, URL, "queue", (FIRST, SECOND))
    assert connection.execute("SELECT x, y FROM queue").fetchall() == [(1, None)]


def test_plugins_and_rollouts_share_a_file(connection: sqlite3.Connection) -> None:
    migrate_plugin(connection, URL, "queue", (FIRST, SECOND))
    migrate(connection, URL)
    migrate_plugin(connection, URL, "ledger", ("CREATE TABLE ledger (x)",))
    migrate_plugin(connection, URL, "queue", (FIRST, SECOND))
    assert names(connection) >= {"queue", "ledger", "rollouts", "audit"}


def test_a_migration_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection) -> None:
    migrate_plugin(connection, URL, "queue", (FIRST,))
    with pytest.raises(sqlite3.OperationalError):
        migrate_plugin(connection, URL, "queue", (FIRST, f"CREATE TABLE later (x); {FIRST}"))
    assert "later" not in names(connection)
    migrate_plugin(connection, URL, "queue", (FIRST, SECOND))


def test_a_file_of_a_newer_plugin_is_refused(connection: sqlite3.Connection) -> None:
    migrate_plugin(connection, URL, "queue", (FIRST, SECOND))
    with pytest.raises(StoreLostError, match="newer version of the plugin queue"):
        migrate_plugin(connection, URL, "queue", (FIRST,))


def test_a_database_of_another_program_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreLostError, match="another program"):
        migrate_plugin(connection, URL, "queue", (FIRST,))
    assert names(connection) == {"theirs"}


TRIGGER = "CREATE TRIGGER t AFTER INSERT ON a BEGIN DELETE FROM b; DELETE FROM c; END"


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("", []),
        (" ;; \n", []),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT 1;\nSELECT ';';", ["SELECT 1", "SELECT ';'"]),
        (f"{TRIGGER}; SELECT 1", [TRIGGER, "SELECT 1"]),
        ("-- this; and that\nSELECT 1", ["-- this; and that\nSELECT 1"]),
    ],
)
def test_a_script_is_split_where_statements_end(script: str, found: list[str]) -> None:
    assert [statement.strip() for statement in statements(script)] == found
