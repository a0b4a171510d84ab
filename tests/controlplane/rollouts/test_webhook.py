"""The webhook gate: a yes opens it for good, all else waits, and the loop never does."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.controlplane.rollouts.webhook import ASK_EVERY, Webhooks
from proxy.core.rollout_state import Phase, RolloutState, Webhook
from tests.kit.running import free_port

NOW = 1_700_000_000.0
STATE = RolloutState(
    "hybrid", version=7, percentage=25.0, phase=Phase.GATE, step=1, since=NOW - 0.5
)
EVIDENCE = {"errors": {"log_e": 0.5}}


class Service:
    """Answers as the test says; keeps what it was asked."""

    def __init__(self) -> None:
        self.status = 200
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.hangs = False

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append((dict(request.headers), await request.json()))
        if self.hangs:
            await asyncio.Event().wait()
        return web.Response(
            status=self.status, body=b"x" * 200_000, headers={"Location": "/elsewhere"}
        )


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    yield Service()


@pytest_asyncio.fixture
async def url(service: Service) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", service.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    yield str(server.make_url("/gate"))
    await server.close()


@pytest_asyncio.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    made = Webhooks(aiohttp.ClientSession)
    yield made
    await made.close()


async def test_a_yes_opens_the_gate_and_nobody_is_asked_again(
    service: Service, url: str, webhooks: Webhooks
) -> None:
    webhook = Webhook(url)
    assert webhooks.closed(STATE, webhook, EVIDENCE, NOW) == "webhook: it has not answered yet"
    await webhooks.answered()
    for second in range(100):
        assert webhooks.closed(STATE, webhook, EVIDENCE, NOW + second) == ""
    [(headers, body)] = service.asked
    assert headers["Idempotency-Key"] == f"hybrid-{int((NOW - 0.5) * 1000)}-1"
    assert body == {
        "rollout": "hybrid",
        "step": 1,
        "percentage": 25.0,
        "version": 7,
        "evidence": EVIDENCE,
    }


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (409, "webhook: it says wait (409); it is asked again"),
        (425, "webhook: it says wait (425); it is asked again"),
        (503, "webhook: it answered 503 instead of 2xx; it is asked again"),
        (404, "webhook: it answered 404 instead of 2xx; it is asked again"),
        (302, "webhook: it answered 302 instead of 2xx; it is asked again"),
    ],
)
async def test_anything_else_waits_and_is_asked_again_every_ten_seconds(
    service: Service, url: str, webhooks: Webhooks, status: int, words: str
) -> None:
    service.status, webhook = status, Webhook(url)
    for second in range(int(ASK_EVERY)):
        webhooks.closed(STATE, webhook, EVIDENCE, NOW + second)
        await webhooks.answered()
    assert (len(service.asked), webhooks.closed(STATE, webhook, {}, NOW + 9)) == (1, words)
    service.status = 204
    assert webhooks.closed(STATE, webhook, EVIDENCE, NOW + ASK_EVERY) == words
    await webhooks.answered()
    assert webhooks.closed(STATE, webhook, EVIDENCE, NOW + ASK_EVERY) == ""
    keys = {headers["Idempotency-Key"] for headers, _ in service.asked}
    assert (len(service.asked), len(keys)) == (2, 1)


async def test_a_service_that_does_not_answer_in_time_or_is_not_there_waits(
    service: Service, url: str, webhooks: Webhooks
) -> None:
    service.hangs = True
    webhook = Webhook(url, timeout=0.05)
    webhooks.closed(STATE, webhook, EVIDENCE, NOW)
    await webhooks.answered()
    words = "webhook: no answer within 0.05 s; it is asked again"
    assert webhooks.closed(STATE, webhook, EVIDENCE, NOW) == words
    nobody = Webhook(f"http://user:hunter2@127.0.0.1:{free_port()}/gate")
    webhooks.closed(STATE, nobody, EVIDENCE, NOW + ASK_EVERY)
    await webhooks.answered()
    words = "webhook: it cannot be asked (ClientConnectorError); it is asked again"
    assert webhooks.closed(STATE, nobody, EVIDENCE, NOW + ASK_EVERY) == words


async def test_while_it_is_being_asked_it_is_not_asked_once_more(
    service: Service, url: str, webhooks: Webhooks
) -> None:
    service.hangs = True
    webhook = Webhook(url, timeout=30)
    async with asyncio.timeout(20):
        while not service.asked:
            webhooks.closed(STATE, webhook, EVIDENCE, NOW)
            await asyncio.sleep(0)
    for second in range(100):
        webhooks.closed(STATE, webhook, EVIDENCE, NOW + second)
        await asyncio.sleep(0)
    assert len(service.asked) == 1


async def test_another_step_or_another_time_at_the_gate_asks_anew(
    service: Service, url: str, webhooks: Webhooks
) -> None:
    webhook = Webhook(url)
    states = [
        STATE,
        RolloutState("hybrid", percentage=50.0, phase=Phase.GATE, step=2, since=STATE.since),
        RolloutState("hybrid", percentage=25.0, phase=Phase.GATE, step=1, since=NOW + 60),
    ]
    for state in states:
        assert webhooks.closed(state, webhook, EVIDENCE, NOW) != ""
        await webhooks.answered()
        assert webhooks.closed(state, webhook, EVIDENCE, NOW) == ""
    webhooks.forget("hybrid")
    assert webhooks.closed(states[-1], webhook, EVIDENCE, NOW) != ""
    await webhooks.answered()
    assert len({headers["Idempotency-Key"] for headers, _ in service.asked}) == 3


async def test_a_clock_that_was_put_back_does_not_keep_the_service_from_being_asked(
    service: Service, url: str, webhooks: Webhooks
) -> None:
    service.status = 425
    for now in (NOW, NOW - 3600):
        webhooks.closed(STATE, Webhook(url), EVIDENCE, now)
        await webhooks.answered()
    assert len(service.asked) == 2
