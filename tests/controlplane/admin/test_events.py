"""What listeners are told, over a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import orjson
import pytest

from proxy.config.models import Admin
from proxy.controlplane.admin import events as admin_events
from proxy.controlplane.admin.events import MOST_LISTENERS, event_text
from proxy.controlplane.admin.server import AdminServer, start_admin
from proxy.controlplane.rollouts.authority import Actor, Event, Rollouts
from proxy.core.commands import Kill, SetPercentage
from tests.controlplane.admin_asking import Asked
from tests.controlplane.admin_view import View

OPERATOR = Actor("ann", "operator")


@pytest.fixture(autouse=True)
async def limited() -> AsyncIterator[None]:
    async with asyncio.timeout(20):
        yield


@asynccontextmanager
async def listening(ask: Asked) -> AsyncIterator[aiohttp.ClientResponse]:
    async with ask.session.get(ask.url + "/v1/events") as response:
        assert response.status == 200
        assert await response.content.readuntil(b"\n\n") == b": listening\n\n"
        yield response


async def told(response: aiohttp.ClientResponse) -> dict[str, str]:
    """Return the fields of the next event."""
    text = (await response.content.readuntil(b"\n\n")).decode()
    return dict(line.split(": ", 1) for line in text.strip().splitlines())


async def test_a_change_is_told_as_it_stands_in_the_audit(ask: Asked, rollouts: Rollouts) -> None:
    async with listening(ask) as response:
        await rollouts.change("hybrid", SetPercentage(25), OPERATOR, "looks\ngood")
        event = await told(response)
        assert response.headers["Content-Type"] == "text/event-stream"
        assert response.headers["Cache-Control"] == "no-store"
    assert event["event"] == "rollout_changed"
    data = orjson.loads(event["data"])
    assert (data["actor"], data["reason"], data["after"]["percentage"]) == (
        "ann",
        "looks\ngood",
        25,
    )


async def test_every_listener_is_told_everything_in_order(ask: Asked, rollouts: Rollouts) -> None:
    async with listening(ask) as one, listening(ask) as other:
        for percentage in (10, 20, 30):
            await rollouts.change("hybrid", SetPercentage(percentage), OPERATOR, "up")
        for response in (one, other):
            events = [await told(response) for _ in range(3)]
            data = [orjson.loads(event["data"]) for event in events]
            assert [one["after"]["percentage"] for one in data] == [10, 20, 30]
            assert len({event["id"] for event in events}) == 3


def test_an_event_is_one_block_whatever_is_in_it() -> None:
    text = event_text(Event("1\n2", "alert\r\nevent: x", {"why": "a\n\nb", "all": frozenset("x")}))
    assert text == b'id: 1 2\nevent: alert event: x\ndata: {"why":"a\\n\\nb","all":["x"]}\n\n'


@pytest.mark.usefixtures("rollouts")
async def test_silence_is_broken_by_a_heartbeat(
    ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_events, "HEARTBEAT_SECONDS", 0.01)
    async with listening(ask) as response:
        for _ in range(2):
            assert await response.content.readuntil(b"\n\n") == b": still here\n\n"


async def serving(view: View) -> AdminServer:
    return await start_admin(Admin.model_validate({"listen": "127.0.0.1:0"}), view)


@pytest.mark.usefixtures("rollouts")
@pytest.mark.parametrize("how", ["close", "retire"])
async def test_a_stream_ends_when_the_listener_does(view: View, how: str) -> None:
    server = await serving(view)
    async with aiohttp.ClientSession() as session:
        url = "http://{}:{}".format(*server.addresses[0])
        async with listening(Asked(session, url)) as response:
            await getattr(server, how)()
            assert await response.content.read() == b""
    await server.close()


async def test_a_stream_ends_when_the_proxy_drains(
    ask: Asked, view: View, rollouts: Rollouts
) -> None:
    async with listening(ask) as response:
        view.is_ready = (False, "draining")
        await rollouts.change("hybrid", Kill(), OPERATOR, "the end")
        assert (await told(response))["event"] == "rollout_changed"
        assert await response.content.read() == b""


async def test_a_stream_ends_with_the_rollouts(ask: Asked, rollouts: Rollouts) -> None:
    async with listening(ask) as response:
        await rollouts.close()
        assert await response.content.read() == b""


@pytest.mark.usefixtures("rollouts")
async def test_only_so_many_listen_and_one_that_leaves_makes_room(
    ask: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_events, "HEARTBEAT_SECONDS", 0.01)
    url = ask.url + "/v1/events"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        responses = [await session.get(url) for _ in range(MOST_LISTENERS)]
        assert {response.status for response in responses} == {200}
        status, found, _ = await ask("/v1/events")
        assert (status, found["detail"]) == (503, "There are 32 listeners already.")
        responses[0].close()
        while (late := await session.get(url)).status != 200:
            late.close()
        assert late.status == 200
        for response in (*responses, late):
            response.close()


async def test_a_listener_that_reads_nothing_is_cut_off(
    ask: Asked, rollouts: Rollouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin_events, "_WRITE_SECONDS", 0.05)
    monkeypatch.setattr(admin_events, "MOST_LISTENERS", 1)
    host, port = ask.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await reader.readuntil(b"listening")
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    for _ in range(500):
        rollouts._events.tell("alert", {"why": "x" * 100_000})
    while (late := await ask.session.get(ask.url + "/v1/events")).status != 200:
        late.close()
    assert late.status == 200
    late.close()
    writer.close()


@pytest.mark.usefixtures("rollouts")
async def test_asking_for_the_head_does_not_listen(ask: Asked) -> None:
    status, body, _ = await ask("/v1/events", "HEAD")
    assert (status, body) == (200, "")
