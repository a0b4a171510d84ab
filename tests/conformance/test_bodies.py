"""Bodies pass byte-exact in both directions, whatever frames them."""

import gzip
import threading

import pytest

from tests.conformance.judge import Stage, get, head, own_fields, post, post_chunked
from tests.kit.message import without

EVERY_BYTE = bytes(range(256))
ODD_BODY = b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n\0\xff" + EVERY_BYTE

CHUNKED: dict[str, tuple[bytes, bytes]] = {
    "one chunk": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "no data": (b"0\r\n\r\n", b""),
    "several chunks": (b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n", b"hello"),
    "upper-case hex": (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "lower-case hex": (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    "leading zeros": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "an extension": (b"5;a=b\r\nhello\r\n0;last\r\n\r\n", b"hello"),
    "a quoted extension": (b'5;a="b;\\"c"\r\nhello\r\n0\r\n\r\n', b"hello"),
    "data that looks like framing": (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    "every byte": (b"100\r\n" + EVERY_BYTE + b"\r\n0\r\n\r\n", EVERY_BYTE),
    "one-byte chunks": (b"1\r\nx\r\n" * 300 + b"0\r\n\r\n", b"x" * 300),
    "a large chunk": (b"1FFFF\r\n" + b"L" * 0x1FFFF + b"\r\n0\r\n\r\n", b"L" * 0x1FFFF),
}


@pytest.mark.parametrize(("raw", "body"), CHUNKED.values(), ids=CHUNKED)
def test_a_chunked_request_passes_with(stage: Stage, raw: bytes, body: bytes) -> None:
    request = stage.seen_upstream(post_chunked(raw))
    assert (request.framing, request.body) == ("chunked", body)
    assert b";" not in request.raw_body.replace(body, b"") or b";" in body
    assert request.values(b"content-length") == []


@pytest.mark.parametrize(("raw", "body"), CHUNKED.values(), ids=CHUNKED)
def test_a_chunked_response_passes_with(stage: Stage, raw: bytes, body: bytes) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    assert (answer.framing, answer.body) == ("chunked", body)


@pytest.mark.parametrize("raw", [CHUNKED["one chunk"][0], CHUNKED["several chunks"][0]])
def test_a_chunked_request_that_drips_passes(stage: Stage, raw: bytes) -> None:
    client = stage.connect()
    client.send(post_chunked(b""))
    client.drip(raw)
    connection = stage.upstream.receive()
    assert connection.asked.body == b"hello"
    connection.answer()
    assert client.read_response().status == 200


@pytest.mark.parametrize("raw", [CHUNKED["one chunk"][0], CHUNKED["several chunks"][0]])
def test_a_chunked_response_that_drips_passes(stage: Stage, raw: bytes) -> None:
    client, connection = stage.pass_request(get())
    connection.drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + raw)
    assert client.read_response().body == b"hello"


@pytest.mark.parametrize("coding", [b"Chunked", b"CHUNKED", b"chunked \t"])
def test_the_codings_case_and_padding_do_not_matter(stage: Stage, coding: bytes) -> None:
    data = head(b"POST", b"/", b"Transfer-Encoding: " + coding) + b"2\r\nok\r\n0\r\n\r\n"
    assert stage.seen_upstream(data).body == b"ok"


SIZES = [0, 1, 2, 4095, 65536, 300_001]


@pytest.mark.parametrize("size", SIZES)
def test_a_request_with_a_content_length_passes(stage: Stage, size: int) -> None:
    body = (ODD_BODY * (size // len(ODD_BODY) + 1))[:size]
    request = stage.seen_upstream(post(body))
    assert request.body == body
    assert own_fields(request) == (
        (b"Host", b"front.example"),
        (b"Content-Length", b"%d" % size),
    )


@pytest.mark.parametrize("size", SIZES)
def test_a_response_with_a_content_length_passes(stage: Stage, size: int) -> None:
    body = (ODD_BODY * (size // len(ODD_BODY) + 1))[:size]
    client, connection = stage.pass_request(get())
    connection.answer(body)
    answer = client.read_response()
    assert answer.body == body
    assert own_fields(answer) == ((b"Content-Length", b"%d" % size),)


@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"OPTIONS", b"REPORT"])
def test_any_method_may_have_a_body(stage: Stage, method: bytes) -> None:
    request = stage.seen_upstream(head(method, b"/", b"Content-Length: 5") + b"hello")
    assert (request.method, request.body) == (method, b"hello")


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"DELETE", b"POST"])
def test_no_body_is_made_where_there_is_none(stage: Stage, method: bytes) -> None:
    request = stage.seen_upstream(head(method))
    assert request.values(b"transfer-encoding") == []
    assert request.value(b"content-length") in (None, b"0")
    assert method == b"POST" or request.value(b"content-length") is None


def test_request_bytes_reach_the_upstream_before_the_client_sends_the_next(stage: Stage) -> None:
    client = stage.connect()
    client.send(head(b"POST", b"/", b"Content-Length: 10"))
    connection = stage.upstream.receive(body=False)
    for part in (b"abc", b"de", b"fghij"):
        client.send(part)
        assert connection.read_exactly(len(part)) == part
    connection.answer()
    assert client.read_response().status == 200


def test_request_chunks_reach_the_upstream_before_the_client_sends_the_next(stage: Stage) -> None:
    client = stage.connect()
    client.send(post_chunked(b""))
    connection = stage.upstream.receive(body=False)
    for part in (b"abc", b"de", b"fghij"):
        client.send(b"%x\r\n%s\r\n" % (len(part), part))
        assert connection.read_until(part + b"\r\n") == b"%x\r\n%s\r\n" % (len(part), part)
    client.send(b"0\r\n\r\n")
    assert connection.read_until(b"0\r\n\r\n") == b"0\r\n\r\n"
    connection.answer()
    assert client.read_response().status == 200


def test_a_response_that_ends_with_its_connection_passes(stage: Stage) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\n" + ODD_BODY, close=True)
    assert answer.body == ODD_BODY
    assert answer.framing in ("chunked", "close")


def test_a_1_0_response_that_ends_with_its_connection_passes(stage: Stage) -> None:
    answer = stage.seen_by_client(b"HTTP/1.0 200 OK\r\n\r\nold", close=True)
    assert (answer.version, answer.body) == (b"1.1", b"old")


def test_an_empty_response_that_ends_with_its_connection_passes(stage: Stage) -> None:
    assert stage.seen_by_client(b"HTTP/1.1 200 OK\r\n\r\n", close=True).body == b""


OLD_CLIENT = b"GET / HTTP/1.0\r\nHost: front.example\r\n\r\n"
TO_OLD_CLIENTS: dict[str, tuple[bytes, bool]] = {
    "chunked": (
        b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n3;x\r\ncde\r\n0\r\nX-T: 1\r\n\r\n",
        False,
    ),
    "length": (b"Content-Length: 5\r\n\r\nabcde", False),
    "close": (b"\r\nabcde", True),
}


@pytest.mark.parametrize(("rest", "close"), TO_OLD_CLIENTS.values(), ids=TO_OLD_CLIENTS)
def test_a_1_0_client_never_sees_chunks(stage: Stage, rest: bytes, close: bool) -> None:
    head_line = b"HTTP/1.1 200 OK\r\n"
    client, connection = stage.pass_request(OLD_CLIENT)
    connection.send(head_line + rest)
    if close:
        connection.close()
    answer = client.read_response()
    assert answer.framing in ("close", "length")
    assert answer.body == b"abcde"
    assert client.wait_for_end() == "fin"


TRAILERS = b"X-Sum: abc\r\nx-LATE: caf\xe9\r\nX-Sum: def\r\n"
READ_TRAILERS = ((b"X-Sum", b"abc"), (b"x-LATE", b"caf\xe9"), (b"X-Sum", b"def"))


def test_request_trailers_pass(stage: Stage) -> None:
    data = post_chunked(b"2\r\nok\r\n0\r\n" + TRAILERS + b"\r\n", b"/", b"Trailer: X-Sum")
    request = stage.seen_upstream(data)
    assert (request.body, request.trailers) == (b"ok", READ_TRAILERS)
    assert request.value(b"trailer") == b"X-Sum"


def test_response_trailers_pass(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/", b"TE: trailers", b"Connection: TE"))
    connection.send(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
        b"2\r\nok\r\n0\r\n" + TRAILERS + b"\r\n"
    )
    answer = client.read_response()
    assert (answer.body, answer.trailers) == (b"ok", READ_TRAILERS)
    assert answer.value(b"trailer") == b"X-Sum"


@pytest.mark.parametrize(
    "trailer", [b"Content-Length: 99", b"Transfer-Encoding: chunked", b"Host: evil.example"]
)
def test_a_trailer_that_would_frame_or_route_never_joins_the_head(
    stage: Stage, trailer: bytes
) -> None:
    client = stage.connect()
    client.send(post_chunked(b"2\r\nok\r\n0\r\n" + trailer + b"\r\n\r\n"))
    connection = stage.upstream.receive(body=False)
    assert connection.asked.value(b"host") == b"front.example"
    assert connection.asked.values(b"content-length") == []
    assert connection.asked.values(b"transfer-encoding") == [b"chunked"]


BODILESS: dict[str, tuple[bytes, bytes]] = {
    "HEAD with a content length": (b"HEAD", b"200 OK\r\nContent-Length: 123\r\n\r\n"),
    "HEAD with chunked": (b"HEAD", b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "HEAD with neither": (b"HEAD", b"200 OK\r\nX-A: 1\r\n\r\n"),
    "HEAD with 404": (b"HEAD", b"404 No\r\nContent-Length: 9\r\n\r\n"),
    "204": (b"GET", b"204 No Content\r\nX-A: 1\r\n\r\n"),
    "204 to DELETE": (b"DELETE", b"204 Gone\r\n\r\n"),
    "304 with a content length": (b"GET", b'304 Same\r\nETag: "x"\r\nContent-Length: 123\r\n\r\n'),
    "304 without one": (b"GET", b'304 Same\r\nETag: "x"\r\n\r\n'),
}


@pytest.mark.parametrize(("method", "rest"), BODILESS.values(), ids=BODILESS)
def test_a_response_without_body_leaves_both_connections_usable(
    stage: Stage, method: bytes, rest: bytes
) -> None:
    client, connection = stage.pass_request(head(method, b"/bodiless"))
    connection.send(b"HTTP/1.1 " + rest)
    answer = client.read_response(method)
    sent = rest.split(b"\r\n\r\n")[0].split(b"\r\n")
    assert answer.line == b"HTTP/1.1 " + sent[0]
    pairs = tuple((line.split(b": ")[0], line.split(b": ")[1]) for line in sent[1:])
    framing = (b"Transfer-Encoding",)
    assert without(tuple(own_fields(answer)), *framing) == without(pairs, *framing)
    client.send(get(b"/next"))
    again = stage.upstream.receive()
    assert again is connection, "a response without body does not end the pooled connection"
    again.answer(b"next body")
    assert client.read_response().body == b"next body"


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Same"])
def test_a_response_that_may_have_no_body_gets_no_framing_that_waits_for_one(
    stage: Stage, status: bytes
) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert answer.values(b"transfer-encoding") == []


def test_a_205_and_an_empty_200_pass(stage: Stage) -> None:
    for line in (b"205 Reset", b"200 OK"):
        answer = stage.seen_by_client(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")
        assert (answer.line, answer.body) == (b"HTTP/1.1 " + line, b"")


ZIPPED = gzip.compress(b"hello " * 100, mtime=0)
CODED: dict[str, tuple[bytes, bytes]] = {
    "gzip": (b"gzip", ZIPPED),
    "gzip that is none": (b"gzip", b"not gzip at all"),
    "deflate": (b"deflate", b"\x78\x9c\x03\x00\x00\x00\x00\x01"),
    "br": (b"br", b"\x0b\x02\x80hello\x03"),
    "zstd": (b"zstd", b"\x28\xb5\x2f\xfd anything"),
    "a coding nobody knows": (b"x-odd, gzip", ZIPPED),
}


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize(("coding", "body"), CODED.values(), ids=CODED)
def test_a_coded_response_is_never_touched(
    stage: Stage, coding: bytes, body: bytes, chunked: bool
) -> None:
    framing = b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    answer = stage.seen_by_client(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: " + coding + b"\r\n" + framing
    )
    assert answer.value(b"content-encoding") == coding
    assert answer.body == body


@pytest.mark.parametrize(("coding", "body"), CODED.values(), ids=CODED)
def test_a_coded_request_is_never_touched(stage: Stage, coding: bytes, body: bytes) -> None:
    request = stage.seen_upstream(post(body, b"/", b"Content-Encoding: " + coding))
    assert request.value(b"content-encoding") == coding
    assert request.body == body


def test_a_large_answer_passes_whole(stage: Stage) -> None:
    body = ODD_BODY * 8000
    client, connection = stage.pass_request(get())
    sender = threading.Thread(target=connection.answer, args=(body,))
    sender.start()
    assert client.read_response().body == body
    sender.join()
