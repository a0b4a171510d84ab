"""What plugins answer to operators, asked over a real socket."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.api import Refused, Reply, Request, json_reply, problem_reply
from proxy.cli.admin_client import PATIENCE_SECONDS
from proxy.config.models import Admin
from proxy.controlplane.admin import plugins as admin_plugins
from proxy.controlplane.admin.auth import Caller, Role
from proxy.controlplane.admin.plugins import PluginAnswers
from proxy.controlplane.admin.server import LARGEST_BODY, start_admin
from proxy.pluginhost.guard import Quarantine
from tests.controlplane.admin_view import View, admin_serving
from tests.controlplane.log_lines import logging_into

SECRETS = {role: f"the token of the {role.name.lower()}" for role in Role}
TOKENS = [
    {"name": f"a-{role.name.lower()}", "role": role.name.lower(), "token": text}
    for role, text in SECRETS.items()
]


def token(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {SECRETS[role]}"}


async def asked(
    url: str, path: str, method: str = "GET", **more: Any
) -> tuple[int, Any, aiohttp.ClientResponse]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, **more) as response,
    ):
        raw = await response.read()
        found = orjson.loads(raw) if raw and "json" in response.content_type else raw
        return response.status, found, response


@pytest.fixture
def view() -> View:
    return View()


async def echo(request: Request, body: bytes) -> Reply:
    return json_reply(
        {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "body": body.decode(),
            "by": request.key,
            "verified": request.verified,
            "attributes": dict(request.attributes),
            "headers": request.headers.items(),
            "route": request.route,
        },
        headers={"X-Echo": "yes"},
    )


async def test_a_request_reaches_the_plugin_without_the_callers_token(view: View) -> None:
    guard = view.add_answer("POST", "/say/it", echo)
    async with admin_serving(view, TOKENS) as url:
        headers = {**token(Role.OPERATOR), "X-Own": "1", "X-User-Id": "forged"}
        status, found, response = await asked(
            url, "/plugins/echo/say/it?a=%20b", "POST", data=b"hello", headers=headers
        )
    assert (status, response.headers["X-Echo"]) == (200, "yes")
    assert response.headers["Cache-Control"] == "no-store"
    assert {name: found[name] for name in ("method", "path", "query", "body", "route")} == {
        "method": "POST",
        "path": "/plugins/echo/say/it",
        "query": "a=%20b",
        "body": "hello",
        "route": "admin",
    }
    assert (found["by"], found["verified"]) == ("a-operator", True)
    assert found["attributes"] == {"role": "operator"}
    names = [name.lower() for name, _ in found["headers"]]
    assert "x-own" in names
    assert "x-user-id" not in names
    assert "authorization" not in names
    assert guard.calls == 1


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_each_role_may_what_the_plugin_asks_for(view: View, role: str) -> None:
    view.add_answer("GET", "/x", echo, role)
    async with admin_serving(view, TOKENS) as url:
        for one in Role:
            expected = 200 if one >= Role[role.upper()] else 403
            assert (await asked(url, "/plugins/echo/x", headers=token(one)))[0] == expected
        assert (await asked(url, "/plugins/echo/x"))[0] == 401


async def test_without_a_token_nobody_learns_which_plugins_there_are(view: View) -> None:
    view.add_answer("GET", "/x", echo)
    async with admin_serving(view, TOKENS) as url:
        there = await asked(url, "/plugins/echo/x")
        not_there = await asked(url, "/plugins/none/x")
    assert (there[0], there[1]) == (not_there[0], not_there[1])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/plugins/none", 404),
        ("GET", "/plugins/echo", 404),
        ("GET", "/plugins/echo/x/", 404),
        ("DELETE", "/plugins/echo/x", 405),
        ("GET", "/plugins/echo%2Fx", 404),
    ],
)
async def test_what_no_plugin_answers_is_said(
    view: View, method: str, path: str, expected: int
) -> None:
    view.add_answer("GET", "/x", echo)
    view.add_answer("POST", "/x", echo)
    async with admin_serving(view) as url:
        status, found, response = await asked(url, path, method)
    assert (status, response.content_type) == (expected, "application/problem+json")
    assert found["hint"]
    assert response.headers.get("Allow") == ("GET, POST" if expected == 405 else None)


async def test_a_plugin_cannot_take_a_path_of_our_own(view: View) -> None:
    view.add_answer("GET", "", echo)
    view.answers[0] = view.answers[0]._replace(plugin="release", method="POST")
    async with admin_serving(view) as url:
        assert (await asked(url, "/plugins/release", "POST"))[1]["released"]


@pytest.mark.parametrize(
    ("error", "kind"), [(KeyError("hunter2"), "KeyError"), (SystemExit(3), "SystemExit")]
)
async def test_what_a_handler_raises_is_a_fault_of_the_plugin(
    view: View, error: BaseException, kind: str
) -> None:
    async def fail(_: Request, __: bytes) -> Reply:
        raise error

    view.add_answer("GET", "/x", fail)
    with logging_into(io.StringIO()) as out:
        async with admin_serving(view) as url:
            status, found, _ = await asked(url, "/plugins/echo/x")
    assert (status, found["detail"]) == (500, "The plugin echo failed.")
    assert view.watch.faults == [("provide_admin", kind)]
    assert "hunter2" not in out.getvalue() + str(found)


async def test_what_is_no_reply_is_a_fault_of_the_plugin(view: View) -> None:
    async def forget(_: Request, __: bytes) -> Any:
        return "hello"

    view.add_answer("GET", "/x", forget)
    async with admin_serving(view) as url:
        assert (await asked(url, "/plugins/echo/x"))[0] == 500
    assert view.watch.faults == [("provide_admin", "TypeError")]


async def test_a_plugin_may_refuse_without_a_fault(view: View) -> None:
    async def refuse(_: Request, __: bytes) -> Reply:
        raise Refused(problem_reply(400, "wanted: something else"))

    view.add_answer("GET", "/x", refuse)
    async with admin_serving(view) as url:
        status, found, _ = await asked(url, "/plugins/echo/x")
    assert (status, found["detail"]) == (400, "wanted: something else")
    assert view.watch.faults == []


async def test_a_plugin_that_does_not_answer_is_given_up(view: View) -> None:
    async def hang(_: Request, __: bytes) -> Reply:
        await asyncio.Event().wait()
        return Reply()

    view.add_answer("GET", "/x", hang)
    impatient = PluginAnswers(view, patience=0.01)
    caller = Caller("ops", Role.ADMIN)

    async def pass_on(request: web.Request) -> web.StreamResponse:
        return await impatient.answer(request, caller)

    app = web.Application()
    app.router.add_get("/plugins/echo/x", pass_on)
    async with TestServer(app) as server:
        status, found, _ = await asked(str(server.make_url("")).rstrip("/"), "/plugins/echo/x")
    assert status == 504
    assert "no answer within 0.01 seconds" in found["detail"]
    assert view.watch.faults == [("provide_admin", "TimeoutError")]


async def test_a_quarantined_plugin_is_not_called(view: View) -> None:
    guard = view.add_answer("GET", "/x", echo)
    guard.quarantined = "12 faults in 12 calls"
    async with admin_serving(view) as url:
        status, found, _ = await asked(url, "/plugins/echo/x")
    assert (status, guard.calls) == (503, 0)
    assert "12 faults in 12 calls" in found["detail"]
    assert "crossfade plugins release echo" in found["hint"]


async def test_a_quarantine_that_begins_meanwhile_is_no_fault(view: View) -> None:
    async def quarantined(_: Request, __: bytes) -> Reply:
        raise Quarantine("now")

    view.add_answer("GET", "/x", quarantined)
    async with admin_serving(view) as url:
        assert (await asked(url, "/plugins/echo/x"))[0] == 503
    assert view.watch.faults == []


async def test_a_large_body_is_refused_before_the_plugin_sees_it(view: View) -> None:
    guard = view.add_answer("POST", "/x", echo)
    async with admin_serving(view) as url:
        data = b"x" * (LARGEST_BODY + 1)
        assert (await asked(url, "/plugins/echo/x", "POST", data=data))[0] == 413
    assert guard.calls == 0


async def test_a_page_in_a_browser_cannot_ask_a_plugin_to_change_anything(view: View) -> None:
    guard = view.add_answer("POST", "/x", echo)
    async with admin_serving(view) as url:
        headers = {"Origin": "http://localhost:3000"}
        assert (await asked(url, "/plugins/echo/x", "POST", headers=headers))[0] == 403
    assert guard.calls == 0


async def test_an_answer_may_be_streamed(view: View) -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"one, "
            yield b"two"
        finally:
            closed.append(True)

    async def stream(_: Request, __: bytes) -> Reply:
        return Reply(200, {"Content-Type": "text/plain"}, pieces())

    view.add_answer("GET", "/x", stream)
    async with admin_serving(view) as url:
        status, found, response = await asked(url, "/plugins/echo/x")
    assert (status, found, response.content_type) == (200, b"one, two", "text/plain")
    assert closed == [True]


async def test_a_stream_that_fails_is_cut_so_that_the_caller_sees_it(view: View) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"one, "
        raise KeyError("two")

    async def stream(_: Request, __: bytes) -> Reply:
        return Reply(200, {}, pieces())

    view.add_answer("GET", "/x", stream)
    async with admin_serving(view) as url:
        with pytest.raises(aiohttp.ClientError):
            await asked(url, "/plugins/echo/x")
    assert view.watch.faults == [("provide_admin", "KeyError")]


async def test_an_answer_without_a_body_has_none(view: View) -> None:
    async def nothing(_: Request, __: bytes) -> Reply:
        return Reply(204)

    view.add_answer("DELETE", "/x", nothing)
    async with admin_serving(view) as url:
        assert (await asked(url, "/plugins/echo/x", "DELETE"))[:2] == (204, b"")


async def test_the_plugins_of_this_moment_answer(view: View) -> None:
    server = await start_admin(Admin.model_validate({"listen": "127.0.0.1:0"}), view)
    url = "http://{}:{}".format(*server.addresses[0])
    assert (await asked(url, "/plugins/echo/x"))[0] == 404
    view.add_answer("GET", "/x", echo)
    assert (await asked(url, "/plugins/echo/x"))[0] == 200
    await server.close()


def test_a_plugin_has_less_time_than_a_command_waits() -> None:
    assert admin_plugins.PATIENCE_SECONDS < PATIENCE_SECONDS
