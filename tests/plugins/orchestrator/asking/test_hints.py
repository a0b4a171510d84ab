"""A breaker that opens in one replica makes the others suspicious, and no more than that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from plugins.orchestrator.asking.hints import Hints
from proxy.api.testing import FakeServices
from tests.kit.provider import provider
from tests.kit.redis import redis_server
from tests.kit.running import free_port
from tests.plugins.orchestrator.orchestrating import orchestrating


@asynccontextmanager
async def replica(url: str) -> AsyncIterator[tuple[Hints, "asyncio.Queue[str]", FakeServices]]:
    suspected: asyncio.Queue[str] = asyncio.Queue()
    services = FakeServices()
    redis = services.redis(url)
    hints = Hints(redis, ["mini", "east"], suspected.put_nowait, services)
    services.spawn(hints.listen(), "listen")
    try:
        yield hints, suspected, services
    finally:
        await services.close()


async def test_the_others_are_told_and_not_who_tells() -> None:
    async with (
        redis_server() as server,
        replica(server.url) as (here, mine, _),
        replica(server.url) as (_, theirs, services),
    ):
        async with asyncio.timeout(20):
            while theirs.empty():  # until both listen
                here.opened("mini")
                await asyncio.sleep(0.01)
        assert theirs.get_nowait() == "mini"
        assert mine.empty()
        assert services.value("hints") >= 1


async def test_what_is_no_hint_about_a_deployment_of_ours_is_passed_over() -> None:
    services = FakeServices()
    suspected: list[str] = []
    redis = services.redis(f"redis://127.0.0.1:{free_port()}/0")
    hints = Hints(redis, ["mini"], suspected.append, services)
    for message in (b"", b"\xff\xfe", b"someone other", b"someone", b"x" * 10_000):
        hints._told(message)
    assert suspected == []
    hints._told(b"someone mini")
    assert suspected == ["mini"]
    await services.close()


async def test_a_breaker_that_opens_here_is_suspected_there() -> None:
    async with redis_server() as server, provider() as there:
        await there.down()
        quick = {"hints": server.url, "breaker": {"failures": 4, "min_calls": 4}}
        async with orchestrating(there, **quick) as one, orchestrating(there, **quick) as other:
            breaker = other.parts.runner.health._breakers["mini"]
            async with asyncio.timeout(20):
                while breaker._suspected_until < 0:  # until both listen, and one has opened
                    for _ in range(4):
                        await one.unserved()
                    one.parts.runner.force("mini", "closed")
            assert other.plugin.services.value("hints") >= 1


async def test_without_redis_a_line_of_the_log_is_all_that_is_missed() -> None:
    services = FakeServices()
    redis = services.redis(f"redis://127.0.0.1:{free_port()}/0")
    hints = Hints(redis, ["mini"], lambda _: None, services)
    await hints._publish("mini")
    [line] = services.logged("hint_not_sent")
    assert "127.0.0.1" in line["reason"]
    await services.close()
