"""The life of a request on a route with plugins: each hook in its place, each fault bounded."""

import json
from typing import Any

import pytest

from tests.kit.plugged import ARMS, GET, OK, POST, SPLIT, answer, plugged, through
from tests.kit.transport import on_memory_loop, turns


@on_memory_loop
async def test_the_hooks_of_a_request_are_called_in_the_order_of_its_life() -> None:
    source = """
        SEEN = []
        class Watching(Use):
            @hook
            def admit(self, request): SEEN.append("admit")
            @hook
            def edit_request(self, request, outgoing): SEEN.append("edit_request")
            @hook
            def edit_response(self, request, reply): SEEN.append("edit_response")
            @hook
            async def rewrite_request(self, request, body):
                SEEN.append("rewrite_request")
                return body
            @hook
            async def rewrite_response(self, request, reply):
                SEEN.append("rewrite_response")
                reply.headers.set("X-Seen", " ".join(SEEN))
                return reply
            @hook
            def finished(self, request, outcome): SEEN.append("finished")
    """
    async with plugged({"one": source, "two": source.replace('append("', 'append("2.')}) as inside:
        _, (status, fields, body) = await through(inside)

        assert (status, body) == (200, b"ok")
        assert fields[b"x-seen"] == b"admit rewrite_request edit_request rewrite_response"


@on_memory_loop
async def test_responses_pass_the_plugins_in_reverse_order() -> None:
    source = """
        class Naming(Use):
            @hook
            def edit_request(self, request, outgoing): outgoing.headers.add("X-Way", "NAME")
            @hook
            def edit_response(self, request, reply): reply.headers.add("X-Way", "NAME")
    """
    files = {name: source.replace("NAME", name) for name in ("one", "two", "three")}
    async with plugged(files) as inside:
        (head, _), (_, fields, _) = await through(inside)

        assert head.by_name[b"x-way"] == b"one, two, three"
        assert fields[b"x-way"] == b"three, two, one"


@pytest.mark.parametrize("colour", ["def", "async def"])
def test_the_first_plugin_that_answers_ends_the_way_in(colour: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        refusing = f"""
            class Refusing(Use):
                @hook
                {colour} admit(self, request):
                    return problem_reply(403, "No.", {{"X-Why": request.path}})
        """
        never = "class Never(Use):\n    @hook\n    def admit(self, request): 1 / 0"
        async with plugged({"refusing": refusing, "never": never}) as inside:
            client = inside.connect()
            client.peer_sends(GET)
            await turns()

            status, fields, body = answer(client)
            assert (status, fields[b"x-why"]) == (403, b"/a")
            assert json.loads(body)["detail"] == "No."
            assert fields[b"x-crossfade-reason"] == b"answered"
            assert not inside.loop.dials

    ask()


@on_memory_loop
async def test_a_plugin_pins_the_arm_of_a_rollout() -> None:
    source = """
        class Pinning(Use):
            @hook
            def assign(self, request, arms):
                return "new" if request.cookie("preview") in arms else None
    """
    async with plugged({"pinning": source}, ARMS, **SPLIT) as inside:
        for cookie, arm, why in (
            (b"preview=new", b"new", b"assigned"),
            (b"sid=1", b"legacy", None),
        ):
            data = b"GET / HTTP/1.1\r\nHost: a\r\nCookie: %b\r\n\r\n" % cookie
            _, (_, fields, _) = await through(inside, data)
            assert fields[b"x-crossfade-arm"] == arm
            assert why is None or fields[b"x-crossfade-reason"] == why
        assert len(inside.door.decided) == 2


@on_memory_loop
async def test_a_plugin_does_not_see_who_an_untrusted_client_claims_to_be() -> None:
    source = """
        class Looking(Use):
            @hook
            def edit_request(self, request, outgoing):
                claims = (request.headers.get("X-User-Id"), outgoing.headers.get("X-User-Id"))
                outgoing.headers.set("X-Saw", repr(claims))
    """
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-User-Id: root\r\n\r\n"
    async with plugged({"looking": source}) as inside:
        (head, _), _ = await through(inside, data)
        assert head.by_name[b"x-saw"] == b"(None, None)"
        client = inside.connect("127.0.0.9")
        client.peer_sends(data)
        await turns()


@pytest.mark.parametrize("name", ["Content-Length", "Transfer-Encoding", "Host", "Connection"])
def test_framing_is_not_a_plugins_to_edit(name: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = f"""
            class Smuggling(Use):
                @hook
                def edit_request(self, request, outgoing): outgoing.headers.set("{name}", "0")
        """
        async with plugged({"smuggling": source}) as inside:
            (head, body), (status, _, _) = await through(inside, POST)
            assert (status, body) == (200, b"hello"), "the fault is skipped"
            assert head.by_name[b"content-length"] == b"5"
            assert head.by_name[b"host"] == b"a"

    ask()


@pytest.mark.parametrize("end", ["good", "refused", "left", "cut"])
def test_every_request_is_finished_exactly_once_whatever_becomes_of_it(end: str) -> None:
    @on_memory_loop
    async def ask() -> None:
        source = """
            SEEN = []
            class Watching(Application):
                @hook
                def finished(self, request, outcome):
                    SEEN.append(f"{outcome.status} {outcome.reason} {outcome.fault}")
                @hook
                def provide_endpoints(self, router):
                    router.add("GET", "/seen", self.seen)
                async def seen(self, request, body):
                    return Reply(200, body="; ".join(SEEN))
        """
        plugins: dict[str, Any] = {"plugins": {"watching": {}}}
        async with plugged({"watching": source}, {"plugins": []}, **plugins) as inside:
            client, upstream = await inside.ask(GET)
            if end == "good":
                upstream.peer_sends(OK)
            elif end == "refused":
                upstream.peer_sends(b"nonsense\r\n\r\n")
            elif end == "left":
                client.peer_resets()
            else:
                upstream.peer_sends(OK[:-1])
                upstream.peer_resets()
            await turns()
            again = inside.connect()
            again.peer_sends(b"GET /seen HTTP/1.1\r\nHost: a\r\n\r\n")
            await turns()
            assert (
                answer(again)[2].decode()
                == {
                    "good": "200 route ",
                    "refused": "502 upstream_invalid upstream",
                    "left": "0 client_left client",
                    "cut": "200 upstream_cut upstream",
                }[end]
            )

    ask()
