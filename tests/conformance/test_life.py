"""From start to stop: drained by a signal, reloaded in flight, never down in between."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.conformance.judge import get
from tests.kit.answering import AnsweringUpstream, plain
from tests.kit.client import Client
from tests.kit.running import RunningProxy, faults, wait_until
from tests.kit.upstream import ScriptedUpstream
from tests.kit.wire import CutError


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    upstream = ScriptedUpstream()
    yield upstream
    upstream.close()


def config(url: str, **more: Any) -> dict[str, Any]:
    return {"upstreams": {"legacy": {"url": url}}, **more}


def held(
    proxy: RunningProxy, upstream: ScriptedUpstream, stack: ExitStack, target: bytes = b"/held"
) -> tuple[Client, Any]:
    client = stack.enter_context(proxy.connect())
    client.send(get(target))
    return client, upstream.receive()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_lets_what_is_in_flight_finish(
    upstream: ScriptedUpstream, number: signal.Signals
) -> None:
    with RunningProxy(config(upstream.url)) as proxy, ExitStack() as stack:
        client, connection = held(proxy, upstream, stack)
        streaming, stream = held(proxy, upstream, stack, b"/stream")
        stream.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
        assert streaming.read_head().status == 200
        assert streaming.read_chunk() == b"ab"
        proxy.signal(number)
        wait_until(lambda: not proxy.takes_connections(), "new connections are refused")
        connection.answer(b"finished")
        answer = client.read_response()
        assert (answer.status, answer.body) == (200, b"finished")
        assert client.read_to_end() == b""
        stream.send(b"2\r\ncd\r\n0\r\n\r\n")
        assert (streaming.read_chunk(), streaming.read_chunk()) == (b"cd", b"")
        assert proxy.wait() == 0


def test_an_idle_connection_does_not_hold_up_the_end(upstream: ScriptedUpstream) -> None:
    with RunningProxy(config(upstream.url)) as proxy, ExitStack() as stack:
        client, connection = held(proxy, upstream, stack)
        connection.answer()
        assert client.read_response().status == 200
        silent = stack.enter_context(proxy.connect())
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
        assert (client.wait_for_end(), silent.wait_for_end()) != ("", "")


def test_what_does_not_finish_in_time_is_cut(upstream: ScriptedUpstream) -> None:
    limits = {"drain": "300ms"}
    with RunningProxy(config(upstream.url, limits=limits)) as proxy, ExitStack() as stack:
        client, connection = held(proxy, upstream, stack)
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        assert client.read_head().status == 200
        proxy.signal(signal.SIGTERM)
        with pytest.raises(CutError):
            client.read_exactly(10)
        assert proxy.wait() == 0
        assert connection.wait_for_end()


def test_a_tunnel_is_cut_when_the_drain_is_over(upstream: ScriptedUpstream) -> None:
    limits = {"drain": "300ms"}
    with RunningProxy(config(upstream.url, limits=limits)) as proxy, ExitStack() as stack:
        client = stack.enter_context(proxy.connect())
        client.send(get(b"/", b"Connection: Upgrade", b"Upgrade: odd"))
        connection = upstream.receive()
        connection.send(b"HTTP/1.1 101 Odd\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n")
        assert client.read_head().status == 101
        proxy.signal(signal.SIGTERM)
        assert proxy.wait() == 0
        assert client.wait_for_end()


@pytest.fixture
def old() -> Iterator[AnsweringUpstream]:
    upstream = AnsweringUpstream(lambda _: plain(b"old"))
    yield upstream
    upstream.close()


@pytest.fixture
def fresh() -> Iterator[AnsweringUpstream]:
    upstream = AnsweringUpstream(lambda _: plain(b"fresh"))
    yield upstream
    upstream.close()


def body_of(client: Client) -> bytes:
    answer = client.ask(get())
    assert answer.status == 200, answer.line
    return answer.body


@pytest.mark.parametrize("how", ["SIGHUP", "the file alone"])
def test_a_reload_serves_the_new_file_and_keeps_connections(
    old: AnsweringUpstream, fresh: AnsweringUpstream, how: str
) -> None:
    with RunningProxy(config(old.url)) as proxy, proxy.connect() as client:
        assert body_of(client) == b"old"
        proxy.write(config(fresh.url))
        if how == "SIGHUP":
            proxy.signal(signal.SIGHUP)
        wait_until(lambda: body_of(client) == b"fresh", "the new file is served", 10)
        assert {body_of(client) for _ in range(20)} == {b"fresh"}


def test_a_request_in_flight_finishes_on_the_old_file(
    upstream: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(config(upstream.url)) as proxy, ExitStack() as stack:
        client, connection = held(proxy, upstream, stack)
        proxy.write(config(fresh.url))
        proxy.signal(signal.SIGHUP)

        def reloaded() -> bool:
            with proxy.connect() as other:
                other.send(get(b"/probe"))
                if upstream.hear(other) is None:
                    return other.read_response().body == b"fresh"
                upstream.receive().answer(b"old")
                return other.read_response().body == b"fresh"

        wait_until(reloaded, "the new file is served", 10)
        connection.answer(b"from the old one")
        assert client.read_response().body == b"from the old one"
        assert body_of(client) == b"fresh"


BROKEN = {
    "no YAML": "upstreams: [\n",
    "an unknown key": "upstreamz: {}\n",
    "nothing": "",
    "a wrong value": "upstreams: {legacy: {url: 'ftp://x'}}\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_leaves_the_old_one_serving(
    old: AnsweringUpstream, fresh: AnsweringUpstream, text: str
) -> None:
    with RunningProxy(config(old.url)) as proxy, proxy.connect() as client:
        assert body_of(client) == b"old"
        said = len(proxy.output())
        proxy.write_text(text)
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: len(proxy.output()) > said, "the proxy says what is wrong")
        assert body_of(client) == b"old"
        proxy.write(config(fresh.url))
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: body_of(client) == b"fresh", "a good file is served again", 10)


def test_many_reloads_fail_no_request(old: AnsweringUpstream, fresh: AnsweringUpstream) -> None:
    with RunningProxy(config(old.url)) as proxy, proxy.connect() as client:
        seen = []
        for number in range(12):
            wanted = (fresh, old)[number % 2]
            proxy.write(config(wanted.url))
            proxy.signal(signal.SIGHUP)
            for _ in range(5):
                seen.append(body_of(client))
                with proxy.connect() as other:
                    seen.append(body_of(other))
        assert set(seen) <= {b"old", b"fresh"}
        wait_until(lambda: body_of(client) == b"old", "the last file is served", 10)


def test_a_port_that_is_taken_ends_the_start_with_1(upstream: ScriptedUpstream) -> None:
    proxy = RunningProxy({"listen": f"127.0.0.1:{upstream.port}", **config(upstream.url)})
    code, said = proxy.run_to_end()
    assert code == 1, said
    assert not faults(said)
    assert str(upstream.port) in said


def test_a_file_that_is_wrong_ends_the_start_with_2(upstream: ScriptedUpstream) -> None:
    proxy = RunningProxy(config(upstream.url, rutes=[]))
    code, said = proxy.run_to_end()
    assert code == 2, said
    assert not faults(said)
    assert "rutes" in said
