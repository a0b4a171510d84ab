"""Active checks: an endpoint is up or down by what it answers to its health path."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
import structlog
from aiohttp import web
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs
from structlog.typing import EventDict

from proxy.controlplane.health_checks import HealthChecks
from proxy.dataplane.generation import Generation
from proxy.dataplane.upstream import Endpoint
from tests.kit.inside import generation
from tests.kit.running import free_port

CHECKS = {"path": "/healthy?deep=1", "interval": "100ms", "timeout": "2s", "unhealthy_after": 2}


class Checked:
    """An endpoint that answers its checks as the test says."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: asyncio.Queue[web.Request] = asyncio.Queue()

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.put_nowait(request)
        return web.Response(status=self.status, headers={"Location": "/elsewhere"})

    async def times(self, count: int) -> web.Request:
        """Wait for so many more checks, and for the first to have had its effect."""
        async with asyncio.timeout(20):
            for _ in range(count):
                request = await self.asked.get()
        return request


@pytest_asyncio.fixture
async def checked() -> AsyncIterator[Checked]:
    yield Checked()


@pytest_asyncio.fixture
async def server(checked: Checked) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_get("/{any:.*}", checked.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield server
    await server.close()


@pytest_asyncio.fixture
async def checks() -> AsyncIterator[HealthChecks]:
    checks = HealthChecks()
    yield checks
    await checks.close()


def watching(port: int | None, before: Generation | None = None, **health: Any) -> Generation:
    declared = {"url": f"http://127.0.0.1:{port}", "health": CHECKS | health}
    return generation(before, upstreams={"legacy": declared})


def endpoint(made: Generation) -> Endpoint:
    return made.upstreams["legacy"].endpoints[0]


async def test_an_endpoint_goes_down_and_comes_back_by_its_answers(
    checked: Checked, server: TestServer, checks: HealthChecks
) -> None:
    made = watching(server.port)
    with capture_logs() as said:
        checks.follow(made)
        request = await checked.times(2)
        assert (request.method, request.raw_path) == ("GET", "/healthy?deep=1")
        assert endpoint(made).health.up
        checked.status = 500
        await checked.times(4)
        assert not endpoint(made).health.up
        checked.status = 302
        await checked.times(3)
        assert endpoint(made).health.up, "a redirect is an answer, and is not followed"
    events = [(event["event"], event["log_level"]) for event in said]
    assert events == [("endpoint_down", "warning"), ("endpoint_up", "info")]
    assert said[0]["endpoint"] == endpoint(made).url


async def test_an_endpoint_that_is_not_there_goes_down_once(checks: HealthChecks) -> None:
    made = watching(free_port(), unhealthy_after=1)
    down = asyncio.Event()

    def heard(_: object, __: str, event: EventDict) -> EventDict:
        assert event["event"] == "endpoint_down"
        down.set()
        raise structlog.DropEvent

    structlog.configure(processors=[heard])
    try:
        checks.follow(made)
        async with asyncio.timeout(20):
            await down.wait()
    finally:
        structlog.reset_defaults()
    assert not endpoint(made).health.up
    assert made.upstreams["legacy"].choose(0.0, ()) is None


async def test_an_unchanged_upstream_is_checked_on_without_a_break(
    checked: Checked, server: TestServer, checks: HealthChecks
) -> None:
    first = watching(server.port)
    checks.follow(first)
    await checked.times(1)
    tasks = checks._tasks[first.upstreams["legacy"]]
    second = watching(server.port, first)
    checks.follow(second)
    assert checks._tasks == {second.upstreams["legacy"]: tasks}
    await checked.times(1)


@pytest.mark.parametrize("without_checks", [True, False])
async def test_a_changed_upstream_is_checked_anew_and_one_without_checks_is_up(
    checked: Checked, server: TestServer, checks: HealthChecks, without_checks: bool
) -> None:
    first = watching(server.port, unhealthy_after=1)
    checked.status = 503
    checks.follow(first)
    await checked.times(2)
    assert not endpoint(first).health.up
    old = checks._tasks[first.upstreams["legacy"]]
    if without_checks:
        url = f"http://127.0.0.1:{server.port}"
        second = generation(first, upstreams={"legacy": {"url": url}})
    else:
        second = watching(server.port, first, interval="200ms")
    checks.follow(second)
    await asyncio.gather(*old, return_exceptions=True)
    assert all(task.cancelled() for task in old)
    assert endpoint(second).health.up is without_checks, "what was learned stands"
    assert len(checks._tasks) == (0 if without_checks else 1)


async def test_closing_ends_every_check(
    checked: Checked, server: TestServer, checks: HealthChecks
) -> None:
    made = watching(server.port)
    checks.follow(made)
    await checked.times(1)
    tasks = checks._tasks[made.upstreams["legacy"]]
    await checks.close()
    assert all(task.done() for task in tasks)
