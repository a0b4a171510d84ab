"""1xx responses (RFC 9110 15.2) and Expect: 100-continue, end to end."""

import pytest

from tests.conformance.judge import Stage, assert_status_or_cut, assert_still_serving, get, head

EXPECTING = head(b"POST", b"/", b"Expect: 100-continue", b"Content-Length: 5")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_100_continue_goes_end_to_end(stage: Stage) -> None:
    client = stage.connect()
    client.send(EXPECTING)
    connection = stage.upstream.receive(body=False)
    assert connection.asked.value(b"expect") == b"100-continue"
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.read_head().status == 100
    client.send(b"hello")
    assert connection.read_exactly(5) == b"hello"
    connection.send(OK)
    answer = client.read_response()
    assert (answer.status, answer.body, answer.interim) == (200, b"ok", ())


def test_100_continue_goes_end_to_end_with_chunks(stage: Stage) -> None:
    client = stage.connect()
    client.send(head(b"PUT", b"/", b"Expect: 100-Continue", b"Transfer-Encoding: chunked"))
    connection = stage.upstream.receive(body=False)
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert client.read_head().status == 100
    client.send(b"5\r\nhello\r\n0\r\n\r\n")
    assert connection.read_until(b"0\r\n\r\n") == b"5\r\nhello\r\n0\r\n\r\n"
    connection.send(OK)
    assert client.read_response().status == 200


@pytest.mark.parametrize("status", [b"417 No", b"403 Go", b"413 Big", b"200 Enough"])
def test_a_final_answer_instead_of_100_passes_alone(stage: Stage, status: bytes) -> None:
    client = stage.connect()
    client.send(EXPECTING)
    connection = stage.upstream.receive(body=False)
    connection.answer(b"no", status=status)
    answer = client.read_response()
    assert answer.line == b"HTTP/1.1 " + status
    assert answer.interim == (), "nobody but the upstream may say 100"


def test_after_a_refused_expectation_nothing_is_out_of_step(stage: Stage) -> None:
    client = stage.connect()
    client.send(EXPECTING)
    connection = stage.upstream.receive(body=False)
    connection.answer(b"no", status=b"417 No")
    answer = client.read_response()
    if b"close" in [one.lower() for one in answer.elements(b"connection")]:
        client.wait_for_end()
        assert_still_serving(stage)
        return
    client.offer(b"hello" + get(b"/after"))
    while (speaker := stage.upstream.hear(client)) is not None:
        at = speaker.received.find(b"GET /after")
        if at >= 0:
            speaker.answer(b"after")
            assert client.read_response().body == b"after"
            return
        speaker.take(len(speaker.buffer))
    assert client.read_to_end() == b""


def test_a_client_that_does_not_wait_for_100_is_served(stage: Stage) -> None:
    client, connection = stage.pass_request(EXPECTING + b"hello")
    assert connection.asked.body == b"hello"
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    answer = client.read_response()
    assert (answer.status, answer.body) == (200, b"ok")


def test_an_upstream_that_never_says_100_gets_the_body_when_the_client_sends_it(
    stage: Stage,
) -> None:
    client = stage.connect()
    client.send(EXPECTING)
    connection = stage.upstream.receive(body=False)
    client.send(b"hello")
    assert connection.read_exactly(5) == b"hello"
    connection.send(OK)
    assert client.read_response().interim == ()


def test_an_expectation_nobody_knows_passes_or_is_refused(stage: Stage) -> None:
    client = stage.connect()
    client.send(get(b"/", b"Expect: miracles"))
    if stage.refused_at_once(client):
        assert client.read_response().status == 417
        return
    connection = stage.upstream.receive()
    assert connection.asked.value(b"expect") == b"miracles"
    connection.answer()
    assert client.read_response().status == 200


INTERIMS: dict[str, list[bytes]] = {
    "102": [b"102 Processing\r\n\r\n"],
    "103 with links": [b"103 Early Hints\r\nLink: </a.css>; rel=preload\r\nlink: </b>\r\n\r\n"],
    "several of them": [b"102 P\r\n\r\n", b"103 E\r\nLink: </a>\r\n\r\n", b"103 E\r\nX: 2\r\n\r\n"],
    "one nobody knows": [b"199 Odd\r\nX-Odd: caf\xe9\r\n\r\n"],
}


@pytest.mark.parametrize("interims", INTERIMS.values(), ids=INTERIMS)
def test_interim_responses_are_relayed_at_once(stage: Stage, interims: list[bytes]) -> None:
    client, connection = stage.pass_request(get())
    for interim in interims:
        connection.send(b"HTTP/1.1 " + interim)
        got = client.read_head()
        lines = interim.split(b"\r\n\r\n")[0].split(b"\r\n")
        assert got.line == b"HTTP/1.1 " + lines[0]
        for line in lines[1:]:
            name, value = line.split(b": ", 1)
            assert (name, value) in got.fields
        assert got.values(b"content-length") == got.values(b"transfer-encoding") == []
    connection.send(OK)
    assert client.read_response().body == b"ok"


def test_interim_and_final_responses_in_one_segment_pass(stage: Stage) -> None:
    answer = stage.seen_by_client(
        b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\nHTTP/1.1 103 E\r\nLink: </b>\r\n\r\n" + OK
    )
    links = [one.value(b"link") for one in answer.interim]
    assert (links, answer.body) == ([b"</a>", b"</b>"], b"ok")


def test_an_interim_response_to_head_passes(stage: Stage) -> None:
    answer = stage.seen_by_client(
        b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
        head(b"HEAD"),
    )
    assert [one.status for one in answer.interim] == [103]
    assert answer.value(b"content-length") == b"9"


@pytest.mark.parametrize("status", [b"100 Continue", b"102 P", b"103 E\r\nLink: </a>"])
def test_a_1_0_client_never_sees_an_interim_response(stage: Stage, status: bytes) -> None:
    client, connection = stage.pass_request(b"GET / HTTP/1.0\r\nHost: front.example\r\n\r\n")
    connection.send(b"HTTP/1.1 " + status + b"\r\n\r\n" + OK)
    answer = client.read_response()
    assert (answer.interim, answer.status, answer.body) == ((), 200, b"ok")


def test_a_1_0_client_that_expects_is_served_without_100(stage: Stage) -> None:
    client = stage.connect()
    client.send(
        b"POST / HTTP/1.0\r\nHost: front.example\r\nExpect: 100-continue\r\n"
        b"Content-Length: 5\r\n\r\nhello"
    )
    connection = stage.upstream.receive()
    assert connection.asked.body == b"hello"
    connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert client.read_response().interim == ()


def test_a_100_nobody_asked_for_does_no_harm(stage: Stage) -> None:
    answer = stage.seen_by_client(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)
    assert (answer.status, answer.body) == (200, b"ok")
    assert [one.status for one in answer.interim] in ([], [100])


def test_an_interim_response_and_then_nothing_is_no_clean_end(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    assert client.read_head().status == 103
    connection.close()
    assert_status_or_cut(client, 502)


def test_a_response_after_an_interim_one_belongs_to_its_own_request(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/one"))
    connection.send(b"HTTP/1.1 103 E\r\n\r\n" + OK)
    assert client.read_response().status == 200
    client.send(get(b"/two"))
    again = stage.upstream.receive()
    again.answer(b"two")
    assert client.read_response().body == b"two"
