"""How a queue in Redis wakes other processes, and what it says is wrong."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress

import pytest

from plugins.message_queue.message import Approval
from plugins.message_queue.store import QueueStore
from proxy.api.stores import StoreError
from tests.kit.redis import RedisServer, redis_server
from tests.kit.wire import DEADLINE
from tests.plugins.message_queue.stores.bench import LEASE, NOW, ROOMY, Bench, Clock, message
from tests.plugins.message_queue.stores.on_redis import FOLDED, connected


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
async def bench(server: RedisServer) -> AsyncIterator[Bench]:
    server.say("FLUSHALL")
    clock = Clock()
    async with connected(server, clock) as queue:
        yield Bench(queue, clock)


# -- the bell --------------------------------------------------------------------------------------


class Bell:
    """Counts how often it rang."""

    def __init__(self) -> None:
        self.rings = 0
        self._rung = asyncio.Event()

    def __call__(self) -> None:
        self.rings += 1
        self._rung.set()

    async def heard(self) -> int:
        """Wait until it rings; how often it did since the last time."""
        async with asyncio.timeout(DEADLINE):
            await self._rung.wait()
        self._rung.clear()
        rings, self.rings = self.rings, 0
        return rings


@asynccontextmanager
async def listening(queue: QueueStore) -> AsyncIterator[Bell]:
    bell = Bell()
    task = asyncio.create_task(queue.listen(bell))
    try:
        assert await bell.heard() == 1  # what was said before is not known
        yield bell
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_whoever_makes_something_claimable_rings_for_the_others(
    server: RedisServer, bench: Bench
) -> None:
    bench.bounds = ROOMY._replace(in_flight=1)
    store = bench.store
    async with connected(server, bench.clock) as other, listening(other) as bell:
        await bench.put()
        assert await bell.heard() == 1
        first = await bench.one()
        await bench.put()  # has to wait for the first
        await store.sent(first.receipt, "p")
        assert await bell.heard() == 1
        second = await bench.one()
        await store.throttle(second.receipt, NOW + 50, "limit")
        assert await bell.heard() == 1
        await bench.put("b", due_at=NOW + 60)  # later than what everybody waits for already
        await bench.put("b", due_at=NOW + 40)
        assert await bell.heard() == 1
        await store.requeue("m00002", NOW + 900)
        assert await bell.heard() == 1
        assert await bench.numbers() == [2]
        await bench.put("c", approval=None)
        await store.approve("m00005", Approval(approved_by="p", approved_at=NOW))
        assert await bell.heard() == 1
        for what in ("all", "user:c", "priority:medium"):
            await store.pause(what)
            await store.resume(what)
            assert await bell.heard() == 1


async def test_nobody_rings_for_himself(server: RedisServer, bench: Bench) -> None:
    async with connected(server, bench.clock) as other, listening(other) as bell:
        await other.put(message(1), ROOMY)
        await other.claim(ROOMY, most=1, lease=LEASE)
        await bench.store.put(message(2), ROOMY)
        assert await bell.heard() == 1


# -- what is wrong ---------------------------------------------------------------------------------

TROUBLE = {
    "appendonly yes": (),
    "noeviction": (*FOLDED, "--maxmemory-policy", "allkeys-lru"),
    "": (*FOLDED, "--maxmemory-policy", "volatile-lru"),
}


@pytest.mark.parametrize("says", TROUBLE)
async def test_a_redis_that_may_lose_messages_is_told_of(says: str) -> None:
    async with redis_server(*TROUBLE[says]) as server, connected(server, None) as queue:
        trouble = await queue.trouble()
        assert says in trouble
        assert bool(trouble) == bool(says)


async def test_keys_of_another_version_are_left_alone(server: RedisServer) -> None:
    server.say("FLUSHALL")
    server.say("HSET crossfade:{plugin:test}:queue:meta version 2")
    with pytest.raises(StoreError, match="another version"):
        async with connected(server, None):
            raise AssertionError("it was opened")


async def test_a_message_that_cannot_be_read_is_left_alone(
    server: RedisServer, bench: Bench
) -> None:
    await bench.put(content="hush")
    server.say('HSET crossfade:{plugin:test}:queue:m:m00001 body "{"')
    await bench.put()
    assert await bench.numbers() == [2]
    assert await bench.listed() == [2]
    with pytest.raises(StoreError, match="cannot be read") as caught:
        await bench.record(1)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_a_redis_that_is_gone_is_told_of() -> None:
    async with redis_server() as server, connected(server, None) as queue:
        await asyncio.to_thread(server.stop)
        with pytest.raises(StoreError, match=str(server.port)):
            await queue.put(message(1), ROOMY)
