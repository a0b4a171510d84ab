"""Whatever could be read two ways is refused, and nothing of it reaches the upstream.

Each case is one request. The rules are those of RFC 9110 and 9112, read strictly:
the answer is 400 (or the status stated), the connection ends, and the next complete
request that the upstream sees is a good one sent afterwards.
"""

import pytest

from tests.conformance.judge import Stage, assert_problem, assert_refused, assert_still_serving, get
from tests.conformance.judge import head as any_head
from tests.kit.wire import CutError

HOST = b"Host: front.example\r\n"


def raw(first: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([first, b"Host: front.example", *lines, b"", body])


def with_body(*lines: bytes, body: bytes = b"hello") -> bytes:
    return raw(b"POST /bad HTTP/1.1", *lines, body=body)


CL, TE = b"Content-Length: 5", b"Transfer-Encoding: chunked"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

FRAMING: dict[str, bytes] = {
    "Content-Length with Transfer-Encoding": with_body(CL, TE, body=CHUNKS),
    "Transfer-Encoding with Content-Length": with_body(TE, CL, body=CHUNKS),
    "Content-Length 0 with Transfer-Encoding": with_body(b"Content-Length: 0", TE, body=CHUNKS),
    "Content-Length with Transfer-Encoding on a GET": raw(
        b"GET /bad HTTP/1.1", CL, TE, body=CHUNKS
    ),
    "Content-Length with Transfer-Encoding identity": with_body(CL, b"Transfer-Encoding: identity"),
    "two differing lengths": with_body(CL, b"Content-Length: 6"),
    "two differing lengths apart": with_body(CL, b"X-Between: 1", b"content-length: 0"),
    "a list of differing lengths": with_body(b"Content-Length: 5, 6"),
    "a list with an empty length": with_body(b"Content-Length: 5,"),
    "a length with a plus": with_body(b"Content-Length: +5"),
    "a negative length": with_body(b"Content-Length: -1"),
    "a length in hex": with_body(b"Content-Length: 0x5"),
    "a length with a letter": with_body(b"Content-Length: 5a"),
    "a length with an underscore": with_body(b"Content-Length: 0_5"),
    "a length with a fraction": with_body(b"Content-Length: 5.0"),
    "a length with an exponent": with_body(b"Content-Length: 5e0"),
    "a length with a space inside": with_body(b"Content-Length: 5 5"),
    "a length with a vertical tab": with_body(b"Content-Length: 5\x0b"),
    "a length in Arabic digits": with_body(b"Content-Length: \xd9\xa5"),
    "a length with a no-break space": with_body(b"Content-Length: \xa05"),
    "a blank length": with_body(b"Content-Length: "),
    "a length beyond 64 bits": with_body(b"Content-Length: 99999999999999999999999"),
    "a length in quotes": with_body(b'Content-Length: "5"'),
    "chunked on HTTP/1.0": raw(b"POST /bad HTTP/1.0", TE, body=CHUNKS),
    "chunked and a length on HTTP/1.0": raw(b"POST /bad HTTP/1.0", CL, TE, body=CHUNKS),
}

CODINGS: dict[str, bytes] = {
    "identity": b"identity",
    "an unknown coding": b"xchunked",
    "a coding that begins like chunked": b"chunkedx",
    "chunked twice": b"chunked, chunked",
    "chunked and then identity": b"chunked, identity",
    "identity and then chunked": b"identity, chunked",
    "chunked and then gzip": b"chunked, gzip",
    "gzip and then chunked": b"gzip, chunked",
    "gzip alone": b"gzip",
    "a vertical tab after chunked": b"chunked\x0b",
    "a vertical tab before chunked": b"\x0bchunked",
    "a form feed after chunked": b"chunked\x0c",
    "chunked in quotes": b'"chunked"',
    "chunked with a parameter": b"chunked;q=1",
    "chunked and a semicolon": b"chunked;",
    "two words": b"chunked foo",
    "an empty value": b"",
    "a comma": b",",
    "a no-break space before chunked": b"\xa0chunked",
    "a long s in chunked": b"\xc5\xbfchunked",
}

START_LINES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "no version": (b"GET /bad", (400, 505)),
    "no target": (b"GET HTTP/1.1", (400,)),
    "only a method": (b"GET", (400,)),
    "an empty method": (b" /bad HTTP/1.1", (400,)),
    "two spaces before the target": (b"GET  /bad HTTP/1.1", (400,)),
    "two spaces before the version": (b"GET /bad  HTTP/1.1", (400,)),
    "a space after the version": (b"GET /bad HTTP/1.1 ", (400,)),
    "a tab for a space": (b"GET\t/bad HTTP/1.1", (400,)),
    "a tab before the version": (b"GET /bad\tHTTP/1.1", (400,)),
    "a fourth word": (b"GET /bad HTTP/1.1 x", (400,)),
    "HTTP/2.0": (b"GET /bad HTTP/2.0", (505,)),
    "HTTP/3.0": (b"GET /bad HTTP/3.0", (505,)),
    "HTTP/0.9": (b"GET /bad HTTP/0.9", (400, 505)),
    "HTTP/1.10": (b"GET /bad HTTP/1.10", (400, 505)),
    "HTTP/01.1": (b"GET /bad HTTP/01.1", (400, 505)),
    "HTTP/1": (b"GET /bad HTTP/1", (400, 505)),
    "HTTP/1.": (b"GET /bad HTTP/1.", (400, 505)),
    "HTTP/1.x": (b"GET /bad HTTP/1.x", (400, 505)),
    "HTTP 1.1": (b"GET /bad HTTP 1.1", (400, 505)),
    "HTTP/1,1": (b"GET /bad HTTP/1,1", (400, 505)),
    "http/1.1 in lower case": (b"GET /bad http/1.1", (400, 505)),
    "HTTPS/1.1": (b"GET /bad HTTPS/1.1", (400, 505)),
    "ICY/1.1": (b"GET /bad ICY/1.1", (400, 505)),
    "a method with an at sign": (b"G@T /bad HTTP/1.1", (400, 501)),
    "a method with a colon": (b"GET: /bad HTTP/1.1", (400, 501)),
    "a method in brackets": (b"(GET) /bad HTTP/1.1", (400, 501)),
    "a method with a NUL": (b"G\0ET /bad HTTP/1.1", (400, 501)),
    "a method with a slash": (b"GE/T /bad HTTP/1.1", (400, 501)),
    "a method with obs-text": (b"G\xc9T /bad HTTP/1.1", (400, 501)),
    "a method with a comma": (b"GET,POST /bad HTTP/1.1", (400, 501)),
    "a method with a quote": (b'"GET" /bad HTTP/1.1', (400, 501)),
    "a bare CR in the line": (b"GET /bad HTTP/1.1\rX: y", (400,)),
    "a NUL in the target": (b"GET /b\0ad HTTP/1.1", (400,)),
}

FIELD_LINES: dict[str, bytes] = {
    "a space before the colon": b"X-Field : 1",
    "a tab before the colon": b"X-Field\t: 1",
    "a space before the colon of Content-Length": b"Content-Length : 5",
    "a space before the colon of Transfer-Encoding": b"Transfer-Encoding : chunked",
    "a space before the colon of Host": b"Host : front.example",
    "a space inside a name": b"X Field: 1",
    "an empty name": b": 1",
    "no colon": b"garbage",
    "a name in brackets": b"X(Field): 1",
    "a name in quotes": b'"X-Field": 1',
    "a name with a slash": b"X/Field: 1",
    "a name with an at sign": b"X@Field: 1",
    "a name with an equals sign": b"X=Field: 1",
    "a name with a comma": b"X,Field: 1",
    "a name with obs-text": b"X-F\xefeld: 1",
    "a name with a NUL": b"X-Fi\0eld: 1",
    "a name with a control character": b"X-Fi\x01eld: 1",
    "a name with a DEL": b"X-Fi\x7feld: 1",
    "a bare CR in a value": b"X-Field: a\rb",
    "a bare CR that begins a false line": b"X-Field: a\rContent-Length: 5",
    "a bare CR at the end of a value": b"X-Field: a\r",
    "a bare CR in a name": b"X-Fi\reld: a",
    "a NUL in a value": b"X-Field: a\0b",
    "a NUL for a value": b"X-Field: \0",
    "a bare LF that begins a false line": b"X-Field: a\nX-False: b",
    "a bare LF before a false length": b"X-Field: a\nContent-Length: 5",
    "obs-fold with a space": b"X-Field: a\r\n b",
    "obs-fold with a tab": b"X-Field: a\r\n\tb",
    "obs-fold in Transfer-Encoding": b"Transfer-Encoding:\r\n chunked",
    "obs-fold in Content-Length": b"Content-Length: 0\r\n 5",
    "a line of white space": b" ",
    "a tab and a field": b"\tX-Field: 1",
    "a second Host": b"Host: front.example",
    "a second, other Host": b"host: other.example",
}

HOSTS: dict[str, bytes] = {
    "a space": b"a b",
    "a tab": b"a\tb",
    "a slash": b"a/b",
    "a query": b"a?b",
    "a fragment": b"a#b",
    "user information": b"user@a",
    "a list": b"a, b",
    "a quote": b'a"b',
    "angle brackets": b"<a>",
    "a backslash": b"a\\b",
    "a port that is none": b"a:port",
    "a port with a sign": b"a:-1",
    "a scheme": b"http://a",
    "an open bracket": b"[::1",
    "two ports": b"a:1:2",
    "a control character": b"a\x01b",
    "a caret": b"a^b",
}

WHOLE: dict[str, bytes] = {
    "no Host at all": b"GET /bad HTTP/1.1\r\n\r\n",
    "no Host but other fields": b"GET /bad HTTP/1.1\r\nX-Host: front.example\r\n\r\n",
    "no Host on an absolute target": b"GET http://front.example/bad HTTP/1.1\r\n\r\n",
    "a space before the first field": b"GET /bad HTTP/1.1\r\n " + HOST + b"\r\n",
    "a tab before the first field": b"GET /bad HTTP/1.1\r\n\tX: 1\r\n" + HOST + b"\r\n",
    "bare LF everywhere": b"GET /bad HTTP/1.1\nHost: front.example\n\n",
    "bare LF after the request line": b"GET /bad HTTP/1.1\n" + HOST + b"\r\n",
    "bare LF after a field": b"GET /bad HTTP/1.1\r\nHost: front.example\nX: 1\r\n\r\n",
    "bare LF for the empty line": b"GET /bad HTTP/1.1\r\nHost: front.example\r\n\n",
    "CR CR LF after a field": b"GET /bad HTTP/1.1\r\nHost: front.example\r\r\n\r\n",
    "binary bytes": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a NUL before the method": b"\0" + get(b"/bad"),
    "a space before the method": b" " + get(b"/bad"),
}  # fmt: skip


@pytest.mark.parametrize("data", FRAMING.values(), ids=FRAMING)
def test_framing_is_refused_that_has(stage: Stage, data: bytes) -> None:
    statuses = (400, 501) if b"identity" in data else (400,)
    assert_refused(stage, data, *statuses)


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_a_transfer_coding_is_refused_that_is(stage: Stage, coding: bytes) -> None:
    data = with_body(b"Transfer-Encoding: " + coding, body=CHUNKS)
    assert_refused(stage, data, 400, 501)


@pytest.mark.parametrize(("first", "second"), [(b"chunked", b"chunked"), (b"gzip", b"chunked")])
def test_transfer_codings_on_two_lines_are_refused(
    stage: Stage, first: bytes, second: bytes
) -> None:
    lines = (b"Transfer-Encoding: " + first, b"Transfer-Encoding: " + second)
    assert_refused(stage, with_body(*lines, body=CHUNKS), 400, 501)


@pytest.mark.parametrize(("line", "statuses"), START_LINES.values(), ids=START_LINES)
def test_a_request_line_is_refused_with(
    stage: Stage, line: bytes, statuses: tuple[int, ...]
) -> None:
    assert_refused(stage, raw(line), *statuses)


@pytest.mark.parametrize("line", FIELD_LINES.values(), ids=FIELD_LINES)
def test_a_field_is_refused_with(stage: Stage, line: bytes) -> None:
    assert_refused(stage, raw(b"GET /bad HTTP/1.1", line, b"X-After: 1"))


@pytest.mark.parametrize("line", FIELD_LINES.values(), ids=FIELD_LINES)
def test_the_last_field_is_refused_with(stage: Stage, line: bytes) -> None:
    assert_refused(stage, raw(b"GET /bad HTTP/1.1", b"X-Before: 1", line))


@pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)
def test_a_host_is_refused_with(stage: Stage, host: bytes) -> None:
    assert_refused(stage, get(b"/bad", host=host))


@pytest.mark.parametrize("data", WHOLE.values(), ids=WHOLE)
def test_a_request_is_refused_with(stage: Stage, data: bytes) -> None:
    assert_refused(stage, data)


def test_the_preface_of_http_2_is_refused(stage: Stage) -> None:
    assert_refused(stage, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505)


def test_a_refusal_tells_its_reason(stage: Stage) -> None:
    answer = assert_refused(stage, with_body(CL, TE, body=CHUNKS))
    assert_problem(answer, 400, "bad_request")


def test_what_follows_a_refused_request_is_never_read_as_a_request(stage: Stage) -> None:
    data = with_body(CL, TE, body=b"0\r\n\r\n" + get(b"/smuggled"))
    assert_refused(stage, data)


def test_a_good_request_before_a_bad_one_is_answered_first(stage: Stage) -> None:
    client = stage.connect()
    client.send(get(b"/good") + raw(b"GET /bad HTTP/1.1", b"X Y: 1") + get(b"/never"))
    connection = stage.upstream.receive()
    assert connection.asked.target == b"/good"
    connection.answer(b"good")
    assert client.read_response().body == b"good"
    assert client.read_response().status == 400
    assert client.read_to_end() == b""
    assert_still_serving(stage)


@pytest.mark.parametrize("lines", [(CL, CL), (b"Content-Length: 5, 5",)], ids=["lines", "list"])
def test_a_length_said_twice_alike_is_refused_or_said_once(
    stage: Stage, lines: tuple[bytes, ...]
) -> None:
    client = stage.connect()
    client.send(with_body(*lines))
    if stage.refused_at_once(client):
        assert client.read_response().status == 400
        return
    connection = stage.upstream.receive()
    assert connection.asked.body == b"hello"
    connection.answer()
    assert client.read_response().status == 200


BAD_CHUNKS: dict[str, bytes] = {
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with a plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a size with an underscore": b"0_5\r\nhello\r\n0\r\n\r\n",
    "a size that overflows 64 bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "a size of many digits": b"F" * 40 + b"\r\nhello\r\n0\r\n\r\n",
    "a letter after the size": b"5g\r\nhello\r\n0\r\n\r\n",
    "a word for a size": b"zz\r\nhello\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a vertical tab after the size": b"5\x0b\r\nhello\r\n0\r\n\r\n",
    "a comma after the size": b"5,5\r\nhello\r\n0\r\n\r\n",
    "a NUL in the size line": b"5\0\r\nhello\r\n0\r\n\r\n",
    "bare LF after the size": b"5\nhello\r\n0\r\n\r\n",
    "bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "bare LF in an extension": b"5;a\nhello\r\n0\r\n\r\n",
    "bare CR in an extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "nothing after the data": b"5\r\nhello0\r\n\r\n",
    "bare LF after the data": b"5\r\nhello\n0\r\n\r\n",
    "bare CR after the data": b"5\r\nhello\r0\r\n\r\n",
    "more data than the size": b"5\r\nhellooo\r\n0\r\n\r\n",
    "less data than the size": b"7\r\nhello\r\n0\r\n\r\n",
    "bare LF after the last size": b"5\r\nhello\r\n0\n\n",
    "a trailer with a space before the colon": b"5\r\nhello\r\n0\r\nX : 1\r\n\r\n",
    "a trailer without a colon": b"5\r\nhello\r\n0\r\ngarbage\r\n\r\n",
    "a trailer with an empty name": b"5\r\nhello\r\n0\r\n: 1\r\n\r\n",
    "a folded trailer": b"5\r\nhello\r\n0\r\nX: 1\r\n 2\r\n\r\n",
    "a NUL in a trailer": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
    "a bare CR in a trailer": b"5\r\nhello\r\n0\r\nX: a\rb\r\n\r\n",
    "a bare LF in a trailer": b"5\r\nhello\r\n0\r\nX: a\nY: b\r\n\r\n",
}

CHUNKED_HEAD = any_head(b"POST", b"/bad", b"Transfer-Encoding: chunked")


@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_chunked_body_is_refused_with(stage: Stage, body: bytes) -> None:
    assert_refused(stage, CHUNKED_HEAD + body)


LATER = {name: body for name, body in BAD_CHUNKS.items() if not body.startswith(b"7")}


@pytest.mark.parametrize("body", LATER.values(), ids=LATER)
def test_the_upstream_sees_a_cut_when_later_in_a_body_comes(stage: Stage, body: bytes) -> None:
    client = stage.connect()
    client.send(CHUNKED_HEAD + b"5\r\nfirst\r\n")
    connection = stage.upstream.receive(body=False)
    assert connection.read_until(b"first\r\n")
    client.offer(body)
    left = connection.read_to_end()
    assert not left.endswith(b"0\r\n\r\n"), left
    assert b"\r\n0\r\n" not in left, left
    answer = client.read_response()
    assert answer.status == 400
    assert client.read_to_end() == b""
    assert_still_serving(stage)


@pytest.mark.parametrize("size", [b"5 ", b"5\t", b"5 ;a=b", b"5; a = b"])
def test_white_space_in_a_size_line_is_refused_or_dropped(stage: Stage, size: bytes) -> None:
    client = stage.connect()
    client.send(CHUNKED_HEAD + size + b"\r\nhello\r\n0\r\n\r\n")
    try:
        while (connection := stage.upstream.hear(client)) is not None:
            assert connection.read_request().body == b"hello"
            connection.answer()
            assert client.read_response().status == 200
            return
    except CutError:
        pass
    assert client.read_response().status == 400
