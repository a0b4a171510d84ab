"""Connections to one endpoint: bounded, nobody forgotten, nobody told twice."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import uvloop

from proxy.core.reason import Reason
from proxy.dataplane.pool import EndpointPool
from proxy.dataplane.upstream_connection import UpstreamConnection
from tests.kit.certificates import Authority
from tests.kit.seeking import RULE, Asking, new_pool, running
from tests.kit.transport import on_memory_loop, turns


async def connect(pool: EndpointPool) -> UpstreamConnection:
    """A new connection, in use."""
    asking = Asking()
    assert pool.seek(asking)
    await turns()
    running().dials[-1].accept()
    await turns()
    return asking.connection


def give_back(connection: UpstreamConnection) -> None:
    connection._persistent = True
    connection.release(reusable=True)


@on_memory_loop
async def test_the_life_of_a_pool_as_it_tells_it() -> None:
    pool, said = new_pool(), []
    said.append(repr(pool))
    first = await connect(pool)
    said.append(repr(pool))
    second = await connect(pool)
    said.append(repr(pool))
    third = Asking()
    pool.seek(third)
    said.append(repr(pool))
    give_back(first)
    assert third.connection is first
    said.append(repr(pool))
    give_back(first)
    give_back(second)
    said.append(repr(pool))
    pool.expire(running().time() + 11.0)
    said.append(repr(pool))
    assert said == [
        "<pool 127.0.0.1:3000 open 0 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 1 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 2 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 2 idle 0 waiting 1>",
        "<pool 127.0.0.1:3000 open 2 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 2 idle 2 waiting 0>",
        "<pool 127.0.0.1:3000 open 0 idle 0 waiting 0>",
    ]


@on_memory_loop
async def test_a_refused_connection_gives_its_place_to_the_next_in_line() -> None:
    pool = new_pool(replace(RULE, most=1))
    first, second = Asking(), Asking()
    said = [pool.seek(first) and repr(pool), pool.seek(second) and repr(pool)]
    await turns()
    running().dials[0].refuse()
    await turns()
    said.append(repr(pool))
    running().dials[1].accept()
    await turns()
    give_back(second.connection)
    said.append(repr(pool))
    pool.close()
    said.append(repr(pool))
    assert first.told == [Reason.UPSTREAM_REFUSED]
    assert said == [
        "<pool 127.0.0.1:3000 open 1 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 1 idle 0 waiting 1>",
        "<pool 127.0.0.1:3000 open 1 idle 0 waiting 0>",
        "<pool 127.0.0.1:3000 open 1 idle 1 waiting 0>",
        "<pool 127.0.0.1:3000 open 0 idle 0 waiting 0>",
    ]


@on_memory_loop
async def test_who_is_one_too_many_is_turned_away_at_once() -> None:
    pool = new_pool(replace(RULE, most=1, line=1))
    assert pool.seek(Asking())
    assert pool.seek(Asking())
    late = Asking()
    assert not pool.seek(late)
    assert late.told == []


@on_memory_loop
async def test_the_connection_used_last_is_taken_first() -> None:
    pool = new_pool()
    first, second = await connect(pool), await connect(pool)
    give_back(first)
    give_back(second)
    assert pool.take_idle() is second
    assert pool.take_idle() is first
    assert pool.take_idle() is None


@on_memory_loop
async def test_an_idle_connection_is_not_used_beyond_its_time() -> None:
    pool = new_pool()
    give_back(await connect(pool))
    await running().jump(10.0)
    assert pool.take_idle() is None
    assert pool.open == 0


@on_memory_loop
async def test_a_connection_is_left_before_the_upstream_leaves_it() -> None:
    pool = new_pool()
    connection = await connect(pool)
    pool.heard_keep_alive(b"max=9, timeout=4")
    give_back(connection)
    assert connection.expires == running().time() + 3.0
    pool.take_idle()
    pool.heard_keep_alive(b"timeout=100")
    give_back(connection)
    assert connection.expires == running().time() + 10.0, "our own limit stands"
    pool.take_idle()
    pool.heard_keep_alive(b"timeout=1")
    give_back(connection)
    assert connection.expires == running().time() + 0.5
    pool.heard_keep_alive(b"nonsense")
    assert pool.take_idle() is connection


@on_memory_loop
async def test_an_idle_connection_that_says_something_is_closed() -> None:
    pool = new_pool()
    connection = await connect(pool)
    give_back(connection)
    transport = running().dials[0].transport
    assert transport is not None
    transport.peer_sends(b"HTTP/1.1 200 OK\r\n\r\n")
    assert (pool.open, len(pool.idle)) == (0, 0)
    assert transport.aborted


@on_memory_loop
async def test_a_connection_by_name_does_not_live_for_ever() -> None:
    for host, kept in (("origin.example", 0), ("10.0.0.1", 1), ("::1", 1)):
        pool = new_pool(replace(RULE, host=host))
        connection = await connect(pool)
        await running().jump(61.0)
        give_back(connection)
        assert len(pool.idle) == kept, host


@on_memory_loop
async def test_an_idle_connection_makes_room_for_a_fresh_one() -> None:
    pool = new_pool(replace(RULE, most=1))
    old = await connect(pool)
    give_back(old)
    fresh = await connect(pool)
    assert fresh is not old
    assert old.transport.is_closing()
    assert pool.open == 1


@on_memory_loop
async def test_a_closed_pool_keeps_nothing() -> None:
    pool = new_pool()
    idle, used = await connect(pool), await connect(pool)
    give_back(idle)
    pool.close()
    assert (pool.open, len(pool.idle)) == (1, 0)
    give_back(used)
    assert (pool.open, len(pool.idle)) == (0, 0)


FAULTS: list[tuple[Exception, Reason]] = [
    (ConnectionRefusedError(), Reason.UPSTREAM_REFUSED),
    (OSError("network is unreachable"), Reason.UPSTREAM_REFUSED),
    (TimeoutError(), Reason.UPSTREAM_CONNECT_TIMEOUT),
    (ssl.SSLCertVerificationError("no"), Reason.UPSTREAM_TLS),
    (UnicodeError("label too long"), Reason.UPSTREAM_UNRESOLVED),
]


@pytest.mark.parametrize(("error", "reason"), FAULTS, ids=[r.value for _, r in FAULTS])
def test_why_there_is_no_connection_has_its_own_word(error: Exception, reason: Reason) -> None:
    @on_memory_loop
    async def refused() -> None:
        pool, asking = new_pool(), Asking()
        pool.seek(asking)
        await turns()
        running().dials[0].refuse(error)
        await turns()
        assert asking.told == [reason]
        assert pool.open == 0

    refused()


@pytest.mark.parametrize("after", range(-1, 6))
def test_giving_up_at_any_moment_of_connecting_frees_the_place_once(after: int) -> None:
    @on_memory_loop
    async def give_up() -> None:
        pool, asking = new_pool(), Asking()
        pool.seek(asking)
        if after >= 0:
            await turns()
            running().dials[0].accept()
            await turns(after)
        if not asking.told:
            pool.give_up(asking)
            await turns()
            assert asking.told == []
            assert pool.open == 0
        else:
            asking.connection.close()
            await turns()
            assert pool.open == 0

    give_up()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_giving_up_a_real_connection_at_any_moment_frees_the_place_once(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def give_up() -> list[int]:
        server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        left = []
        for after in range(12):
            pool, asking = new_pool(replace(RULE, port=port)), Asking()
            pool.seek(asking)
            await turns(after)
            if asking.told:
                asking.connection.close()
            else:
                pool.give_up(asking)
            await turns(20)
            left.append(pool.open)
        server.close()
        await server.wait_closed()
        return left

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(give_up()) == [0] * 12


class Hasty(asyncio.Protocol):
    """A server that speaks before it is spoken to, or ends."""

    def __init__(self, *, speaks: bool) -> None:
        self.speaks = speaks

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods but not the base class.
        ours = cast("asyncio.Transport", transport)
        if self.speaks:
            ours.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        else:
            ours.abort()


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("speaks", [False, True], ids=["closes", "speaks"])
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_connection_that_is_lost_before_it_is_used_is_not_waited_for(
    new_loop: Callable[[], asyncio.AbstractEventLoop], speaks: bool, secure: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)

    async def ask() -> tuple[bool, int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: Hasty(speaks=speaks),
            "127.0.0.1",
            0,
            ssl=authority.server_context("127.0.0.1") if secure else None,
        )
        told = loop.create_future()
        listener = _Listener(told)
        rule = replace(
            RULE,
            port=server.sockets[0].getsockname()[1],
            tls=authority.client_context() if secure else None,
            server_name="127.0.0.1" if secure else None,
        )
        pool = new_pool(rule)
        pool.seek(listener)
        async with asyncio.timeout(20):
            await told
        server.close()
        await server.wait_closed()
        with suppress(IndexError):
            pool.idle[0].close()
        await turns(20)
        return True, pool.open

    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(ask()) == (True, 0)


class _Listener(Asking):
    """Asks at once on the connection it gets; `told` is done when it heard of the end."""

    method = b"GET"

    def __init__(self, told: "asyncio.Future[None]") -> None:
        super().__init__()
        self._told = told

    def connected(self, connection: UpstreamConnection) -> None:
        super().connected(connection)
        connection.begin(self, b"GET / HTTP/1.1\r\n\r\n")  # type: ignore[arg-type]

    def connect_failed(self, reason: Reason) -> None:
        super().connect_failed(reason)
        self._told.set_result(None)

    def response(self, *_: object) -> None:
        self.connection.close()
        self._told.set_result(None)

    def upstream_failed(self, reason: Reason, *, untouched: bool) -> None:
        del reason, untouched
        self._told.set_result(None)
