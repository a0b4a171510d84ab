"""A client's connection: one request at a time, in order, within its time, or refused."""

import json
from random import Random

import pytest

from proxy.core.message import ResponseHead, parse_response_head
from proxy.core.reason import Reason
from tests.kit.fuzzing import Fuzz
from tests.kit.inside import Inside
from tests.kit.transport import MemoryTransport, on_memory_loop, turns

GET = b"GET /%d HTTP/1.1\r\nHost: a\r\n\r\n"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d"


def read(data: bytes) -> tuple[ResponseHead, bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    return parse_response_head(head + b"\r\n\r\n"), body


def refused(client: MemoryTransport) -> tuple[int, str]:
    """The status and the reason that the client is told, and that nothing more comes."""
    head, body = read(client.sent())
    assert head.by_name[b"connection"] == b"close"
    assert client.eof_written or client.closing
    return head.status, json.loads(body)["reason"]


@on_memory_loop
async def test_a_pipeline_is_answered_in_order_one_at_a_time() -> None:
    inside = Inside()
    client, upstream = await inside.ask(GET % 1 + GET % 2 + GET % 3)
    for number in (1, 2, 3):
        asked = upstream.sent()
        assert asked.startswith(b"GET /%d " % number)
        assert asked.count(b"GET /") == 1
        upstream.peer_sends(ANSWER % number)
        await turns()
        assert read(client.sent())[1] == b"%d" % number
    assert len(inside.loop.dials) == 1
    await inside.close()


@on_memory_loop
async def test_a_head_may_come_byte_by_byte_behind_empty_lines() -> None:
    inside = Inside()
    client = inside.connect()
    for byte in b"\r\n\r\n" + GET % 1:
        client.peer_sends(bytes([byte]))
    upstream = await inside.accept()
    assert upstream.sent().startswith(b"GET /1 HTTP/1.1\r\n")
    await inside.close()


REFUSED: list[tuple[bytes, int, str]] = [
    (b"\x16\x03\x01", 400, "bad_request"),
    (b" GET / HTTP/1.1\r\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400, "bad_request"),
    (b"\r\r\n", 400, "bad_request"),
    (b"\n", 400, "bad_request"),
    (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
    (b"GET / HTTP/2.0\r\n\r\n", 505, "version_not_supported"),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 405, "connect_refused"),
    (b"GET /" + b"x" * 9000, 414, "url_too_long"),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414, "url_too_long"),
    (b"GET / HTTP/1.1\r\nX: " + b"x" * 40000, 431, "head_too_large"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40000 + b"\r\n\r\n", 431, "head_too_large"),
    (
        b"P / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x, chunked\r\n\r\n",
        501,
        "coding_not_supported",
    ),
]


@pytest.mark.parametrize(("data", "status", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_request_is_refused_once_and_counted(
    data: bytes, status: int, reason: str
) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside()
        client = inside.connect()
        client.peer_sends(data)
        assert refused(client) == (status, reason)
        client.peer_sends(GET % 1)
        await turns()
        assert client.sent() == b""
        assert inside.loop.dials == []
        assert inside.accounting.faults() == {Reason(reason): 1}
        await inside.close()

    ask()


@on_memory_loop
async def test_a_refused_client_may_finish_sending_but_not_for_ever() -> None:
    inside = Inside()
    client = inside.connect()
    client.peer_sends(b"\x00")
    for _ in range(5):
        client.peer_sends(b"x" * 1024 * 1024)
    assert client.aborted
    client = inside.connect()
    client.peer_sends(b"\x00")
    assert not client.closing
    await inside.sweep(2.1)
    assert client.aborted
    await inside.close()


@on_memory_loop
async def test_a_connection_without_a_word_a_slow_head_and_an_idle_one_each_have_their_time() -> (
    None
):
    inside = Inside(limits={"head_timeout": "10s", "keep_alive": "75s"})
    silent, slow = inside.connect(), inside.connect()
    await inside.sweep(5.0)
    slow.peer_sends(b"GET / HT")
    await inside.sweep(5.1)
    assert silent.closing
    assert silent.sent() == b""
    slow.peer_sends(b"TP/1.1\r\n")
    await inside.sweep(5.0)
    assert refused(slow) == (408, "head_timeout"), "more bytes buy no time"
    client, upstream = await inside.ask(GET % 1)
    upstream.peer_sends(ANSWER % 1)
    client.sent()
    await inside.sweep(74.0)
    assert not client.closing
    await inside.sweep(1.2)
    assert client.closing
    assert client.sent() == b""
    await inside.close()


@on_memory_loop
async def test_what_is_held_for_later_is_bounded() -> None:
    inside = Inside()
    client, upstream = await inside.ask(GET % 1)
    sent = 0
    while not client.paused:
        client.peer_sends(GET % 2 * 100)
        sent += len(GET % 2) * 100
        assert sent < 100_000
    upstream.peer_sends(ANSWER % 1)
    await turns()
    assert upstream.sent().count(b"GET /2 ") == 1
    await inside.close()


@on_memory_loop
async def test_too_many_connections_are_told_so() -> None:
    inside = Inside(limits={"connections": 2})
    first, _, third = inside.connect(), inside.connect(), inside.connect()
    assert refused(third) == (503, "too_many_connections")
    assert inside.accounting.connections_refused == 1
    first.peer_ends()
    await turns()
    fourth = inside.connect()
    assert not fourth.closing
    await inside.sweep(2.1)
    await inside.close()


@on_memory_loop
async def test_a_client_that_left_before_it_was_taken_does_no_harm() -> None:
    inside = Inside()
    protocol = inside.door.protocol()
    transport = MemoryTransport(protocol)
    transport.peername = None
    protocol.connection_made(transport)
    await turns()
    assert transport.aborted
    assert not inside.door.connections
    await inside.close()


@on_memory_loop
async def test_an_end_of_the_client_ends_an_idle_connection() -> None:
    inside = Inside()
    client = inside.connect()
    client.peer_ends()
    await turns()
    assert client.closing
    assert not inside.door.connections
    await inside.close()


@on_memory_loop
async def test_tls_without_half_closes_is_ended_too() -> None:
    inside = Inside()
    client = inside.connect(half_closes=False)
    client.peer_sends(b"\x00")
    assert refused(client) == (400, "bad_request")
    await inside.close()


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_in_any_pieces_are_answered_or_refused_and_leave_nothing(seed: int) -> None:
    @on_memory_loop
    async def fuzz() -> None:
        fuzz = Fuzz(Random(seed))
        for _ in range(500):
            await fuzz.client(odd_upstream=False)
        await fuzz.close()
        assert fuzz.seen["200"] > 50
        assert fuzz.seen["400"] > 50
        assert not [status for status in fuzz.seen if status.startswith("50") and status < "501"]

    fuzz()
