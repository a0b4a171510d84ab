"""What the client gets: one response, and a connection that goes on only if it can."""

import json

import pytest

from proxy.core.message import ResponseHead, parse_response_head
from tests.kit.inside import Inside
from tests.kit.transport import MemoryTransport, on_memory_loop

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OLD = b"GET / HTTP/1.0\r\nHost: a\r\n\r\n"
OLD_KEEP = b"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\n"


async def answered(request: bytes, response: bytes) -> tuple[ResponseHead, bytes, MemoryTransport]:
    """Head and body as the client gets them, and its connection."""
    inside = Inside()
    client, upstream = await inside.ask(request)
    upstream.peer_sends(response)
    head, _, body = client.sent().partition(b"\r\n\r\n")
    kept = client.closing or client.eof_written
    await inside.close()
    client.closing = kept
    return parse_response_head(head + b"\r\n\r\n"), body, client


@on_memory_loop
async def test_what_the_upstream_did_not_say_is_added_and_what_it_said_stays() -> None:
    head, body, _ = await answered(GET, OK + b"Content-Length: 2\r\n\r\nok")
    assert body == b"ok"
    assert {b"date", b"x-request-id", b"x-crossfade-arm"} <= head.by_name.keys()
    said = OK + b"Date: then\r\nX-Request-Id: theirs\r\nContent-Length: 2\r\n\r\nok"
    head, _, _ = await answered(GET, said)
    assert (head.by_name[b"date"], head.by_name[b"x-request-id"]) == (b"then", b"theirs")


FRAMED: list[tuple[bytes, bytes, bytes, bytes | None, bool]] = [
    (GET, b"Content-Length: 2\r\n\r\nok", b"ok", None, True),
    (
        GET,
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"2\r\nok\r\n0\r\n\r\n",
        None,
        True,
    ),
    (OLD, b"Content-Length: 2\r\n\r\nok", b"ok", b"close", False),
    (OLD_KEEP, b"Content-Length: 2\r\n\r\nok", b"ok", b"keep-alive", True),
    (OLD_KEEP, b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok", b"close", False),
]


@pytest.mark.parametrize(("request_", "rest", "body", "connection", "kept"), FRAMED)
def test_a_body_is_framed_for_the_clients_version(
    request_: bytes, rest: bytes, body: bytes, connection: bytes | None, kept: bool
) -> None:
    @on_memory_loop
    async def ask() -> None:
        head, got, client = await answered(request_, OK + rest)
        assert got == body
        assert head.by_name.get(b"connection") == connection
        assert client.closing is not kept

    ask()


@on_memory_loop
async def test_before_the_head_a_fault_is_a_document_and_after_it_a_cut() -> None:
    head, body, _ = await answered(GET, b"nonsense")
    assert head.status == 502
    assert json.loads(body)["reason"] == "upstream_invalid"
    inside = Inside()
    client, upstream = await inside.ask(GET)
    upstream.peer_sends(OK + b"Content-Length: 5\r\n\r\nab")
    upstream.peer_ends()
    assert client.sent().endswith(b"\r\n\r\nab")
    assert client.closing
    assert not client.socket.options, "the length tells that it was cut"
    await inside.close()


@on_memory_loop
async def test_a_cut_that_would_look_like_an_end_is_a_reset() -> None:
    inside = Inside()
    client, upstream = await inside.ask(OLD)
    upstream.peer_sends(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n")
    upstream.peer_ends()
    assert client.closing
    assert client.socket.options
    await inside.close()
