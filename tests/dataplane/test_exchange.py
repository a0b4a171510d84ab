"""From a head to the last byte: who is asked, how often, for how long, and how it ends."""

import json
from random import Random
from typing import Any

import pytest

from proxy.core.message import parse_response_head
from proxy.core.reason import Reason
from tests.kit.fuzzing import Fuzz
from tests.kit.inside import Inside
from tests.kit.transport import MemoryTransport, on_memory_loop, turns

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TWO: dict[str, Any] = {
    "upstreams": {"legacy": {"endpoints": ["http://127.0.0.1:3000", "http://127.0.0.1:3001"]}}
}


def told(client: MemoryTransport) -> tuple[int, str]:
    head, _, body = client.sent().partition(b"\r\n\r\n")
    status = parse_response_head(head + b"\r\n\r\n").status
    return status, json.loads(body)["reason"] if body.startswith(b"{") else body.decode()


def legacy(**settings: object) -> dict[str, Any]:
    return {"upstreams": {"legacy": {"url": "http://127.0.0.1:3000", **settings}}}


async def warmed(inside: Inside) -> MemoryTransport:
    """An idle connection in the pool."""
    client, upstream = await inside.ask(GET)
    upstream.peer_sends(OK)
    upstream.sent()
    client.peer_ends()
    await turns()
    return upstream


RETRIED = {
    b"GET": True,
    b"HEAD": True,
    b"PUT": True,
    b"DELETE": True,
    b"POST": False,
    b"PATCH": False,
}


@pytest.mark.parametrize("method", RETRIED)
def test_only_a_safe_request_is_sent_again_and_only_once(method: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside()
        idle = await warmed(inside)
        client = inside.connect()
        client.peer_sends(GET.replace(b"GET", method))
        idle.peer_resets()
        if RETRIED[method]:
            again = await inside.accept()
            assert again.sent().startswith(method + b" / ")
            again.peer_resets()
            await turns()
        assert told(client)[0] == 502
        assert len(inside.loop.dials) == 1 + RETRIED[method]
        await inside.close()

    ask()


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 103 E\r\n\r\n"])
def test_a_request_whose_answer_has_begun_is_not_sent_again(begun: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside()
        idle = await warmed(inside)
        client = inside.connect()
        client.peer_sends(GET)
        idle.peer_sends(begun)
        client.sent()
        idle.peer_ends()
        await turns()
        assert told(client) == (502, "upstream_closed")
        assert len(inside.loop.dials) == 1
        await inside.close()

    ask()


@on_memory_loop
async def test_a_fresh_connection_that_dies_is_no_reason_to_ask_again() -> None:
    inside = Inside()
    client, upstream = await inside.ask(GET)
    upstream.peer_ends()
    await turns()
    assert told(client) == (502, "upstream_closed")
    assert len(inside.loop.dials) == 1
    await inside.close()


@on_memory_loop
async def test_any_request_goes_to_another_endpoint_if_nothing_was_sent() -> None:
    inside = Inside(**TWO)
    client = inside.connect()
    client.peer_sends(POST)
    first = await inside.dialled()
    first.refuse()
    upstream = await inside.accept()
    assert {first.port, inside.loop.dials[-1].port} == {3000, 3001}
    client.peer_sends(b"hello")
    assert upstream.sent().endswith(b"\r\n\r\nhello")
    upstream.peer_sends(OK)
    assert told(client) == (200, "ok")
    assert inside.accounting.retries == {"legacy": 1}
    await inside.close()


@on_memory_loop
async def test_when_no_endpoint_takes_it_the_last_fault_is_told() -> None:
    inside = Inside(**TWO)
    client = inside.connect()
    client.peer_sends(GET)
    for _ in range(2):
        (await inside.dialled()).refuse()
    await turns()
    assert told(client) == (502, "upstream_refused")
    await inside.close()


@on_memory_loop
async def test_each_wait_has_its_own_limit_and_its_own_word() -> None:
    timeouts = {"connect": "2s", "first_byte": "30s", "idle": "60s"}
    inside = Inside(limits={"body_timeout": "20s"}, **legacy(timeouts=timeouts))
    client = inside.connect()
    client.peer_sends(GET)
    await inside.dialled()
    await inside.sweep(2.1)
    assert told(client) == (504, "upstream_connect_timeout")
    client, _ = await inside.ask(GET)
    await inside.sweep(30.1)
    assert told(client) == (504, "upstream_first_byte_timeout")
    client, upstream = await inside.ask(POST + b"he")
    await inside.sweep(20.1)
    assert told(client) == (408, "body_timeout")
    assert upstream.aborted
    client, upstream = await inside.ask(GET)
    upstream.peer_sends(OK[:-1])
    client.sent()
    await inside.sweep(60.1)
    assert client.closing
    assert client.sent() == b"", "a cut, not an end"
    await inside.close()


@on_memory_loop
async def test_who_waits_in_line_is_told_when_the_pool_stays_full() -> None:
    inside = Inside(**legacy(pool={"max": 1, "queue": 1, "queue_timeout": "5s"}))
    busy, _ = await inside.ask(GET)
    waiting, late = inside.connect(), inside.connect()
    waiting.peer_sends(GET)
    late.peer_sends(GET)
    assert told(late) == (503, "pool_full")
    await inside.sweep(5.1)
    assert told(waiting) == (503, "pool_full")
    assert busy.sent() == b""
    await inside.close()


@on_memory_loop
async def test_who_gets_a_place_in_the_moment_its_time_is_over_keeps_it() -> None:
    pool = {"max": 1, "queue": 20, "queue_timeout": "30s"}
    inside = Inside(**legacy(pool=pool, timeouts={"connect": "2s", "first_byte": "30s"}))
    busy, _ = await inside.ask(GET)
    waiting = [inside.connect() for _ in range(20)]
    for client in waiting:
        client.peer_sends(GET)
    await inside.sweep(30.1)
    assert told(busy) == (504, "upstream_first_byte_timeout")
    said = [told(client) for client in waiting if client.written]
    assert set(said) <= {(503, "pool_full")}
    assert inside.generation.upstreams["legacy"].endpoints[0].pool.open <= 1
    await inside.close()


@on_memory_loop
async def test_a_client_that_leaves_gives_its_place_to_the_next() -> None:
    inside = Inside(**legacy(pool={"max": 1}))
    first, upstream = await inside.ask(GET)
    second = inside.connect()
    second.peer_sends(GET)
    first.peer_resets()
    assert upstream.aborted
    fresh = await inside.accept()
    fresh.peer_sends(OK)
    assert told(second) == (200, "ok")
    await inside.close()


@on_memory_loop
async def test_a_client_that_leaves_while_it_is_dialled_for_frees_its_place_at_once() -> None:
    inside = Inside(**legacy(pool={"max": 1}))
    for early in (True, False):
        client = inside.connect()
        client.peer_sends(POST)
        if not early:
            await turns()
        client.peer_ends()
        await turns()
        assert inside.generation.upstreams["legacy"].endpoints[0].pool.open == 0
    assert inside.accounting.faults() == {Reason.CLIENT_LEFT: 2}
    await inside.close()


@on_memory_loop
async def test_a_half_closed_client_gets_its_answer_if_it_comes_without_a_pause() -> None:
    inside = Inside()
    client, upstream = await inside.ask(GET)
    client.peer_ends()
    upstream.peer_sends(OK)
    assert told(client) == (200, "ok")
    client = inside.connect()
    client.peer_sends(GET)
    client.peer_ends()
    await inside.sweep(1.1)
    assert client.closing
    assert upstream.aborted
    await inside.close()


@on_memory_loop
async def test_whoever_is_slow_stops_the_other_side() -> None:
    inside = Inside(limits={"body_timeout": "20s"})
    client, upstream = await inside.ask(POST)
    upstream.peer_blocks(1)
    assert client.paused
    upstream.peer_reads()
    assert not client.paused
    client.peer_sends(b"hello")
    upstream.peer_sends(OK[:-1])
    client.peer_blocks(1000)
    assert upstream.paused
    await inside.sweep(19.0)
    client.unsent = 500
    await inside.sweep(2.0)
    assert not client.closing, "it reads, slowly"
    client.peer_reads()
    assert not upstream.paused
    upstream.peer_sends(b"k")
    assert told(client) == (200, "ok")
    await inside.close()


@on_memory_loop
async def test_a_client_that_reads_nothing_is_left() -> None:
    inside = Inside(limits={"body_timeout": "20s"})
    client, upstream = await inside.ask(GET)
    upstream.peer_sends(OK[:-1])
    client.peer_blocks(1000)
    await inside.sweep(20.1)
    assert client.closing
    assert upstream.aborted
    assert inside.accounting.faults() == {Reason.CLIENT_LEFT: 1}
    await inside.close()


@on_memory_loop
async def test_a_client_that_is_left_never_sees_a_clean_end_of_half_a_body() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    inside = Inside(limits={"body_timeout": "20s"})
    stalled, upstream = await inside.ask(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    upstream.peer_sends(chunked)
    stalled.peer_blocks(1000)
    await inside.sweep(20.1)
    cut, upstream = await inside.ask(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    upstream.peer_sends(chunked)
    inside.door.cut()
    for client in (stalled, cut):
        assert client.closing
        assert not client.eof_written
        assert client.socket.options, "a reset, not a FIN"
    await inside.close()


@on_memory_loop
async def test_an_early_answer_passes_and_ends_both_connections() -> None:
    inside = Inside()
    client, upstream = await inside.ask(POST + b"he")
    upstream.peer_sends(OK)
    assert told(client) == (200, "ok")
    assert upstream.aborted
    assert client.eof_written
    await inside.close()


@pytest.mark.parametrize("answer", [b"Upgrade: other\r\n", b"", b"Upgrade: x, websocket\r\n"])
def test_a_switch_that_was_not_asked_for_is_a_fault(answer: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        inside = Inside()
        asks = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        client, upstream = await inside.ask(asks)
        upstream.peer_sends(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\n" + answer + b"\r\n")
        assert told(client) == (502, "upstream_invalid")
        assert upstream.aborted
        await inside.close()

    ask()


@on_memory_loop
async def test_a_switch_joins_both_sides_with_what_was_held() -> None:
    inside = Inside()
    asks = GET[:-2] + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    client, upstream = await inside.ask(asks + b"early")
    upstream.sent()
    upstream.peer_sends(b"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\nhello")
    assert upstream.sent() == b"early"
    assert client.sent().endswith(b"\r\n\r\nhello")
    client.peer_sends(b"ping")
    assert upstream.sent() == b"ping"
    assert inside.accounting.tunnels_open == 1
    await inside.close()
    assert inside.accounting.tunnels_open == 0


@on_memory_loop
async def test_trace_and_options_end_here_when_their_hops_are_used_up() -> None:
    inside = Inside()
    for method in (b"TRACE", b"OPTIONS"):
        client = inside.connect()
        client.peer_sends(method + b" / HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n")
        assert client.sent().startswith(b"HTTP/1.1 200 OK\r\n")
    client.peer_sends(b"OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n")
    assert told(client) == (400, "bad_request")
    assert inside.loop.dials == []
    await inside.close()


@on_memory_loop
async def test_a_request_in_flight_stays_with_its_generation() -> None:
    inside = Inside()
    client, upstream = await inside.ask(GET)
    inside.door.generation = Inside(**legacy(host="replace"), expose=False).generation
    upstream.peer_sends(OK)
    assert b"X-Crossfade-Reason: unmatched" in client.sent()
    client.peer_sends(GET)
    fresh = await inside.accept()
    fresh.peer_sends(OK)
    assert b"X-Crossfade" not in client.sent()
    inside.door.generation.upstreams["legacy"].retire()
    await inside.close()


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_of_an_upstream_are_relayed_or_are_its_fault(seed: int) -> None:
    @on_memory_loop
    async def fuzz() -> None:
        fuzz = Fuzz(Random(1000 + seed))
        for _ in range(500):
            await fuzz.client(odd_upstream=True)
        await fuzz.close()
        assert fuzz.seen["502"] > 50
        assert fuzz.seen["upstream_invalid"] > 50

    fuzz()
