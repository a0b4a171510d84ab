"""The judge is judged: the kit's reader is strict, and its upstream does what it is told."""

from collections.abc import Iterator

import pytest

from tests.kit.answering import AnsweringUpstream, plain
from tests.kit.client import Client
from tests.kit.message import read_response, split_head
from tests.kit.running import faults
from tests.kit.upstream import ScriptedUpstream, UpstreamConnection
from tests.kit.wire import CutError, WireError

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def pair(upstream: ScriptedUpstream) -> Iterator[tuple[Client, UpstreamConnection]]:
    with Client(upstream.port) as client:
        client.send(GET)
        yield client, upstream.receive()


AMBIGUOUS = {
    "a bare LF": b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\n\r\n",
    "a bare CR": b"HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n",
    "a space before a colon": b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
    "obs-fold": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "a length and chunked": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "a chunk extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n"
    ),
    "no CRLF after a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz",
    "a status line without spaces": b"HTTP/1.1200OK\r\n\r\n",
    "HTTP/2": b"HTTP/2 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("response", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_the_reader_refuses(pair: tuple[Client, UpstreamConnection], response: bytes) -> None:
    client, connection = pair
    connection.send(response)
    connection.close()
    with pytest.raises(WireError):
        read_response(client)


def test_the_reader_keeps_every_byte_order_and_repetition() -> None:
    line, fields = split_head(b"HTTP/1.1 200 OK\r\nb: 2\r\nA:  caf\xe9 \r\nb: 2\r\n\r\n")
    assert line == b"HTTP/1.1 200 OK"
    assert fields == ((b"b", b"2"), (b"A", b"caf\xe9"), (b"b", b"2"))


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200",
    ],
)
def test_the_reader_tells_a_cut(pair: tuple[Client, UpstreamConnection], part: bytes) -> None:
    client, connection = pair
    connection.send(part)
    connection.close()
    with pytest.raises(CutError):
        client.read_response()


def test_the_reader_tells_fin_from_reset(pair: tuple[Client, UpstreamConnection]) -> None:
    client, connection = pair
    connection.send(b"last")
    connection.reset()
    assert client.read_to_end() == b"last"
    assert client.end == "reset"


def test_interim_responses_are_collected(pair: tuple[Client, UpstreamConnection]) -> None:
    client, connection = pair
    connection.send(b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No\r\n\r\n")
    answer = client.read_response()
    assert (answer.status, [one.status for one in answer.interim]) == (204, [103])


def test_a_refusing_upstream_refuses_until_it_listens_again(upstream: ScriptedUpstream) -> None:
    upstream.refuse()
    with pytest.raises(ConnectionRefusedError):
        Client(upstream.port)
    upstream.listen_again()
    with Client(upstream.port) as client:
        client.send(GET)
        assert upstream.receive().asked.target == b"/x"


def test_either_side_that_hears_first_is_told(upstream: ScriptedUpstream) -> None:
    with Client(upstream.port) as client:
        client.send(GET)
        connection = upstream.hear(client)
        assert connection is not None
        connection.read_request()
        connection.answer()
        assert upstream.hear(client) is None


def test_an_answering_upstream_answers_and_counts() -> None:
    upstream = AnsweringUpstream(lambda request: plain(request.target))
    with Client(upstream.port) as client:
        assert client.ask(GET).body == b"/x"
        assert client.ask(GET).body == b"/x"
    assert (upstream.count(b"/x"), upstream.count(b"/y")) == (2, 0)
    upstream.close()


def test_the_words_of_an_unhandled_exception_are_found() -> None:
    assert faults("...\nTraceback (most recent call last):\n") == ["Traceback"]
    assert faults('{"event": "serving"}') == []
