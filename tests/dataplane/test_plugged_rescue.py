"""What a plugin in the place of new fails at is asked of legacy, through the same plugins."""

from typing import Any

import pytest

from proxy.core.observations import named
from tests.kit.inside import Inside
from tests.kit.plugged import OK, SPLIT, plugged
from tests.kit.transport import on_memory_loop, turns

ARMS: dict[str, Any] = {
    "rollout": "r",
    "upstream": None,
    "arms": {"legacy": {"upstream": "legacy"}, "new": {"plugin": "answering", "timeout": "2s"}},
}
UPSTREAMS: dict[str, Any] = {
    **ARMS,
    "arms": {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}},
}
SECTIONS: dict[str, Any] = {**SPLIT, "rollouts": {"r": {"percentage": 99.999}}}
GET = b"GET /a HTTP/1.1\r\nHost: a\r\nCookie: sid=ann\r\n\r\n"
PUT = b"PUT /a HTTP/1.1\r\nHost: a\r\nCookie: sid=ann\r\nContent-Length: 5\r\n\r\nhello"
POST = PUT.replace(b"PUT", b"POST")
FAILED = b"HTTP/1.1 500 Broken\r\nContent-Length: 4\r\n\r\nsick"

DISPATCHES = {
    "raises": "raise RuntimeError('broken')",
    "answers 500": "return Reply(500, body=b'sick')",
    "streams an error": """
            async def parts():
                yield b'sick'
            return Reply(503, body=parts())""",
    "refuses": "raise Refused(Reply(502))",
}


def answering(does: str) -> dict[str, str]:
    source = f"""
    class Answering(Use):
        @hook
        async def dispatch(self, request: Request, body: bytes) -> Reply:
            {does}
    """
    return {"answering": source}


def met(inside: Inside) -> dict[str, int]:
    counts = inside.watch.windows["r"].export().counts
    return {f"{named(text).arm.value} {named(text).what}": n for text, n in counts.items()}


@pytest.mark.parametrize("does", DISPATCHES)
@pytest.mark.parametrize("data", [GET, PUT])
def test_legacy_answers_what_a_plugin_fails_at(does: str, data: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        route = {**ARMS, "plugins": []}
        async with plugged(answering(DISPATCHES[does]), route, **SECTIONS) as inside:
            client, legacy = await inside.ask(data)
            assert legacy.sent().endswith(data.partition(b"\r\n\r\n")[2])
            legacy.peer_sends(OK)
            await turns()
            told = client.sent()
            assert told.startswith(b"HTTP/1.1 200 OK")
            assert b"X-Crossfade-Reason: failover" in told
            assert met(inside) == {"new requests": 1, "new errors": 1}

    ask()


def test_a_plugin_that_may_have_done_a_post_is_not_done_over() -> None:
    @on_memory_loop
    async def ask() -> None:
        route = {**ARMS, "plugins": []}
        async with plugged(answering(DISPATCHES["raises"]), route, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            await turns()
            assert client.sent().startswith(b"HTTP/1.1 500 ")
            assert not inside.loop.dials
            assert met(inside)["new errors"] == 1

    ask()


def test_a_plugin_that_is_late_is_given_up_and_what_it_says_then_is_not_heard() -> None:
    late = """
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                return Reply(200, body=b'too late')"""

    @on_memory_loop
    async def ask() -> None:
        route = {**ARMS, "plugins": []}
        async with plugged(answering(late), route, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            await inside.sweep(2.5)
            legacy = await inside.accept()
            legacy.peer_sends(OK)
            await turns()
            assert client.sent().endswith(b"\r\n\r\nok")
            assert met(inside)["new timeouts"] == 1

    ask()


def test_the_original_body_is_rewritten_anew_for_legacy() -> None:
    rewriting = """
    class Rewriting(Use):
        @hook
        async def rewrite_request(self, request: Request, body: Body) -> Body:
            return body._replace(data=body.data + request.arm.encode())

        @hook
        def edit_request(self, request: Request, outgoing: Outgoing) -> None:
            outgoing.headers.set("X-Arm", request.arm)
    """

    @on_memory_loop
    async def ask() -> None:
        async with plugged({"rewriting": rewriting}, UPSTREAMS, **SECTIONS) as inside:
            client, new = await inside.ask(PUT)
            assert new.sent().endswith(b"\r\n\r\nhellonew")
            new.peer_sends(FAILED)
            await turns()
            legacy = await inside.accept()
            asked = legacy.sent()
            assert asked.endswith(b"\r\n\r\nhellolegacy")
            assert b"\r\nX-Arm: legacy\r\n" in asked
            legacy.peer_sends(OK)
            await turns()
            assert client.sent().startswith(b"HTTP/1.1 200 OK")

    ask()


def test_answers_that_a_plugin_turns_into_errors_are_no_failure_of_new() -> None:
    refusing = """
    class Refusing(Use):
        @hook
        def edit_response(self, request: Request, reply: ReplyHead) -> None:
            reply.status = 500
    """

    @on_memory_loop
    async def ask() -> None:
        async with plugged({"refusing": refusing}, UPSTREAMS, **SECTIONS) as inside:
            client, new = await inside.ask(GET)
            new.peer_sends(OK)
            await turns()
            assert client.sent().startswith(b"HTTP/1.1 500 ")
            assert met(inside) == {"new requests": 1}

    ask()


def test_an_answer_that_another_plugin_cannot_edit_is_no_failure_of_new() -> None:
    broken = """
    class Broken(Use):
        @hook
        def edit_response(self, request: Request, reply: ReplyHead) -> None:
            raise RuntimeError('broken')
    """

    @on_memory_loop
    async def ask() -> None:
        files = {**answering("return Reply(200, body=b'fine')"), "broken": broken}
        route = {**ARMS, "plugins": [{"broken": {"on_error": "refuse"}}]}
        async with plugged(files, route, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            assert client.sent().startswith(b"HTTP/1.1 500 ")
            assert not inside.loop.dials
            assert met(inside) == {"new own": 1}

    ask()


def test_a_stream_that_breaks_is_a_failure_of_new() -> None:
    breaks = """
            async def parts():
                yield b'well'
                raise RuntimeError('broken')
            return Reply(200, body=parts())"""

    @on_memory_loop
    async def ask() -> None:
        route = {**ARMS, "plugins": []}
        async with plugged(answering(breaks), route, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            assert client.sent().endswith(b"4\r\nwell\r\n")
            assert not inside.loop.dials
            assert met(inside) == {"new requests": 1, "new errors": 1}

    ask()


def test_the_time_of_a_plugin_that_is_given_up_is_not_that_of_the_next() -> None:
    deaf = """
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                await asyncio.sleep(5)
            return Reply(200, body=b'too late')"""
    rewriting = """
    class Rewriting(Use):
        @hook
        async def rewrite_request(self, request: Request, body: Body) -> Body:
            await asyncio.sleep(0)
            return body
    """

    @on_memory_loop
    async def ask() -> None:
        files = {**answering(deaf), "rewriting": rewriting}
        route = {**ARMS, "plugins": ["rewriting"]}
        async with plugged(files, route, **SECTIONS) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            await inside.sweep(2.5)
            await inside.sweep(1.5)
            legacy = await inside.accept()
            legacy.peer_sends(OK)
            await turns()
            assert client.sent().endswith(b"\r\n\r\nok")
            await inside.sweep(9)

    ask()


def test_a_quarantined_plugin_has_done_nothing_so_legacy_answers_even_a_post() -> None:
    @on_memory_loop
    async def ask() -> None:
        route = {**ARMS, "plugins": []}
        async with plugged(answering(DISPATCHES["raises"]), route, **SECTIONS) as inside:
            for _ in range(10):
                failing = inside.connect()
                failing.peer_sends(POST)
                await turns()
                assert failing.sent().startswith(b"HTTP/1.1 500 ")
            client, legacy = await inside.ask(POST)
            assert legacy.sent().endswith(b"\r\n\r\nhello")
            legacy.peer_sends(OK)
            await turns()
            assert b"X-Crossfade-Reason: failover" in client.sent()

    ask()
