"""Sessions of the legacy system: asked of a real HTTP server, rarely, with few words."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from proxy.config.identity import Session as Declared
from proxy.dataplane import sessions
from proxy.dataplane.sessions import ANSWER_MOST, ASKING_MOST, NOBODY_SECONDS, Session, Sessions
from tests.kit.running import free_port
from tests.kit.serving import serving

NOW = 1_700_000_000.0
ANN = {"user": {"id": "ann", "role": "ADMIN", "tier": "pro"}}
FOUND = Session("ann", "ADMIN", "pro")
COOKIE = {b"cookie": b"next-auth.session-token=abc"}


class Service:
    """What is asked: it notes every question and answers with what the test says."""

    def __init__(self, answer: Any = ANN) -> None:
        self.answer = answer
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.waiting = asyncio.Event()

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked.append((request.path_qs, dict(request.headers)))
        self.waiting.set()
        await self.may_answer.wait()
        if isinstance(self.answer, web.StreamResponse):
            return self.answer
        return web.json_response(self.answer)


@asynccontextmanager
async def asking(service: Service, **declared: Any) -> AsyncIterator[Sessions]:
    lower = declared.pop("lower", False)
    async with serving(service) as url:
        settings = {"url": f"{url}/api/auth/session?x=%2F"} | declared
        asked = Sessions(Declared.model_validate(settings), lower=lower)
        try:
            yield asked
        finally:
            await asked.close()


async def test_only_the_declared_cookies_are_passed_on_and_nothing_else_of_the_caller() -> None:
    service = Service()
    async with asking(service) as asked:
        cookies = b"sid=1; next-auth.session-token=abc; __Secure-next-auth.session-token=def; x=2"
        fields = {b"cookie": cookies, b"authorization": b"Bearer secret", b"x-user-id": b"eve"}
        assert await asked.find(fields, NOW) == FOUND
    [(target, headers)] = service.asked
    assert target == "/api/auth/session?x=%2F"
    both = "next-auth.session-token=abc; __Secure-next-auth.session-token=def"
    assert headers.pop("Cookie") == both
    assert set(headers) == {"Host", "Accept", "Accept-Encoding", "User-Agent"}
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize(
    "fields", [{}, {b"cookie": b"sid=1"}, {b"cookie": b"next-auth.session-token="}]
)
async def test_nobody_is_asked_without_a_session_cookie(fields: dict[bytes, bytes]) -> None:
    service = Service()
    async with asking(service) as asked:
        assert await asked.find(fields, NOW) is None
    assert service.asked == []


ANSWERS: dict[str, tuple[Any, Session | None]] = {
    "a user": (ANN, FOUND),
    "a number for an id": ({"user": {"id": 7}}, Session("7", "", "")),
    "a role that is no text": ({"user": {"id": "a", "role": ["admin"]}}, Session("a", "", "")),
    "an empty object": ({}, None),
    "null": (None, None),
    "a user without an id": ({"user": {"role": "admin"}}, None),
    "a user that is no object": ({"user": "ann"}, None),
    "an id that is none": ({"user": {"id": True}}, None),
}


@pytest.mark.parametrize("what", ANSWERS)
async def test_a_document_names_the_user_or_nobody(what: str) -> None:
    answer, expected = ANSWERS[what]
    async with asking(Service(answer)) as asked:
        assert await asked.find(COOKIE, NOW) == expected
        assert asked.failures == 0


async def test_the_user_is_where_the_settings_say() -> None:
    service = Service({"sub": "ANN", "app": {"roles": "admin"}, "plan": "pro"})
    where = {"id": "sub", "role": "app.roles", "tier": "plan", "lower": True}
    async with asking(service, **where) as asked:
        assert await asked.find(COOKIE, NOW) == Session("ann", "admin", "pro")


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_is_no_session_and_no_failure(status: int) -> None:
    async with asking(Service(web.Response(status=status))) as asked:
        assert await asked.find(COOKIE, NOW) is None
        assert asked.failures == 0


FAILURES: dict[str, tuple[Any, str]] = {
    "an error": (lambda: web.Response(status=503), "it answered 503"),
    "not found": (lambda: web.Response(status=404), "it answered 404"),
    "a redirect": (
        lambda: web.Response(status=302, headers={"Location": "/login"}),
        "it answered 302",
    ),
    "no JSON": (lambda: web.Response(text="<html>"), "JSONDecodeError"),
    "a list": (lambda: web.json_response([ANN]), "its answer is no JSON object"),
    "too much": (
        lambda: web.Response(body=b" " * (ANSWER_MOST + 1)),
        f"its answer is longer than {ANSWER_MOST} bytes",
    ),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_a_failing_service_leaves_the_caller_unknown_and_is_told_of(what: str) -> None:
    make, why = FAILURES[what]
    service = Service(make())
    with capture_logs() as lines:
        async with asking(service) as asked:
            assert await asked.find(COOKIE, NOW) is None
            assert asked.failures == 1
            service.answer = ANN
            assert await asked.find(COOKIE, NOW) == FOUND, "a failure is not remembered"
    assert len(service.asked) == 2
    [line] = [one for one in lines if one["event"] == "session_service_failed"]
    assert (line["why"], line["failures"], line["log_level"]) == (why, 1, "warning")
    assert "abc" not in str(lines)


async def test_a_service_that_cannot_be_reached_leaves_the_caller_unknown() -> None:
    declared = Declared.model_validate({"url": f"http://127.0.0.1:{free_port()}/"})
    asked = Sessions(declared, lower=False)
    with capture_logs() as lines:
        assert await asked.find(COOKIE, NOW) is None
    assert [line["why"] for line in lines] == ["ClientConnectorError"]
    await asked.close()


async def test_a_service_that_is_late_leaves_the_caller_unknown() -> None:
    service = Service()
    service.may_answer.clear()
    with capture_logs() as lines:
        async with asking(service, timeout="10ms") as asked:
            assert await asked.find(COOKIE, NOW) is None
            service.may_answer.set()
    assert [line["why"] for line in lines] == ["no answer within 0.01 s"]


async def test_failures_are_counted_each_and_logged_now_and_then() -> None:
    service = Service(web.Response(status=500))
    with capture_logs() as lines:
        async with asking(service) as asked:
            for second in range(12):
                service.answer = web.Response(status=500)
                await asked.find(COOKIE, NOW + second)
    assert [line["failures"] for line in lines] == [1, 11]


async def test_an_answer_holds_for_its_time_and_for_these_cookies_alone() -> None:
    service = Service()
    async with asking(service, ttl="30s") as asked:
        for later in (0.0, 29.9):
            assert await asked.find(COOKIE, NOW + later) == FOUND
        assert len(service.asked) == 1
        service.answer = {}
        assert await asked.find({b"cookie": b"next-auth.session-token=abd"}, NOW) is None
        assert await asked.find(COOKIE, NOW + 30) is None
        assert len(service.asked) == 3


async def test_that_there_is_no_session_holds_for_a_shorter_time() -> None:
    service = Service({})
    async with asking(service) as asked:
        for later in (0.0, NOBODY_SECONDS - 0.1):
            assert await asked.find(COOKIE, NOW + later) is None
        assert len(service.asked) == 1
        service.answer = ANN
        assert await asked.find(COOKIE, NOW + NOBODY_SECONDS) == FOUND


async def test_cookies_that_are_made_up_displace_nobodys_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sessions, "KEPT_MOST", 2)
    service = Service()
    async with asking(service) as asked:
        await asked.find(COOKIE, NOW)
        service.answer = {}
        for number in range(4):
            await asked.find({b"cookie": b"next-auth.session-token=%d" % number}, NOW)
        assert len(service.asked) == 5
        assert await asked.find(COOKIE, NOW) == FOUND
        await asked.find({b"cookie": b"next-auth.session-token=3"}, NOW)
        assert len(service.asked) == 5
        await asked.find({b"cookie": b"next-auth.session-token=0"}, NOW)
        assert len(service.asked) == 6, "the oldest of them are forgotten"


async def test_callers_with_the_same_cookies_share_one_question() -> None:
    service = Service()
    service.may_answer.clear()
    async with asking(service) as asked:
        first = asyncio.create_task(asked.find(COOKIE, NOW))
        await service.waiting.wait()
        others = [asyncio.create_task(asked.find(COOKIE, NOW)) for _ in range(5)]
        await asyncio.sleep(0)
        first.cancel()  # its client has left; the others still want to know
        await asyncio.wait({first})
        service.may_answer.set()
        assert await asyncio.gather(*others) == [FOUND] * 5
    assert len(service.asked) == 1


async def test_so_many_questions_are_under_way_and_no_more() -> None:
    service = Service()
    service.may_answer.clear()
    with capture_logs() as lines:
        async with asking(service) as asked:
            tasks = [
                asyncio.create_task(
                    asked.find({b"cookie": b"next-auth.session-token=%d" % number}, NOW)
                )
                for number in range(ASKING_MOST)
            ]
            await asyncio.sleep(0)
            assert await asked.find(COOKIE, NOW) is None
            service.may_answer.set()
            assert await asyncio.gather(*tasks) == [FOUND] * ASKING_MOST
            assert await asked.find(COOKIE, NOW) == FOUND
    assert [line["why"] for line in lines] == [f"{ASKING_MOST} questions are under way"]


async def test_closing_gives_up_what_is_under_way() -> None:
    service = Service()
    service.may_answer.clear()
    async with asking(service) as asked:
        waiting = asyncio.create_task(asked.find(COOKIE, NOW))
        await service.waiting.wait()
        await asked.close()
        await asyncio.wait({waiting})
        assert waiting.cancelled()
        assert await asked.find(COOKIE, NOW) is None
        service.may_answer.set()
    assert len(service.asked) == 1
