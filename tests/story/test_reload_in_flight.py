"""What a reload keeps: requests under way, pooled connections, what was learned."""

import socket
from typing import Any

import pytest

from tests.kit.answering import AnsweringUpstream
from tests.kit.client import Client
from tests.kit.running import RunningProxy, free_port, wait_until
from tests.kit.upstream import ScriptedUpstream
from tests.kit.wire import CutError
from tests.story.operator import Admin, command

GET = b"GET / HTTP/1.1\r\nHost: t\r\n\r\n"


def to(url: str, **more: Any) -> dict[str, Any]:
    return {"upstreams": {"legacy": {"url": url, **more}}}


def test_a_slow_response_finishes_though_its_upstream_is_no_longer_declared(
    scripted: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(scripted.url)) as proxy, proxy.connect() as client:
        client.send(GET)
        connection = scripted.receive()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
        assert client.read_head().status == 200
        assert client.read_chunk() == b"one"
        Admin(proxy).reload_and_wait(proxy, to(fresh.url))
        with proxy.connect() as later:
            assert later.ask(GET).body == b"fresh"
        connection.send(b"3\r\ntwo\r\n0\r\n\r\n")
        assert (client.read_chunk(), client.read_chunk()) == (b"two", b"")
        client.read_until(b"\r\n")
        assert client.ask(GET).body == b"fresh"
        assert connection.wait_for_end() == "fin"


def test_a_request_that_waits_for_its_answer_gets_it_from_the_upstream_that_was_asked(
    scripted: ScriptedUpstream, other: ScriptedUpstream
) -> None:
    with RunningProxy(to(scripted.url)) as proxy, proxy.connect() as client:
        client.send(b"POST / HTTP/1.1\r\nHost: t\r\nContent-Length: 6\r\n\r\nabc")
        connection = scripted.receive(body=False)
        Admin(proxy).reload_and_wait(proxy, to(other.url))
        client.send(b"def")
        assert connection.read_exactly(6) == b"abcdef"
        connection.answer(b"from the old one")
        assert client.read_response().body == b"from the old one"
        assert not other.has_request()


def test_connections_to_an_unchanged_upstream_survive_a_reload(
    scripted: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    two = {"legacy": {"url": scripted.url}, "new": {"url": fresh.url}}
    with RunningProxy({"upstreams": two}) as proxy, proxy.connect() as client:
        client.send(GET)
        first = scripted.receive()
        first.answer(b"first")
        assert client.read_response().body == b"first"
        two["new"]["host"] = "replace"
        Admin(proxy).reload_and_wait(proxy, {"upstreams": two})
        client.send(GET)
        assert scripted.receive() is first
        first.answer(b"second")
        assert client.read_response().body == b"second"
        assert Admin(proxy).status()["requests"]["total"] == 2  # no counter is set back
        assert Admin(proxy).metric("crossfade_generation") == 2


def test_a_reload_does_not_forgive_a_failing_endpoint(
    scripted: ScriptedUpstream, old: AnsweringUpstream
) -> None:
    outlier = {"failures": 2, "base": "5m", "max": "10m"}
    legacy: dict[str, Any] = {"endpoints": [scripted.url, old.url], "outlier": outlier}
    with RunningProxy({"upstreams": {"legacy": legacy}}) as proxy, proxy.connect() as client:
        admin = Admin(proxy)
        failed = 0
        while failed < 2:  # the two take turns
            client.send(GET)
            if scripted.hear(client) is not None:
                scripted.receive().answer(b"", status=b"500 No")
                failed += 1
            client.read_response()
        ejected = {scripted.url: "ejected", old.url: "up"}
        assert admin.endpoints() == ejected
        for pool in ({"max": 7}, {"max": 8}):
            changed = {"upstreams": {"legacy": {**legacy, "pool": pool}}}
            admin.reload_and_wait(proxy, changed)
            assert admin.endpoints() == ejected
            assert {client.ask(GET).body for _ in range(6)} == {b"old"}
        labels = f'{{endpoint="{scripted.url}",upstream="legacy"}}'
        assert admin.metric(f"crossfade_upstream_ejections_total{labels}") == 1


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


def test_addresses_come_and_go_with_a_reload_and_open_connections_stay(
    old: AnsweringUpstream,
) -> None:
    with RunningProxy(to(old.url)) as proxy, proxy.connect() as client:
        admin, second = Admin(proxy), free_port()
        first = f"127.0.0.1:{proxy.port}"
        assert client.ask(GET).status == 200
        admin.reload_and_wait(proxy, {"listen": [first, f"127.0.0.1:{second}"]})
        with Client(second) as by_second:
            assert by_second.ask(GET).body == b"old"
            admin.reload_and_wait(proxy, {"listen": [f"127.0.0.1:{second}"]})
            assert admin.status()["listeners"] == [f"127.0.0.1:{second}"]
            assert not listens(proxy.port)
            assert (client.ask(GET).body, by_second.ask(GET).body) == (b"old", b"old")


def test_an_address_that_is_taken_for_clients_or_admin_is_refused_and_nothing_changes(
    old: AnsweringUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(old.url)) as proxy, proxy.connect() as client:
        admin, free = Admin(proxy), free_port()
        addresses = [f"127.0.0.1:{free}", f"127.0.0.1:{fresh.port}"]
        proxy.write({"listen": addresses, **to(fresh.url)})
        code, problem = admin.reload()
        assert code == 409
        assert str(fresh.port) in problem["problems"][0]
        assert admin.status()["listeners"] == [f"127.0.0.1:{proxy.port}"]
        assert not listens(free)
        own = [f"127.0.0.1:{proxy.port}", f"127.0.0.1:{free}"]
        proxy.write({"listen": own, "admin": {"listen": f"127.0.0.1:{fresh.port}"}})
        assert admin.reload()[0] == 409
        assert admin.status()["listeners"] == [f"127.0.0.1:{proxy.port}"]
        assert not listens(free)
        assert client.ask(GET).body == b"old"
        assert admin.generation() == 1


def test_the_admin_listener_moves_with_a_reload_that_was_asked_there(
    old: AnsweringUpstream,
) -> None:
    with RunningProxy(to(old.url)) as proxy:
        moved = free_port()
        Admin(proxy).reload_and_wait(proxy, {"admin": {"listen": f"127.0.0.1:{moved}"}})
        wait_until(lambda: not listens(proxy.admin_port), "the old admin address is closed")
        assert Admin(proxy, port=moved).generation() == 2


def test_a_changed_admin_token_counts_from_the_reload_on(old: AnsweringUpstream) -> None:
    def admin_of(token: str) -> dict[str, Any]:
        listen = f"127.0.0.1:{proxy.admin_port}"
        return {"listen": listen, "tokens": [{"name": "o", "role": "admin", "token": token}]}

    first, second = "first-token-of-the-story", "second-token-of-the-story"
    proxy = RunningProxy(to(old.url))
    proxy.config["admin"] = admin_of(first)
    with proxy:
        before, after = Admin(proxy, first), Admin(proxy, second)
        assert (before.ask("/status")[0], after.ask("/status")[0]) == (200, 401)
        before.reload_and_wait(proxy, {"admin": admin_of(second)})
        assert (before.ask("/status")[0], after.ask("/status")[0]) == (401, 200)
        refused = command("reload", "--config", str(proxy.file))
        allowed = command(
            "reload", "--config", str(proxy.file), env={"CROSSFADE_ADMIN_TOKEN": second}
        )
        assert (refused.returncode, allowed.returncode) == (1, 0)
        assert first not in proxy.output()
        assert second not in proxy.output()


def test_a_tunnel_outlives_the_reload_that_removed_its_upstream(
    scripted: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(scripted.url)) as proxy, proxy.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: t\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n")
        connection = scripted.receive()
        connection.send(b"HTTP/1.1 101 Odd\r\nConnection: Upgrade\r\nUpgrade: odd\r\n\r\n")
        assert client.read_head().status == 101
        Admin(proxy).reload_and_wait(proxy, to(fresh.url))
        client.send(b"ping")
        assert connection.read_exactly(4) == b"ping"
        connection.send(b"pong")
        assert client.read_exactly(4) == b"pong"
        connection.close()
        assert client.wait_for_end()


def test_a_request_that_waits_for_a_connection_is_served_across_a_reload(
    scripted: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(scripted.url, pool={"max": 1})) as proxy:
        admin = Admin(proxy)
        with proxy.connect() as first, proxy.connect() as second:
            first.send(GET)
            connection = scripted.receive()
            second.send(GET)
            wait_until(
                lambda: admin.status()["endpoints"][0]["waiting"] == 1, "the second one waits"
            )
            admin.reload_and_wait(proxy, to(fresh.url))
            connection.answer(b"one")
            assert first.read_response().body == b"one"
            scripted.receive().answer(b"two")
            assert second.read_response().body == b"two"


def test_an_upstream_that_dies_in_mid_answer_after_a_reload_is_a_cut(
    scripted: ScriptedUpstream, fresh: AnsweringUpstream
) -> None:
    with RunningProxy(to(scripted.url)) as proxy, proxy.connect() as client:
        client.send(GET)
        connection = scripted.receive()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
        assert client.read_head().status == 200
        Admin(proxy).reload_and_wait(proxy, to(fresh.url))
        connection.reset()
        with pytest.raises(CutError):
            client.read_exactly(9)
