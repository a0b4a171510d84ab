"""The way to Redis: addresses without secrets, no long waits, faults in words."""

import asyncio

import pytest

from proxy.stores.redis_link import PATIENCE, RedisLink, end_all, lua, place_of
from proxy.stores.rollouts import StoreLostError
from tests.kit.redis import redis_server
from tests.kit.running import free_port

SECRET = "hush-hush"

PLACES = {
    "redis://cache:6379/0": ("redis://cache:6379/0", "default", None, None),
    "redis://cache": ("redis://cache:6379/0", "default", None, None),
    "rediss://cache:7000/3?prefix=shop:blue": ("rediss://cache:7000/3", "shop:blue", None, None),
    "redis://[::1]:6380/1": ("redis://[::1]:6380/1", "default", None, None),
    f"redis://ops:{SECRET}@cache:6379/0": ("redis://cache:6379/0", "default", "ops", SECRET),
    "redis://:a%40b%2F@cache:6379/0": ("redis://cache:6379/0", "default", None, "a@b/"),
    "redis://cache:6379/0?copy=/var/x.json": ("redis://cache:6379/0", "default", None, None),
}
UNFIT = (
    f"redis://:{SECRET}@cache:port/0",
    f"redis://:{SECRET}@cache:6379/users",
    f"redis://:{SECRET}@cache:6379/0?prefix=",
    f"redis://:{SECRET}@cache:6379/0?prefix={{a}}",
    f"redis://:{SECRET}@cache:6379/0?timeout=5",
    f"redis://:{SECRET}@[cache:6379/0",
    f"redis://:{SECRET}\u2100@cache:6379/0",
)


@pytest.mark.parametrize("url", PLACES)
def test_an_address_is_taken_apart(url: str) -> None:
    place = place_of(url)
    assert (place.url, place.prefix, place.username, place.password) == PLACES[url]


@pytest.mark.parametrize("url", UNFIT)
def test_what_is_wrong_with_an_address_is_told_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"redis://|prefix") as caught:
        place_of(url)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


def test_the_password_is_in_no_display() -> None:
    place = place_of(f"redis://ops:{SECRET}@cache:6379/0")
    assert SECRET not in f"{place!r}{place}{place.url}{[place]}"


def test_all_keys_have_one_slot_in_a_cluster() -> None:
    key = place_of("redis://cache?prefix=shop").key
    assert key("states") == "crossfade:{shop}:states"
    assert key("audit", "campaigns") == "crossfade:{shop}:audit:campaigns"


async def test_where_nobody_listens_the_store_is_lost() -> None:
    link = RedisLink(place_of(f"redis://:{SECRET}@127.0.0.1:{free_port()}/0"))
    with pytest.raises(StoreLostError, match=r"redis://127\.0\.0\.1:\d+/0: ") as caught:
        await link.call("PING")
    assert SECRET not in str(caught.value)
    await link.close()


async def test_a_password_is_sent_and_a_wrong_one_is_told() -> None:
    async with redis_server("--requirepass", SECRET) as server:
        for password, right in ((SECRET, True), ("guessed", False), ("", False)):
            link = RedisLink(place_of(f"redis://:{password}@127.0.0.1:{server.port}/0"))
            if right:
                assert await link.call("PING")
            else:
                with pytest.raises(StoreLostError) as caught:
                    await link.call("PING")
                assert SECRET not in str(caught.value)
                assert "guessed" not in str(caught.value)
            await link.close()


async def test_a_server_that_hangs_is_not_waited_for() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url), patience=0.1)
        await link.call("SET", "a", "1")
        server.pause()
        calls = [link.call("GET", "a") for _ in range(20)]  # more than there are connections
        ends = await asyncio.gather(*calls, return_exceptions=True)
        server.resume()
        assert {type(end) for end in ends} == {StoreLostError}
        link.patience = PATIENCE
        assert await link.call("GET", "a") == b"1"
        await link.close()


def test_no_store_is_waited_for_longer_than_two_seconds() -> None:
    assert RedisLink(place_of("redis://cache")).patience == PATIENCE < 2.0


async def test_a_server_that_was_restarted_is_used_at_once() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        await link.run(lua("lead"), ("lease", "fence"), ("me", 10_000))
        await asyncio.gather(*(link.call("PING") for _ in range(8)))
        server.restart()
        assert await link.call("GET", "lease") == b"me"
        assert await link.run(lua("lead"), ("lease", "fence"), ("you", 10_000)) == 0
        server.stop()
        with pytest.raises(StoreLostError):
            await link.call("PING")
        server.start()
        assert await link.call("PING")
        await link.close()


async def test_a_call_under_way_ends_when_the_link_is_closed() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        call = asyncio.ensure_future(link.call("BLPOP", "nothing", 0))
        while not call.done() and b"blocked_clients:1" not in server.say("INFO clients"):
            await asyncio.wait([call], timeout=0.01)
        assert not call.done()
        await link.close()
        with pytest.raises(StoreLostError, match="was closed"):
            await call


async def test_a_task_that_loses_a_cancellation_is_ended_all_the_same() -> None:
    lost = []

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            lost.append(1)
        await asyncio.Event().wait()

    task = asyncio.ensure_future(stubborn())
    await asyncio.wait([task], timeout=0.001)
    await end_all({task})
    assert task.cancelled()
    assert lost == [1]


async def test_a_server_without_memory_is_told() -> None:
    async with redis_server("--maxmemory", "1") as server:
        link = RedisLink(place_of(server.url))
        with pytest.raises(StoreLostError, match="used memory > 'maxmemory'"):
            await link.call("SET", "a", "1")
        await link.close()


async def test_messages_of_a_channel_are_heard_and_again_after_an_outage() -> None:
    async with redis_server() as server:
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        link = RedisLink(place_of(server.url))
        listening = asyncio.create_task(link.listen(link.key("news"), heard.put_nowait, 0.05))
        try:
            assert await asyncio.wait_for(heard.get(), 20) == b""
            await link.call("PUBLISH", link.key("other"), "not for us")
            await link.call("PUBLISH", link.key("news"), "first")
            assert await asyncio.wait_for(heard.get(), 20) == b"first"
            await asyncio.to_thread(server.restart)
            assert await asyncio.wait_for(heard.get(), 20) == b""
            await link.call("PUBLISH", link.key("news"), "second")
            assert await asyncio.wait_for(heard.get(), 20) == b"second"
        finally:
            await end_all([listening])
            await link.close()
