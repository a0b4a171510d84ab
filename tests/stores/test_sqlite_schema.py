"""Files of older, newer and foreign make."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from proxy.stores import sqlite_schema
from proxy.stores.rollouts import StoreLostError
from proxy.stores.sqlite_schema import APPLICATION_ID, MIGRATIONS, migrate, transaction

URL = "sqlite:///var/x.db"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(tmp_path / "x.db", isolation_level=None)) as connection:
        yield connection


def pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def test_an_empty_file_becomes_one_of_today(connection: sqlite3.Connection) -> None:
    for _ in range(2):
        migrate(connection, URL)
        assert pragma(connection, "user_version") == len(MIGRATIONS)
        assert pragma(connection, "application_id") == APPLICATION_ID
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    assert {name for (name,) in tables} >= {"rollouts", "audit"}


def test_an_older_file_gets_what_it_lacks_and_keeps_what_it_has(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection, URL)
    connection.execute("INSERT INTO rollouts VALUES ('campaigns', 1, '{}')")
    later = ("CREATE TABLE later (x)", "ALTER TABLE rollouts ADD COLUMN colour TEXT")
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, later))
    migrate(connection, URL)
    assert pragma(connection, "user_version") == len(MIGRATIONS) + 1
    row = connection.execute("SELECT name, version, state, colour FROM rollouts").fetchone()
    assert row == ("campaigns", 1, "{}", None)


def test_a_migration_that_fails_leaves_the_file_as_it_was(
    connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(connection, URL)
    broken = ("CREATE TABLE later (x)", "CREATE TABLE rollouts (x)")
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, URL)
    assert pragma(connection, "user_version") == len(MIGRATIONS)
    assert not connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'later'").fetchall()


def test_a_file_of_a_newer_version_is_refused(connection: sqlite3.Connection) -> None:
    migrate(connection, URL)
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreLostError, match="newer Crossfade"):
        migrate(connection, URL)


def test_a_database_of_another_program_is_refused(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE rollouts (x)")
    with pytest.raises(StoreLostError, match="another program"):
        migrate(connection, URL)
    assert pragma(connection, "user_version") == 0


def insert(connection: sqlite3.Connection, times: int) -> None:
    with transaction(connection):
        for _ in range(times):
            connection.execute("INSERT INTO rollouts VALUES ('campaigns', 1, '{}')")


def test_a_transaction_is_all_or_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection, URL)
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, times=2)
    assert connection.execute("SELECT * FROM rollouts").fetchall() == []
    insert(connection, times=1)
    assert not connection.in_transaction
    assert len(connection.execute("SELECT * FROM rollouts").fetchall()) == 1
