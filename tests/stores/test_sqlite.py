"""The store in a file: its rights, its faults in words, one thread, nothing acknowledged lost."""

import asyncio
import os
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proxy.core.rollout_state import RolloutState
from proxy.stores.rollouts import StoreLostError
from proxy.stores.sqlite import SqliteStore
from proxy.stores.sqlite_file import PATIENCE
from tests.stores.killing import Killing
from tests.stores.written import NOW, change

DAY = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "for it" / "state.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, lambda: NOW)
    yield store
    await store.close()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    path.chmod(0o666)


def damage(path: Path) -> None:
    """Leave nothing of the file but its first page."""
    first, rest = path.read_bytes()[:4096], path.stat().st_size - 4096
    path.write_bytes(first + os.urandom(rest))


async def test_file_and_log_are_for_their_owner_alone(store: SqliteStore, path: Path) -> None:
    await store.open()
    await change(store, RolloutState("campaigns"))
    assert mode(path.parent) == 0o700
    assert {mode(file) for file in path.parent.iterdir()} == {0o600}
    assert len(list(path.parent.iterdir())) == 3


async def test_a_file_with_wider_rights_is_narrowed(store: SqliteStore, path: Path) -> None:
    put(path, b"")
    await store.open()
    assert mode(path) == 0o600


async def test_what_was_saved_is_there_after_a_restart(store: SqliteStore, path: Path) -> None:
    saved = await change(store, RolloutState("campaigns", percentage=25.0))
    await store.close()
    again = SqliteStore(path)
    assert await again.load() == {"campaigns": saved}
    await again.close()
    assert sorted(file.name for file in path.parent.iterdir()) == ["state.db"]


async def test_a_save_is_on_the_disk_before_it_is_acknowledged(store: SqliteStore) -> None:
    def asked(connection: sqlite3.Connection) -> list[str | int]:
        pragmas = ("journal_mode", "synchronous")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas]

    full = 2
    assert await store._file.ask(asked) == ["wal", full]


async def test_after_closing_nothing_is_taken(store: SqliteStore) -> None:
    await store.open()
    await store.close()
    await store.close()
    with pytest.raises(StoreLostError, match="closed"):
        await store.load()


async def test_a_full_disk_is_told_and_used_again_when_there_is_room(store: SqliteStore) -> None:
    state = await change(store, RolloutState("campaigns"))

    def narrow(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await store._file.ask(narrow)
    with pytest.raises(StoreLostError, match="the disk is full; make room"):
        await change(store, state, reason="x" * 100_000)
    assert await store.load() == {"campaigns": state}
    assert len(await store.audit()) == 1
    assert (await change(store, state, reason="x" * 100_000)).version == 2


async def test_a_lock_of_another_process_is_told(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.stores.sqlite_file._LOCK_SECONDS", 0.02)
    await store.open()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLostError, match="another process holds its lock"):
        await change(store, RolloutState("campaigns"))
    other.close()
    assert (await change(store, RolloutState("campaigns"))).version == 1


async def test_a_file_that_is_no_database_is_told(store: SqliteStore, path: Path) -> None:
    put(path, b"no database, for sure. " * 200)
    with pytest.raises(StoreLostError, match="no SQLite database"):
        await store.open()


async def test_a_damaged_file_is_told(store: SqliteStore, path: Path) -> None:
    state = RolloutState("campaigns")
    for _ in range(40):
        state = await change(store, state, reason="x" * 2_000)
    await store.close()
    damage(path)
    again = SqliteStore(path)
    with pytest.raises(StoreLostError, match="damaged"):
        await again.audit()
    await again.close()


async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    store = SqliteStore(tmp_path / "file" / "state.db")
    with pytest.raises(StoreLostError, match="look at the folder"):
        await store.open()
    (tmp_path / "file").unlink()
    await store.open()
    assert await store.load() == {}
    await store.close()


async def test_a_disk_that_hangs_is_not_waited_for(path: Path) -> None:
    store = SqliteStore(path, lambda: NOW, patience=0.05)
    hanging = threading.Event()
    held = asyncio.ensure_future(store._file.ask(lambda _: hanging.wait(5.0)))
    with pytest.raises(StoreLostError, match=r"did not answer within 0\.05 s"):
        await held
    with pytest.raises(StoreLostError, match="did not answer"):
        await change(store, RolloutState("campaigns"))
    hanging.set()
    store._file.file.patience = PATIENCE
    assert await store.load() == {}  # what had not begun in time was not done later
    await store.close()
    assert PATIENCE < 2.0


async def test_the_oldest_entries_go_when_there_are_too_many(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.stores.sqlite._TRIM_EVERY", 4)
    monkeypatch.setattr("proxy.stores.sqlite.AUDIT_KEPT", 5)
    state = RolloutState("campaigns")
    for _ in range(13):
        state = await change(store, state)
    assert [entry.version for entry in await store.audit()] == [13, 12, 11, 10, 9, 8]


async def test_a_key_is_forgotten_after_a_day(path: Path) -> None:
    now = NOW
    store = SqliteStore(path, lambda: now)
    await change(store, RolloutState("campaigns"), idempotency_key="once")
    now += DAY - 1
    assert await store.find("once") is not None
    now += 2
    assert await store.find("once") is None
    now -= 3 * DAY
    await change(store, RolloutState("orders"))
    newest, oldest = await store.audit()
    assert newest.id.partition("-")[0] == oldest.id.partition("-")[0]
    await store.close()


def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    found = Killing(tmp_path / "state.db", seed=7).run(kills=3)
    assert found.wrong == []
    assert found.acknowledged > 0
