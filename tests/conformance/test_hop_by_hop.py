"""What concerns one connection alone stays on it (RFC 9110 7.6.1)."""

import pytest

from tests.conformance.judge import Stage, get, own_fields, post, post_chunked

DROPPED: dict[str, tuple[list[bytes], list[bytes]]] = {
    "a field that Connection names": ([b"Connection: X-Hop", b"X-Hop: 1"], [b"x-hop"]),
    "named in another case": ([b"Connection: x-HOP", b"X-Hop: 1"], [b"x-hop"]),
    "named after close": ([b"Connection: close, X-Hop", b"X-Hop: 1"], [b"x-hop"]),
    "named on a second Connection line": (
        [b"Connection: X-One", b"X-One: 1", b"Connection: X-Two", b"X-Two: 2"],
        [b"x-one", b"x-two"],
    ),
    "named after the field came": ([b"X-Hop: 1", b"Connection: X-Hop"], [b"x-hop"]),
    "every line of a named field": (
        [b"X-Hop: 1", b"Connection: X-Hop", b"X-Hop: 2", b"x-hop: 3"],
        [b"x-hop"],
    ),
    "named among empty elements": ([b"Connection: ,, X-Hop ,\t,", b"X-Hop: 1"], [b"x-hop"]),
    "Keep-Alive": ([b"Connection: keep-alive", b"Keep-Alive: timeout=5"], [b"keep-alive"]),
    "Keep-Alive that nobody named": ([b"Keep-Alive: timeout=5"], [b"keep-alive"]),
    "Proxy-Connection": ([b"Proxy-Connection: keep-alive"], [b"proxy-connection"]),
    "Upgrade without Connection": ([b"Upgrade: websocket"], [b"upgrade"]),
    "a TE that nobody named": ([b"TE: gzip;q=0.5"], [b"te"]),
}


@pytest.mark.parametrize(("lines", "gone"), DROPPED.values(), ids=DROPPED)
def test_a_request_loses(stage: Stage, lines: list[bytes], gone: list[bytes]) -> None:
    request = stage.seen_upstream(get(b"/", *lines, b"X-Stays: yes"))
    for name in gone:
        assert request.values(name) == []
    assert request.values(b"x-stays") == [b"yes"]
    options = {one.lower() for one in request.elements(b"connection")}
    assert options <= {b"keep-alive", b"close"}, options


@pytest.mark.parametrize("name", [b"Host", b"host", b"hOsT"])
def test_host_stays_though_connection_names_it(stage: Stage, name: bytes) -> None:
    request = stage.seen_upstream(get(b"/", b"Connection: " + name))
    assert request.value(b"host") == b"front.example"


def test_content_length_stays_though_connection_names_it(stage: Stage) -> None:
    request = stage.seen_upstream(post(b"hello", b"/", b"Connection: Content-Length"))
    assert request.body == b"hello"
    assert request.framing in ("length", "chunked")


def test_chunking_stays_though_connection_names_it(stage: Stage) -> None:
    data = post_chunked(b"5\r\nhello\r\n0\r\n\r\n", b"/", b"Connection: Transfer-Encoding")
    request = stage.seen_upstream(data)
    assert request.body == b"hello"


@pytest.mark.parametrize(
    "name", [b"X-Forwarded-For", b"X-Forwarded-Proto", b"Forwarded", b"Via", b"X-Request-Id"]
)
def test_the_proxys_own_fields_stay_though_connection_names_them(stage: Stage, name: bytes) -> None:
    request = stage.seen_upstream(get(b"/", b"Connection: close, " + name))
    assert request.value(name)


def test_te_trailers_is_dropped_or_said_anew(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", b"TE: trailers", b"Connection: TE"))
    if request.values(b"te"):
        assert request.value(b"te") == b"trailers"
        assert b"te" in {one.lower() for one in request.elements(b"connection")}


def test_te_other_than_trailers_is_never_passed(stage: Stage) -> None:
    request = stage.seen_upstream(get(b"/", b"TE: gzip, trailers;q=0.1", b"Connection: TE"))
    assert all(b"gzip" not in value for value in request.values(b"te"))


def test_close_from_the_client_does_not_close_the_upstream_connection(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/", b"Connection: close"))
    assert b"close" not in [one.lower() for one in connection.asked.elements(b"connection")]
    connection.answer()
    client.read_response()
    client.wait_for_end()
    _, again = stage.pass_request(get(b"/again"))
    assert again is connection
    again.answer()


RESPONSES: dict[str, tuple[list[bytes], list[bytes]]] = {
    "a field that Connection names": ([b"Connection: X-Hop", b"X-Hop: 1"], [b"x-hop"]),
    "named after close": ([b"X-Hop: 1", b"Connection: close, x-hop"], [b"x-hop"]),
    "every line of a named field": ([b"X-Hop: 1", b"Connection: X-Hop", b"X-Hop: 2"], [b"x-hop"]),
    "Keep-Alive": ([b"Connection: keep-alive", b"Keep-Alive: timeout=977"], []),
    "Proxy-Connection": ([b"Proxy-Connection: close"], [b"proxy-connection"]),
    "Upgrade of a response that is no 101": (
        [b"Connection: Upgrade", b"Upgrade: h2c"],
        [b"upgrade"],
    ),
}


@pytest.mark.parametrize(("lines", "gone"), RESPONSES.values(), ids=RESPONSES)
def test_a_response_loses(stage: Stage, lines: list[bytes], gone: list[bytes]) -> None:
    fields = b"\r\n".join([*lines, b"X-Stays: yes", b"Content-Length: 2"])
    answer = stage.seen_by_client(b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n\r\nok")
    for name in gone:
        assert answer.values(name) == []
    assert all(b"977" not in value for value in answer.values(b"keep-alive"))
    options = {one.lower() for one in answer.elements(b"connection")}
    assert options <= {b"keep-alive", b"close"}, options
    assert own_fields(answer) == ((b"X-Stays", b"yes"), (b"Content-Length", b"2"))


def test_close_from_the_upstream_does_not_close_the_client_connection(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.answer(b"ok", b"Connection: close")
    assert client.read_response().elements(b"connection") in ([], [b"keep-alive"])
    client.send(get(b"/again"))
    again = stage.upstream.receive()
    assert again is not connection
    again.answer(b"more")
    assert client.read_response().body == b"more"


def test_content_length_of_a_response_stays_though_connection_names_it(stage: Stage) -> None:
    answer = stage.seen_by_client(
        b"HTTP/1.1 200 OK\r\nConnection: content-length\r\nContent-Length: 2\r\n\r\nok"
    )
    assert answer.body == b"ok"
