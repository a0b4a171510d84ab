"""A response cut short upstream reaches the client as a cut, never as a clean end."""

import pytest

from tests.conformance.judge import Stage, assert_status_or_cut, assert_still_serving, get

COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CUTS: dict[str, tuple[bytes, bytes]] = {
    "a counted body with no byte of it": (COUNTED, b""),
    "a counted body": (COUNTED, b"x" * 50),
    "a counted body before its last byte": (COUNTED, b"x" * 99),
    "a chunked body with no byte of it": (CHUNKED, b""),
    "a chunk": (CHUNKED, b"a\r\nhello"),
    "a chunk before its CRLF": (CHUNKED, b"5\r\nhello"),
    "a body between two chunks": (CHUNKED, b"5\r\nhello\r\n"),
    "a chunk size": (CHUNKED, b"5\r\nhello\r\n1"),
    "the last chunk": (CHUNKED, b"5\r\nhello\r\n0\r\n"),
    "the trailers": (CHUNKED, b"5\r\nhello\r\n0\r\nX-T: 1\r\n"),
}


@pytest.mark.parametrize("resets", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize(("head", "part"), CUTS.values(), ids=CUTS)
def test_a_cut_is_passed_on_in(stage: Stage, head: bytes, part: bytes, resets: bool) -> None:
    client, connection = stage.pass_request(get())
    connection.send(head)
    got = client.read_head()
    assert got.status == 200
    connection.send(part)
    connection.reset() if resets else connection.close()
    rest = client.read_to_end()
    assert client.end
    if head is COUNTED:
        assert len(rest) < 100
    else:
        assert got.framing == "chunked"
        assert b"0\r\n\r\n" not in rest
        assert not rest.endswith(b"\r\n0\r\n")
    assert_still_serving(stage)


@pytest.mark.parametrize("part", [b"", b"x" * 50])
def test_a_cut_that_comes_with_the_head_is_passed_on_or_502(stage: Stage, part: bytes) -> None:
    client, connection = stage.pass_request(get())
    connection.send(COUNTED + part)
    connection.close()
    assert_status_or_cut(client, 502)


def test_a_reset_of_a_response_without_length_is_no_clean_end(stage: Stage) -> None:
    client, connection = stage.pass_request(get())
    connection.send(b"HTTP/1.1 200 OK\r\n\r\nhalf")
    head = client.read_head()
    assert client.read_until(b"half")
    connection.reset()
    if head.framing == "chunked":
        assert not client.read_to_end().endswith(b"0\r\n\r\n")
    else:
        assert client.wait_for_end() == "reset"


@pytest.mark.parametrize("resets", [False, True], ids=["FIN", "RST"])
def test_a_1_0_client_can_tell_a_cut_of_a_chunked_response(stage: Stage, resets: bool) -> None:
    client, connection = stage.pass_request(b"GET / HTTP/1.0\r\nHost: front.example\r\n\r\n")
    connection.send(CHUNKED + b"5\r\nhello\r\n")
    assert client.read_head().framing == "close"
    assert client.read_exactly(5) == b"hello"
    connection.reset() if resets else connection.close()
    assert client.wait_for_end() == "reset", "FIN would be a clean end for this client"


def test_a_cut_response_is_not_retried(stage: Stage) -> None:
    client, connection = stage.pass_request(get(b"/cut"))
    connection.send(COUNTED + b"x")
    connection.close()
    client.read_to_end()
    assert_still_serving(stage)


def test_a_cut_response_to_head_needs_no_body(stage: Stage) -> None:
    client, connection = stage.pass_request(get().replace(b"GET", b"HEAD", 1))
    connection.send(COUNTED)
    connection.close()
    answer = client.read_response(b"HEAD")
    assert (answer.status, answer.value(b"content-length")) == (200, b"100")
    client.send(get(b"/next"))
    again = stage.upstream.receive()
    again.answer(b"next")
    assert client.read_response().body == b"next"
