"""Client connections: how long they live, and the order of what is answered on them."""

import pytest

from tests.conformance.judge import (
    Stage,
    assert_still_serving,
    get,
    head,
    post,
    post_chunked,
)
from tests.kit.client import Client
from tests.kit.message import Response

PERSISTENCE: dict[str, tuple[bytes, list[bytes], bool]] = {
    "1.1 stays": (b"1.1", [], True),
    "1.1 with keep-alive stays": (b"1.1", [b"Connection: keep-alive"], True),
    "1.1 with close ends": (b"1.1", [b"Connection: close"], False),
    "1.1 with CLOSE ends": (b"1.1", [b"Connection: CLOSE"], False),
    "1.1 with close among others ends": (b"1.1", [b"Connection: X-A, close , X-B"], False),
    "1.1 with close on a second line ends": (
        b"1.1",
        [b"Connection: keep-alive", b"Connection: close"],
        False,
    ),
    "1.1 with a word that holds close stays": (b"1.1", [b"Connection: not-close, closed"], True),
    "1.1 with Proxy-Connection close stays": (b"1.1", [b"Proxy-Connection: close"], True),
    "1.0 ends": (b"1.0", [], False),
    "1.0 with close ends": (b"1.0", [b"Connection: close"], False),
    "1.0 with keep-alive and close ends": (b"1.0", [b"Connection: keep-alive, close"], False),
}


def options(answer: Response) -> list[bytes]:
    return [one.lower() for one in answer.elements(b"connection")]


@pytest.mark.parametrize(("version", "lines", "stays"), PERSISTENCE.values(), ids=PERSISTENCE)
def test_a_connection_of(stage: Stage, version: bytes, lines: list[bytes], stays: bool) -> None:
    data = get(b"/", *lines).replace(b"HTTP/1.1", b"HTTP/" + version)
    client, connection = stage.pass_request(data)
    connection.answer()
    answer = client.read_response()
    assert answer.body == b"ok"
    if stays:
        assert b"close" not in options(answer)
        client.send(get(b"/again"))
        again = stage.upstream.receive()
        again.answer(b"again")
        assert client.read_response().body == b"again"
    else:
        assert version == b"1.0" or b"close" in options(answer)
        assert client.read_to_end() == b""
        assert client.end == "fin"


def test_a_1_0_connection_with_keep_alive_stays_if_it_says_so(stage: Stage) -> None:
    data = get(b"/", b"Connection: Keep-Alive").replace(b"HTTP/1.1", b"HTTP/1.0")
    client, connection = stage.pass_request(data)
    connection.answer()
    answer = client.read_response()
    if b"keep-alive" not in options(answer):
        assert client.wait_for_end() == "fin"
        return
    client.send(data)
    again = stage.upstream.receive()
    again.answer(b"again")
    assert client.read_response().body == b"again"


def test_what_follows_a_closing_request_is_never_served(stage: Stage) -> None:
    client = stage.connect()
    client.send(get(b"/last", b"Connection: close") + get(b"/never"))
    connection = stage.upstream.receive()
    assert connection.asked.target == b"/last"
    connection.answer()
    assert client.read_response().body == b"ok"
    assert client.read_to_end() == b""
    assert_still_serving(stage)


PIPES: dict[str, list[tuple[bytes, bytes]]] = {
    "several GETs": [(b"GET", get(b"/%d" % n)) for n in range(3)],
    "fifty GETs": [(b"GET", get(b"/%d" % n)) for n in range(50)],
    "GETs after a POST": [(b"POST", post(b"hello", b"/0")), (b"GET", get(b"/1"))],
    "a GET after a chunked POST": [
        (b"POST", post_chunked(b"5;x\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", b"/0")),
        (b"GET", get(b"/1")),
    ],
    "a GET after an empty POST": [(b"POST", post(b"", b"/0")), (b"GET", get(b"/1"))],
    "a GET after an empty chunked POST": [
        (b"POST", post_chunked(b"0\r\n\r\n", b"/0")),
        (b"GET", get(b"/1")),
    ],
    "HEAD in the middle": [
        (b"GET", get(b"/0")),
        (b"HEAD", head(b"HEAD", b"/1")),
        (b"GET", get(b"/2")),
    ],
    "POSTs": [(b"POST", post(b"body-%d" % n, b"/%d" % n)) for n in range(5)],
    "a body that looks like a request": [
        (b"POST", post(get(b"/smuggled"), b"/0")),
        (b"GET", get(b"/1")),
    ],
    "an empty line between them": [(b"GET", get(b"/0")), (b"GET", b"\r\n" + get(b"/1"))],
}


@pytest.mark.parametrize("drips", [False, True], ids=["at once", "dripping"])
@pytest.mark.parametrize("pipe", PIPES.values(), ids=PIPES)
def test_pipelined_requests_are_answered_in_order(
    stage: Stage, pipe: list[tuple[bytes, bytes]], drips: bool
) -> None:
    client = stage.connect()
    data = b"".join(request for _, request in pipe)
    if drips:
        client.drip(data, 7)
    else:
        client.send(data)
    seen: set[bytes] = set()
    for _ in pipe:
        connection = stage.upstream.receive()
        seen.add(connection.asked.target)
        connection.answer(b"body of " + connection.asked.target)
    assert seen == {b"/%d" % n for n in range(len(pipe))}
    for number, (method, _) in enumerate(pipe):
        answer = client.read_response(method)
        assert answer.status == 200
        assert answer.body == (b"" if method == b"HEAD" else b"body of /%d" % number)


def test_a_slow_first_answer_does_not_let_the_second_pass_it(stage: Stage) -> None:
    client = stage.connect()
    client.send(get(b"/slow") + get(b"/fast"))
    first = stage.upstream.receive()
    assert first.asked.target == b"/slow"
    first.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nsl")
    assert client.read_head().status == 200
    assert client.read_exactly(2) == b"sl"
    first.send(b"ow")
    second = stage.upstream.receive()
    assert second.asked.target == b"/fast"
    second.answer(b"fast")
    assert client.read_exactly(2) == b"ow"
    assert client.read_response().body == b"fast"


def test_a_request_that_comes_while_another_is_served_waits_its_turn(stage: Stage) -> None:
    client, first = stage.pass_request(get(b"/first"))
    client.send(get(b"/second"))
    first.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    assert client.read_head().status == 200
    assert client.read_chunk() == b"a"
    first.send(b"0\r\n\r\n")
    assert client.read_chunk() == b""
    client.read_exactly(2)
    second = stage.upstream.receive()
    second.answer(b"second")
    assert client.read_response().body == b"second"


def test_two_hundred_requests_pass_one_after_the_other_on_one_connection(stage: Stage) -> None:
    client = stage.connect()
    for number in range(200):
        target = b"/n/%d" % number
        client.send(get(target))
        connection = stage.upstream.receive()
        assert connection.asked.target == target
        connection.answer(target)
        assert client.read_response().body == target
    assert len(stage.upstream.connections) == 1


def test_two_clients_never_see_each_others_answers(stage: Stage) -> None:
    clients: list[tuple[Client, bytes]] = []
    for number in range(20):
        client = stage.connect()
        client.send(get(b"/c/%d" % number))
        clients.append((client, b"/c/%d" % number))
    waiting = [stage.upstream.receive() for _ in clients]
    for connection in reversed(waiting):
        connection.answer(connection.asked.target)
    for client, target in clients:
        assert client.read_response().body == target
