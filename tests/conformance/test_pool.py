"""Upstream connections: reused, retried only when that is safe, and never without a bound."""

from collections.abc import Callable, Iterator

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
from tests.kit.client import Client
from tests.kit.running import RunningProxy
from tests.kit.upstream import ScriptedUpstream, UpstreamConnection
from tests.kit.wire import first_ready


def warm(stage: Stage) -> UpstreamConnection:
    """Leave one idle connection in the pool."""
    client, connection = stage.pass_request(get(b"/warm"))
    connection.answer()
    client.read_response()
    client.close()
    return connection


def test_a_connection_is_reused(stage: Stage) -> None:
    client, first = stage.pass_request(get(b"/1"))
    first.answer()
    client.read_response()
    client.send(get(b"/2"))
    assert stage.upstream.receive() is first
    first.answer()
    assert client.read_response().status == 200


def test_a_connection_is_reused_for_another_client(stage: Stage) -> None:
    first = warm(stage)
    client, second = stage.pass_request(post(b"hello"))
    assert second is first
    second.answer()
    assert client.read_response().status == 200


REUSABLE: dict[str, bytes] = {
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-T: 1\r\n\r\n"
    ),
    "empty": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    "204": b"HTTP/1.1 204 No\r\n\r\n",
    "304": b"HTTP/1.1 304 Same\r\nContent-Length: 7\r\n\r\n",
    "500": b"HTTP/1.1 500 Oops\r\nContent-Length: 2\r\n\r\nno",
    "a 103 before": b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("response", REUSABLE.values(), ids=REUSABLE)
def test_a_connection_is_reused_after(stage: Stage, response: bytes) -> None:
    client, first = stage.pass_request(get(b"/1"))
    first.send(response)
    client.read_response()
    client.send(get(b"/2"))
    assert stage.upstream.receive() is first
    first.answer()


SPENT: dict[str, bytes] = {
    "Connection: close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "Connection: Close among others": (
        b"HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok"
    ),
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("response", SPENT.values(), ids=SPENT)
def test_a_connection_is_not_reused_after(stage: Stage, response: bytes) -> None:
    client, first = stage.pass_request(get(b"/1"))
    first.send(response)
    assert client.read_response().body == b"ok"
    assert first.wait_for_end(), "the proxy closes what it will not use again"
    client.send(get(b"/2"))
    second = stage.upstream.receive()
    assert second is not first
    second.answer()


def test_an_idle_connection_that_the_upstream_closed_is_dropped(stage: Stage) -> None:
    first = warm(stage)
    first.half_close()
    assert first.wait_for_end()
    client, second = stage.pass_request(post(b"hello"))
    second.answer()
    assert client.read_response().status == 200


ENDS = {"FIN": UpstreamConnection.close, "RST": UpstreamConnection.reset}


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
def test_a_safe_request_on_a_reused_connection_that_dies_is_retried_once(
    stage: Stage, method: bytes, how: str
) -> None:
    first = warm(stage)
    client, again = stage.pass_request(head(method, b"/race"))
    assert again is first
    ENDS[how](again)
    second = stage.upstream.receive()
    assert second.asked.raw == again.asked.raw
    second.answer(b"second")
    assert client.read_response(method).status == 200


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("data", [post(b"hello", b"/race"), post(b"", b"/race")])
def test_a_post_on_a_reused_connection_that_dies_is_502_and_not_sent_again(
    stage: Stage, how: str, data: bytes
) -> None:
    first = warm(stage)
    client, again = stage.pass_request(data)
    assert again is first
    ENDS[how](again)
    assert_problem(client.read_response(), 502, "upstream_closed")
    assert_still_serving(stage)


def test_a_patch_without_body_is_not_sent_again(stage: Stage) -> None:
    first = warm(stage)
    client, again = stage.pass_request(head(b"PATCH", b"/race"))
    assert again is first
    again.close()
    assert client.read_response().status == 502
    assert_still_serving(stage)


@pytest.mark.parametrize(
    "data", [head(b"DELETE", b"/r"), post(b"x", b"/r").replace(b"POST", b"PUT")]
)
def test_an_idempotent_request_on_a_dead_connection_is_retried_or_502(
    stage: Stage, data: bytes
) -> None:
    warm(stage)
    client, again = stage.pass_request(data)
    again.close()
    if stage.refused_at_once(client):
        assert client.read_response().status == 502
        return
    second = stage.upstream.receive()
    assert (second.asked.raw, second.asked.body) == (again.asked.raw, again.asked.body)
    second.answer()
    assert client.read_response().status == 200


@pytest.mark.parametrize("how", ENDS)
def test_a_retry_that_dies_too_is_502(stage: Stage, how: str) -> None:
    warm(stage)
    client, again = stage.pass_request(get(b"/race"))
    again.close()
    second = stage.upstream.receive()
    ENDS[how](second)
    assert_problem(client.read_response(), 502, "upstream_closed")
    assert_still_serving(stage)


@pytest.mark.parametrize("how", ENDS)
def test_a_request_on_a_fresh_connection_is_never_retried(stage: Stage, how: str) -> None:
    client, first = stage.pass_request(get(b"/fresh"))
    ENDS[how](first)
    assert_problem(client.read_response(), 502, "upstream_closed")
    assert_still_serving(stage)


def test_a_request_that_was_partly_answered_is_never_retried(stage: Stage) -> None:
    warm(stage)
    client, again = stage.pass_request(get(b"/partly"))
    again.send(b"HTTP/1.1 200 O")
    again.close()
    assert client.read_response().status == 502
    assert_still_serving(stage)


def test_a_request_that_saw_an_interim_answer_is_never_retried(stage: Stage) -> None:
    warm(stage)
    client, again = stage.pass_request(get(b"/partly"))
    again.send(b"HTTP/1.1 103 E\r\nLink: </a>\r\n\r\n")
    assert client.read_head().status == 103
    again.close()
    assert_status_or_cut(client, 502)
    assert_still_serving(stage)


def test_a_retried_request_takes_no_second_dead_connection(stage: Stage) -> None:
    one, first = stage.pass_request(get(b"/1"))
    two, second = stage.pass_request(get(b"/2"))
    for client, connection in ((one, first), (two, second)):
        connection.answer()
        client.read_response()
    three = stage.connect()
    three.send(get(b"/3"))
    reused = stage.upstream.receive()
    assert reused in (first, second)
    reused.close()
    third = stage.upstream.receive()
    assert third not in (first, second), "a retry goes to a fresh connection"
    third.answer(b"3")
    assert three.read_response().body == b"3"


# -- bounds ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def narrow_proxy(
    legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[RunningProxy]:
    config = plain_config(legacy_upstream, new_upstream)
    legacy = config["upstreams"]["legacy"]
    legacy["pool"] = {"max": 1, "queue": 1, "queue_timeout": "3s", "idle": "2s"}
    impatient = {"max": 1, "queue": 5, "queue_timeout": "100ms"}
    config["upstreams"]["impatient"] = {"url": new_upstream.url, "pool": impatient}
    config["upstreams"]["fleeting"] = {"url": new_upstream.url, "pool": {"idle": "100ms"}}
    config["routes"][:0] = [
        {"name": name, "match": {"path": f"/{name}/**"}, "upstream": name}
        for name in ("impatient", "fleeting")
    ]
    with RunningProxy(config) as proxy:
        yield proxy


@pytest.fixture
def narrow(
    narrow_proxy: RunningProxy, legacy_upstream: ScriptedUpstream, new_upstream: ScriptedUpstream
) -> Iterator[Stage]:
    yield from set_stage(narrow_proxy, legacy_upstream, new_upstream)


def asking(stage: Stage, target: bytes) -> Client:
    client = stage.connect()
    client.send(get(target))
    return client


def test_beyond_pool_and_queue_is_503_with_retry_after(narrow: Stage) -> None:
    client, connection = narrow.pass_request(get(b"/held"))
    crowd = [asking(narrow, b"/b"), asking(narrow, b"/c")]
    refused = first_ready(crowd)
    assert len(refused) == 1
    turned_away = refused[0]
    assert isinstance(turned_away, Client)
    answer = turned_away.read_response()
    assert_problem(answer, 503, "pool_full")
    assert int(answer.value(b"retry-after") or b"") >= 0
    connection.answer()
    assert client.read_response().status == 200
    waiting = next(one for one in crowd if one is not turned_away)
    again = narrow.upstream.receive()
    assert again is connection, "the one that waited gets the connection that became free"
    again.answer(b"waited")
    assert waiting.read_response().body == b"waited"


def test_a_request_that_waited_is_served_when_the_connection_died(narrow: Stage) -> None:
    client, connection = narrow.pass_request(get(b"/held"))
    waiting = asking(narrow, b"/waiting")
    connection.answer(b"ok", b"Connection: close", close=True)
    assert client.read_response().status == 200
    narrow.upstream.receive().answer(b"waited")
    assert waiting.read_response().body == b"waited"


def test_a_request_that_waits_too_long_is_503(narrow: Stage) -> None:
    client = asking(narrow, b"/impatient/held")
    held = narrow.other.receive()
    waiting = asking(narrow, b"/impatient/waiting")
    answer = waiting.read_response()
    assert_problem(answer, 503, "pool_full")
    assert answer.values(b"retry-after")
    held.answer()
    assert client.read_response().status == 200


@pytest.mark.parametrize("leave", [Client.close, Client.reset], ids=["FIN", "RST"])
def test_a_client_that_left_frees_its_connection(
    narrow: Stage, leave: Callable[[Client], None]
) -> None:
    client, connection = narrow.pass_request(get(b"/held"))
    waiting = asking(narrow, b"/waiting")
    leave(client)
    assert connection.wait_for_end()
    narrow.upstream.receive().answer(b"waited")
    assert waiting.read_response().body == b"waited"


def test_a_waiting_client_that_left_is_forgotten(narrow: Stage) -> None:
    client, connection = narrow.pass_request(get(b"/held"))
    asking(narrow, b"/left").reset()
    for _ in range(2):  # two round trips: the proxy has read the end of the one that left
        assert narrow.connect().ask(b"bad\r\n\r\n").status == 400
    connection.answer()
    assert client.read_response().status == 200
    for _ in range(3):
        assert_still_serving(narrow)


def test_many_clients_that_left_never_fill_the_pool(narrow: Stage) -> None:
    for number in range(10):
        client, connection = narrow.pass_request(get(b"/left/%d" % number))
        client.reset()
        assert connection.wait_for_end()
    assert_still_serving(narrow)


def test_a_tunnel_gives_its_place_back(narrow: Stage) -> None:
    ask = get(b"/ws", b"Connection: Upgrade", b"Upgrade: odd")
    client, connection = narrow.pass_request(ask)
    connection.send(b"HTTP/1.1 101 Odd\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n")
    assert client.read_head().status == 101
    client.close()
    assert connection.wait_for_end()
    connection.close()
    assert_still_serving(narrow)


def test_an_unused_connection_is_closed_after_its_time(narrow: Stage) -> None:
    client = asking(narrow, b"/fleeting/1")
    connection = narrow.other.receive()
    connection.answer()
    assert client.read_response().status == 200
    assert connection.wait_for_end() == "fin"
