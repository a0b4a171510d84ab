"""An upgraded connection: every byte, both ways, each direction with an end of its own."""

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from proxy.dataplane.sweep import Sweep
from proxy.dataplane.tunnel import Tunnel
from tests.kit.transport import MemoryLoop, MemoryTransport, on_memory_loop, turns

IDLE = 60.0


class Joined:
    """Two transports in memory and the tunnel between them."""

    def __init__(self, *, half_closes: bool = True) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, MemoryLoop)
        self.loop = loop
        self.sweep = Sweep(loop, lambda _: None)
        nobody = asyncio.Protocol()
        self.client = MemoryTransport(nobody, half_closes=half_closes)
        self.upstream = MemoryTransport(nobody)
        self.client.pause_reading()
        self.tunnel = Tunnel(self.sweep, self.client, self.upstream, IDLE)
        self.closings = 0
        self.tunnel.on_close = self._closed

    def _closed(self) -> None:
        self.closings += 1

    async def gone(self) -> bool:
        """Whether both sides have ended and nothing is kept."""
        await turns()
        self.sweep.close()
        assert self.closings == 1
        return self.client.closing and self.upstream.closing and not self.sweep.watched


@on_memory_loop
async def test_bytes_pass_both_ways() -> None:
    joined = Joined()
    await turns()
    joined.client.peer_sends(b"ping")
    joined.upstream.peer_sends(b"pong")
    assert joined.upstream.sent() == b"ping"
    assert joined.client.sent() == b"pong"
    joined.tunnel.abort()
    assert await joined.gone()


@on_memory_loop
async def test_one_direction_may_end_before_the_other() -> None:
    joined = Joined()
    await turns()
    joined.client.peer_ends()
    assert joined.upstream.eof_written
    assert not joined.client.closing
    joined.upstream.peer_sends(b"still here")
    assert joined.client.sent() == b"still here"
    joined.upstream.peer_ends()
    assert await joined.gone()


@on_memory_loop
async def test_where_half_an_end_cannot_be_said_both_end() -> None:
    joined = Joined(half_closes=False)
    await turns()
    joined.upstream.peer_ends()
    assert await joined.gone()


@on_memory_loop
async def test_a_loss_ends_the_other_side_after_what_it_has_to_send() -> None:
    joined = Joined()
    await turns()
    joined.client.peer_blocks(10)
    joined.upstream.peer_resets()
    await turns()
    assert joined.client.closing
    assert not joined.client.aborted, "it may still take what was sent to it"
    assert joined.tunnel in joined.sweep.watched
    joined.client.peer_reads()
    assert await joined.gone()


@on_memory_loop
async def test_a_side_that_never_takes_its_rest_is_cut_in_the_end() -> None:
    joined = Joined()
    await turns()
    joined.client.peer_blocks(10)
    joined.upstream.peer_resets()
    await joined.loop.jump(10.1)
    assert joined.client.aborted
    assert await joined.gone()


@on_memory_loop
async def test_silence_ends_it_and_any_byte_begins_the_silence_anew() -> None:
    joined = Joined()
    for _ in range(3):
        await joined.loop.jump(IDLE - 1)
        joined.upstream.peer_sends(b"x")
        assert not joined.tunnel.closed
    await joined.loop.jump(IDLE + 0.2)
    assert joined.client.aborted
    assert await joined.gone()


@on_memory_loop
async def test_whoever_reads_slowly_slows_the_other_side() -> None:
    joined = Joined()
    await turns()
    joined.client.peer_blocks(10)
    assert joined.upstream.paused
    joined.client.peer_reads()
    assert not joined.upstream.paused
    joined.tunnel.abort()
    assert await joined.gone()


async def _accepted(
    port: asyncio.Queue[asyncio.Transport], server: asyncio.Server
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Transport]:
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    return reader, writer, await port.get()


class _Waiting(asyncio.Protocol):
    """Hands its transport over, unread."""

    def __init__(self, queue: "asyncio.Queue[asyncio.Transport]") -> None:
        self.queue = queue

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        ours: asyncio.Transport = transport  # type: ignore[assignment]
        ours.pause_reading()
        self.queue.put_nowait(ours)


async def _megabytes() -> tuple[bool, bool, bool]:
    loop = asyncio.get_running_loop()
    queue: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    server = await loop.create_server(lambda: _Waiting(queue), "127.0.0.1", 0)
    client_reader, client, near = await _accepted(queue, server)
    upstream_reader, upstream, far = await _accepted(queue, server)
    sweep = Sweep(loop, lambda _: None)
    tunnel = Tunnel(sweep, near, far, IDLE)
    data = bytes(range(256)) * 8192

    async def send(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        writer.write_eof()

    async with asyncio.timeout(20):
        _, _, up, down = await asyncio.gather(
            send(client), send(upstream), upstream_reader.read(-1), client_reader.read(-1)
        )
        for writer in (client, upstream):
            writer.close()
            await writer.wait_closed()
        await turns(20)
    sweep.close()
    server.close()
    await server.wait_closed()
    return up == data, down == data, tunnel.closed


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_megabytes_pass_real_sockets_both_ways_at_once(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(_megabytes()) == (True, True, True)
