"""What a client may cost: sizes, times and numbers, each with its own answer."""

from collections.abc import Iterator

import pytest

from tests.conformance.conftest import plain_config, set_stage
from tests.conformance.judge import (
    Stage,
    assert_problem,
    assert_refused,
    assert_status_or_cut,
    assert_still_serving,
    get,
    head,
    post_chunked,
)
from tests.kit.running import RunningProxy, wait_until
from tests.kit.upstream import ScriptedUpstream


@pytest.fixture(scope="module")
def strict_proxy(
    legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[RunningProxy]:
    config = plain_config(legacy_upstream, new_upstream)
    config["limits"] = {
        "header_bytes": "4KiB",
        "url_bytes": "1KiB",
        "head_timeout": "400ms",
        "body_timeout": "400ms",
        "keep_alive": "400ms",
        "connections": 20,
    }
    with RunningProxy(config) as proxy:
        yield proxy


@pytest.fixture
def strict(
    strict_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    yield from set_stage(strict_proxy, legacy_upstream, new_upstream)


LARGE_HEADS = {
    "one long field": get(b"/bad", b"X-Long: " + b"v" * 5000),
    "many short fields": get(b"/bad", *(b"X-%d: 1" % n for n in range(1000))),
    "a long name": get(b"/bad", b"X" * 5000 + b": 1"),
    "a field far beyond": get(b"/bad", b"X-Long: " + b"v" * 300_000),
    "a field without end": get(b"/bad")[:-2] + b"X-Long: " + b"v" * 100_000,
}


@pytest.mark.parametrize("data", LARGE_HEADS.values(), ids=LARGE_HEADS)
def test_a_head_too_large_is_431_with(strict: Stage, data: bytes) -> None:
    answer = assert_refused(strict, data, 431)
    assert_problem(answer, 431, "head_too_large")


def test_a_head_within_the_limit_passes(strict: Stage) -> None:
    assert strict.seen_upstream(get(b"/", b"X-Long: " + b"v" * 3500)).value(b"x-long")


LONG_URLS = {
    "a path": get(b"/" + b"p" * 1100),
    "a query": get(b"/?" + b"q" * 1100),
    "an absolute target": get(b"http://front.example/" + b"p" * 1100),
    "a target far beyond": get(b"/" + b"p" * 300_000),
    "a request line without end": b"GET /" + b"p" * 100_000,
}


@pytest.mark.parametrize("data", LONG_URLS.values(), ids=LONG_URLS)
def test_a_target_too_long_is_414_in(strict: Stage, data: bytes) -> None:
    answer = assert_refused(strict, data, 414)
    assert_problem(answer, 414, "url_too_long")


def test_a_target_within_the_limit_passes(strict: Stage) -> None:
    target = b"/" + b"p" * 1000
    assert strict.seen_upstream(get(target)).target == target


def test_a_first_line_without_end_and_without_target_is_refused(strict: Stage) -> None:
    assert_refused(strict, b"G" * 100_000, 400, 414, 431, 501)


def test_trailers_too_large_are_refused_and_cut_upstream(strict: Stage) -> None:
    client = strict.connect()
    client.send(post_chunked(b"5\r\nhello\r\n"))
    connection = strict.upstream.receive(body=False)
    assert connection.read_until(b"hello\r\n")
    client.offer(b"0\r\nX-Long: " + b"v" * 100_000 + b"\r\n\r\n")
    assert not connection.read_to_end().endswith(b"\r\n\r\n")
    assert client.read_response().status in (400, 413, 431)
    assert client.read_to_end() == b""


def test_a_chunk_extension_without_end_is_refused_and_cut_upstream(strict: Stage) -> None:
    client = strict.connect()
    client.send(post_chunked(b"5\r\nhello\r\n"))
    connection = strict.upstream.receive(body=False)
    assert connection.read_until(b"hello\r\n")
    client.offer(b"5;" + b"x" * 200_000)
    connection.read_to_end()
    assert_status_or_cut(client, 400, 408, 413, 431)


SLOW_HEADS = {
    "half a request line": b"GET /slo",
    "a request line": b"GET /slow HTTP/1.1\r\n",
    "a head without its empty line": b"GET /slow HTTP/1.1\r\nHost: front.example\r\n",
    "half an empty line": get(b"/slow")[:-1],
}


@pytest.mark.parametrize("data", SLOW_HEADS.values(), ids=SLOW_HEADS)
def test_a_head_that_stops_is_408_or_closed_after(strict: Stage, data: bytes) -> None:
    client = strict.connect()
    client.send(data)
    _assert_408_or_closed(client.read_to_end())
    assert client.end
    assert_still_serving(strict)


def _assert_408_or_closed(said: bytes) -> None:
    assert said == b"" or said.startswith(b"HTTP/1.1 408 "), said


def test_a_head_that_trickles_is_cut_off_too(strict: Stage) -> None:
    client = strict.connect()
    client.send(b"GET /slow HTTP/1.1\r\nHost: front.example\r\n")

    def trickle() -> bool:
        return client.ready() or not client.offer(b"X: 1\r\n")

    wait_until(trickle, "a trickling head is cut off")
    _assert_408_or_closed(client.read_to_end())


def test_a_second_head_that_stops_is_cut_off_too(strict: Stage) -> None:
    client, connection = strict.pass_request(get(b"/one"))
    connection.answer()
    client.read_response()
    client.send(b"GET /slow HTTP/1.1\r\nHos")
    _assert_408_or_closed(client.read_to_end())
    assert client.end


def test_a_connection_that_says_nothing_is_closed(strict: Stage) -> None:
    client = strict.connect()
    _assert_408_or_closed(client.read_to_end())
    assert client.end


def test_an_idle_connection_is_closed_without_a_word(strict: Stage) -> None:
    client, connection = strict.pass_request(get())
    connection.answer()
    assert client.read_response().status == 200
    assert client.read_to_end() == b""
    assert client.end == "fin"


def test_the_idle_limit_does_not_hurry_a_slow_upstream(strict: Stage) -> None:
    client, connection = strict.pass_request(get(b"/slow"))
    idle = strict.connect()
    assert idle.wait_for_end(), "the idle one is closed"
    other = strict.connect()
    assert other.wait_for_end(), "and another one"
    connection.answer(b"late")
    assert client.read_response().body == b"late"


@pytest.mark.parametrize(
    "begun",
    [head(b"POST", b"/", b"Content-Length: 10") + b"part", post_chunked(b"4\r\npart\r\n")],
    ids=["a counted body", "a chunked body"],
)
def test_a_body_that_stops_is_408_or_closed_and_cut_upstream(strict: Stage, begun: bytes) -> None:
    client = strict.connect()
    client.send(begun)
    connection = strict.upstream.receive(body=False)
    left = connection.read_to_end()
    assert b"part" in left
    assert not left.endswith(b"0\r\n\r\n")
    _assert_408_or_closed(client.read_to_end())
    assert_still_serving(strict)


def test_connections_beyond_the_limit_are_turned_away(strict: Stage) -> None:
    waiting = []
    for number in range(20):
        client = strict.connect()
        client.send(get(b"/held/%d" % number))
        waiting.append((client, strict.upstream.receive()))
    extra = strict.connect()
    extra.offer(get(b"/extra"))
    said = extra.read_to_end()
    assert said == b"" or said.startswith(b"HTTP/1.1 503 "), said
    for client, connection in waiting:
        connection.answer()
        assert client.read_response().status == 200
        client.close()

    def served() -> bool:
        with strict.connect() as client:
            client.offer(get(b"/again"))
            if strict.refused_at_once(client):
                return False
            strict.upstream.receive().answer()
            return client.read_response().status == 200

    wait_until(served, "connections are taken again")
