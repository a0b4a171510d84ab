"""The end of a process: nothing under way is lost that can still be finished in time."""

import signal
from contextlib import ExitStack
from typing import Any

import pytest

from tests.kit.running import RunningProxy, wait_until
from tests.kit.upstream import ScriptedUpstream
from tests.kit.wire import CutError
from tests.story.operator import Admin

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n"
SWITCHED = b"HTTP/1.1 101 Odd\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n"
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])


def to(upstream: ScriptedUpstream, **limits: str) -> dict[str, Any]:
    return {"upstreams": {"legacy": {"url": upstream.url}}, "limits": limits}


@BOTH
def test_a_draining_proxy_says_so_takes_nothing_new_and_finishes_what_it_has(
    scripted: ScriptedUpstream, number: signal.Signals
) -> None:
    with RunningProxy(to(scripted)) as proxy, ExitStack() as stack:
        admin = Admin(proxy)
        idle, busy = (stack.enter_context(proxy.connect()) for _ in range(2))
        idle.send(GET)
        scripted.receive().answer()
        assert idle.read_response().status == 200
        busy.send(GET)
        connection = scripted.receive()
        assert admin.ready() == (200, "serving")
        proxy.signal(number)
        assert idle.wait_for_end() == "fin"
        wait_until(lambda: not proxy.takes_connections(), "new connections are refused")
        assert admin.ready() == (503, "draining")
        assert admin.ask("/healthz")[0] == 200
        assert admin.status()["requests"]["in_flight"] == 1
        connection.answer(b"finished")
        assert busy.read_response().body == b"finished"
        assert busy.wait_for_end() == "fin"
        busy.close()
        assert proxy.wait() == 0
        assert '"event":"stopped","cut":0' in proxy.output()


def test_what_was_sent_behind_a_request_is_not_begun_any_more(
    scripted: ScriptedUpstream,
) -> None:
    with RunningProxy(to(scripted)) as proxy, proxy.connect() as client:
        client.send(GET + GET)
        connection = scripted.receive()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: not proxy.takes_connections(), "the drain has begun")
        connection.answer(b"the only one")
        assert client.read_response().body == b"the only one"
        assert client.read_to_end() == b""
        client.close()
        assert proxy.wait() == 0


def test_past_the_drain_the_rest_is_cut_and_the_exit_code_is_still_0(
    scripted: ScriptedUpstream,
) -> None:
    with RunningProxy(to(scripted, drain="300ms")) as proxy, ExitStack() as stack:
        tunnel, stuck, silent = (stack.enter_context(proxy.connect()) for _ in range(3))
        tunnel.send(UPGRADE)
        upgraded = scripted.receive()
        upgraded.send(SWITCHED)
        assert tunnel.read_head().status == 101
        stuck.send(GET)
        answering = scripted.receive()
        answering.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        assert stuck.read_head().status == 200
        silent.send(GET)
        asked = scripted.receive()
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: not proxy.takes_connections(), "the drain has begun")
        tunnel.send(b"still open")
        assert upgraded.read_exactly(10) == b"still open"
        assert proxy.wait() == 0
        with pytest.raises(CutError):
            stuck.read_exactly(9)
        assert silent.read_to_end() == b""
        assert tunnel.wait_for_end()
        assert all(one.wait_for_end() for one in (upgraded, answering, asked))
        assert '"event":"stopped","cut":3' in proxy.output()


def test_a_second_signal_neither_hastens_nor_breaks_the_drain(
    scripted: ScriptedUpstream,
) -> None:
    with RunningProxy(to(scripted)) as proxy, proxy.connect() as client:
        client.send(GET)
        connection = scripted.receive()
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            proxy.signal(number)
        wait_until(lambda: not proxy.takes_connections(), "the drain has begun")
        code, problem = Admin(proxy).reload()
        assert code == 409
        assert "stopping" in problem["problems"][0]
        connection.answer(b"finished")
        assert client.read_response().body == b"finished"
        client.close()
        assert proxy.wait() == 0


def test_a_reload_under_way_does_not_reopen_a_draining_proxy(
    scripted: ScriptedUpstream,
) -> None:
    many = [
        {"name": f"r{number}", "match": {"path": f"/{number}"}, "upstream": "legacy"}
        for number in range(1500)
    ]
    with RunningProxy(to(scripted)) as proxy, proxy.connect() as client:
        admin = Admin(proxy)
        client.send(GET)
        connection = scripted.receive()
        proxy.write({"routes": many})  # long to read: the drain begins meanwhile
        proxy.signal(signal.SIGHUP)
        proxy.signal(signal.SIGTERM)
        wait_until(lambda: '"event":"draining"' in proxy.output(), "the drain has begun")
        proxy.signal(signal.SIGHUP)
        wait_until(lambda: '"event":"reload' in proxy.output(), "the reload has come to its end")
        assert not proxy.takes_connections()
        assert admin.ready() == (503, "draining")
        connection.answer(b"finished")
        assert client.read_response().body == b"finished"
        client.close()
        assert proxy.wait() == 0
