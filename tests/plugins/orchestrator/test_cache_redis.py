"""Answers in a real Redis: found by every process, gone by themselves, never waited for."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from plugins.orchestrator.cache import Cache, answers_of, cache_of
from plugins.orchestrator.cache_redis import REST, RedisAnswers
from proxy.api import StoreError
from proxy.api.testing import FakeServices
from tests.kit.redis import RedisServer
from tests.plugins.orchestrator.answers import NOW, kept, result, settings


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture
async def services(server: RedisServer) -> AsyncIterator[FakeServices]:
    server.say("FLUSHALL")
    made = FakeServices()
    yield made
    await made.close()


def caching(server: RedisServer, services: FakeServices, **said: object) -> Cache:
    return cache_of(settings(cache={"store": server.url, **said}), services)


async def test_an_answer_is_found_by_another_process(
    server: RedisServer, services: FakeServices
) -> None:
    await caching(server, services).put("k", result(), NOW)
    assert await kept(caching(server, services), "k") == "Hello."
    assert await kept(caching(server, services), "l") is None
    counted = ("stored", "hit", "miss", "failed")
    assert [services.value("cache", outcome=one) for one in counted] == [1, 1, 1, 0]


async def test_a_later_answer_replaces_an_earlier_one(
    server: RedisServer, services: FakeServices
) -> None:
    cache = caching(server, services)
    await cache.put("k", result("one"), NOW)
    await cache.put("k", result("two"), NOW)
    assert await kept(cache, "k") == "two"


async def test_redis_forgets_an_answer_by_itself(
    server: RedisServer, services: FakeServices
) -> None:
    await caching(server, services, ttl="100s").put("k", result(), NOW)
    keys = server.say("KEYS *").decode().split("\r\n")
    (key,) = [line for line in keys if line.startswith("crossfade:")]
    assert key.endswith(":answer:k")
    left = int(server.say(f"PTTL {key}").decode().removeprefix(":"))
    assert 90_000 < left <= 100_000


async def test_what_somebody_else_wrote_there_is_no_answer(
    server: RedisServer, services: FakeServices
) -> None:
    cache = caching(server, services)
    await cache.put("k", result(), NOW)
    (key,) = [one for one in server.say("KEYS *").decode().split("\r\n") if "answer" in one]
    server.say(f"SET {key} rubbish")
    assert await cache.get("k", NOW) is None
    assert services.value("cache", outcome="failed") == 1


async def test_a_redis_that_is_gone_is_not_asked_again_for_a_while(services: FakeServices) -> None:
    with RedisServer() as other:
        cache = caching(other, services)
        await cache.put("k", result(), NOW)
        other.stop()
        assert await cache.get("k", NOW) is None
        other.start()
        assert await cache.get("k", NOW + REST - 1) is None
        assert services.value("cache", outcome="failed") == 2
        assert await cache.get("k", NOW + REST) is None
        assert services.value("cache", outcome="miss") == 1


async def test_a_redis_that_does_not_answer_is_not_waited_for(services: FakeServices) -> None:
    with RedisServer() as other:
        cache = caching(other, services)
        await cache.put("k", result(), NOW)
        other.pause()
        async with asyncio.timeout(1.5):
            assert await cache.get("k", NOW) is None
        other.resume()
        assert await kept(cache, "k", NOW + REST) == "Hello."


async def test_what_fails_is_told_without_credentials(services: FakeServices) -> None:
    answers = answers_of(
        settings(cache={"store": "redis://anna:hunter2@127.0.0.1:1/0"}).cache, services
    )
    assert isinstance(answers, RedisAnswers)
    for _ in range(2):
        with pytest.raises(StoreError) as caught:
            await answers.get("k", NOW)
        assert "127.0.0.1:1" in str(caught.value)
        assert "hunter2" not in str(caught.value)


POISON = {
    "nothing": b"",
    "no JSON": b"\xff\x00{",
    "levels without end": b"[" * 100_000,
    "JSON of something else": b'{"content":"x"}',
    "a failure": result(status="failed").model_dump_json(by_alias=True).encode(),
    "no text": result(content=" ").model_dump_json(by_alias=True).encode(),
}


@pytest.mark.parametrize("what", POISON)
async def test_what_is_no_answer_is_none_and_the_next_answer_takes_its_place(
    server: RedisServer, services: FakeServices, what: str
) -> None:
    cache = caching(server, services)
    redis = services.redis(server.url)
    await redis.call("SET", redis.key("answer", "k"), POISON[what])
    assert await kept(cache, "k") is None
    assert services.value("cache", outcome="failed") == 1
    await cache.put("k", result(), NOW)
    assert await kept(cache, "k") == "Hello."
