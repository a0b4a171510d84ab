"""Response heads reach the client as the upstream sent them."""

import pytest

from tests.conformance.judge import SET_ON_RESPONSES, Stage, get, own_fields
from tests.kit.message import without

HEADS: dict[str, list[bytes]] = {
    "the order of fields is kept": [b"Zeta: 1", b"Alpha: 2", b"Mid: 3"],
    "the case of names is kept": [b"x-lower: 1", b"X-UPPER: 2", b"eTaG: 4"],
    "cookies stay separate lines": [
        b"Set-Cookie: a=1; Path=/, x",
        b"Set-Cookie: b=2; Expires=Wed, 09 Jun 2100 10:18:14 GMT",
        b"set-cookie: c=3",
    ],
    "duplicates stay separate lines": [b"X-Dup: 1", b"X-Other: 2", b"X-Dup: 1"],
    "obs-text bytes are kept": [b"X-Latin: caf\xe9", b"X-All: \x80\xff"],
    "an empty value is kept": [b"X-Empty: ", b"X-After: 1"],
    "server and date are the upstream's": [
        b"Server: odd/1",
        b"Date: Thu, 01 Jan 1970 00:00:00 GMT",
    ],
    "via of the upstream side is kept": [b"X-Via: 1"],
    "authentication challenges stay separate": [
        b'WWW-Authenticate: Basic realm="a, b"',
        b"WWW-Authenticate: Bearer",
    ],
    "cache fields pass": [b"Cache-Control: no-store", b"Age: 7", b"Vary: *", b"Expires: 0"],
    "location is not rewritten": [b"Location: http://127.0.0.1:1/x%2F?"],
    "a long value passes": [b"X-Long: " + b"v" * 7000],
    "a content type is not completed": [b"Content-Type: text/html"],
    "every character of a field name passes": [b"!#$%&'*+-.^_`|~0Az: odd"],
    "many fields pass": [b"X-Field-%d: %d" % (n, n) for n in range(100)],
}


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
def test_the_client_gets_the_fields_as_the_upstream_sent_them(
    stage: Stage, lines: list[bytes]
) -> None:
    block = b"\r\n".join([*lines, b"Content-Length: 2"])
    answer = stage.seen_by_client(b"HTTP/1.1 200 OK\r\n" + block + b"\r\n\r\nok")
    pairs = [line.split(b":", 1) for line in lines]
    sent = tuple((name, value.strip()) for name, value in pairs)
    owned = [name for name in SET_ON_RESPONSES if name not in [pair[0] for pair in sent]]
    assert without(answer.fields, *owned) == (*sent, (b"Content-Length", b"2"))


def test_no_server_or_content_type_is_added(stage: Stage) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert own_fields(answer) == ((b"Content-Length", b"2"),)


LINES = [
    b"200 OK", b"200 All Is Fine", b"200 ", b"201 Created", b"202 x", b"206 Partial Content",
    b"299 Odd", b"300 Many", b"301 Moved", b"307 T", b"400 Bad", b"401 Who", b"404 Not Found",
    b"418 I'm a teapot", b"429 Slow", b"451 L", b"499 Odd", b"500 Oops", b"503 Busy", b"599 Odd",
    b"200 caf\xe9 \xff", b"200 a  b",
]  # fmt: skip


@pytest.mark.parametrize("line", LINES, ids=lambda line: ascii(line.decode("latin-1")))
def test_status_and_phrase_pass(stage: Stage, line: bytes) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 " + line + b"\r\nContent-Length: 2\r\n\r\nok")
    assert answer.line == b"HTTP/1.1 " + line
    assert answer.body == b"ok"


def test_a_1_0_response_goes_to_the_client_as_1_1(stage: Stage) -> None:
    answer = stage.seen_by_client(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
    assert answer.line == b"HTTP/1.1 200 OK"
    assert answer.body == b"ok"


def test_a_head_that_comes_byte_by_byte_is_read(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.drip(b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 3\r\n\r\nabc")
    answer = client.read_response()
    assert (answer.value(b"x-a"), answer.body) == (b"1", b"abc")


def test_an_upstreams_5xx_is_the_upstreams_own(stage: Stage) -> None:
    answer = stage.seen_by_client(
        b"HTTP/1.1 502 Mine\r\nContent-Type: text/odd\r\nContent-Length: 4\r\n\r\nmine"
    )
    assert (answer.line, answer.body) == (b"HTTP/1.1 502 Mine", b"mine")
    assert answer.value(b"content-type") == b"text/odd"
