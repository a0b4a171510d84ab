"""What all client connections share: a count, a generation, and an orderly end."""

import pytest

from proxy.core.reason import Reason
from tests.kit.inside import Inside
from tests.kit.transport import on_memory_loop, turns

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
UPGRADE = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
AGREED = b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"


@on_memory_loop
async def test_draining_closes_idle_connections_now_and_busy_ones_after_their_request() -> None:
    inside = Inside()
    idle = inside.connect()
    busy, upstream = await inside.ask(GET)
    inside.door.drain()
    await turns()
    assert idle.closing
    assert not busy.closing
    assert not inside.door.empty.is_set()
    upstream.peer_sends(OK)
    said = busy.sent()
    assert b"Connection: close\r\n" in said
    assert said.endswith(b"ok")
    busy.peer_ends()
    await turns()
    assert inside.door.empty.is_set()
    await inside.close()


@on_memory_loop
async def test_with_nobody_there_it_is_empty_at_once() -> None:
    inside = Inside()
    inside.door.drain()
    assert inside.door.empty.is_set()
    await inside.close()


@on_memory_loop
async def test_a_tunnel_counts_as_a_connection_and_holds_up_the_end() -> None:
    inside = Inside(limits={"connections": 1})
    client, upstream = await inside.ask(UPGRADE)
    upstream.peer_sends(AGREED)
    assert len(inside.door.tunnels) == 1
    assert not inside.door.connections
    turned_away = inside.connect()
    assert turned_away.sent().startswith(b"HTTP/1.1 503 ")
    inside.door.drain()
    await turns()
    assert not inside.door.empty.is_set()
    client.peer_resets()
    await turns()
    assert inside.door.empty.is_set()
    await inside.sweep(2.1)
    await inside.close()


@pytest.mark.parametrize("begun", [False, True])
def test_what_is_cut_is_counted_as_left(begun: bool) -> None:
    @on_memory_loop
    async def cut() -> None:
        inside = Inside()
        client, upstream = await inside.ask(GET)
        if begun:
            upstream.peer_sends(OK[:-1])
        inside.door.cut()
        await turns()
        assert client.aborted
        assert upstream.aborted
        assert inside.accounting.faults() == {Reason.CLIENT_LEFT: 1}
        await inside.close()

    cut()


@on_memory_loop
async def test_idle_upstream_connections_are_closed_in_time() -> None:
    inside = Inside()
    _, upstream = await inside.ask(GET)
    upstream.peer_sends(OK)
    pool = inside.generation.upstreams["legacy"].endpoints[0].pool
    assert len(pool.idle) == 1
    await inside.sweep(10.2)
    assert len(pool.idle) == 0
    assert upstream.aborted
    await inside.close()
