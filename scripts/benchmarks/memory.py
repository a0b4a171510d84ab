"""Resident size: what idle connections and large bodies add to it."""

import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from scripts.benchmarks.origin import SLOW_RATE, SLOW_SECONDS
from scripts.benchmarks.processes import Server
from scripts.benchmarks.servers import crossfade, streaming_origin

MIB = 1024 * 1024
CONNECTIONS = 1000
BODY_BYTES = 1024 * MIB
WARM_UP_BYTES = 64 * MIB
SAMPLE_SECONDS = 0.02
SOCKET_SECONDS = 120.0
BLOCK = bytes(256 * 1024)


def connect(port: int) -> socket.socket:
    """A client connection."""
    return socket.create_connection(("127.0.0.1", port), timeout=SOCKET_SECONDS)


def read_head(connection: socket.socket) -> tuple[int, bytes]:
    """Read a response head; the body's stated length, and what of the body came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        if not block:
            raise RuntimeError(f"the connection was closed in the head: {data!r}")
        data += block
    head, _, rest = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(f"unexpected answer: {head[:200]!r}")
    fields = head.lower().split(b"\r\n")
    length = next(line for line in fields if line.startswith(b"content-length:"))
    return int(length.partition(b":")[2]), rest


def ask(connection: socket.socket) -> None:
    """One small request on a kept connection."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-User-Id: user-1\r\n\r\n")
    length, body = read_head(connection)
    while len(body) < length:
        body += connection.recv(65536)


def download(port: int, count: int, *, slowly: bool = False) -> None:
    """Fetch a body; slowly: at a bounded rate for the first ten seconds."""
    with connect(port) as connection:
        connection.sendall(b"GET /bytes/%d HTTP/1.1\r\nHost: a\r\n\r\n" % count)
        length, first = read_head(connection)
        seen, started = len(first), time.monotonic()
        buffer = bytearray(len(BLOCK))
        while seen < length:
            got = connection.recv_into(buffer)
            if not got:
                raise RuntimeError(f"the body was cut after {seen} of {length} bytes")
            seen += got
            passed = time.monotonic() - started
            if slowly and passed < SLOW_SECONDS:
                time.sleep(max(0.0, seen / SLOW_RATE - passed))


def upload(port: int, count: int, *, path: bytes = b"/count") -> None:
    """Send a body and see that every byte arrived."""
    with connect(port) as connection:
        connection.sendall(b"POST %b HTTP/1.1\r\nHost: a\r\n" % path)
        connection.sendall(b"Content-Length: %d\r\n\r\n" % count)
        for _ in range(count // len(BLOCK)):
            connection.sendall(BLOCK)
        length, body = read_head(connection)
        while len(body) < length:
            body += connection.recv(65536)
    if int(body) != count:
        raise RuntimeError(f"{body!r} of {count} bytes arrived")


class Peak:
    """The largest resident size seen so far, in bytes."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.bytes = server.resident_bytes()

    def look(self) -> None:
        """Take one sample."""
        self.bytes = max(self.bytes, self._server.resident_bytes())


@contextmanager
def watched(server: Server) -> Iterator[Peak]:
    """Sample the resident size for the length of the block."""
    peak = Peak(server)
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            peak.look()

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
        peak.look()


def growth_mib(server: Server, work: Callable[[], None]) -> float:
    """How far the resident size rose above its start while the work was done."""
    before = server.resident_bytes()
    with watched(server) as peak:
        work()
    return round((peak.bytes - before) / MIB, 2)


def idle_connections(server: Server) -> dict[str, float]:
    """What 1,000 connections add that have each asked once and now wait."""
    with connect(server.port) as first:
        ask(first)
    time.sleep(0.5)
    before = server.resident_bytes()
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            connection = stack.enter_context(connect(server.port))
            ask(connection)
        time.sleep(0.5)
        after = server.resident_bytes()
    return {
        "connections": CONNECTIONS,
        "idle_mib": round(before / MIB, 2),
        "growth_mib": round((after - before) / MIB, 2),
    }


def large_bodies(server: Server) -> dict[str, float]:
    """What a body of 1 GiB adds, in each direction, with fast and slow readers."""
    port = server.port
    download(port, WARM_UP_BYTES)
    upload(port, WARM_UP_BYTES)
    works: dict[str, Callable[[], None]] = {
        "down": lambda: download(port, BODY_BYTES),
        "up": lambda: upload(port, BODY_BYTES),
        "down_slow_reader": lambda: download(port, BODY_BYTES, slowly=True),
        "up_slow_reader": lambda: upload(port, BODY_BYTES, path=b"/slow"),
    }
    grown = {}
    for name, work in works.items():
        grown[name] = growth_mib(server, work)
        print(f"1 GiB {name:<17} {grown[name]:6.2f} MiB growth")
    return grown


def run() -> dict[str, object]:
    """Measure both, each on a fresh process."""
    with tempfile.TemporaryDirectory(prefix="crossfade-bench-") as temporary:
        folder = Path(temporary)
        with streaming_origin(folder) as origin:
            with crossfade(origin.port, folder) as server:
                idle = idle_connections(server)
                print(f"{CONNECTIONS} idle connections {idle['growth_mib']:6.2f} MiB growth")
            with crossfade(origin.port, folder) as server:
                bodies = large_bodies(server)
    return {"idle": idle, "body_growth_mib": bodies}
