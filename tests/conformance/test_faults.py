"""What goes wrong upstream is told in one shape, with a reason out of the closed list."""

import socket
from collections.abc import Iterator

import pytest

from tests.conformance.conftest import plain_config, set_stage
from tests.conformance.judge import (
    Stage,
    assert_problem,
    assert_status_or_cut,
    assert_still_serving,
    get,
    head,
    post,
)
from tests.kit.running import RunningProxy, free_port
from tests.kit.upstream import ScriptedUpstream
from tests.kit.wire import CutError


class FullListener:
    """A port that accepts nobody: its backlog is full, so connecting hangs."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self._fillers: list[socket.socket] = []
        self.full = self._fill()

    def _fill(self) -> bool:
        for _ in range(10):
            filler = socket.socket()
            filler.settimeout(0.2)
            self._fillers.append(filler)
            try:
                filler.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return True
        return False

    def close(self) -> None:
        for sock in (*self._fillers, self._listener):
            sock.close()


@pytest.fixture(scope="module")
def full_listener() -> Iterator[FullListener]:
    listener = FullListener()
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def mute_port() -> Iterator[int]:
    """A port that takes connections and never says a word on them."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture(scope="module")
def hasty_proxy(
    legacy_upstream: ScriptedUpstream,
    new_upstream: ScriptedUpstream,
    full_listener: FullListener,
    mute_port: int,
) -> Iterator[RunningProxy]:
    config = plain_config(legacy_upstream, new_upstream)
    timeouts = {"connect": "300ms", "first_byte": "400ms", "idle": "400ms", "tunnel": "400ms"}
    config["upstreams"]["legacy"]["timeouts"] = timeouts
    urls = {
        "dead": f"http://127.0.0.1:{free_port()}",
        "full": f"http://127.0.0.1:{full_listener.port}",
        "mute": f"https://127.0.0.1:{mute_port}",
        "nameless": "http://no-such-name.invalid:80",
    }
    for name, url in urls.items():
        config["upstreams"][name] = {"url": url, "timeouts": timeouts}
    config["routes"][:0] = [
        {"name": name, "match": {"path": f"/{name}/**"}, "upstream": name} for name in urls
    ]
    with RunningProxy(config) as proxy:
        yield proxy


@pytest.fixture
def hasty(
    hasty_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    yield from set_stage(hasty_proxy, legacy_upstream, new_upstream)


def test_a_refused_connection_is_502(hasty: Stage) -> None:
    answer = hasty.connect().ask(get(b"/dead/x"))
    assert_problem(answer, 502, "upstream_refused")
    assert answer.value(b"x-crossfade-reason") in (b"upstream_refused", b"route")


def test_a_name_that_does_not_resolve_is_502(hasty: Stage) -> None:
    assert_problem(hasty.connect().ask(get(b"/nameless/x")), 502, "upstream_unresolved")


def test_a_connection_that_is_never_taken_is_504(hasty: Stage, full_listener: FullListener) -> None:
    assert full_listener.full, "this system takes connections beyond the backlog"
    assert_problem(hasty.connect().ask(get(b"/full/x")), 504, "upstream_connect_timeout")


def test_a_tls_handshake_that_is_never_answered_is_504(hasty: Stage) -> None:
    assert_problem(hasty.connect().ask(get(b"/mute/x")), 504, "upstream_connect_timeout")


def test_an_answer_that_does_not_begin_is_504(hasty: Stage) -> None:
    client, connection = hasty.pass_request(get(b"/slow"))
    assert_problem(client.read_response(), 504, "upstream_first_byte_timeout")
    assert connection.wait_for_end(), "the upstream is told by the end of its connection"
    assert_still_serving(hasty)


def test_an_answer_to_a_post_that_does_not_begin_is_504_and_not_sent_again(hasty: Stage) -> None:
    client, _ = hasty.pass_request(post(b"hello", b"/slow"))
    assert_problem(client.read_response(), 504, "upstream_first_byte_timeout")
    assert_still_serving(hasty)


def test_an_answer_that_stops_in_its_head_is_504_or_502(hasty: Stage) -> None:
    client, connection = hasty.pass_request(get(b"/slow"))
    connection.send(b"HTTP/1.1 200 OK\r\nX-Half: ")
    reasons = ("upstream_first_byte_timeout", "upstream_idle_timeout", "upstream_invalid")
    assert_problem(client.read_response(), (502, 504), *reasons)
    assert connection.wait_for_end()


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\nx", b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"]
)
def test_an_answer_that_stops_in_its_body_is_cut(hasty: Stage, framing: bytes) -> None:
    client, connection = hasty.pass_request(get(b"/slow"))
    connection.send(b"HTTP/1.1 200 OK\r\n" + framing)
    with pytest.raises(CutError):
        client.read_response()
    assert connection.wait_for_end()


def test_an_interim_answer_does_not_stand_for_an_answer(hasty: Stage) -> None:
    client, connection = hasty.pass_request(get(b"/slow"))
    connection.send(b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n")
    assert_status_or_cut(client, 504)
    assert connection.wait_for_end()


def test_a_silent_tunnel_ends(hasty: Stage) -> None:
    client, connection = hasty.pass_request(get(b"/", b"Connection: Upgrade", b"Upgrade: odd"))
    connection.send(b"HTTP/1.1 101 Odd\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n")
    assert client.read_head().status == 101
    assert client.wait_for_end()
    assert connection.wait_for_end()


def test_a_slow_upload_is_no_slow_answer(hasty: Stage) -> None:
    """The wait for the answer begins when the request has been sent."""
    client = hasty.connect()
    client.send(head(b"POST", b"/", b"Content-Length: 12"))
    connection = hasty.upstream.receive(body=False)
    for _ in range(6):
        ticker, tick = hasty.pass_request(get(b"/tick"))
        assert_problem(ticker.read_response(), 504) if _ < 2 else tick.answer()
        client.send(b"ab")
        assert connection.read_exactly(2) == b"ab"
    connection.answer()
    assert client.read_response().status == 200


def test_a_fault_answers_head_without_a_body(hasty: Stage) -> None:
    client = hasty.connect()
    answer = client.ask(head(b"HEAD", b"/dead/x"))
    assert (answer.status, answer.value(b"content-type")) == (502, b"application/problem+json")
    if b"close" in answer.elements(b"connection"):
        assert client.read_to_end() == b""
        return
    assert client.ask(get(b"/dead/x")).status == 502


def test_a_fault_leaves_the_client_connection_in_step(hasty: Stage) -> None:
    client = hasty.connect()
    client.offer(post(b"hello", b"/dead/x") + get(b"/next"))
    answer = client.read_response()
    assert_problem(answer, 502, "upstream_refused")
    if b"close" in answer.elements(b"connection"):
        assert client.read_to_end() == b""
        assert_still_serving(hasty)
        return
    connection = hasty.upstream.receive()
    assert connection.asked.target == b"/next"
    connection.answer(b"next")
    assert client.read_response().body == b"next"


def test_a_fault_has_a_title_and_names_no_address(hasty: Stage) -> None:
    answer = hasty.connect().ask(get(b"/dead/x"))
    assert b'"title"' in answer.body
    assert b"127.0.0.1" not in answer.body


def test_faults_again_and_again_do_not_change_the_answer(hasty: Stage) -> None:
    for _ in range(12):
        answer = hasty.connect().ask(get(b"/dead/x"))
        assert_problem(answer, (502, 503), "upstream_refused", "no_healthy_endpoint")
