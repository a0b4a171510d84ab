"""Which store a URL opens, and what is shared through it."""

import subprocess
import sys
from pathlib import Path

import pytest

from proxy.stores.memory import MemoryStore
from proxy.stores.opening import fleet_of, store_for
from proxy.stores.redis import RedisStore
from proxy.stores.redis_fleet import RedisFleet
from proxy.stores.sqlite import SqliteStore


async def test_memory_and_sqlite_are_for_one_process(tmp_path: Path) -> None:
    memory, sqlite = store_for("memory://"), store_for(f"sqlite://{tmp_path}/with %20 and ü.db")
    assert isinstance(memory, MemoryStore)
    assert isinstance(sqlite, SqliteStore)
    await sqlite.open()
    assert (tmp_path / "with %20 and ü.db").exists()
    for store in (memory, sqlite):
        assert not store.shared
        assert fleet_of(store) is None
        await store.close()


async def test_a_relative_path_has_no_slashes_before_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    store = store_for("sqlite:var/state.db")
    await store.open()
    assert (tmp_path / "var" / "state.db").exists()
    await store.close()


async def test_redis_is_for_a_fleet() -> None:
    for url in ("redis://:hush@cache:6379/0?prefix=shop", "rediss://:hush@cache:6379/0"):
        store = store_for(url)
        assert isinstance(store, RedisStore)
        assert store.shared
        assert isinstance(fleet_of(store), RedisFleet)
        assert "hush" not in f"{store.url}{store!r}{vars(store)}"
        await store.close()


def test_a_start_without_redis_does_not_wait_for_its_import() -> None:
    code = (
        "import sys, proxy.cli.main\n"
        "from proxy.stores.opening import fleet_of, store_for\n"
        "fleet_of(store_for('memory://'))\n"
        "fleet_of(store_for('sqlite:///nowhere/x.db'))\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'redis']\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.parametrize(
    "url", ["", "postgres://:hush@db/x", "memory://x", "sqlite://var/x.db", "redis://:hush@c:x/"]
)
def test_another_url_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ValueError, match=r"memory://|redis://|sqlite://") as caught:
        store_for(url)
    assert "hush" not in str(caught.value)
