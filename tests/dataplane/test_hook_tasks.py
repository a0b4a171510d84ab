"""Coroutine hooks: whole bodies, answers of plugins, streams, and the limits of their time."""

import json
from typing import Any

import pytest

from tests.kit.plugged import GET, OK, POST, answer, plugged, reason, through
from tests.kit.transport import on_memory_loop, turns


@on_memory_loop
async def test_edits_reach_the_upstream_and_leave_the_rest_byte_for_byte() -> None:
    source = """
        class Editing(Use):
            @hook
            def edit_request(self, request, outgoing):
                outgoing.path = "/v2" + outgoing.path
                outgoing.query = outgoing.query + "&c=2"
                outgoing.headers.set("x-user-id", "checked")
                outgoing.headers.remove("X-Gone")
    """
    data = (
        b"GET /a?b=1 HTTP/1.1\r\nHost: a\r\nx-ODD:  kept \r\nX-User-Id: forged\r\n"
        b"X-Gone: 1\r\nX-gone: 2\r\n\r\n"
    )
    async with plugged({"editing": source}) as inside:
        (head, _), _ = await through(inside, data)

        assert head.target == b"/v2/a?b=1&c=2"
        assert head.by_name[b"x-user-id"] == b"checked"
        assert b"x-gone" not in head.by_name
        assert b"x-ODD: kept" in [field.line for field in head.fields]


@on_memory_loop
async def test_a_rewritten_request_goes_upstream_with_its_own_length() -> None:
    source = """
        class Doubling(Use):
            @hook
            async def rewrite_request(self, request, body):
                await asyncio.sleep(0)
                return body._replace(data=body.data * 2, path="/v2", method="PUT")
    """
    chunked = (
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    )
    async with plugged({"doubling": source}) as inside:
        for data in (POST, chunked):
            (head, body), (status, _, _) = await through(inside, data)
            assert (head.method, head.target, body, status) == (b"PUT", b"/v2", b"hellohello", 200)
            assert head.by_name[b"content-length"] == b"10"
            assert b"transfer-encoding" not in head.by_name


@on_memory_loop
async def test_a_body_that_comes_slowly_is_collected_and_asked_for() -> None:
    source = """
        class Same(Use):
            @hook
            async def rewrite_request(self, request, body): return body
    """
    async with plugged({"same": source}) as inside:
        client = inside.connect()
        client.peer_sends(POST[:-5].replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert client.sent() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.peer_sends(b"he")
        await turns()
        assert not inside.loop.dials
        client.peer_sends(b"llo")
        upstream = await inside.accept()
        assert upstream.sent().endswith(b"hello")
        upstream.peer_sends(OK)
        assert answer(client)[0] == 200


@pytest.mark.parametrize("framing", ["Content-Length: 2000", "Transfer-Encoding: chunked"])
def test_a_body_above_the_limit_is_refused(framing: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = """
            class Same(Use):
                @hook
                async def rewrite_request(self, request, body): return body
        """
        limits = {"limits": {"buffered_body": "1KiB"}}
        async with plugged({"same": source}, **limits) as inside:
            client = inside.connect()
            client.peer_sends(b"POST / HTTP/1.1\r\nHost: a\r\n%b\r\n\r\n" % framing.encode())
            client.peer_sends(b"7d0\r\n" + b"x" * 1100)
            assert reason(client) == (413, "body_too_large")

    ask()


@on_memory_loop
async def test_a_plugin_answers_in_place_of_an_upstream() -> None:
    source = """
        class Greeting(Use):
            @hook
            async def dispatch(self, request, body):
                return json_reply({"got": body.decode(), "arm": request.arm}, 201)
    """
    route: dict[str, Any] = {"plugin": "greeting", "upstream": None, "plugins": []}
    async with plugged({"greeting": source}, route) as inside:
        client = inside.connect()
        client.peer_sends(POST)
        await turns()
        status, fields, body = answer(client)
        assert (status, json.loads(body)) == (201, {"got": "hello", "arm": "none"})
        assert fields[b"content-length"] == b"%d" % len(body)
        client.peer_sends(GET.replace(b"GET", b"HEAD"))
        await turns()
        status, fields, body = answer(client)
        assert (status, body, fields[b"content-length"]) == (201, b"", b"23")


STREAMING = """
    class Streaming(Use):
        @hook
        async def dispatch(self, request, body):
            return Reply(200, {"Content-Type": "text/event-stream"}, self.parts())
        async def parts(self):
            for number in range(3):
                yield b"part %d;" % number
                await asyncio.sleep(0)
            TAIL
"""
DISPATCHED: dict[str, Any] = {"plugin": "streaming", "upstream": None, "plugins": []}


@on_memory_loop
async def test_a_plugins_stream_is_sent_as_it_comes() -> None:
    async with plugged({"streaming": STREAMING.replace("TAIL", "")}, DISPATCHED) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        await turns(30)
        _, fields, body = answer(client)
        assert fields[b"transfer-encoding"] == b"chunked"
        assert body == b"7\r\npart 0;\r\n7\r\npart 1;\r\n7\r\npart 2;\r\n0\r\n\r\n"


@on_memory_loop
async def test_a_stream_that_fails_is_cut_and_never_ends_cleanly() -> None:
    async with plugged({"streaming": STREAMING.replace("TAIL", "1 / 0")}, DISPATCHED) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        await turns(30)
        assert b"0\r\n\r\n" not in client.sent()
        assert client.is_closing()


@on_memory_loop
async def test_a_stream_waits_for_a_client_that_reads_slowly() -> None:
    async with plugged({"streaming": STREAMING.replace("TAIL", "")}, DISPATCHED) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        client.peer_blocks(100)
        await turns(30)
        assert client.sent().count(b"part") == 1
        client.peer_reads()
        await turns(30)
        assert client.sent().endswith(b"part 2;\r\n0\r\n\r\n")


@on_memory_loop
async def test_a_client_that_leaves_ends_the_plugins_work() -> None:
    source = """
        ENDED = []
        class Slow(Use):
            @hook
            async def dispatch(self, request, body):
                if request.path == "/ended":
                    return Reply(200, body=",".join(ENDED))
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    ENDED.append("cancelled")
                    raise
    """
    route: dict[str, Any] = {"plugin": "slow", "upstream": None, "plugins": []}
    async with plugged({"slow": source}, route) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        await turns()
        client.peer_resets()
        await turns()
        again = inside.connect()
        again.peer_sends(GET.replace(b"/a", b"/ended"))
        await turns()
        assert answer(again)[2] == b"cancelled"


@on_memory_loop
async def test_a_rewritten_answer_is_true_about_itself() -> None:
    source = """
        class Shouting(Use):
            @hook
            async def rewrite_response(self, request, reply):
                reply.body = reply.body.upper() + b"!"
                return reply
    """
    response = (
        b'HTTP/1.1 200 OK\r\nETag: "x"\r\nDigest: y\r\nTransfer-Encoding: chunked\r\n\r\n'
        b"2\r\nok\r\n0\r\n\r\n"
    )
    data = GET.replace(b"\r\n\r\n", b"\r\nAccept-Encoding: gzip\r\nRange: bytes=0-1\r\n\r\n")
    async with plugged({"shouting": source}) as inside:
        (head, _), (status, fields, body) = await through(inside, data, response)
        assert (status, body) == (200, b"OK!")
        assert fields[b"content-length"] == b"3"
        assert fields[b"etag"] == b'W/"x"'
        assert not {b"digest", b"transfer-encoding"} & set(fields)
        assert not {b"accept-encoding", b"range"} & set(head.by_name)


@on_memory_loop
async def test_an_answer_too_large_to_rewrite_is_a_fault_of_the_upstream() -> None:
    source = """
        class Same(Use):
            @hook
            async def rewrite_response(self, request, reply): return reply
    """
    large = b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
    async with plugged({"same": source}, limits={"buffered_body": "1KiB"}) as inside:
        client, upstream = await inside.ask(GET)
        upstream.peer_sends(large)
        await turns()
        assert reason(client) == (502, "upstream_too_large")


@on_memory_loop
async def test_answers_without_a_body_are_not_rewritten() -> None:
    source = """
        class Failing(Use):
            @hook
            async def rewrite_response(self, request, reply): 1 / 0
    """
    async with plugged({"failing": source}) as inside:
        head = GET.replace(b"GET", b"HEAD")
        _, (status, fields, _) = await through(inside, head, OK[:-2])
        assert (status, b"content-length" in fields) == (200, False)
        _, (status, _, _) = await through(inside, GET, b"HTTP/1.1 204 No Content\r\n\r\n")
        assert status == 204


@pytest.mark.parametrize("hook", ["rewrite_request", "rewrite_response", "dispatch"])
def test_a_coroutine_hook_may_refuse_with_an_answer_of_its_own(hook: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        last = {"rewrite_response": "reply"}.get(hook, "body")
        source = f"""
            class Refusing(Use):
                @hook
                async def {hook}(self, request, {last}):
                    raise Refused(problem_reply(422, "Not like this."))
        """
        route: dict[str, Any] = (
            {"plugin": "refusing", "upstream": None, "plugins": []} if hook == "dispatch" else {}
        )
        async with plugged({"refusing": source}, route) as inside:
            client = inside.connect()
            client.peer_sends(POST)
            if hook == "rewrite_response":
                (await inside.accept()).peer_sends(OK)
            await turns()
            status, _, body = answer(client)
            assert (status, json.loads(body)["detail"]) == (422, "Not like this.")

    ask()


WAITING_NOW_AND_THEN = """
class Sometimes(Use):
    @hook
    def admit(self, request):
        return self.later() if request.path == "/waits" else None

    async def later(self):
        await asyncio.sleep(0)
        return {answer}
"""
COUNTING = """
class Counting(Use):
    @hook
    def admit(self, request):
        return Reply(403, body="counted") if request.path == "/waits" else None
"""


@pytest.mark.parametrize("answer_", ["Reply(429)", "None"])
def test_a_plain_admit_waits_for_those_requests_alone_for_which_it_has_to(answer_: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        files = {"some": WAITING_NOW_AND_THEN.format(answer=answer_), "counting": COUNTING}
        async with plugged(files, {"plugins": ["some", "counting"]}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            (await inside.accept()).peer_sends(OK)
            await turns()
            assert answer(client)[0] == 200
            client = inside.connect()
            client.peer_sends(GET.replace(b"/a", b"/waits", 1))
            await turns()
            # Who comes after it in the route is asked after it.
            assert answer(client)[0] == (429 if "Reply" in answer_ else 403)

    ask()


@pytest.mark.parametrize("stubborn", [False, True])
def test_a_hook_that_takes_too_long_is_cancelled_and_refused(stubborn: bool) -> None:
    @on_memory_loop
    async def ask() -> None:
        swallow = "except asyncio.CancelledError: await asyncio.sleep(30)"
        source = f"""
            class Hanging(Use):
                @hook
                async def admit(self, request):
                    try: await asyncio.sleep(3600)
                    {swallow if stubborn else "finally: pass"}
        """
        async with plugged({"hanging": source}, limits={"hook_timeout": "2s"}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            await inside.sweep(1.9)
            assert client.sent() == b""
            await inside.sweep(0.3)
            await inside.sweep(1.2)
            assert reason(client) == (504, "plugin_timeout")

    ask()


@on_memory_loop
async def test_a_hook_that_takes_too_long_may_be_skipped() -> None:
    source = """
        class Hanging(Use):
            @hook
            async def admit(self, request): await asyncio.sleep(3600)
    """
    route: dict[str, Any] = {"plugins": [{"hanging": {"on_error": "skip"}}]}
    async with plugged({"hanging": source}, route, limits={"hook_timeout": "2s"}) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        await turns()
        await inside.sweep(2.2)
        upstream = await inside.accept()
        upstream.peer_sends(OK)
        assert answer(client)[0] == 200


@on_memory_loop
async def test_a_kept_reply_is_not_changed_by_those_who_edit_it() -> None:
    keeping = """
        class Keeping(Use):
            kept = Reply(200, {"X-Kept": "1"}, "kept")
            @hook
            async def dispatch(self, request, body): return self.kept
    """
    adding = """
        class Adding(Use):
            @hook
            def edit_response(self, request, reply): reply.headers.add("X-Added", "1")
    """
    route: dict[str, Any] = {"plugin": "keeping", "upstream": None, "plugins": ["adding"]}
    async with plugged({"keeping": keeping, "adding": adding}, route) as inside:
        client = inside.connect()
        for _ in range(2):
            client.peer_sends(GET)
            await turns()
            assert answer(client)[1][b"x-added"] == b"1"
