"""The record of a stream has an end, however long it takes and whenever its client leaves."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from plugins.orchestrator.workflows.record import Workflow
from proxy.api import Reply
from tests.kit.provider import hang_after
from tests.plugins.orchestrator.orchestrating import INTENT, MODEL, Orchestrating, orchestrating
from tests.plugins.orchestrator.troubled import trouble

STREAM = {**INTENT, "stream": True}


async def begun(on: Orchestrating) -> Any:
    """The body of a stream whose first content is there."""
    reply = await on.ask(STREAM)
    assert isinstance(reply, Reply)
    assert isinstance(reply.body, AsyncIterator)
    return reply.body


async def kept(on: Orchestrating) -> Workflow:
    [found] = await on.parts.store.list(user_id=None, status=None, limit=10)
    assert isinstance(found, Workflow)
    return found


async def test_one_that_takes_long_is_not_taken_for_one_that_was_left() -> None:
    async with orchestrating() as on:
        events = await begun(on)
        for _ in range(10):
            await on.plugin.clock.jump(45)
            await on.parts.resumer.look()
        assert (await kept(on)).status == "running"
        text = b"".join([event async for event in events])
        assert text.endswith(b"data: [DONE]\n\n")
        assert (await kept(on)).status == "completed"


async def test_one_whose_client_leaves_when_all_has_been_said_is_completed() -> None:
    for call in (2, 3):
        async with orchestrating() as on:
            store = trouble(on.parts)
            events = await begun(on)
            store.hold_at = call

            async def read(events: Any = events) -> None:
                async for _ in events:
                    pass

            reading = asyncio.create_task(read())
            await asyncio.wait(
                (reading, held := asyncio.create_task(store.held.wait())),
                return_when=asyncio.FIRST_COMPLETED,
            )
            held.cancel()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            await events.aclose()
            store.go.set()
            await on.parts.serving.streams.close(5)
            found = await kept(on)
            assert (found.status, found.attempts[0].state) == ("completed", "answered")


async def test_what_is_drained_when_the_process_ends_is_left_in_good_order() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, hang_after(2))
        events = await begun(on)
        await events.aclose()
        await on.parts.serving.close(5)
        found = await kept(on)
        assert (found.status, found.attempts[0].state) == ("cancelled", "unknown")
        assert not on.parts.serving.streams.drain(events), "nothing is begun any more"
