"""Nothing piles up: memory and file descriptors after much traffic and many broken ends."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.kit.running import RunningProxy, wait_until
from tests.story.echo import Caller, EchoUpstream
from tests.story.operator import Admin, open_files, resident_bytes

MIB = 1 << 20
REQUESTS, CONNECTIONS, BROKEN = 20_000, 2_000, 200
START = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 2000


class BreakingUpstream:
    """Begins an answer; on `/reset` it resets then, else it waits until the proxy hangs up."""

    def __init__(self) -> None:
        self.port = 0
        self.open = 0
        self.begun = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.begun += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"GET /early"):
                writer.write(START)
                await writer.drain()
            if b"/reset" not in head and not head.startswith(b"GET /early"):
                await reader.read()
            writer.transport.abort()
        except (OSError, EOFError):
            pass
        finally:
            self.open -= 1
            writer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["BreakingUpstream"]:
        """Listen for as long as the context lasts."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self


@asynccontextmanager
async def running() -> AsyncIterator[tuple[RunningProxy, EchoUpstream, BreakingUpstream]]:
    echo, breaking = EchoUpstream("legacy"), BreakingUpstream()
    async with echo, breaking.listening(), proxied(echo, breaking) as proxy:
        yield proxy, echo, breaking


@asynccontextmanager
async def proxied(echo: EchoUpstream, breaking: BreakingUpstream) -> AsyncIterator[RunningProxy]:
    proxy = RunningProxy(
        {
            "upstreams": {
                "legacy": {"url": echo.url, "pool": {"idle": "500ms"}},
                "breaking": {
                    "url": f"http://127.0.0.1:{breaking.port}",
                    "pool": {"idle": "500ms", "max": 20},
                },
            },
            "routes": [
                {
                    "name": "broken",
                    "match": {"path": "~/(leave|reset|early)"},
                    "upstream": "breaking",
                }
            ],
            "identity": {"key": ["cookie:sid"]},
        }
    )
    await asyncio.to_thread(proxy.start)
    try:
        yield proxy
    except BaseException:
        proxy.stop()
        raise
    await asyncio.to_thread(proxy.__exit__, None, None, None)


async def use(proxy: RunningProxy, requests: int, connections: int) -> None:
    """Send so many requests over so many connections, eight at a time."""

    async def some(share: int) -> None:
        for number in range(connections // 8):
            caller = await Caller.open(proxy.port)
            for turn in range(requests // connections):
                cookie = f"Cookie: sid={share}-{number}-{turn}"
                assert (await caller.ask(f"/{turn}", cookie)).status == 200
            await caller.close()

    await asyncio.gather(*(some(share) for share in range(8)))


async def at_rest(proxy: RunningProxy) -> int:
    """Wait until nothing is under way and nothing pooled; how many descriptors are then open."""
    admin = Admin(proxy)

    def resting() -> bool:
        status = admin.status()
        requests = status["requests"]
        left = [requests["in_flight"], requests["connections_open"], requests["tunnels_open"]]
        for one in status["endpoints"]:
            left += [one["outstanding"], one["waiting"], one["idle"]]
        return not any(left)

    await asyncio.to_thread(wait_until, resting, "nothing is under way any more", 10)
    return open_files(proxy)


async def until_no_more_files(proxy: RunningProxy, files: int) -> None:
    """Wait until no more descriptors are open than `files`, give or take an admin connection."""
    await at_rest(proxy)
    await asyncio.to_thread(
        wait_until, lambda: open_files(proxy) <= files + 1, "all descriptors are closed", 10
    )


async def test_20000_requests_on_2000_connections_leave_nothing_behind() -> None:
    async with running() as (proxy, echo, _):
        await use(proxy, REQUESTS // 5, CONNECTIONS // 5)
        files = await at_rest(proxy)
        warm = resident_bytes(proxy)
        await use(proxy, REQUESTS, CONNECTIONS)
        await until_no_more_files(proxy, files)
        assert echo.asked == REQUESTS + REQUESTS // 5
        assert resident_bytes(proxy) - warm < 2 * MIB


async def leave(proxy: RunningProxy, number: int) -> None:
    """Hang up in mid-answer: with a FIN the first twenty times, else with a reset."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"GET /leave HTTP/1.1\r\nHost: t\r\n\r\n")
    await reader.readexactly(1000)
    if number >= 20:
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def be_reset(proxy: RunningProxy, number: int) -> None:
    """Meet an upstream that resets: before its answer, or in the middle of it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    target = (b"/reset", b"/early")[number % 2]
    writer.write(b"GET %b HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n" % target)
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    assert len(answer) < len(START) + 1000
    assert answer.startswith(b"HTTP/1.1 502") or target == b"/reset"
    writer.close()


async def test_clients_that_leave_and_upstreams_that_reset_leave_nothing_behind() -> None:
    async with running() as (proxy, _, breaking):
        await use(proxy, 80, 8)
        files = await at_rest(proxy)
        for start in range(0, BROKEN, 20):
            numbers = range(start, start + 20)
            await asyncio.gather(*(leave(proxy, number) for number in numbers))
            await asyncio.gather(*(be_reset(proxy, number) for number in numbers))
        await until_no_more_files(proxy, files)
        warm = resident_bytes(proxy)
        for start in range(0, BROKEN, 20):
            await asyncio.gather(*(leave(proxy, n) for n in range(start, start + 20)))
        await until_no_more_files(proxy, files)
        assert breaking.open == 0
        assert breaking.begun == 3 * BROKEN
        assert resident_bytes(proxy) - warm < 2 * MIB
        admin = Admin(proxy)
        faults = (await asyncio.to_thread(admin.status))["requests"]["faults"]
        assert faults["client_left"] == 2 * BROKEN
        assert faults["upstream_cut"] + faults["upstream_closed"] == BROKEN
        await use(proxy, 80, 8)
