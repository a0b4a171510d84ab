"""Plugins that rewrite stand around the one that answers, each for the arm that it is for."""

import json
from typing import Any

import pytest

from tests.dataplane.test_plugged_rescue import ARMS, GET, POST, SECTIONS, met
from tests.kit.plugged import OK, answer, plugged
from tests.kit.transport import MemoryTransport, on_memory_loop, turns

REWRITING = """
class Rewriting(Use):
    def __init__(self, settings, application=None):
        super().__init__(settings, application)
        self.arm = {arm!r}

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        {rewrites}

    @hook
    async def rewrite_response(self, request: Request, reply: Reply) -> Reply:
        reply.headers.set("X-Rewritten", request.arm)
        reply.body = reply.body.upper()
        return reply

    @hook
    def edit_response(self, request: Request, reply: ReplyHead) -> None:
        reply.headers.set("X-Edited", request.arm)
"""
ANSWERING = """
class Answering(Use):
    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        {answers}
"""
ECHO = 'return Reply(200, body=b"got " + body)'
ADDS = 'return body._replace(data=body.data + b"!")'


def files(*, answers: str = ECHO, rewrites: str = ADDS, arm: str = "new") -> dict[str, str]:
    return {
        "rewriting": REWRITING.format(rewrites=rewrites, arm=arm),
        "answering": ANSWERING.format(answers=answers),
    }


def route(**more: Any) -> dict[str, Any]:
    return {**ARMS, "plugins": ["rewriting"], **more}


def legacy_only() -> dict[str, Any]:
    return {**SECTIONS, "rollouts": {"r": {"percentage": 0}}}


@on_memory_loop
async def test_a_use_is_without_the_hooks_that_it_can_do_without() -> None:
    plugins = files()
    plugins["rewriting"] += """
    @property
    def unused(self): return ("rewrite_response", "edit_response")
"""
    async with plugged(plugins, route(), **SECTIONS) as inside:
        client = inside.connect()
        client.peer_sends(POST)
        await turns()
        status, headers, body = answer(client)
        assert (status, body) == (200, b"got hello!")
        assert b"x-edited" not in headers


def told(client: MemoryTransport) -> tuple[int, bytes, bytes, bytes]:
    status, headers, body = answer(client)
    return status, body, headers[b"x-crossfade-arm"], headers[b"x-crossfade-reason"]


def test_a_plugin_that_answers_gets_the_rewritten_body_and_its_answer_is_rewritten() -> None:
    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(), route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            status, headers, body = answer(client)
            assert (status, body) == (200, b"GOT HELLO!")
            assert headers[b"x-rewritten"] == headers[b"x-edited"] == b"new"

    ask()


def test_what_a_plugin_keeps_and_answers_again_is_not_rewritten_in_place() -> None:
    kept = """
        self.kept = getattr(self, "kept", None) or Reply(200, body=b"kept")
        return self.kept if self.kept.body == b"kept" else Reply(500, body=b"spoilt")"""

    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(answers=kept), route(), **SECTIONS) as inside:
            for _ in range(2):
                client = inside.connect()
                client.peer_sends(POST)
                await turns()
                assert answer(client)[::2] == (200, b"KEPT")

    ask()


def test_a_streamed_answer_is_not_rewritten() -> None:
    streams = """
        async def parts():
            yield b"part"
        return Reply(200, body=parts())"""

    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(answers=streams), route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert b"part" in client.sent()

    ask()


@pytest.mark.parametrize("length", [b"Content-Length: 5\r\n\r\nhello", b"\r\n"])
def test_the_other_arm_passes_a_use_for_one_arm_byte_for_byte(length: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(), route(), **legacy_only()) as inside:
            head = b"POST /a HTTP/1.1\r\nHost: a\r\nx-ODD: 1\r\nCookie: sid=ann\r\n"
            client, legacy = await inside.ask(head + length)
            sent = legacy.sent()
            assert b"x-ODD: 1\r\nCookie: sid=ann\r\n" in sent
            assert sent.endswith(length.partition(b"\r\n\r\n")[2])
            legacy.peer_sends(OK)
            await turns()
            status, headers, body = answer(client)
            assert (status, body) == (200, b"ok")
            assert b"x-rewritten" not in headers
            assert b"x-edited" not in headers

    ask()


def test_a_use_for_one_arm_serves_a_route_without_arms() -> None:
    plain = {"upstream": None, "plugin": "answering", "plugins": ["rewriting"]}

    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(), plain, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[2] == b"GOT HELLO!"

    ask()


LEAVES = 'raise Unserved(Reply(501, body=b"not mine"), failed={failed})'


@pytest.mark.parametrize("where", ["answers", "rewrites"])
def test_what_a_plugin_declines_legacy_answers_and_nothing_is_counted(where: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        left = files(**{where: LEAVES.format(failed=False)})
        async with plugged(left, route(), **SECTIONS) as inside:
            client, legacy = await inside.ask(POST)
            assert legacy.sent().endswith(b"\r\n\r\nhello")
            legacy.peer_sends(OK)
            await turns()
            assert told(client) == (200, b"ok", b"legacy", b"declined")
            assert met(inside) == {}

    ask()


@pytest.mark.parametrize("where", ["answers", "rewrites"])
def test_what_a_plugin_could_not_begin_legacy_answers_even_for_a_post(where: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        left = files(**{where: LEAVES.format(failed=True)})
        async with plugged(left, route(), **SECTIONS) as inside:
            client, legacy = await inside.ask(POST)
            legacy.peer_sends(OK)
            await turns()
            assert told(client) == (200, b"ok", b"legacy", b"failover")
            assert met(inside) == {"new requests": 1, "new errors": 1}

    ask()


def test_without_fallback_a_failure_is_told_and_what_is_declined_goes_to_legacy_all_the_same() -> (
    None
):
    sections = {**SECTIONS, "rollouts": {"r": {"percentage": 99.999, "fallback": False}}}

    @on_memory_loop
    async def ask() -> None:
        for failed in (True, False):
            left = files(answers=LEAVES.format(failed=failed))
            async with plugged(left, route(), **sections) as inside:
                client = inside.connect()
                client.peer_sends(POST)
                await turns()
                assert bool(inside.loop.dials) is not failed
                if failed:
                    assert answer(client)[::2] == (501, b"NOT MINE")
                    assert met(inside) == {"new requests": 1, "new errors": 1}

    ask()


def test_without_a_legacy_arm_the_reply_of_a_plugin_that_rewrites_is_the_answer() -> None:
    plain = {"upstream": None, "plugin": "answering", "plugins": ["rewriting"]}

    @on_memory_loop
    async def ask() -> None:
        left = files(rewrites=LEAVES.format(failed=False))
        async with plugged(left, plain, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            assert answer(client)[::2] == (501, b"not mine")

    ask()


def test_without_a_legacy_arm_the_reply_of_the_plugin_that_answers_is_rewritten() -> None:
    plain = {"upstream": None, "plugin": "answering", "plugins": ["rewriting"]}

    @on_memory_loop
    async def ask() -> None:
        left = files(answers=LEAVES.format(failed=True))
        async with plugged(left, plain, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[::2] == (501, b"NOT MINE")

    ask()


def test_an_answer_cannot_be_left_to_legacy_any_more() -> None:
    late = REWRITING.format(rewrites=ADDS, arm="new").replace(
        "reply.body = reply.body.upper()", LEAVES.format(failed=False)
    )

    @on_memory_loop
    async def ask() -> None:
        sources = {**files(), "rewriting": late}
        async with plugged(sources, route(), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            status, _, body = answer(client)
            assert (status, json.loads(body)["reason"]) == (500, "plugin_failed")
            assert not inside.loop.dials

    ask()


def test_a_plugin_is_told_how_long_it_may_take() -> None:
    tells = "return Reply(200, body=str(request.time_limit))"

    @on_memory_loop
    async def ask() -> None:
        async with plugged(files(answers=tells), route(plugins=[]), **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert answer(client)[2] == b"2.0"

    ask()
