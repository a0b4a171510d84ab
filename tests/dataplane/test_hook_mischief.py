"""What plugins and clients may do to each other: nothing that outlives the request."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.kit.inside import Inside
from tests.kit.plugged import GET, OK, POST, answer, plugged, reason, through
from tests.kit.transport import on_memory_loop, turns

DISPATCHED: dict[str, Any] = {"plugin": "bad", "upstream": None, "plugins": []}
SAME = """
    class Same(Use):
        @hook
        def edit_request(self, request, outgoing): outgoing.path = "/v2" + outgoing.path
        @hook
        async def rewrite_request(self, request, body): return body
"""
ODD = (
    b"GET /\xc3\xa9?\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"purge / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"M" * 40 + b" / HTTP/1.1\r\nHost: a\r\n\r\n",
)


def guards(inside: Inside) -> list[Any]:
    """The guards of all uses."""
    made: Any = inside.generation.plugins
    return [use.guard for use in made.instances.uses]


@pytest.mark.parametrize("odd", ODD)
def test_what_a_client_may_send_is_no_fault_of_a_plugin_that_passes_it_on(odd: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        async with plugged({"same": SAME}) as inside:
            (head, _), (status, _, _) = await through(inside, odd)
            assert status == 200
            assert head.target.startswith(b"/v2")
            assert guards(inside)[0].count == 0

    ask()


@pytest.mark.parametrize("colour", ["def", "async def"])
@pytest.mark.parametrize("body", ["self.parts()", "'text'"])
def test_only_dispatch_may_answer_as_a_stream(colour: str, body: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = f"""
            class Bad(Use):
                @hook
                {colour} admit(self, request):
                    reply = Reply(200)
                    reply.body = {body}
                    return reply
                async def parts(self): yield b"x"
        """
        async with plugged({"bad": source}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            assert reason(client) == (500, "plugin_failed")

    ask()


CANCELLED = "task = asyncio.get_running_loop().create_future(); task.cancel(); task.result()"


@pytest.mark.parametrize("hook", ["admit(self, request)", "finished(self, request, outcome)"])
def test_a_plain_hook_that_raises_a_cancellation_is_a_fault_like_any_other(hook: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = f"class Bad(Use):\n    @hook\n    def {hook}: {CANCELLED}"
        async with plugged({"bad": source}, {"plugins": ["bad"]}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
            if "finished" in hook:
                (await inside.accept()).peer_sends(OK)
                assert answer(client)[0] == 200
            else:
                assert reason(client) == (500, "plugin_failed")
            assert guards(inside)[0].count == 1
            assert inside.generation.in_flight == 0
            assert inside.accounting.in_flight == 0

    ask()


@pytest.mark.parametrize("on_error", ["skip", "refuse"])
def test_a_coroutine_hook_whose_own_task_was_cancelled_is_a_fault_at_once(on_error: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = """
            class Bad(Use):
                @hook
                async def admit(self, request):
                    future = asyncio.get_running_loop().create_future()
                    future.cancel()
                    await future
        """
        async with plugged(
            {"bad": source}, {"plugins": [{"bad": {"on_error": on_error}}]}
        ) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            if on_error == "skip":
                (await inside.accept()).peer_sends(OK)
                assert answer(client)[0] == 200
            else:
                await turns()
                assert reason(client) == (500, "plugin_failed")
            assert guards(inside)[0].count == 1

    ask()


@on_memory_loop
async def test_a_hook_that_always_fails_is_quarantined_also_beside_hooks_that_do_not() -> None:
    source = """
        class Bad(Use):
            @hook
            def admit(self, request): return None
            @hook
            def edit_request(self, request, outgoing): 1 / 0
            @hook
            def finished(self, request, outcome): return None
    """
    async with plugged({"bad": source}) as inside:
        for _ in range(10):
            await through(inside)
        assert guards(inside)[0].quarantined.startswith("10 faults in ")


@on_memory_loop
async def test_no_plugin_is_called_for_a_request_that_is_over() -> None:
    stubborn = """
        class One(Use):
            @hook
            async def admit(self, request):
                try: await asyncio.sleep(3600)
                except asyncio.CancelledError: await asyncio.sleep(30)
    """
    never = """
        CALLED = []
        class Two(Use):
            @hook
            async def admit(self, request): CALLED.append(1)
            @hook
            def finished(self, request, outcome): CALLED.append("finished")
            @hook
            def edit_response(self, request, reply): reply.headers.set("X-Called", repr(CALLED))
    """
    uses = [{"one": {"on_error": "skip"}}, "two"]
    limits = {"hook_timeout": "2s"}
    async with plugged({"one": stubborn, "two": never}, {"plugins": uses}, limits=limits) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        await turns()
        for seconds in (2.2, 1.2, 40.0):
            await inside.sweep(seconds)
        assert reason(client) == (504, "plugin_timeout")
        assert guards(inside)[0].count == 1, "counted once"
        assert guards(inside)[1].calls == 1, "finished, and no admit"


@on_memory_loop
async def test_a_slow_failing_admit_that_is_quarantined_is_skipped_and_nothing_else() -> None:
    source = """
        import time
        class Bad(Use):
            @hook
            def admit(self, request):
                if request.path == "/slow": time.sleep(0.06)
                1 / 0
    """
    async with plugged({"bad": source}, {"plugins": [{"bad": {"on_error": "skip"}}]}) as inside:
        for _ in range(9):
            await through(inside)
        _, (status, _, _) = await through(inside, GET.replace(b"/a", b"/slow"))
        assert status == 200
        assert guards(inside)[0].quarantined


CLOSING = """
    class Parts:
        def __aiter__(self): return self
        async def __anext__(self): raise StopAsyncIteration
        async def aclose(self): raise RuntimeError

    class Bad(Use):
        @hook
        async def dispatch(self, request, body):
            return Reply(200, body="second" if request.path == "/second" else Parts())
"""


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_a_stream_that_cannot_be_closed_harms_no_other_request(method: bytes) -> None:
    @on_memory_loop
    async def ask() -> None:
        async with plugged({"bad": CLOSING}, DISPATCHED) as inside:
            client = inside.connect()
            client.peer_sends(GET.replace(b"GET", method) + GET.replace(b"/a", b"/second"))
            await turns(40)
            said = client.sent()
            assert said.endswith(b"second")
            assert (b"\r\n0\r\n\r\n" in said) == (method == b"GET")
            assert not client.is_closing()

    ask()


@on_memory_loop
async def test_an_odd_status_of_an_upstream_can_be_rewritten_too() -> None:
    source = """
        class Same(Use):
            @hook
            async def rewrite_response(self, request, reply): return reply
    """
    async with plugged({"same": source}) as inside:
        _, (status, _, body) = await through(inside, GET, OK.replace(b"200 OK", b"999 Denied"))
        assert (status, body) == (999, b"ok")


@on_memory_loop
async def test_a_stream_that_does_not_want_to_end_ends_with_its_request() -> None:
    source = """
        MADE = []
        class Bad(Use):
            @hook
            async def dispatch(self, request, body):
                if request.path == "/made": return Reply(200, body=str(len(MADE)))
                return Reply(200, body=self.parts())
            async def parts(self):
                while True:
                    try: await asyncio.sleep(1)
                    except asyncio.CancelledError: pass
                    MADE.append(1)
                    yield b"x"
    """
    async with plugged({"bad": source}, DISPATCHED) as inside:
        client = inside.connect()
        client.peer_sends(POST)
        await turns()
        client.peer_resets()
        for _ in range(5):
            await inside.sweep(1.1)
        again = inside.connect()
        again.peer_sends(GET.replace(b"/a", b"/made"))
        await turns()
        assert int(answer(again)[2]) <= 1


@on_memory_loop
async def test_what_a_hook_returned_wrongly_is_told_in_the_log() -> None:
    source = "class Bad(Use):\n    @hook\n    def admit(self, request): return 'no'"
    with capture_logs() as lines:
        async with plugged({"bad": source}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()
    told = [line["detail"] for line in lines if line["event"] == "plugin_fault"]
    assert told == ["it returned str, wanted Reply"]


@on_memory_loop
async def test_a_client_that_reads_slowly_is_no_fault_of_the_plugin_that_streams() -> None:
    source = """
        class Bad(Use):
            @hook
            async def dispatch(self, request, body): return Reply(200, body=self.parts())
            async def parts(self):
                for _ in range(3): yield b"part"
    """
    async with plugged({"bad": source}, DISPATCHED | {"timeout": "1s"}) as inside:
        client = inside.connect()
        client.peer_sends(GET)
        client.peer_blocks(100)
        await turns()
        await inside.sweep(3.0)
        assert guards(inside)[0].count == 0
        client.peer_reads()
        await turns(30)
        assert client.sent().endswith(b"\r\n0\r\n\r\n")
