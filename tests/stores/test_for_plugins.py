"""The stores that plugins can have: where they are, and that they are shared rightly."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from proxy.api.stores import DynamoTable, RedisScripts, SqliteFile
from proxy.stores.for_plugins import StoresForPlugins
from tests.kit.redis import RedisServer
from tests.kit.running import ROOT

TABLE = ("CREATE TABLE t (x)",)


@pytest.fixture
def stores(tmp_path: Path) -> StoresForPlugins:
    return StoresForPlugins(tmp_path)


async def test_a_relative_path_is_below_the_folder(
    stores: StoresForPlugins, tmp_path: Path
) -> None:
    door: SqliteFile = stores.sqlite("queue", Path("var/queue.db"), TABLE)
    await door.ask(bool)
    assert (tmp_path / "var" / "queue.db").exists()
    assert door.url == f"sqlite://{tmp_path}/var/queue.db"
    await stores.sqlite("queue", tmp_path / "var" / "queue.db", TABLE).close()


async def test_one_path_has_one_file_as_long_as_somebody_has_it(
    stores: StoresForPlugins, tmp_path: Path
) -> None:
    before = stores.sqlite("queue", Path("x.db"), TABLE)
    after = stores.sqlite("queue", tmp_path / "y" / ".." / "x.db", (*TABLE, "CREATE TABLE u (x)"))
    assert before.file is after.file
    await before.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    await after.write(lambda connection: connection.execute("INSERT INTO u VALUES (1)"))
    await before.write(lambda connection: connection.execute("INSERT INTO t VALUES (2)"))
    await before.close()
    assert await after.ask(lambda c: c.execute("SELECT count(*) FROM t").fetchone()) == (2,)
    await after.close()
    again = stores.sqlite("queue", Path("x.db"), (*TABLE, "CREATE TABLE u (x)"))
    assert again.file is not after.file
    assert await again.ask(lambda c: c.execute("SELECT count(*) FROM t").fetchone()) == (2,)
    await again.close()


async def test_a_file_can_be_opened_while_it_is_being_closed(stores: StoresForPlugins) -> None:
    old = stores.sqlite("queue", Path("x.db"), TABLE)
    await old.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    closing = asyncio.ensure_future(old.close())
    await asyncio.sleep(0)
    new = stores.sqlite("queue", Path("x.db"), TABLE)
    assert await new.ask(lambda c: c.execute("SELECT x FROM t").fetchall()) == [(1,)]
    await closing
    await new.close()


async def rows_of(stores: StoresForPlugins, plugin: str) -> Any:
    door = stores.sqlite(plugin, Path(":memory:"), TABLE)
    try:
        return await door.ask(lambda c: c.execute("SELECT x FROM t").fetchall())
    finally:
        await door.close()


async def test_what_is_in_memory_is_the_plugins_own_and_ends_with_it(
    stores: StoresForPlugins,
) -> None:
    one = stores.sqlite("queue", Path(":memory:"), TABLE)
    await one.write(lambda connection: connection.execute("INSERT INTO t VALUES (1)"))
    assert await rows_of(stores, "other") == []
    after_a_reload = stores.sqlite("queue", Path(":memory:"), TABLE)
    await one.close()
    assert await rows_of(stores, "queue") == [(1,)]
    await after_a_reload.close()
    assert await rows_of(stores, "queue") == []


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("redis://localhost", "crossfade:{plugin:queue}:jobs:1"),
        ("rediss://localhost/3?prefix=shop", "crossfade:{shop:plugin:queue}:jobs:1"),
    ],
)
async def test_a_plugin_has_keys_of_its_own(stores: StoresForPlugins, url: str, key: str) -> None:
    redis = stores.redis("queue", url)
    assert redis.key("jobs", "1") == key
    await redis.close()


@pytest.mark.parametrize("url", ["http://localhost", "redis:/x", "redis://h:port", ""])
def test_a_url_that_is_none_of_redis_is_refused(stores: StoresForPlugins, url: str) -> None:
    with pytest.raises(ValueError, match="redis://host:6379/0"):
        stores.redis("queue", url)


async def test_a_script_is_given_as_its_text(
    stores: StoresForPlugins, running_redis: RedisServer
) -> None:
    redis: RedisScripts = stores.redis("queue", running_redis.url)
    script = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}"
    key = redis.key("count").encode()
    for count in (5, 10):
        assert await redis.run(script, (redis.key("count"),), (5,)) == [key, count]
    assert await redis.call("GET", redis.key("count")) == b"10"
    assert redis.url == running_redis.url
    await stores.redis("queue", running_redis.url).close()
    await redis.close()  # type: ignore[attr-defined]


async def test_a_table_asks_nobody_before_it_is_used(stores: StoresForPlugins) -> None:
    table: DynamoTable = stores.dynamodb("workflows", "eu-west-1", "http://127.0.0.1:1")
    assert table.name == "workflows"
    await table.close()  # type: ignore[attr-defined]


def test_what_nobody_asked_for_is_not_imported() -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from proxy.stores.for_plugins import StoresForPlugins\n"
        "stores = StoresForPlugins(Path('.'))\n"
        "stores.sqlite('x', Path('x.db'), ()); stores.dynamodb('t', '', '')\n"
        "print([name for name in ('redis', 'boto3', 'botocore') if name in sys.modules])"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert said.stdout == "[]\n"
