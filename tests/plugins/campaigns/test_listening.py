"""Changes as they happen: first how it stands, then each change, and never somebody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from plugins.campaigns.listening import KEEP_ALIVE, OF_ONE_USER
from proxy.api import Reply
from proxy.api.testing import Isolated
from tests.plugins.campaigns.asked import answer, asks, campaigns
from tests.plugins.campaigns.stub import InMemory, view

RETRY = b"retry: 2000\n\n"
SILENCE = b": keep-alive\n\n"


class Listener:
    """A client that reads as much as a test wants."""

    def __init__(self, reply: Reply) -> None:
        assert not isinstance(reply.body, bytes), reply.body
        self.parts: Any = reply.body
        self._next: asyncio.Task[bytes] | None = None

    async def raw(self) -> bytes:
        async with asyncio.timeout(20):
            part: bytes = await (self._next or anext(self.parts))
        self._next = None
        return part

    async def hears(self) -> tuple[str, str]:
        """The next event: which workflow, and how it stands."""
        name, data, end = (await self.raw()).split(b"\n", 2)
        assert (name, end) == (b"event: workflow", b"\n")
        told = orjson.loads(data.removeprefix(b"data: "))
        return told["workflowId"], told["status"]

    async def waits(self) -> None:
        """Wait for the next part in the background, as long as it takes."""
        self._next = asyncio.ensure_future(anext(self.parts))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not self._next.done()


@asynccontextmanager
async def listening(
    plugin: Isolated, query: str = "stream=true", **who: Any
) -> AsyncIterator[Listener]:
    reply = await answer(plugin, asks(query=query, **who))
    assert reply.headers.get("Content-Type") == "text/event-stream"
    listener = Listener(reply)
    try:
        assert await listener.raw() == RETRY
        yield listener
    finally:
        await listener.parts.aclose()


async def test_the_present_state_comes_first_the_oldest_before_the_newest() -> None:
    memory = InMemory(view("wf-1", "ann"), view("wf-2", "ann", "running"), view("wf-3", "bob"))
    async with campaigns(memory) as plugin, listening(plugin) as listener:
        assert await listener.hears() == ("wf-1", "completed")
        assert await listener.hears() == ("wf-2", "running")
        memory.changed(view("wf-3", "bob", "failed"))
        memory.changed(view("wf-2", "ann"))
        assert await listener.hears() == ("wf-2", "completed")
    assert memory.listening == [], "nobody listens any more"


async def test_many_who_come_at_once_do_not_find_more_room_than_there_is() -> None:
    memory = InMemory(view("wf-1", "ann"))
    async with campaigns(memory, listeners=1) as plugin:
        shown_in = [await answer(plugin, asks(query="stream=true")) for _ in range(2)]
        first, second = map(Listener, shown_in)
        assert await first.raw() == RETRY
        async with asyncio.timeout(20):
            assert [part async for part in second.parts] == []
        await first.parts.aclose()


async def test_nothing_is_missed_between_the_present_and_the_changes() -> None:
    memory = InMemory(view("wf-1", "ann", "running"))
    async with campaigns(memory) as plugin, listening(plugin) as listener:
        memory.changed(view("wf-1", "ann"))
        heard = [await listener.hears(), await listener.hears()]
        assert heard[-1] == ("wf-1", "completed")


async def test_one_workflow_is_listened_to_alone() -> None:
    memory = InMemory(view("wf-1", "ann", "running"), view("wf-2", "ann", "running"))
    async with (
        campaigns(memory) as plugin,
        listening(plugin, "workflowId=wf-2&stream=true") as listener,
    ):
        assert await listener.hears() == ("wf-2", "running")
        memory.changed(view("wf-1", "ann"))
        memory.changed(view("wf-2", "ann"))
        assert await listener.hears() == ("wf-2", "completed")


async def test_one_status_is_listened_to_alone() -> None:
    memory = InMemory(view("wf-1", "ann", "running"))
    query = "status=failed&stream=true"
    async with campaigns(memory) as plugin, listening(plugin, query) as listener:
        memory.changed(view("wf-1", "ann"))
        memory.changed(view("wf-2", "ann", "failed"))
        assert await listener.hears() == ("wf-2", "failed")


async def test_an_event_source_asks_by_its_header() -> None:
    async with campaigns(InMemory()) as plugin:
        asked = asks(headers={"Accept": "text/event-stream"})
        reply = await answer(plugin, asked)
        assert reply.headers.get("Content-Type") == "text/event-stream"


async def test_nobody_hears_of_others_whatever_the_service_tells() -> None:
    memory = InMemory(view("wf-1", "bob"), careless=True)
    async with campaigns(memory) as plugin:
        async with listening(plugin) as listener:
            memory.changed(view("wf-2", "bob"))
            memory.changed(view("wf-3", "ann"))
            assert await listener.hears() == ("wf-3", "completed")
        async with listening(plugin, user="root", admin=True) as listener:
            heard = [(await listener.hears())[0] for _ in range(3)]
            assert heard == ["wf-1", "wf-2", "wf-3"]


async def test_what_is_somebody_elses_cannot_be_listened_to() -> None:
    async with campaigns(InMemory(view("wf-1", "bob"))) as plugin:
        reply = await answer(plugin, asks(query="workflowId=wf-1&stream=true"))
        assert reply.status == 404
        reply = await answer(plugin, asks(query="userId=bob&stream=true"))
        assert reply.status == 403
        reply = await answer(plugin, asks(query="stream=true", user=None))
        assert reply.status == 401


@pytest.mark.parametrize("limit", [float("inf"), 10.0])
async def test_silence_is_broken_before_anybody_takes_it_for_an_end(limit: float) -> None:
    memory = InMemory()
    async with campaigns(memory) as plugin:
        asked = asks(query="stream=true")
        asked.time_limit = limit
        listener = Listener(await answer(plugin, asked))
        await listener.raw()
        for _ in range(3):
            await listener.waits()
            await plugin.clock.jump(min(KEEP_ALIVE, limit / 2))
            assert await listener.raw() == SILENCE
        await listener.waits()
        memory.changed(view("wf-1", "ann"))
        assert await listener.hears() == ("wf-1", "completed")
        await listener.parts.aclose()


async def test_a_listener_has_to_come_again_after_its_time() -> None:
    async with campaigns(InMemory(), listen_for="20s") as plugin, listening(plugin) as listener:
        for seconds in (KEEP_ALIVE, 20 - KEEP_ALIVE):
            await listener.waits()
            await plugin.clock.jump(seconds)
            assert await listener.raw() == SILENCE
        with pytest.raises(StopAsyncIteration):
            await listener.raw()


async def test_a_stream_ends_with_the_orchestrator() -> None:
    memory = InMemory()
    async with campaigns(memory) as plugin, listening(plugin) as listener:
        await listener.waits()
        memory.end()
        with pytest.raises(StopAsyncIteration):
            await listener.raw()


async def test_a_store_that_is_lost_ends_the_stream() -> None:
    memory = InMemory(view("wf-1", "ann"))
    async with campaigns(memory) as plugin, listening(plugin) as listener:
        memory.broken = "gone"
        with pytest.raises(StopAsyncIteration):
            await listener.raw()
        reply = await answer(plugin, asks(query="stream=true"))
        assert reply.status == 503


async def test_there_is_room_for_so_many_listeners_and_for_each_user_for_fewer() -> None:
    memory = InMemory()
    async with campaigns(memory, listeners=OF_ONE_USER + 1) as plugin:
        listeners = []
        for _ in range(OF_ONE_USER):
            listener = Listener(await answer(plugin, asks(query="stream=true")))
            await listener.raw()
            listeners.append(listener)
        reply = await answer(plugin, asks(query="stream=true"))
        assert (reply.status, reply.headers.get("Retry-After")) == (503, "5")
        async with listening(plugin, user="bob"):
            assert plugin.services.value("listeners") == OF_ONE_USER + 1
            assert (await answer(plugin, asks(query="stream=true", user="eve"))).status == 503
        for listener in listeners:
            await listener.parts.aclose()
        assert plugin.services.value("listeners") == 0
        async with listening(plugin):
            assert plugin.services.value("listeners") == 1


async def test_a_stream_that_nobody_begins_to_read_takes_no_room() -> None:
    async with campaigns(InMemory(), listeners=1) as plugin:
        for _ in range(3):
            reply = await answer(plugin, asks(query="stream=true"))
            assert reply.status == 200
            await reply.body.aclose()  # type: ignore[union-attr]
        async with listening(plugin):
            pass
