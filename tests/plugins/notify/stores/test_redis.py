"""The store in a real Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from plugins.notify.store import Bounds, Filter, NotifyStore, Wanted
from plugins.notify.stores.redis import RedisStore
from proxy.api.stores import StoreError
from proxy.api.testing import FakeServices
from tests.kit.redis import RedisServer
from tests.plugins.notify.stores import behaviour
from tests.plugins.notify.stores.bench import BOUNDS, ROOMY, Clock, Opened, notice
from tests.plugins.notify.stores.machine import does_as_the_model


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as started:
        yield started


@pytest.fixture
def opened(server: RedisServer) -> Opened:
    @asynccontextmanager
    async def opening(clock: Clock | None, bounds: Bounds) -> AsyncIterator[NotifyStore]:
        services = FakeServices()
        redis = services.redis(server.url)
        try:
            await redis.call("FLUSHALL")
            store = RedisStore(redis, clock, bounds)
            await store.open()
            yield store
        finally:
            await services.close()

    return opening


def test_whatever_is_asked_it_does_as_the_model(opened: Opened) -> None:
    assert does_as_the_model(opened, 25) >= 25


async def test_it_behaves_as_a_store_of_alerts(opened: Opened) -> None:
    assert await behaviour.all_of_it(opened) == len(behaviour.PROMISES)


async def test_of_many_replicas_that_raise_one_alert_one_tells(server: RedisServer) -> None:
    services = FakeServices()
    await services.redis(server.url).call("FLUSHALL")
    stores = [RedisStore(services.redis(server.url), None, BOUNDS) for _ in range(5)]
    for store in stores:
        await store.open()
    taken = await asyncio.gather(
        *(
            store.take(notice(number, "same"), (Wanted("ops"),))
            for number, store in enumerate(stores, 1)
        )
    )
    assert sorted(one.what for one in taken) == ["again"] * 4 + ["told"]
    claims = await asyncio.gather(*(store.claim("ops", ROOMY, lease=60.0) for store in stores))
    assert sorted(len(one) for one in claims) == [0, 0, 0, 0, 1]
    [listed] = await stores[3].list(Filter(), 10)
    assert listed.times == 5
    await services.close()


async def test_a_script_that_is_sent_twice_counts_once(opened: Opened) -> None:
    async with opened(Clock(), BOUNDS) as store:
        for _ in range(2):
            await store.take(notice(1), (Wanted("ops"),))
        assert (await store.stats()).waiting == {"ops": 1}
        assert [one.times for one in await store.list(Filter(), 9)] == [1]


async def test_who_listens_hears_what_another_has_taken_in(opened: Opened) -> None:
    async with opened(Clock(), BOUNDS) as store:
        heard = asyncio.Event()
        began = asyncio.Event()

        def ring() -> None:
            (heard if began.is_set() else began).set()

        listening = asyncio.create_task(store.listen(ring))
        async with asyncio.timeout(20):
            await began.wait()
            await store.take(notice(1), (Wanted("ops"),))
            await heard.wait()
        listening.cancel()
        assert (await store.stats()).waiting == {"ops": 1}


async def test_keys_of_another_version_are_refused(server: RedisServer) -> None:
    services = FakeServices()
    redis = services.redis(server.url)
    await redis.call("FLUSHALL")
    await redis.call("SET", f"{redis.key('alerts')}:version", "0")
    with pytest.raises(StoreError, match="another version"):
        await RedisStore(redis, None, BOUNDS).open()
    await services.close()


async def test_how_it_may_lose_alerts_is_told(opened: Opened, server: RedisServer) -> None:
    async with opened(Clock(), BOUNDS) as store:
        assert "append-only" in await store.trouble()
        server.say("FLUSHALL")
        assert "has lost what it had" in await store.trouble()


async def test_an_alert_of_an_earlier_version_has_nothing_measured(server: RedisServer) -> None:
    services = FakeServices()
    redis = services.redis(server.url)
    await redis.call("FLUSHALL")
    store = RedisStore(redis, Clock(), BOUNDS)
    await store.open()
    await store.take(notice(1), ())
    await redis.call("HDEL", f"{redis.key('alerts')}:a:{notice(1).id}", "measured")
    [one] = await store.list(Filter(), 9)
    assert (one.text, one.measured) == ("text 1", None)
    await services.close()
