"""Reading responses: each exactly once to whom it belongs, and never a byte to anybody else."""

import asyncio
from random import Random

import pytest

from proxy.core.field import Field
from proxy.core.framing import Decoded, Framing
from proxy.core.message import ResponseHead
from proxy.core.reason import Reason
from proxy.dataplane.pool import EndpointPool, PoolRule
from proxy.dataplane.upstream_connection import UpstreamConnection
from tests.kit.odd_heads import chunked_body, pieces, response_head
from tests.kit.transport import MemoryTransport, on_memory_loop

RULE = PoolRule(host="127.0.0.1", port=3000, tls=None, server_name=None, most=4, idle=10.0, line=4)


class Recorder:
    """A receiver that keeps what it is told, and lets go as an exchange would."""

    def __init__(self, connection: UpstreamConnection, method: bytes = b"GET") -> None:
        self.method = method
        self.connection = connection
        self.said: list[object] = []
        self.payload = b""
        self.trailers: list[Field] = []
        self.done = False
        self.untouched = False

    def interim(self, head: ResponseHead) -> None:
        assert not self.done
        self.said.append(head.status)

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        self.said += [head.status, rest]
        self.done = True
        self.connection.handed_over()

    def response(self, head: ResponseHead, framing: Framing, first: Decoded) -> None:
        assert not self.done
        self.said += [head.status, framing]
        self.body(first)

    def body(self, part: Decoded) -> None:
        assert not self.done
        self.payload += part.payload
        self.done = part.done
        if part.done:
            self.trailers = part.trailers
            self.connection.release(reusable=True)

    def upstream_failed(self, reason: Reason, *, untouched: bool) -> None:
        assert not self.done
        self.said.append(reason)
        self.done = True
        self.untouched = untouched

    def upstream_writable(self, *, writable: bool) -> None:
        self.said.append(writable)


def ask(method: bytes = b"GET") -> tuple[Recorder, MemoryTransport, EndpointPool]:
    """A connection that waits for the response to a request."""
    clock = asyncio.get_running_loop().time
    pool = EndpointPool(RULE, clock)
    pool.open = 1
    connection = UpstreamConnection(pool, clock())
    transport = MemoryTransport(connection)
    connection.connection_made(transport)
    recorder = Recorder(connection, method)
    connection.begin(recorder, b"request")
    assert transport.sent() == b"request"
    return recorder, transport, pool


OK = b"HTTP/1.1 200 OK\r\n"
LENGTH, CHUNKED = Framing.LENGTH, Framing.CHUNKED
READ: list[tuple[bytes, list[object], bytes, bool]] = [
    (OK + b"Content-Length: 2\r\n\r\nok", [200, LENGTH], b"ok", True),
    (OK + b"Content-Length: 0\r\n\r\n", [200, Framing.NONE], b"", True),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", [200, CHUNKED], b"ok", True),
    (
        b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 100 C\r\n\r\n" + OK + b"Content-Length: 2\r\n\r\nok",
        [103, 100, 200, LENGTH],
        b"ok",
        True,
    ),
    (OK + b"Content-Length: 2\r\nConnection: close\r\n\r\nok", [200, LENGTH], b"ok", False),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", [200, LENGTH], b"ok", False),
    (
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: Keep-Alive\r\n\r\nok",
        [200, LENGTH],
        b"ok",
        True,
    ),
]


@pytest.mark.parametrize(("data", "said", "payload", "kept"), READ, ids=range(len(READ)))
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_response_is_read_the_same_however_it_comes(
    data: bytes, said: list[object], payload: bytes, kept: bool, step: int
) -> None:
    @on_memory_loop
    async def read() -> None:
        recorder, transport, pool = ask()
        for at in range(0, len(data), step):
            transport.peer_sends(data[at : at + step])
        assert (recorder.said, recorder.payload, recorder.done) == (said, payload, True)
        assert len(pool.idle) == pool.open == int(kept)

    read()


@on_memory_loop
async def test_a_body_that_the_close_ends_is_whole_only_with_a_fin() -> None:
    recorder, transport, pool = ask()
    transport.peer_sends(OK + b"\r\nhello")
    transport.peer_ends()
    assert (recorder.payload, recorder.done) == (b"hello", True)
    assert recorder.said == [200, Framing.UNTIL_CLOSE]
    assert pool.open == 0
    recorder, transport, pool = ask()
    transport.peer_sends(OK + b"\r\nhello")
    transport.peer_resets()
    assert recorder.said[-1] is Reason.UPSTREAM_CUT
    assert pool.open == 0


CUTS: list[tuple[bytes, Reason, bool]] = [
    (b"", Reason.UPSTREAM_CLOSED, True),
    (b"HTTP/1.", Reason.UPSTREAM_CLOSED, False),
    (b"HTTP/1.1 103 E\r\n\r\n", Reason.UPSTREAM_CLOSED, False),
    (OK + b"Content-Length: 5\r\n\r\n", Reason.UPSTREAM_CUT, False),
    (OK + b"Content-Length: 5\r\n\r\nab", Reason.UPSTREAM_CUT, False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", Reason.UPSTREAM_CUT, False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", Reason.UPSTREAM_CUT, False),
]


@pytest.mark.parametrize(("data", "reason", "untouched"), CUTS, ids=range(len(CUTS)))
@pytest.mark.parametrize("end", [MemoryTransport.peer_ends, MemoryTransport.peer_resets])
def test_a_cut_is_told_as_what_it_is(
    data: bytes, reason: Reason, untouched: bool, end: object
) -> None:
    @on_memory_loop
    async def cut() -> None:
        assert callable(end)
        recorder, transport, pool = ask()
        if data:
            transport.peer_sends(data)
        end(transport)
        assert recorder.said[-1] is reason
        assert recorder.untouched is untouched
        assert pool.open == 0

    cut()


NONSENSE = [
    b"SSH-2.0-x\r\n",
    b"HTTP/2 200\r\n\r\n",
    b"HTTP/1.1 200 OK\n",
    b"X",
    OK + b"a : b\r\n\r\n",
    OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
    OK + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    OK + b"X: " + b"x" * 300_000,
    OK + b"X: " + b"x" * 300_000 + b"\r\n\r\n",
    b"HTTP/1.1 100 C\r\n\r\n" * 65,
]


@pytest.mark.parametrize("data", NONSENSE, ids=[repr(data[-20:]) for data in NONSENSE])
def test_nonsense_ends_the_connection(data: bytes) -> None:
    @on_memory_loop
    async def read() -> None:
        recorder, transport, pool = ask()
        transport.peer_sends(data)
        assert recorder.said[-1] is Reason.UPSTREAM_INVALID
        assert transport.aborted
        assert pool.open == 0

    read()


@on_memory_loop
async def test_a_broken_chunk_is_a_cut() -> None:
    recorder, transport, _ = ask()
    transport.peer_sends(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok")
    transport.peer_sends(b"XX")
    assert recorder.said[-1] is Reason.UPSTREAM_CUT
    assert recorder.payload == b"ok"


@pytest.mark.parametrize("stray", [b"x", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
@pytest.mark.parametrize("together", [True, False])
def test_bytes_behind_a_response_belong_to_nobody(stray: bytes, together: bool) -> None:
    @on_memory_loop
    async def read() -> None:
        recorder, transport, pool = ask()
        data = OK + b"Content-Length: 2\r\n\r\nok"
        for piece in [data + stray] if together else [data, stray]:
            transport.peer_sends(piece)
        assert recorder.payload == b"ok"
        assert (pool.open, len(pool.idle)) == (0, 0)
        assert transport.aborted

    read()


@on_memory_loop
async def test_a_response_to_head_has_no_body_whatever_it_says() -> None:
    recorder, transport, pool = ask(b"HEAD")
    transport.peer_sends(OK + b"Content-Length: 99\r\n\r\n")
    assert recorder.said == [200, Framing.NONE]
    assert len(pool.idle) == 1


@on_memory_loop
async def test_a_switch_leaves_the_rest_to_the_new_protocol() -> None:
    recorder, transport, pool = ask()
    transport.peer_sends(b"HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nraw")
    assert recorder.said == [101, b"raw"]
    assert pool.open == 0, "a tunnel does not count"
    transport.peer_resets()
    assert pool.open == 0
    assert recorder.said == [101, b"raw"]


@on_memory_loop
async def test_a_slow_upstream_is_told_of_and_after_the_end_nobody_is() -> None:
    recorder, transport, _ = ask()
    transport.peer_blocks(9)
    transport.peer_reads()
    assert recorder.said == [False, True]
    transport.peer_sends(OK + b"Content-Length: 0\r\n\r\n")
    transport.peer_blocks(9)
    transport.peer_reads()
    assert recorder.said == [False, True, 200, Framing.NONE]


@on_memory_loop
async def test_a_hint_on_keep_alive_reaches_the_pool() -> None:
    _, transport, pool = ask()
    transport.peer_sends(OK + b"Content-Length: 0\r\nKeep-Alive: timeout=3\r\n\r\n")
    assert pool.idle[0].expires == asyncio.get_running_loop().time() + 2.0


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_end_in_a_response_or_a_fault_and_free_the_place(seed: int) -> None:
    rng = Random(seed)

    @on_memory_loop
    async def fuzz() -> None:
        for _ in range(600):
            recorder, transport, pool = ask(rng.choice((b"GET", b"HEAD")))
            data = response_head(rng, odd=0.4) + chunked_body(rng, b"hello world", odd=0.2)
            for piece in pieces(rng, rng.randbytes(30) if rng.random() < 0.1 else data):
                transport.peer_sends(piece)
            rng.choice((transport.peer_ends, transport.peer_resets))()
            assert recorder.done, data
            assert pool.open == 0, data

    fuzz()
