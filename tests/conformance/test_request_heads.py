"""Request heads reach the upstream as they were sent, but for what a proxy must change."""

import pytest

from tests.conformance.judge import SET_ON_REQUESTS, Stage, get, head, own_fields
from tests.kit.message import Fields, without

HEADS: dict[str, list[bytes]] = {
    "the order of fields is kept": [b"Zeta: 1", b"Alpha: 2", b"Mid: 3", b"Beta: 4"],
    "the case of names is kept": [b"x-lower: 1", b"X-UPPER: 2", b"X-miXed-CasE: 3", b"ETag: 4"],
    "duplicates stay separate lines": [b"X-Dup: 1", b"X-Other: 2", b"X-Dup: 3", b"x-dup: 1"],
    "several cookie lines stay separate": [b"Cookie: a=1; b=2", b"Cookie: c=3"],
    "obs-text bytes are kept": [
        b"X-Latin: caf\xe9",
        b"X-Utf8: caf\xc3\xa9",
        b"X-All: \x80\xff\xfe",
    ],
    "an empty value is kept": [b"X-Empty: ", b"X-After: 1"],
    "spaces and tabs inside a value are kept": [b"X-Inner: a  b\tc   d"],
    "quotes and commas are kept": [b'X-Quoted: "a, b", c;q="\\"x"', b"X-Commas: ,,a,,b,"],
    "every character of a field name passes": [b"!#$%&'*+-.^_`|~0Az: odd"],
    "a colon may begin a value": [b"X-Colons: :a:b:"],
    "a long value passes": [b"X-Long: " + b"v" * 16000],
    "a hundred fields pass": [b"X-Field-%d: %d" % (n, n) for n in range(100)],
    "conditional and range fields pass": [
        b'If-None-Match: W/"a", "b"',
        b"Range: bytes=0-10,20-",
        b"If-Modified-Since: yesterday",
    ],
    "authorization passes": [b"Authorization: Bearer abc.def.ghi", b"Authorization-X: 1"],
    "cache fields pass": [b"Cache-Control: no-cache", b"Pragma: no-cache", b"Age: 3"],
    "accept and user agent are the client's": [
        b"Accept: text/odd",
        b"User-Agent: me/1 (x)",
        b"Accept-Encoding: br;q=0.1, zstd",
        b"Accept-Language: tlh",
    ],
    "origin, referer and a date pass": [b"Origin: null", b"Referer: /x", b"Date: never"],
}


def expected(lines: list[bytes]) -> Fields:
    pairs = [line.split(b":", 1) for line in lines]
    return ((b"Host", b"front.example"), *((name, value.strip()) for name, value in pairs))


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
def test_the_upstream_gets_the_fields_as_the_client_sent_them(
    stage: Stage, lines: list[bytes]
) -> None:
    request = stage.seen_upstream(get(b"/", *lines))
    assert own_fields(request) == expected(lines)


def test_nothing_but_the_promised_fields_is_added(stage: Stage) -> None:
    request = stage.seen_upstream(b"GET / HTTP/1.1\r\nHost: front.example\r\n\r\n")
    assert without(request.fields, *SET_ON_REQUESTS) == ((b"Host", b"front.example"),)
    for name in SET_ON_REQUESTS:
        assert request.value(name), f"{name!r} is missing"


def test_white_space_around_a_value_is_not_part_of_it(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", b"X-Pad: \t  a b \t ", b"X-Tight:c"))
    assert request.values(b"x-pad") == [b"a b"]
    assert request.values(b"x-tight") == [b"c"]


@pytest.mark.parametrize(
    "method",
    [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"BREW", b"M-SEARCH", b"get", b"!#$%&'*+-.^_`|~09"],
    ids=lambda method: method.decode(),
)
def test_any_method_passes_unchanged(stage: Stage, method: bytes) -> None:
    request = stage.seen_upstream(head(method, b"/m"))
    assert (request.method, request.target) == (method, b"/m")


def test_an_empty_line_before_the_request_line_is_ignored(stage: Stage) -> None:
    assert stage.seen_upstream(b"\r\n" + get(b"/after-empty-line")).target == b"/after-empty-line"


def test_a_head_that_comes_byte_by_byte_is_read(stage: Stage) -> None:
    client = stage.connect()
    client.drip(get(b"/drip", b"X-A: 1", b"X-A: 2"))
    connection = stage.upstream.receive()
    connection.answer()
    assert client.read_response().status == 200
    assert connection.asked.values(b"x-a") == [b"1", b"2"]


def test_a_later_minor_version_is_read_as_1_1_or_refused(stage: Stage) -> None:
    client = stage.connect()
    client.send(b"GET /minor HTTP/1.2\r\nHost: front.example\r\nConnection: close\r\n\r\n")
    if stage.refused_at_once(client):
        assert client.read_response().status in (400, 505)
        return
    connection = stage.upstream.receive()
    connection.answer()
    assert client.read_response().status == 200
    assert connection.asked.version == b"1.1"


def test_host_is_kept_byte_for_byte(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", host=b"Front.EXAMPLE:8080"))
    assert request.value(b"host") == b"Front.EXAMPLE:8080"


def test_host_is_replaced_where_the_upstream_says_so(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/renamed/x"))
    assert request.value(b"host") == stage.upstream.authority
    assert request.value(b"x-forwarded-host") == b"front.example"


def test_an_ipv6_host_passes(stage: Stage) -> None:
    assert stage.seen_upstream(get(b"/", host=b"[::1]:81")).value(b"host") == b"[::1]:81"


def test_a_1_0_request_without_host_goes_upstream_as_valid_1_1(stage: Stage) -> None:
    client, connection = stage.pass_request(b"GET /old HTTP/1.0\r\n\r\n")
    connection.answer()
    assert client.read_response().status == 200
    assert connection.asked.version == b"1.1"
    assert len(connection.asked.values(b"host")) == 1
