"""The request as it goes upstream: its names, its Host, where it came from."""

import pytest

from proxy.core.message import RequestHead, parse_request_head
from proxy.core.trace import parse_traceparent
from proxy.dataplane.client_connection import ClientConnection
from proxy.dataplane.outgoing import OutgoingRequest
from tests.kit.inside import Inside
from tests.kit.transport import on_memory_loop

TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OTHER = b"origin:3000"


def parsed(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> RequestHead:
    return parse_request_head(b"\r\n".join([start, *lines, b"", b""]))


async def sent(
    *lines: bytes,
    start: bytes = b"GET / HTTP/1.1",
    trusted: bool = False,
    replaces_host: bool = False,
) -> tuple[OutgoingRequest, RequestHead]:
    """The request, and its head as the upstream reads it."""
    inside = Inside()
    protocol = inside.connect("10.0.0.5").get_protocol()
    assert isinstance(protocol, ClientConnection)
    head = parsed(*lines, start=start)
    out = OutgoingRequest(protocol, head, trusted=trusted)
    data = out.head_for(head, OTHER, replaces_host=replaces_host)
    again = out.head_for(head, OTHER, replaces_host=replaces_host)
    assert data == again, "each attempt says the same"
    await inside.close()
    return out, parse_request_head(data)


@on_memory_loop
async def test_a_request_is_named_and_its_trace_begins() -> None:
    out, head = await sent(b"Host: a")
    trace = parse_traceparent(head.by_name[b"traceparent"])
    assert trace is not None
    assert head.by_name[b"x-request-id"].decode() == out.request_id == out.trace_id
    assert trace.trace_id == out.trace_id


@on_memory_loop
async def test_anybodys_valid_trace_is_continued_but_not_its_request_id() -> None:
    out, head = await sent(b"Host: a", b"traceparent: " + TRACE, b"X-Request-Id: mine")
    assert head.by_name[b"traceparent"] == TRACE
    assert out.trace_id == TRACE[3:35].decode()
    assert head.by_name[b"x-request-id"].decode() == out.request_id
    assert "mine" not in out.request_id


@pytest.mark.parametrize("value", [b"nonsense", b"00-" + b"0" * 32 + b"-b7ad6b7169203331-01"])
def test_a_broken_trace_is_begun_anew_and_its_state_is_dropped(value: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        out, head = await sent(b"Host: a", b"traceparent: " + value, b"tracestate: x=1")
        assert b"tracestate" not in head.by_name
        trace = parse_traceparent(head.by_name[b"traceparent"])
        assert trace is not None
        assert trace.trace_id == out.trace_id

    ask()


@on_memory_loop
async def test_a_trusted_peer_names_the_request_if_the_name_is_usable() -> None:
    out, head = await sent(b"Host: a", b"X-Request-Id: mine", trusted=True)
    assert out.request_id == "mine"
    assert head.by_name[b"x-request-id"] == b"mine"
    out, head = await sent(b"Host: a", b"X-Request-Id: " + b"x" * 200, trusted=True)
    assert out.request_id == out.trace_id


@on_memory_loop
async def test_the_host_is_kept_unless_the_upstream_wants_its_own() -> None:
    assert (await sent(b"Host: a"))[1].by_name[b"host"] == b"a"
    assert (await sent(b"Host: a", replaces_host=True))[1].by_name[b"host"] == OTHER
    absolute = b"GET http://b:1/x HTTP/1.1"
    _, head = await sent(b"Host: a", start=absolute)
    assert (head.target, head.by_name[b"host"]) == (b"/x", b"b:1")
    assert head.by_name[b"x-forwarded-host"] == b"b:1"
    _, head = await sent(start=b"GET / HTTP/1.0")
    assert head.by_name[b"host"] == OTHER


@on_memory_loop
async def test_the_way_so_far_is_believed_from_trusted_peers_alone() -> None:
    lines = (b"Host: a", b"X-Forwarded-For: 1.1.1.1", b"Forwarded: for=1.1.1.1")
    _, head = await sent(*lines)
    assert head.by_name[b"x-forwarded-for"] == b"10.0.0.5"
    _, head = await sent(*lines, trusted=True)
    assert head.by_name[b"x-forwarded-for"] == b"1.1.1.1, 10.0.0.5"
    assert head.by_name[b"forwarded"].startswith(b"for=1.1.1.1, for=10.0.0.5;")


KEEPS: dict[tuple[bytes, bytes], bool] = {
    (b"1.1", b""): True,
    (b"1.1", b"close"): False,
    (b"1.1", b"x, Close"): False,
    (b"1.0", b""): False,
    (b"1.0", b"Keep-Alive"): True,
    (b"1.0", b"keep-alive, close"): False,
}


@pytest.mark.parametrize(("version", "connection"), KEEPS)
def test_a_connection_goes_on_if_the_client_wants_it(version: bytes, connection: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        lines = [b"Host: a"] + ([b"Connection: " + connection] if connection else [])
        out, _ = await sent(*lines, start=b"GET / HTTP/" + version)
        assert out.keeps is KEEPS[version, connection]

    ask()


@on_memory_loop
async def test_an_upgrade_is_offered_on_and_http_2_is_not() -> None:
    out, head = await sent(b"Host: a", b"Connection: Upgrade", b"Upgrade: WebSocket, h2c")
    assert out.offers == {b"websocket"}
    assert head.by_name[b"upgrade"] == b"WebSocket"
    out, head = await sent(b"Host: a", b"Connection: Upgrade", b"Upgrade: h2c")
    assert not out.offers
    assert b"upgrade" not in head.by_name
