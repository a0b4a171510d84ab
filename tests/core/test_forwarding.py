"""What is passed on: everything as it came, but for what an intermediary must change.

The oracles here go through the fields one by one; the writers have a short way for
the usual message. Both must say the same.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.field import MessageError, parse_fields
from proxy.core.forwarding import (
    connection_options,
    forwarded_lines,
    interim_response,
    max_forwards,
    outgoing_request,
    outgoing_response,
    requested_protocols,
    trailer_section,
)
from proxy.core.message import RequestHead, parse_request_head, parse_response_head
from tests.kit.properties import examples

HOP_BY_HOP = {
    b"connection",
    b"keep-alive",
    b"proxy-authenticate",
    b"proxy-authorization",
    b"proxy-connection",
    b"te",
    b"transfer-encoding",
    b"upgrade",
}
OURS = {
    b"forwarded",
    b"x-forwarded-for",
    b"x-forwarded-proto",
    b"x-forwarded-host",
    b"x-request-id",
}
KEPT_THOUGH_NAMED = {b"host", b"content-length", b"trailer"}
ADDED = b"X-Added: 1\r\n"

REQUEST_LINES = st.lists(
    st.sampled_from(
        [
            b"Accept: */*",
            b"ACCEPT: a,b",
            b"X-A: 1",
            b"x-a: 2",
            b"X-B: \xe4\xff\t!",
            b"Cookie: a=b",
            b"Cookie: c=d",
            b"X-Empty: ",
            b"TE: trailers",
            b"Keep-Alive: timeout=5",
            b"Proxy-Connection: keep-alive",
            b"Proxy-Authorization: x",
            b"Trailer: X-T",
            b"Forwarded: for=x",
            b"X-Forwarded-For: 1.2.3.4",
            b"x-forwarded-host: evil",
            b"X-Request-Id: mine",
            b"X-User-Id: eve",
            b"X_User_Id: eve",
            b"x-USER-tier: pro",
            b"X_Forwarded_For: 1.2.3.4",
            b"X-Users: 2",
            b"Expect: 100-continue",
            b"Max-Forwards: 7",
            b"traceparent: 00-0-0-00",
        ]
    ),
    max_size=8,
    unique=True,
)
CONNECTION = st.sampled_from(
    [
        None,
        b"close",
        b"Keep-Alive",
        b"x-a",
        b"X-B, close",
        b"host, content-length, Trailer, cookie",
        b"Upgrade",
        b"upgrade, X-A",
    ]
)
UPGRADE = st.sampled_from([None, b"websocket", b"h2c", b"WebSocket, h2c, other/1", b"H2, h2c"])
BODY = st.sampled_from([None, b"Content-Length: 5", b"Transfer-Encoding: chunked"])


@st.composite
def requests(draw: st.DrawFn) -> RequestHead:
    minor = draw(st.sampled_from([1, 1, 1, 0]))
    lines = draw(REQUEST_LINES)
    connection, upgrade, body = draw(CONNECTION), draw(UPGRADE), draw(BODY)
    if connection is not None:
        lines.append(b"Connection: " + connection)
    if upgrade is not None:
        lines.append(b"Upgrade: " + upgrade)
    if body is not None and (minor or not body.startswith(b"T")):
        lines.append(body)
    host = draw(st.sampled_from([b"Host: front", b"hOST: front"]))
    if minor or draw(st.booleans()):
        lines.append(host)
    lines = draw(st.permutations(lines))
    method = draw(st.sampled_from([b"GET", b"POST", b"OPTIONS", b"TRACE"]))
    start = b"%b /a?b HTTP/1.%d" % (method, minor)
    return parse_request_head(b"\r\n".join([start, *lines, b"", b""]))


def is_dropped(
    head: RequestHead, lower: bytes, options: frozenset[bytes], *, trusted: bool
) -> bool:
    """Whether RFC 9110 section 7.6, or our own rules, leave the field out."""
    dashed = lower.replace(b"_", b"-")
    claims = dashed.startswith(b"x-user-") or dashed in OURS - {b"x-request-id"}
    return (
        lower in HOP_BY_HOP | OURS
        or (lower in options and lower not in KEPT_THOUGH_NAMED)
        or (claims and not trusted)
        or (lower == b"expect" and head.minor == 0)
    )


def expected_request(
    head: RequestHead, options: frozenset[bytes], host: bytes | None, offers: bool, trusted: bool
) -> list[bytes]:
    """Line by line, what is to be made of the request's fields."""
    lines = []
    if host is not None and b"host" not in head.by_name:
        lines.append(b"Host: " + host)
    for name, lower, value, _, _ in head.fields:
        if lower == b"upgrade" and offers:
            parts = [part.strip() for part in value.split(b",")]
            kept = [part for part in parts if part.lower() not in (b"h2", b"h2c")]
            lines.append(b"Upgrade: " + b", ".join(kept))
        elif lower == b"transfer-encoding":
            lines.append(b"Transfer-Encoding: chunked")
        elif is_dropped(head, lower, options, trusted=trusted):
            continue
        elif lower == b"host" and host is not None:
            lines.append(b"Host: " + host)
        elif lower == b"max-forwards" and head.method in (b"OPTIONS", b"TRACE"):
            lines.append(b"Max-Forwards: %d" % (int(value) - 1))
        else:
            lines.append(name + b": " + value)
    if offers:
        lines.append(b"Connection: Upgrade")
    return lines


@examples(500)
@given(requests(), st.sampled_from([None, b"origin:1"]), st.booleans())
def test_a_request_is_passed_on_line_by_line_as_the_oracle_says(
    head: RequestHead, host: bytes | None, trusted: bool
) -> None:
    options = connection_options(head.by_name)
    offers = bool(requested_protocols(head, options))
    data = outgoing_request(head, options, ADDED, host=host, upgrade=offers, trusted=trusted)
    expected = expected_request(head, options, host, offers, trusted)
    start = b"%b /a?b HTTP/1.1" % head.method
    via = b"Via: 1.%d crossfade" % head.minor
    tail = [via, ADDED[:-2], b"", b""]
    assert data == b"\r\n".join([start, *expected, *tail])
    again = parse_request_head(data if b"host" in head.by_name or host else _with_host(data))
    assert (again.method, again.target) == (head.method, head.target)


def _with_host(data: bytes) -> bytes:
    return data.replace(b"Via:", b"Host: h\r\nVia:", 1)


@examples(400)
@given(requests(), st.booleans())
def test_who_a_caller_is_comes_from_trusted_peers_alone(head: RequestHead, trusted: bool) -> None:
    options = connection_options(head.by_name)
    data = outgoing_request(head, options, b"", host=None, upgrade=False, trusted=trusted)
    sent = data.lower().replace(b"_", b"-")
    named = {b"x-a", b"x-b"} & options
    claims = [f.lower for f in head.fields if f.lower.replace(b"_", b"-").startswith(b"x-user-")]
    assert (b"\r\nx-user-" in sent) is (trusted and bool(claims))
    assert not any(b"\r\n" + name + b":" in data.lower() for name in named)


RESPONSE_LINES = st.lists(
    st.sampled_from(
        [
            b"Server: x",
            b"Set-Cookie: a",
            b"Set-Cookie: b",
            b"set-cookie: c",
            b"Date: today",
            b"X-A: \xe4\xff",
            b"X-User-Id: u",
            b"X-Forwarded-For: x",
            b"X-Request-Id: theirs",
            b"X-Crossfade-Arm: fake",
            b"x-crossfade-reason: fake",
            b"Keep-Alive: timeout=5",
            b"Proxy-Authenticate: Basic",
            b"TE: x",
            b"Trailer: X-T",
        ]
    ),
    max_size=8,
)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bool]:
    """A head's bytes, and whether its body would be coded."""
    status = draw(
        st.sampled_from([b"200 OK", b"200 ", b"204 No", b"304 \xe4", b"101 S", b"426 Up"])
    )
    lines = draw(RESPONSE_LINES)
    connection, upgrade, body = draw(CONNECTION), draw(UPGRADE), draw(BODY)
    if connection is not None:
        lines.append(b"Connection: " + connection)
    if upgrade is not None:
        lines.append(b"Upgrade: " + upgrade)
    if body is not None:
        lines.append(body)
    lines = draw(st.permutations(lines))
    coded = body is not None and body.startswith(b"T")
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]), coded


@examples(500)
@given(responses(), st.booleans(), st.booleans(), st.booleans())
def test_a_response_is_passed_on_line_by_line_as_the_oracle_says(
    given_: tuple[bytes, bool], chunked: bool, coding_kept: bool, exposed: bool
) -> None:
    head = parse_response_head(given_[0])
    options = connection_options(head.by_name)
    expected = []
    for name, lower, value, _, _ in head.fields:
        if lower == b"transfer-encoding" and (chunked or coding_kept):
            expected.append(b"Transfer-Encoding: chunked")
        elif lower == b"upgrade" and head.status in (101, 426):
            expected += [b"Upgrade: " + value, b"Connection: Upgrade"]
        elif (
            lower in HOP_BY_HOP
            or (lower == b"content-length" and head.status == 204)
            or (lower in options and lower not in KEPT_THOUGH_NAMED)
            or (exposed and lower.startswith(b"x-crossfade-"))
        ):
            continue
        else:
            expected.append(name + b": " + value)
    if chunked and not given_[1]:
        expected.append(b"Transfer-Encoding: chunked")
    data = outgoing_response(head, ADDED, chunked=chunked, coding_kept=coding_kept, exposed=exposed)
    start = b"HTTP/1.1 %d %b" % (head.status, head.phrase)
    assert data == b"\r\n".join([start, *expected, ADDED[:-2], b"", b""])
    assert parse_response_head(data).status == head.status


@examples(200)
@given(responses())
def test_an_interim_response_says_nothing_of_framing_or_of_its_hop(
    given_: tuple[bytes, bool],
) -> None:
    head = parse_response_head(given_[0])
    passed = parse_response_head(interim_response(head))
    assert not passed.by_name.keys() & (HOP_BY_HOP | {b"content-length"})
    dropped = connection_options(head.by_name) - KEPT_THOUGH_NAMED
    kept = HOP_BY_HOP | dropped | {b"content-length"}
    assert [f.line for f in passed.fields] == [f.line for f in head.fields if f.lower not in kept]


TRAILERS = {
    b"X-T: 1": True,
    b"x-t: \xe4": True,
    b"Digest: x": True,
    b"Content-Length: 5": False,
    b"Transfer-Encoding: chunked": False,
    b"Host: a": False,
    b"Connection: x": False,
    b"Trailer: x": False,
    b"Expect: x": False,
    b"X-Forwarded-For: x": False,
    b"X_Forwarded_For: x": False,
    b"X-User-Id: eve": False,
    b"X_USER_ID: eve": False,
    b"X-Request-Id: x": False,
}


@examples(150)
@given(st.lists(st.sampled_from(list(TRAILERS)), max_size=6))
def test_trailers_never_say_what_only_a_head_may(lines: list[bytes]) -> None:
    fields, _ = parse_fields(b"\r\n".join([b"", *lines, b"", b""]), 0)
    kept = [line for line in lines if TRAILERS[line]]
    assert trailer_section(fields) == b"\r\n".join([b"0", *kept, b"", b""])


# single rules

OPTIONS = {
    b"close": {b"close"},
    b"Keep-Alive": {b"keep-alive"},
    b"a, B ,,\tc": {b"a", b"b", b"c"},
    b"": set(),
    b", ,": set(),
}


@pytest.mark.parametrize("value", OPTIONS)
def test_connection_lists_options_in_any_case(value: bytes) -> None:
    assert connection_options({b"connection": value}) == OPTIONS[value]
    assert connection_options({}) == frozenset()


def head_of(*lines: bytes, method: bytes = b"GET", minor: int = 1) -> RequestHead:
    start = b"%b / HTTP/1.%d" % (method, minor)
    return parse_request_head(b"\r\n".join([start, b"Host: a", *lines, b"", b""]))


def offers(*lines: bytes, minor: int = 1) -> frozenset[bytes]:
    head = head_of(*lines, minor=minor)
    return requested_protocols(head, connection_options(head.by_name))


def test_an_upgrade_is_asked_for_with_both_fields_and_never_to_http_2() -> None:
    assert offers(b"Upgrade: WebSocket", b"Connection: Upgrade") == {b"websocket"}
    assert offers(b"Upgrade: h2c, x/1", b"Connection: a, upgrade") == {b"x/1"}
    assert offers(b"Upgrade: h2c", b"Connection: upgrade") == frozenset()
    assert offers(b"Upgrade: websocket") == frozenset()
    assert offers(b"Connection: upgrade") == frozenset()
    assert offers(b"Upgrade: websocket", b"Connection: Upgrade", minor=0) == frozenset()


def test_hops_are_counted_for_options_and_trace_alone() -> None:
    assert max_forwards(head_of(b"Max-Forwards: 3", method=b"TRACE")) == 3
    assert max_forwards(head_of(b"Max-Forwards: 0", method=b"OPTIONS")) == 0
    assert max_forwards(head_of(method=b"TRACE")) is None
    assert max_forwards(head_of(b"Max-Forwards: x")) is None


@pytest.mark.parametrize("value", [b"", b"x", b"-1", b"+1", b"1 2", b"9999999999", b"\xb2"])
def test_a_hop_count_that_is_none_is_refused(value: bytes) -> None:
    with pytest.raises(MessageError):
        max_forwards(head_of(b"Max-Forwards: " + value, method=b"TRACE"))


def test_the_way_so_far_is_continued_or_begun() -> None:
    begun = forwarded_lines({}, peer=b"10.0.0.1", scheme=b"http", host=b"a:80")
    assert begun == (
        b"X-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: a:80\r\n"
        b'Forwarded: for=10.0.0.1;host="a:80";proto=http\r\n'
    )
    before = {
        b"x-forwarded-for": b"1.1.1.1",
        b"x-forwarded-proto": b"https",
        b"x-forwarded-host": b"front",
        b"forwarded": b"for=1.1.1.1",
    }
    assert forwarded_lines(before, peer=b"::1", scheme=b"http", host=b"b") == (
        b"X-Forwarded-For: 1.1.1.1, ::1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: front\r\n"
        b'Forwarded: for=1.1.1.1, for="[::1]";host="b";proto=http\r\n'
    )
