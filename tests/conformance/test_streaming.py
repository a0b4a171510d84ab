"""Nothing is held back: events, early answers, and clients that leave."""

from collections.abc import Callable

import pytest

from tests.conformance.judge import (
    Stage,
    assert_still_serving,
    get,
    head,
    post_chunked,
    response_or_cut,
)
from tests.kit.client import Client
from tests.kit.wire import CutError

EVENTS = [b"data: one\n\n", b": ping\n\n", b"event: x\ndata: two\n\n", b"\n"]
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"


def test_an_event_arrives_before_the_next_is_sent(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/events", b"Accept: text/event-stream"))
    connection.send(STREAM + b"Transfer-Encoding: chunked\r\n\r\n")
    assert client.read_head().value(b"content-type") == b"text/event-stream"
    for event in EVENTS:
        connection.send(b"%x\r\n%s\r\n" % (len(event), event))
        assert client.read_chunk() == event
    connection.send(b"0\r\n\r\n")
    assert client.read_chunk() == b""


def test_an_event_of_a_stream_without_length_arrives_before_the_next_is_sent(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/events"))
    connection.send(STREAM + b"\r\n")
    framing = client.read_head().framing
    for event in EVENTS:
        connection.send(event)
        got = client.read_chunk() if framing == "chunked" else client.read_exactly(len(event))
        assert got == event
    connection.close()
    assert framing == "close" or client.read_chunk() == b""


def test_bytes_of_a_counted_response_arrive_before_the_next_are_sent(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    assert client.read_head().status == 200
    for part in (b"a", b"bc", b"def"):
        connection.send(part)
        assert client.read_exactly(len(part)) == part


def test_an_event_reaches_a_1_0_client_before_the_next_is_sent(stage: Stage) -> None:
    client, connection = stage.pass_request(b"GET / HTTP/1.0\r\nHost: front.example\r\n\r\n")
    connection.send(STREAM + b"Transfer-Encoding: chunked\r\n\r\n")
    assert client.read_head().framing == "close"
    for event in EVENTS:
        connection.send(b"%x\r\n%s\r\n" % (len(event), event))
        assert client.read_exactly(len(event)) == event


UPLOADS = {
    "a counted body": (head(b"POST", b"/", b"Content-Length: 100000") + b"part", b"p" * 99_996),
    "a chunked body": (post_chunked(b"4\r\npart\r\n"), b"4\r\nmore\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize(("begun", "rest"), UPLOADS.values(), ids=UPLOADS)
@pytest.mark.parametrize("closes", [True, False], ids=["closing", "keeping"])
def test_an_answer_before_the_request_body_ended_arrives(
    stage: Stage, begun: bytes, rest: bytes, closes: bool
) -> None:
    client = stage.connect()
    client.send(begun)
    connection = stage.upstream.receive(body=False)
    connection.answer(b"enough", *([b"Connection: close"] if closes else []), status=b"413 Big")
    answer = client.read_response()
    assert (answer.line, answer.body) == (b"HTTP/1.1 413 Big", b"enough")
    client.offer(rest + get(b"/after"))
    _assert_not_out_of_step(stage, client)


def _assert_not_out_of_step(stage: Stage, client: Client) -> None:
    """Either the client's connection ends, or its next request is served as what it is."""
    while (connection := stage.upstream.hear(client)) is not None:
        at = connection.received.find(b"GET /after")
        if at < 0:
            connection.take(len(connection.buffer))
            continue
        connection.buffer[:] = connection.received[at:]
        assert connection.read_request().target == b"/after"
        connection.answer(b"after")
        assert client.read_response().body == b"after"
        return
    assert client.read_to_end() == b""


def test_an_early_answer_does_not_stop_an_upload_that_goes_on(stage: Stage) -> None:
    client = stage.connect()
    client.send(head(b"POST", b"/", b"Content-Length: 10") + b"abc")
    connection = stage.upstream.receive(body=False)
    assert connection.read_exactly(3) == b"abc"
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n")
    assert client.read_head().status == 200
    assert client.read_chunk() == b"hi"
    client.send(b"defghij")
    assert connection.read_exactly(7) == b"defghij"
    connection.send(b"3\r\nbye\r\n0\r\n\r\n")
    assert client.read_chunk() == b"bye"
    assert client.read_chunk() == b""


Leave = Callable[[Client], None]
LEAVING: dict[str, Leave] = {"by FIN": Client.close, "by RST": Client.reset}


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_a_client_that_leaves_while_waiting_cancels_the_upstream(
    stage: Stage, leave: Leave
) -> None:
    client, connection = stage.pass_request(get(b"/slow"))
    leave(client)
    assert connection.wait_for_end()
    assert_still_serving(stage)


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
def test_a_client_that_leaves_in_mid_response_cancels_the_upstream(
    stage: Stage, leave: Leave
) -> None:
    client, connection = stage.pass_request(get(b"/events"))
    connection.send(STREAM + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
    client.read_head()
    assert client.read_chunk() == b"x"
    leave(client)
    assert connection.wait_for_end()
    assert_still_serving(stage)


@pytest.mark.parametrize("leave", LEAVING.values(), ids=LEAVING)
@pytest.mark.parametrize(("begun", "rest"), UPLOADS.values(), ids=UPLOADS)
def test_a_client_that_leaves_in_mid_request_never_completes_it(
    stage: Stage, begun: bytes, rest: bytes, leave: Leave
) -> None:
    client = stage.connect()
    client.send(begun)
    connection = stage.upstream.receive(body=False)
    assert connection.read_until(b"part")
    leave(client)
    left = connection.read_to_end()
    assert b"0\r\n\r\n" not in left
    assert len(left) < 100
    assert_still_serving(stage)


def test_a_client_that_only_ends_its_sending_side_is_answered_or_cut(stage: Stage) -> None:
    """A half-closed client looks like one that left; either reading of it is allowed."""
    client, connection = stage.pass_request(get(b"/half-closed"))
    client.half_close()
    if not connection.ready():
        connection.offer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    answer = response_or_cut(client)
    assert isinstance(answer, CutError) or answer.body == b"ok"


def test_a_client_that_leaves_a_dripping_response_unread_cancels_the_upstream(
    stage: Stage,
) -> None:
    client, connection = stage.pass_request(get(b"/big"))
    connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 10_000)
    client.read_head()
    client.reset()
    assert connection.wait_for_end()


@pytest.mark.parametrize("said", [b"", b"GET /half HTTP/1.1\r\nHo"], ids=["nothing", "half a head"])
def test_clients_that_reset_at_once_do_no_harm(stage: Stage, said: bytes) -> None:
    for _ in range(50):
        client = stage.connect()
        client.offer(said)
        client.reset()
    assert_still_serving(stage)
