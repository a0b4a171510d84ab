"""WebSocket round trips: one connection, one short message at a time."""

import os
import socket
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmarks.memory import connect
from scripts.benchmarks.processes import Server
from scripts.benchmarks.servers import START, proxies, streaming_origin

MESSAGE = b"ping" * 16
MASK = b"\x0f\x1e\x2d\x3c"
FRAME = (
    bytes((0x82, 0x80 | len(MESSAGE)))
    + MASK
    + bytes(byte ^ MASK[place % 4] for place, byte in enumerate(MESSAGE))
)
ECHO = bytes((0x82, len(MESSAGE))) + MESSAGE
SECONDS = 3.0

HANDSHAKE = (
    b"GET /api/socket HTTP/1.1\r\nHost: a\r\nX-User-Id: user-1\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def upgrade(connection: socket.socket) -> None:
    """Become a WebSocket. Raises RuntimeError unless the answer is 101."""
    connection.sendall(HANDSHAKE)
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(4096)
        if not block:
            break
        data += block
    if not data.startswith(b"HTTP/1.1 101 "):
        raise RuntimeError(f"the upgrade was not accepted: {data[:200]!r}")


def echo_once(connection: socket.socket) -> None:
    """Send a message and wait until it has come back whole."""
    connection.sendall(FRAME)
    got = b""
    while len(got) < len(ECHO):
        block = connection.recv(4096)
        if not block:
            raise RuntimeError("the tunnel was closed")
        got += block
    if got != ECHO:
        raise RuntimeError(f"the echo differs: {got!r}")


def measure(server: Server) -> dict[str, float]:
    """Round trips per second, and the server's CPU time for each."""
    with connect(server.port) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        upgrade(connection)
        for _ in range(100):
            echo_once(connection)
        cpu, started, trips = server.cpu_seconds(), time.monotonic(), 0
        while time.monotonic() < started + SECONDS:
            echo_once(connection)
            trips += 1
        passed = time.monotonic() - started
        spent = server.cpu_seconds() - cpu
    return {"round_trips_per_s": round(trips / passed), "cpu_us": round(spent * 1e6 / trips, 2)}


def run() -> dict[str, object]:
    """Measure without a proxy, through nginx (where installed) and through Crossfade."""
    names = [name for name in ("nginx", "crossfade") if proxies()[name]]
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as temporary, ExitStack() as stack:
        folder = Path(temporary)
        origin = stack.enter_context(streaming_origin(folder))
        servers = {"direct": origin} | {
            name: stack.enter_context(START[name](origin.port, folder)) for name in names
        }
        result: dict[str, object] = {}
        for name, server in servers.items():
            numbers = measure(server)
            result[name] = numbers
            print(f"websocket {name:<10} {numbers['round_trips_per_s']:8.0f} round trips/s")
    return {"cpus": os.cpu_count(), "message_bytes": len(MESSAGE), "echo": result}
