"""Streams: another deployment until there is content, then to the end, whatever that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.running import ChainFailedError
from plugins.orchestrator.deciding.calls import CallFailedError, FailureClass
from proxy.api.spending import Usage
from tests.kit.provider import (
    Provider,
    Tokens,
    answer,
    cut_after,
    hang_after,
    hang_before_head,
    provider,
    status,
)
from tests.plugins.orchestrator.intents import intent
from tests.plugins.orchestrator.pursued import Running, running

STREAM = intent("message_generation", stream=True)


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[Provider]:
    async with provider() as up:
        yield up


async def read(it: Running) -> bytes:
    """All of a stream."""
    async with it.runner.stream(it.task(STREAM), it.notes) as answered:
        return answered.first + b"".join([part async for part in answered.parts()])


async def test_a_stream_is_passed_on_and_its_attempt_ends_with_its_usage(there: Provider) -> None:
    there.script("*", answer("Rain is coming.", chunks=5, tokens=Tokens(100, 60, 10, 4)))
    async with running(there) as it:
        async with it.runner.stream(it.task(STREAM), it.notes) as answered:
            assert it.notes.events == ["begins mini"]
            assert answered.attempts[0].state == "begun"
            assert answered.drains
            parts = [part async for part in answered.parts()]
        whole = answered.answered()
        assert b'"content":"Rai"' in answered.first
        assert len(parts) >= 1
        assert b"[DONE]" not in b"".join(parts)
        assert whole.answer.content == "Rain is coming."
        assert whole.deployment.name == "mini"
        (attempt,) = whole.attempts
        assert (attempt.state, attempt.usage) == ("answered", Usage(40, 60, 6, 4, requests=1))
        assert attempt.nano_usd == 100 * 150 + 10 * 600
        assert attempt.finish_reason == "stop"
        assert it.notes.events == ["begins mini", "ends mini answered"]
        assert it.services.value("first_byte_seconds", deployment="mini", stream="true") > 0
        assert it.services.value("first_byte_seconds", deployment="mini", stream="false") == 0


async def test_what_fails_before_there_is_content_nobody_sees(there: Provider) -> None:
    there.script("*", status(500), answer("Hi.", chunks=1))
    async with running(there) as it:
        assert b"Hi." in await read(it)
        assert it.notes.events == [
            "begins mini",
            "ends mini server",
            "begins azure-mini",
            "ends azure-mini answered",
        ]


async def test_a_stream_that_breaks_off_is_not_begun_again(there: Provider) -> None:
    there.script("*", cut_after(2))
    async with running(there) as it:
        with pytest.raises(CallFailedError) as raised:
            await read(it)
        assert raised.value.failure.kind is FailureClass.CUT
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.failure, attempt.estimated) == ("failed", "cut", True)
        assert len(there.calls) == 1


async def test_who_leaves_a_stream_closes_the_connection(there: Provider) -> None:
    there.script("*", hang_after(2))
    async with running(there) as it:
        async with it.runner.stream(it.task(STREAM), it.notes) as answered:
            assert answered.first
        await there.ended()
        assert [call.ended for call in there.calls] == ["client left"]
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.failure) == ("unknown", "cancelled")


async def test_another_task_than_the_one_that_began_a_stream_may_end_it(there: Provider) -> None:
    there.script("*", answer("Hi.", chunks=3))
    async with running(there) as it:
        stack = AsyncExitStack()
        answered = await stack.enter_async_context(it.runner.stream(it.task(STREAM), it.notes))

        async def drain() -> None:
            async for _ in answered.parts():
                pass
            await stack.aclose()

        await asyncio.create_task(drain())
        assert it.notes.events == ["begins mini", "ends mini answered"]


async def test_without_content_by_the_deadline_there_is_none(there: Provider) -> None:
    there.stand("*", hang_before_head())
    async with running(there) as it:
        with pytest.raises(ChainFailedError) as raised:
            async with it.runner.stream(it.task(STREAM, within=0.3), it.notes):
                pass
        assert raised.value.failure.kind is FailureClass.DEADLINE


async def test_who_is_cancelled_while_there_is_no_content_closes_the_connection(
    there: Provider,
) -> None:
    there.stand("*", hang_before_head())
    async with running(there) as it:
        work = asyncio.create_task(read(it))
        await there.begun()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await there.ended()
        assert [call.ended for call in there.calls] == ["client left"]
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.failure) == ("unknown", "cancelled")


@pytest.mark.parametrize(("on_leave", "drains"), [("drain", True), ("abort", False)])
async def test_the_provider_says_what_becomes_of_a_stream_that_nobody_reads(
    there: Provider, on_leave: str, drains: bool
) -> None:
    async with (
        running(there, at={"on_leave": on_leave}) as it,
        it.runner.stream(it.task(STREAM), it.notes) as answered,
    ):
        assert answered.drains == drains
