"""The gateway at a real server that answers, refuses, hangs, cuts and is not there."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from plugins.message_queue.gateway.client import Gateway
from plugins.message_queue.gateway.sending import SendError
from plugins.message_queue.settings import GatewaySettings
from proxy.api.testing import FakeServices
from tests.kit.onlyfans import (
    OnlyFans,
    Step,
    close,
    garbage,
    hang,
    onlyfans,
    reset,
    status,
    waits,
)
from tests.kit.running import free_port
from tests.plugins.message_queue.stores.bench import message

MESSAGE = message(1, account="creator-1")


@asynccontextmanager
async def gateway(url: str, services: FakeServices, **said: object) -> AsyncIterator[Gateway]:
    given = {"url": url, "token": "the-token", **said}
    opened = Gateway(GatewaySettings.model_validate(given), services, chance=lambda: 0.5)
    try:
        yield opened
    finally:
        await opened.close()


@pytest.fixture
async def there() -> AsyncIterator[OnlyFans]:
    async with onlyfans(token="the-token") as running:
        yield running


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    made = FakeServices()
    yield made
    await made.close()


@pytest.fixture
async def ours(there: OnlyFans, services: FakeServices) -> AsyncIterator[Gateway]:
    async with gateway(there.url, services) as opened:
        yield opened


async def failure(ours: Gateway, seconds: float = 5.0, number: int = 1) -> tuple[str, str, str]:
    with pytest.raises(SendError) as caught:
        await ours.send(message(number), seconds=seconds)
    found = caught.value.failure
    return (found.code, found.executed, found.next)


async def test_a_message_is_sent_as_was_agreed(
    there: OnlyFans, ours: Gateway, services: FakeServices
) -> None:
    assert await ours.send(MESSAGE, seconds=5) == "of-00000001"
    (call,) = there.calls
    assert call.key == MESSAGE.id
    assert call.headers["x-account-id"] == "creator-1"
    assert call.body["content"] == MESSAGE.content
    assert services.value("gateway_answers", code="sent") == 1


async def test_each_message_has_a_connection_of_its_own(there: OnlyFans, ours: Gateway) -> None:
    for number in (1, 2):
        await ours.send(message(number), seconds=5)
        assert there.calls[-1].headers["connection"] == "close"


async def test_nothing_leaves_without_approval(there: OnlyFans, ours: Gateway) -> None:
    with pytest.raises(SendError, match="approve") as caught:
        await ours.send(message(1, approval=None), seconds=5)
    assert caught.value.failure.code == "HUMAN_APPROVAL_REQUIRED"
    assert there.calls == []


ANSWERS = [
    (status(422), ("VALIDATION_ERROR", "no", "bury")),
    (status(429, retry_after=2), ("RATE_LIMIT", "no", "throttle")),
    (status(503), ("SERVICE_UNAVAILABLE", "no", "retry")),
    (status(500, executed=True), ("INTERNAL_ERROR", "unknown", "retry")),
    (status(307), ("UNKNOWN", "unknown", "retry")),
    (close(executed=True), ("NETWORK_ERROR", "unknown", "retry")),
    (reset(executed=False), ("NETWORK_ERROR", "unknown", "retry")),
    (garbage(), ("UNKNOWN", "unknown", "retry")),
    (garbage('{"id": "%s"}' % ("x" * 70_000)), ("UNKNOWN", "unknown", "retry")),
    (Step(status=400, raw="x" * 70_000, executed=False), ("BAD_REQUEST", "no", "bury")),
]


@pytest.mark.parametrize(("step", "expected"), ANSWERS)
async def test_what_goes_wrong_is_told_apart(
    there: OnlyFans, ours: Gateway, step: Step, expected: tuple[str, str, str]
) -> None:
    there.script("*", step)
    assert await failure(ours) == expected
    assert len(there.calls) == 1


async def test_who_does_not_answer_in_time_may_have_executed_it(
    there: OnlyFans, ours: Gateway
) -> None:
    there.script("*", hang(executed=True))
    assert await failure(ours, seconds=0.5) == ("TIMEOUT", "unknown", "retry")
    await there.ended()
    assert there.calls[0].ended == "client left"


async def test_who_is_not_there_has_executed_nothing(services: FakeServices) -> None:
    async with gateway(f"http://127.0.0.1:{free_port()}", services) as ours:
        assert await failure(ours) == ("NETWORK_ERROR", "no", "retry")
    async with gateway("http://platform.invalid", services) as ours:
        assert await failure(ours) == ("NETWORK_ERROR", "no", "retry")


async def test_who_does_not_speak_tls_has_executed_nothing(
    there: OnlyFans, services: FakeServices
) -> None:
    async with gateway(there.url.replace("http:", "https:"), services) as ours:
        assert await failure(ours) == ("NETWORK_ERROR", "no", "retry")
    assert there.calls == []


async def test_who_does_not_even_take_the_connection_has_executed_nothing(
    services: FakeServices,
) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        where = full.getsockname()
        with socket.create_connection(where), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(where)
            async with gateway(f"http://127.0.0.1:{where[1]}", services) as ours:
                found = await failure(ours, seconds=0.05)
    assert found == ("NETWORK_ERROR", "no", "retry")


async def test_one_that_fails_is_left_alone_and_then_tried_with_one_message(
    there: OnlyFans, ours: Gateway, services: FakeServices
) -> None:
    assert ours.rest() == 0
    there.stand("*", status(503))
    for _ in range(4):
        assert await failure(ours) == ("SERVICE_UNAVAILABLE", "no", "retry")
    assert ours.rest() == pytest.approx(5.0)
    assert "the platform fails" in ours.trouble()
    assert await failure(ours) == ("SERVICE_UNAVAILABLE", "no", "throttle")
    assert there.counts["arrived"] == 4
    await services.jumping.jump(5.0)
    assert ours.rest() == 0
    there.script("*", waits("executing"))
    trial = asyncio.create_task(ours.send(MESSAGE, seconds=5))
    await there.begun(5)
    assert ours.rest() == 0.5
    there.go()
    assert await trial
    there.stand("*", None)
    assert (ours.rest(), ours.trouble()) == (0, "")


async def test_one_that_takes_no_connections_is_left_alone_after_three(
    there: OnlyFans, ours: Gateway
) -> None:
    await there.down()
    for _ in range(3):
        assert await failure(ours) == ("NETWORK_ERROR", "no", "retry")
    assert ours.rest() > 0


async def test_refusals_of_a_message_are_no_failures_of_the_platform(
    there: OnlyFans, ours: Gateway
) -> None:
    there.stand("*", status(422))
    for _ in range(12):
        await failure(ours)
    there.stand("*", status(429))
    for _ in range(12):
        await failure(ours)
    assert ours.rest() == 0


async def test_a_token_that_is_refused_is_told_once_and_tried_seldom(
    there: OnlyFans, services: FakeServices
) -> None:
    async with gateway(there.url, services, token="another-token") as ours:
        assert await failure(ours) == ("UNAUTHORIZED", "no", "throttle")
        assert ours.rest() == pytest.approx(30.0)
        assert "token" in ours.trouble()
        await services.jumping.jump(30.0)
        assert await failure(ours) == ("UNAUTHORIZED", "no", "throttle")
    (alert,) = services.alerts
    assert (alert.name, alert.severity) == ("gateway_unauthorized", "critical")
    assert "another-token" not in repr((alert, services.lines))


async def test_a_token_that_is_taken_again_ends_the_trouble(
    there: OnlyFans, ours: Gateway, services: FakeServices
) -> None:
    for _ in range(2):
        there.script("*", status(401, code="TOKEN_EXPIRED", retry_after=1))
        assert (await failure(ours))[0] == "TOKEN_EXPIRED"
        await services.jumping.jump(1.0)
        await ours.send(MESSAGE, seconds=5)
        assert ours.trouble() == ""
    assert len(services.alerts) == 2


async def test_one_that_is_called_off_leaves_no_place_taken(there: OnlyFans, ours: Gateway) -> None:
    there.script("*", hang(executed=False))
    task = asyncio.create_task(ours.send(MESSAGE, seconds=5))
    await there.begun()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ours.rest() == 0
    assert await ours.send(MESSAGE, seconds=5)


def test_a_token_that_no_header_carries_is_refused(services: FakeServices) -> None:
    settings = GatewaySettings.model_validate({"url": "http://127.0.0.1:1", "token": "a\nb"})
    with pytest.raises(ValueError, match="visible ASCII") as caught:
        Gateway(settings, services)
    assert "a\nb" not in str(caught.value)


async def test_a_gateway_says_whether_it_may_repeat(services: FakeServices) -> None:
    for idempotent in (True, False):
        async with gateway("http://127.0.0.1:1", services, idempotent=idempotent) as ours:
            assert ours.idempotent is idempotent
