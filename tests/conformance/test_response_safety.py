"""An upstream's answer that is not valid HTTP/1.1 becomes a 502, and never spreads."""

import pytest

from tests.conformance.judge import Stage, assert_problem, assert_still_serving, get
from tests.kit.message import read_body
from tests.kit.wire import CutError

OK = b"HTTP/1.1 200 OK\r\n"


def ok(*lines: bytes, body: bytes = b"hello") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"", body])


LENGTH = b"Content-Length: 5"

INVALID: dict[str, bytes] = {
    "garbage": b"what is this\r\n\r\n",
    "binary bytes": b"\x15\x03\x03\x00\x02\x02\x16" * 20,
    "a request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a body without a head": b"<html>hello</html>\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/3": b"HTTP/3 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "http in lower case": b"http/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "ICY": b"ICY 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no space after the version": b"HTTP/1.1200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "two digits": b"HTTP/1.1 99 OK\r\nContent-Length: 5\r\n\r\nhello",
    "four digits": b"HTTP/1.1 2000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "a word for a status": b"HTTP/1.1 abc OK\r\nContent-Length: 5\r\n\r\nhello",
    "a sign before the status": b"HTTP/1.1 +20 OK\r\nContent-Length: 5\r\n\r\nhello",
    "status 000": b"HTTP/1.1 000 OK\r\nContent-Length: 5\r\n\r\nhello",
    "no status": b"HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello",
    "an empty field name": ok(b": 1", LENGTH),
    "a field without colon": ok(b"garbage", LENGTH),
    "a space in a field name": ok(b"X Y: 1", LENGTH),
    "a NUL in a value": ok(b"X: a\0b", LENGTH),
    "a NUL in a name": ok(b"X\0Y: a", LENGTH),
    "a bare CR in a value": ok(b"X: a\rb", LENGTH),
    "a bare CR that begins a false line": ok(b"X: a\rSet-Cookie: b=1", LENGTH),
    "a space before the first field": OK + b" X: 1\r\nContent-Length: 5\r\n\r\nhello",
    "two differing lengths": ok(LENGTH, b"Content-Length: 6"),
    "a list of differing lengths": ok(b"Content-Length: 5, 6"),
    "a negative length": ok(b"Content-Length: -5"),
    "a length with a plus": ok(b"Content-Length: +5"),
    "a length in hex": ok(b"Content-Length: 0x5"),
    "a length with an underscore": ok(b"Content-Length: 0_5"),
    "a length that is a word": ok(b"Content-Length: five"),
    "a blank length": ok(b"Content-Length: "),
    "a length beyond 64 bits": ok(b"Content-Length: 99999999999999999999999"),
    "an unknown transfer coding": ok(b"Transfer-Encoding: odd"),
    "gzip after chunked": ok(b"Transfer-Encoding: chunked, gzip"),
    "chunked twice": ok(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "an empty transfer coding": ok(b"Transfer-Encoding: "),
    "a head without end": OK + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(2000)),
    "a field without end": OK + b"X: " + b"v" * 2_000_000,
}


@pytest.mark.parametrize("response", INVALID.values(), ids=INVALID)
def test_a_response_becomes_502_that_is_or_has(stage: Stage, response: bytes) -> None:
    client, connection = stage.pass_request(get())
    connection.offer(response)
    answer = client.read_response()
    assert_problem(answer, 502, "upstream_invalid", "upstream_closed", "upstream_cut")
    assert connection.wait_for_end(), "a connection that spoke nonsense is not kept"
    assert_still_serving(stage)


MENDABLE: dict[str, bytes] = {
    "a space before a colon": ok(b"X-Odd : 1", LENGTH),
    "a space before the colon of a length": ok(b"Content-Length : 5"),
    "obs-fold": ok(b"X-Odd: 1\r\n 2", LENGTH),
    "bare LF in line ends": b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    "a length said twice alike": ok(LENGTH, LENGTH),
    "a list of equal lengths": ok(b"Content-Length: 5, 5"),
    "length with chunked": ok(
        LENGTH, b"Transfer-Encoding: chunked", body=b"5\r\nhello\r\n0\r\n\r\n"
    ),
    "no phrase and no space": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
    "a tab after the status": b"HTTP/1.1 200\tOK\r\nContent-Length: 5\r\n\r\nhello",
    "a control character in the phrase": b"HTTP/1.1 200 O\x01K\r\nContent-Length: 5\r\n\r\nhello",
    "chunked on HTTP/1.0": (
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    ),
    "status 600": b"HTTP/1.1 600 Odd\r\nContent-Length: 5\r\n\r\nhello",
    "an empty line before the status line": b"\r\n" + ok(LENGTH),
    "identity as a transfer coding": ok(b"Transfer-Encoding: identity", LENGTH),
}


@pytest.mark.parametrize("response", MENDABLE.values(), ids=MENDABLE)
def test_a_response_becomes_502_or_unambiguous_that_has(stage: Stage, response: bytes) -> None:
    client, connection = stage.pass_request(get())
    connection.send(response)
    connection.half_close()
    answer = client.read_response()  # the reader of the kit refuses whatever is ambiguous
    if answer.status == 502:
        assert_problem(answer, 502, "upstream_invalid")
    else:
        assert answer.body in (b"hello", b"5\r\nhello\r\n0\r\n\r\n")
    assert_still_serving(stage)


BAD_CHUNKS: dict[str, bytes] = {
    "a word for a size": b"zz\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
    "a size with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "an empty size": b"\r\nhello\r\n0\r\n\r\n",
    "a size that overflows": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "nothing after the data": b"5\r\nhello0\r\n\r\n",
    "more data than the size": b"5\r\nhellooo\r\n0\r\n\r\n",
    "a bare CR after the size": b"5\rhello\r\n0\r\n\r\n",
    "a trailer without a colon": b"5\r\nhello\r\n0\r\ngarbage\r\n\r\n",
    "a NUL in a trailer": b"5\r\nhello\r\n0\r\nX: \0\r\n\r\n",
}


@pytest.mark.parametrize("together", [True, False], ids=["with the head", "after the head"])
@pytest.mark.parametrize("body", BAD_CHUNKS.values(), ids=BAD_CHUNKS)
def test_a_response_never_ends_cleanly_with(stage: Stage, body: bytes, together: bool) -> None:
    client, connection = stage.pass_request(get())
    head = OK + b"Transfer-Encoding: chunked\r\n\r\n"
    connection.send(head + body if together else head)
    try:
        answer = client.read_head()
        assert answer.status in (200, 502) if together else answer.status == 200
        if not together:
            connection.offer(body)
        read_body(client, answer, answer.framing)
    except CutError:
        ended_cleanly = client.received.endswith(b"0\r\n\r\n")
    else:
        ended_cleanly = answer.status == 200
    assert not ended_cleanly
    assert connection.wait_for_end()
    assert_still_serving(stage)


CLOSED_EARLY: dict[str, bytes] = {
    "nothing": b"",
    "half a status line": b"HTTP/1.1 20",
    "a status line": b"HTTP/1.1 200 OK\r\n",
    "half a field": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a head without its empty line": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n",
    "one CR too few": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r",
}


@pytest.mark.parametrize("resets", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("sent", CLOSED_EARLY.values(), ids=CLOSED_EARLY)
def test_an_upstream_that_ends_before_its_head_is_502_after(
    stage: Stage, sent: bytes, resets: bool
) -> None:
    client, connection = stage.pass_request(get())
    connection.send(sent)
    connection.reset() if resets else connection.close()
    reasons = ("upstream_closed", "upstream_invalid", "upstream_cut")
    assert_problem(client.read_response(), 502, *reasons)
    assert_still_serving(stage)


BODILESS: dict[str, tuple[bytes, bytes]] = {
    "HEAD": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
    "204": (b"GET", b"HTTP/1.1 204 No\r\n\r\n"),
    "304": (b"GET", b"HTTP/1.1 304 Same\r\nContent-Length: 6\r\n\r\n"),
}


@pytest.mark.parametrize(("method", "head"), BODILESS.values(), ids=BODILESS)
def test_a_body_where_none_may_be_never_reaches_a_client(
    stage: Stage, method: bytes, head: bytes
) -> None:
    client, connection = stage.pass_request(get().replace(b"GET", method, 1))
    connection.send(head + b"<evil>")
    answer = client.read_response(method)
    assert answer.status in (200, 204, 304, 502)
    client.offer(get(b"/next"))
    if client.ready() and answer.status == 502:
        return
    other = stage.upstream.receive()
    assert other is not connection
    other.answer(b"next")
    assert client.read_response().body == b"next"
    assert b"<evil>" not in client.received


SURPLUS = {
    "a response": b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    "a byte": b"e",
    "a line": b"\r\n",
}


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
def test_surplus_with_a_response_never_reaches_the_next_client(
    stage: Stage, surplus: bytes
) -> None:
    client, connection = stage.pass_request(get(b"/one"))
    connection.send(ok(LENGTH) + surplus)
    assert client.read_response().body == b"hello"
    other, again = stage.pass_request(get(b"/two"))
    again.answer(b"two")
    assert other.read_response().body == b"two"
    assert again is not connection
    assert not client.ready()


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
def test_surplus_after_a_response_never_reaches_the_next_client(
    stage: Stage, surplus: bytes
) -> None:
    client, connection = stage.pass_request(get(b"/one"))
    connection.send(ok(LENGTH))
    assert client.read_response().body == b"hello"
    connection.send(surplus)
    assert connection.wait_for_end(), "an idle connection that speaks is dropped"
    other, again = stage.pass_request(get(b"/two"))
    again.answer(b"two")
    assert other.read_response().body == b"two"


def test_surplus_after_a_chunked_response_never_reaches_the_next_client(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/one"))
    chunks = b"5\r\nhello\r\n0\r\n\r\n"
    connection.send(ok(b"Transfer-Encoding: chunked", body=chunks) + SURPLUS["a response"])
    assert client.read_response().body == b"hello"
    client.send(get(b"/two"))
    again = stage.upstream.receive()
    again.answer(b"two")
    assert client.read_response().body == b"two"
