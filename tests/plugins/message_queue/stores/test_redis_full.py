"""The queue in a Redis whose memory is full, or which was emptied.

Where it is full nothing is taken, and what is there still goes out.
"""

from collections.abc import AsyncIterator, Awaitable

import pytest

from plugins.message_queue.message import Approval
from plugins.message_queue.store import Filter
from proxy.api.stores import StoreError
from tests.kit.redis import RedisServer, redis_server
from tests.plugins.message_queue.stores.bench import LEASE, NOW, ROOMY, Bench, Clock
from tests.plugins.message_queue.stores.on_redis import connected


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    async with redis_server() as running:
        yield running


@pytest.fixture
async def bench(server: RedisServer) -> AsyncIterator[Bench]:
    """With ten messages of two users, and one that is held."""
    clock = Clock()
    async with connected(server, clock) as queue:
        bench = Bench(queue, clock)
        await bench.several(*"ababababab")
        await bench.put("c", approval=None)
        yield bench


def fill(server: RedisServer) -> None:
    assert server.say("CONFIG SET maxmemory 1").startswith(b"+OK")


async def refused(call: Awaitable[object]) -> None:
    with pytest.raises(StoreError, match="maxmemory"):
        await call


async def test_what_is_refused_changes_nothing(server: RedisServer, bench: Bench) -> None:
    store = bench.store

    async def seen() -> object:
        return await store.list(Filter(), limit=100), await store.stats()

    before = await seen()
    fill(server)
    await refused(bench.put("d"))
    await refused(bench.put("d", lease=LEASE))
    await refused(store.approve("m00011", Approval(approved_by="p", approved_at=NOW)))
    await refused(store.pause("all"))
    assert await seen() == before


async def test_what_is_there_is_delivered(server: RedisServer, bench: Bench) -> None:
    """Even where a claim tells another bound, and the limits of a user put all of it off."""
    fill(server)
    store = bench.store
    bench.bounds = ROOMY._replace(in_flight=4)
    sent, late, retried, buried, *others = await bench.take()
    assert len(others) == 4
    assert await store.begin(sent.receipt, LEASE)
    assert await store.extend(sent.receipt, LEASE)
    assert await store.sent(sent.receipt, "p-1")
    assert await store.throttle(late.receipt, NOW + 9, "limit", whole_user=NOW + 9)
    assert await store.retry(retried.receipt, NOW + 9, "TIMEOUT", "no answer")
    assert await store.bury(buried.receipt, "FORBIDDEN", "no")
    bench.clock.at += LEASE
    for one in await bench.take():
        assert await store.begin(one.receipt, LEASE)
        assert await store.park(one.receipt, "TIMEOUT", "no answer")
    assert await store.requeue("m00010", NOW + 999)
    assert await store.cancel("m00010")
    assert await store.purge("cancelled", NOW + 999) == 1


async def test_operators_are_told(server: RedisServer, bench: Bench) -> None:
    assert "full" not in await bench.store.trouble()
    fill(server)
    assert "the memory of redis://" in await bench.store.trouble()


async def test_operators_are_told_of_a_redis_that_was_emptied_until_they_open_it_anew(
    server: RedisServer, bench: Bench
) -> None:
    (one, *_) = await bench.take()
    server.say("FLUSHALL")
    assert "gone" in await bench.store.trouble()
    assert not await bench.store.begin(one.receipt, LEASE)
    await bench.put("d")
    assert "gone" in await bench.store.trouble()
    await bench.store.open()
    assert "gone" not in await bench.store.trouble()
    assert await bench.numbers() == [12]
