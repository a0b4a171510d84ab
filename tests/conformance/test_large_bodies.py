"""Large bodies stream: a slow reader slows its sender, and nothing is collected."""

import hashlib
import select
import threading
from pathlib import Path

import pytest

from tests.conformance.judge import Stage, get, head
from tests.kit.message import read_chunk
from tests.kit.running import RunningProxy
from tests.kit.wire import Wire

SIZE = 64 << 20
MOST_IN_FLIGHT = 24 << 20
STALLED = 1.0
BLOCK = bytes(range(256)) * 1024


class Flood:
    """Sends SIZE bytes from a thread; `sent` tells how many the peer's side has taken."""

    def __init__(self, wire: Wire, *, chunked: bool) -> None:
        self._wire = wire
        self._chunked = chunked
        self.sent = 0
        self.stalled = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        sock = self._wire.sock
        sock.setblocking(False)
        for _ in range(SIZE // len(BLOCK)):
            block = b"%x\r\n%s\r\n" % (len(BLOCK), BLOCK) if self._chunked else BLOCK
            view = memoryview(block)
            while view:
                if not select.select([], [sock], [], STALLED)[1]:
                    self.stalled.set()
                    select.select([], [sock], [], 30)
                view = view[sock.send(view) :]
            self.sent += len(BLOCK)
        sock.settimeout(self._wire.deadline)
        if self._chunked:
            self._wire.send(b"0\r\n\r\n")


def digest_of_all() -> str:
    whole = hashlib.sha256()
    for _ in range(SIZE // len(BLOCK)):
        whole.update(BLOCK)
    return whole.hexdigest()


def memory(proxy: RunningProxy) -> int:
    """Resident bytes of the proxy's process."""
    lines = Path(f"/proc/{proxy.process.pid}/status").read_text().splitlines()
    line = next(line for line in lines if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_a_large_response_waits_for_a_slow_reader(stage: Stage, chunked: bool) -> None:
    client = stage.connect(receive_buffer=65536)
    client.send(get(b"/large"))
    connection = stage.upstream.receive()
    before = memory(stage.proxy)
    connection.send(b"HTTP/1.1 200 OK\r\n" + framing(chunked) + b"\r\n\r\n")
    flood = Flood(connection, chunked=chunked)
    assert_slowed_down(stage, flood, before)
    assert client.read_head().status == 200
    assert read_digest(client, chunked=chunked) == digest_of_all()
    flood.thread.join(5)


@pytest.mark.parametrize("chunked", [False, True], ids=["counted", "chunked"])
def test_a_large_request_waits_for_a_slow_upstream(stage: Stage, chunked: bool) -> None:
    client = stage.connect()
    before = memory(stage.proxy)
    client.send(head(b"POST", b"/large", framing(chunked)))
    connection = stage.upstream.receive(body=False)
    flood = Flood(client, chunked=chunked)
    assert_slowed_down(stage, flood, before)
    assert read_digest(connection, chunked=chunked) == digest_of_all()
    flood.thread.join(5)
    connection.answer()
    assert client.read_response().status == 200


def framing(chunked: bool) -> bytes:
    return b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % SIZE


def assert_slowed_down(stage: Stage, flood: Flood, before: int) -> None:
    assert flood.stalled.wait(20), "the sender was never slowed down"
    assert flood.sent < MOST_IN_FLIGHT
    assert memory(stage.proxy) - before < 16 << 20


def read_digest(wire: Wire, *, chunked: bool) -> str:
    """Read the whole body, forgetting it piece by piece."""
    found = hashlib.sha256()
    left = SIZE
    while left:
        piece = read_chunk(wire) if chunked else wire.read_exactly(min(left, 1 << 18))
        wire.received.clear()
        found.update(piece)
        left -= len(piece)
    if chunked:
        assert read_chunk(wire) == b""
        assert wire.read_exactly(2) == b"\r\n"
    return found.hexdigest()
