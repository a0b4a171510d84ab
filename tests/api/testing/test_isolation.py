"""A plugin alone: the whole life of a request in the order of the real proxy."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.api import (
    Alert,
    Application,
    Body,
    Duration,
    Outcome,
    Outgoing,
    Refused,
    Reply,
    ReplyHead,
    Request,
    Services,
    Settings,
    Use,
    hook,
    json_reply,
)
from proxy.api.testing import Passed, isolated, request, upstream_reply


class Everything(Use):
    """Has each hook of a request, and notes the order in which they are called."""

    def __init__(self, settings: Settings, application: Application | None = None) -> None:
        super().__init__(settings, application)
        self.called: list[str] = []
        self.told: Outcome | None = None

    @hook
    def admit(self, request: Request) -> Reply | None:
        self.called.append("admit")
        return Reply(403) if request.path == "/closed" else None

    @hook
    def assign(self, arms: tuple[str, ...], request: Request) -> str | None:
        self.called.append(f"assign {arms}")
        return request.headers.get("X-Arm")

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        self.called.append("rewrite_request")
        if body.data == b"no":
            raise Refused(Reply(422))
        return body._replace(path="/v2", data=body.data * 2)

    @hook
    def edit_request(self, outgoing: Outgoing) -> None:
        self.called.append("edit_request")
        outgoing.headers.set("X-Path", outgoing.path)

    @hook
    async def rewrite_response(self, reply: Reply) -> Reply:
        self.called.append("rewrite_response")
        return json_reply(reply.json() | {"more": 1}, reply.status)

    @hook
    def edit_response(self, reply: ReplyHead) -> None:
        self.called.append(f"edit_response {type(reply).__name__}")
        reply.headers.set("X-Edited", "yes")
        if reply.status == 200:
            reply.status = 201

    @hook
    def finished(self, outcome: Outcome, request: Request) -> None:
        self.called.append("finished")
        self.told = outcome


async def test_a_request_goes_through_all_hooks_in_the_order_of_the_proxy() -> None:
    async with isolated(Everything) as plugin:
        asked = request("POST", "/a?q=1", headers={"Accept-Encoding": "br"})
        passed = await plugin.through(asked, json_reply({}), b"ab")
        assert plugin.use.called == [
            "admit",
            "assign ('legacy', 'new')",
            "rewrite_request",
            "edit_request",
            "rewrite_response",
            "edit_response ReplyHead",
            "finished",
        ]
        assert passed.admitted is None
        assert passed.sent is not None
        assert (passed.sent.path, passed.sent.query) == ("/v2", "q=1")
        assert passed.sent.headers.get("X-Path") == "/v2"
        assert passed.sent.headers.get("Content-Length") == "4"
        assert "Accept-Encoding" not in passed.sent.headers
        assert passed.body == Body("POST", "/v2", "q=1", b"abab")
        assert (passed.reply.status, passed.reply.json()) == (201, {"more": 1})
        assert passed.reply.headers.get("X-Edited") == "yes"
        told = passed.outcome
        assert told is plugin.use.told
        assert (told.status, told.bytes_in, told.bytes_out) == (201, 2, 10)
        assert (told.reason, told.endpoint) == ("route", "http://upstream.test")


async def test_an_answer_of_admit_ends_the_way_and_is_edited() -> None:
    async with isolated(Everything) as plugin:
        passed = await plugin.through(request(path="/closed"))
        assert plugin.use.called == ["admit", "edit_response ReplyHead", "finished"]
        assert passed.admitted is not None
        assert (passed.sent, passed.body, passed.arm) == (None, None, None)
        assert passed.reply.status == 403
        assert (passed.outcome.reason, passed.outcome.endpoint) == ("answered", "")


async def test_an_arm_is_assigned_or_left_to_the_rollout() -> None:
    async with isolated(Everything) as plugin:

        async def decided(arm: str, headers: dict[str, str]) -> tuple[Any, ...]:
            passed = await plugin.through(request(headers=headers), json_reply({}), arm=arm)
            return passed.arm, passed.request.arm, passed.outcome.arm, passed.outcome.reason

        assert await decided("", {}) == (None, "none", "none", "route")
        assert await decided("new", {}) == (None, "new", "new", "percentage")
        pinned = {"X-Arm": "legacy"}
        assert await decided("new", pinned) == ("legacy", "legacy", "legacy", "assigned")
        with pytest.raises(ValueError, match="assign returned 'newer'; wanted one of"):
            await decided("new", {"X-Arm": "newer"})


async def test_a_refusal_is_the_answer_and_no_fault() -> None:
    async with isolated(Everything) as plugin:
        passed = await plugin.through(request("POST"), body=b"no")
        assert plugin.use.called[-3:] == [
            "rewrite_request",
            "edit_response ReplyHead",
            "finished",
        ]
        assert (passed.reply.status, passed.sent) == (422, None)


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
async def test_an_answer_without_a_body_is_not_rewritten(method: str, status: int) -> None:
    async with isolated(Everything) as plugin:
        await plugin.through(request(method), Reply(status))
        assert "rewrite_response" not in plugin.use.called
        assert "edit_response ReplyHead" in plugin.use.called


async def test_the_answer_that_a_test_gives_is_never_changed() -> None:
    given = upstream_reply(200, {"A": "1"}, "{}")
    async with isolated(Everything) as plugin:
        passed = await plugin.through(request(), given)
        assert passed.reply is not given
        assert (given.status, given.headers.items(), given.body) == (200, [("A", "1")], b"{}")


class Streaming(Use):
    """Answers instead of an upstream, as a stream."""

    closed = False

    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        async def parts() -> AsyncIterator[bytes]:
            try:
                for number in range(3):
                    yield b"%d %b\n" % (number, body)
            finally:
                self.closed = True

        return Reply(body=parts())

    @hook
    async def rewrite_response(self, reply: Reply) -> Reply:
        raise AssertionError("a plugin's own answer is rewritten")


async def test_a_plugin_that_answers_is_given_the_body_and_its_stream_is_read_to_the_end() -> None:
    async with isolated(Streaming) as plugin:
        passed = await plugin.through(request("POST"), body=b"x")
        assert passed.chunks == (b"0 x\n", b"1 x\n", b"2 x\n")
        assert passed.reply.body == b"0 x\n1 x\n2 x\n"
        assert (passed.sent, passed.outcome.bytes_out) == (None, 12)
        assert plugin.use.closed


async def test_an_answer_without_end_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.api.testing.isolation.LARGEST_BODY", 5)
    async with isolated(Streaming) as plugin:
        with pytest.raises(ValueError, match="has more than 5 bytes"):
            await plugin.through(request("POST"), body=b"x")
        assert plugin.use.closed


class OfOneArm(Everything):
    """Edits and rewrites for new alone."""

    arm = "new"


@pytest.mark.parametrize(("arm", "changes"), [("new", True), ("", True), ("legacy", False)])
async def test_a_use_for_one_arm_leaves_the_other_alone(arm: str, changes: bool) -> None:
    headers = {"Accept-Encoding": "gzip"}
    async with isolated(OfOneArm) as plugin:
        passed = await plugin.through(request(headers=headers), Reply(body="{}"), b"ab", arm=arm)
        assert ("rewrite_request" in plugin.use.called) is changes
        assert ("rewrite_response" in plugin.use.called) is changes
        assert plugin.use.called[0] == "admit"
        assert plugin.use.called[-1] == "finished"
        assert passed.sent is not None
        assert passed.sent.headers.get("Accept-Encoding") == (None if changes else "gzip")
        assert passed.sent.headers.get("X-Path") == ("/v2" if changes else None)
        assert passed.reply.headers.get("X-Edited") == ("yes" if changes else None)


class WithLess(Everything):
    """Can do without a hook, as its settings say."""

    unused = ("rewrite_request", "admit")


async def test_a_use_is_not_asked_by_hooks_that_it_can_do_without() -> None:
    async with isolated(WithLess) as plugin:
        await plugin.through(request(), Reply(body="{}"), b"ab")
        assert not {"rewrite_request", "admit"} & set(plugin.use.called)
        assert "rewrite_response" in plugin.use.called


class Careless(Use):
    """Returns what no hook may return, and waits for what never comes."""

    @hook
    async def admit(self, request: Request) -> Any:
        return {"/number": 1, "/late": None}.get(request.path)

    @hook
    async def dispatch(self, request: Request) -> Any:
        if request.path == "/late":
            await asyncio.Event().wait()
        if request.path == "/broken":
            raise TimeoutError("of its own")
        return "text"


@pytest.mark.parametrize(
    ("path", "error", "text"),
    [
        ("/number", TypeError, "admit returned int; wanted a Reply or None"),
        ("/", TypeError, "dispatch returned str; wanted a Reply"),
        ("/late", TimeoutError, "dispatch did not end within 0.01 s of real time; .*clock.jump"),
        ("/broken", TimeoutError, "^of its own$"),
    ],
)
async def test_what_a_hook_may_not_do_is_raised_in_the_test(
    path: str, error: type[Exception], text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.api.testing.isolation.HOOK_SECONDS", 0.01)
    async with isolated(Careless) as plugin:
        with pytest.raises(error, match=text):
            await plugin.through(request(path=path))


class Pace(Settings):
    every: Duration = 60.0


class Counting(Application):
    """Counts what is over, and says so once in a while."""

    settings: Pace

    @hook
    async def startup(self, services: Services) -> None:
        self.life = ["startup"]
        self.services = services
        self.count = 0
        services.spawn(self.tell(), "telling")

    async def tell(self) -> None:
        while True:
            await self.services.sleep(self.settings.every)
            self.services.alert(Alert("count", "all", f"{self.count}", "info"))

    @hook
    def finished(self) -> None:
        self.count += 1

    @hook
    async def shutdown(self) -> None:
        self.life.append(f"shutdown with {len(self.services.tasks)}")  # type: ignore[attr-defined]


class Counted(Use):
    application: Counting

    @hook
    def edit_response(self, reply: ReplyHead) -> None:
        reply.headers.set("X-Count", str(self.application.count))


async def test_a_use_gets_the_application_that_its_annotation_names() -> None:
    async with isolated(Counted, application_settings={"every": "10s"}) as plugin:
        assert plugin.application.settings.every == 10
        first = await plugin.through(request())
        second = await plugin.through(request())
        counts = [one.reply.headers.get("X-Count") for one in (first, second)]
        assert counts == ["0", "1"]
        await plugin.clock.jump(25)
        assert [alert.text for alert in plugin.services.alerts] == ["2", "2"]
    assert plugin.application.life == ["startup", "shutdown with 1"]
    assert not plugin.services.tasks


async def test_an_application_alone_is_told_of_every_request() -> None:
    async with isolated(application=Counting) as plugin:
        passed = await plugin.through(request())
        assert isinstance(passed, Passed)
        assert plugin.application.count == 1
        assert plugin.use is None


async def test_what_is_wrong_with_settings_or_hooks_is_raised_before_anything_starts() -> None:
    with pytest.raises(ValueError, match=r"did you mean every\?"):
        async with isolated(Counted, application_settings={"evry": "10s"}):
            raise AssertionError("it was started")
    with pytest.raises(ValueError, match=r"settings.text: .*no settings"):
        async with isolated(Counted, {"text": 1}):
            raise AssertionError("it was started")


class Failing(Application):
    """Does not start, and has something to close."""

    ended: list[str] = []  # noqa: RUF012 (read by the test after the instance is gone)

    @hook
    async def startup(self, services: Services) -> None:
        services.spawn(asyncio.Event().wait(), "waiting")  # type: ignore[arg-type]
        raise OSError("no disk")

    @hook
    async def shutdown(self) -> None:
        self.ended.append("shutdown")


async def test_a_startup_that_fails_is_raised_after_shutdown() -> None:
    Failing.ended.clear()
    with pytest.raises(OSError, match="no disk"):
        async with isolated(application=Failing):
            raise AssertionError("it was started")
    assert Failing.ended == ["shutdown"]
    assert len(asyncio.all_tasks()) == 1
