"""While a store is asked the jumping clock stands still, however long it takes."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from proxy.api import StoreError
from proxy.api.testing import FakeServices, JumpingClock
from tests.kit.dynamo import REGION, dynamo_server
from tests.kit.redis import redis_server


async def test_no_time_passes_between_a_question_and_its_answer() -> None:
    services = FakeServices()
    file = services.sqlite(Path("a.db"), ["CREATE TABLE seen (moment REAL)"])
    going_on = threading.Event()

    def slow(connection: sqlite3.Connection) -> None:
        going_on.wait(20)
        connection.execute("INSERT INTO seen VALUES (?)", (services.clock(),))

    async def noting() -> None:
        await services.sleep(10)
        await file.write(slow)
        await services.sleep(10)

    task = asyncio.create_task(noting())
    jump = asyncio.create_task(services.jumping.jump(1000))
    asyncio.get_running_loop().call_later(0.01, going_on.set)
    await jump
    rows = await file.ask(lambda on: on.execute("SELECT moment FROM seen").fetchall())
    assert rows == [(1010.0,)]
    assert task.done()
    assert services.clock() == 2000.0
    await services.close()


async def test_what_fails_lets_the_clock_go_on() -> None:
    services = FakeServices()
    file = services.sqlite(Path("a.db"), [])
    with pytest.raises(StoreError):
        await file.ask(lambda on: on.execute("SELECT nothing"))
    await services.jumping.jump(1)
    assert services.clock() == 1001.0
    assert file.url.endswith("a.db")
    await services.close()


async def held_until(clock: JumpingClock, asked: Awaitable[Any], answers: Callable[[], Any]) -> Any:
    """The answer to a question during which no time passes, though a jump waits for it."""
    asking = asyncio.ensure_future(asked)
    await asyncio.sleep(0)
    begun, jump = clock.clock(), asyncio.create_task(clock.jump(5))
    for _ in range(100):
        await asyncio.sleep(0)
    assert (jump.done(), clock.clock()) == (False, begun)
    answers()
    await jump
    assert (asking.done(), clock.clock()) == (True, begun + 5)
    return asking.result()


async def test_a_redis_holds_the_clock_while_it_is_asked_and_not_while_it_is_listened_to() -> None:
    services, heard = FakeServices(), asyncio.Queue[bytes]()
    async with redis_server() as server:
        redis = services.redis(server.url)
        key = redis.key("a", "b")
        assert await redis.call("SET", key, "7")
        services.spawn(redis.listen("news", heard.put_nowait), "listening")
        assert await heard.get() == b""
        await services.jumping.jump(1)
        for asked in (
            redis.call("GET", key),
            redis.run("return redis.call('GET', KEYS[1])", [key]),
        ):
            server.pause()
            assert await held_until(services.jumping, asked, server.resume) == b"7"
        assert server.url.startswith(redis.url)
        await services.close()


async def test_a_table_holds_the_clock_while_it_is_asked() -> None:
    services = FakeServices()
    with dynamo_server() as server:
        table = services.dynamodb("things", REGION, server.endpoint)
        server.waits.clear()
        asked = table.call("describe_limits")
        answer = await held_until(services.jumping, asked, server.waits.set)
        assert answer["TableMaxReadCapacityUnits"] > 0
        assert table.name == "things"
        await services.close()
