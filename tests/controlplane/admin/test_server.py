"""The admin listener, asked over a real socket."""

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from proxy.config.models import Admin
from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.server import LARGEST_BODY, ROUTES, AdminServer, start_admin
from proxy.controlplane.admin.serving import SERVING_ROUTES
from proxy.controlplane.status import ReloadOutcome
from tests.controlplane.admin_asking import SECRETS, TOKENS, Asked
from tests.controlplane.admin_view import View, serve_some
from tests.controlplane.log_lines import logging_into


async def test_a_living_process_is_healthy_even_when_it_is_not_ready(
    ask: Asked, view: View
) -> None:
    view.is_ready = (False, "draining")
    assert (await ask("/healthz"))[:2] == (200, {"status": "ok"})


async def test_readiness_is_told_with_its_reason(ask: Asked, view: View) -> None:
    assert (await ask("/readyz"))[:2] == (200, {"ready": True, "reason": "serving"})
    view.is_ready = (False, "draining")
    assert (await ask("/readyz"))[:2] == (503, {"ready": False, "reason": "draining"})


async def test_status_tells_what_serves_and_how_it_does(ask: Asked, view: View) -> None:
    serve_some(view.accounting)
    view.problems = ("config.yaml:3:1 listen: wrong",)
    status, found, _ = await ask("/status")
    assert status == 200
    assert found["config"]["problems"] == ["config.yaml:3:1 listen: wrong"]
    assert found["rollouts"][0]["percentage"] == 12.5
    assert [one["state"] for one in found["endpoints"]] == ["up", "ejected"]
    assert found["requests"]["total"] == 5
    assert found["requests"]["faults"]["upstream_refused"] == 1
    new = next(one for one in found["requests"]["routes"] if one["arm"] == "new")
    assert (new["route"], new["requests"], new["errors"]) == ("campaigns", 2, 1)
    assert 10 < new["p50_ms"] <= new["p99_ms"] <= 25


async def test_metrics_come_in_the_format_that_was_asked_for(ask: Asked) -> None:
    _, text, response = await ask("/metrics")
    assert response.headers["Content-Type"].startswith("text/plain; version=")
    assert "crossfade_generation 3.0" in text
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
    _, text, response = await ask("/metrics", headers=accept)
    assert response.headers["Content-Type"].startswith("application/openmetrics-text")
    assert text.endswith("# EOF\n")


async def test_a_fault_of_ours_is_a_problem_without_its_inside(ask: Asked, view: View) -> None:
    view.broken = True
    with logging_into(io.StringIO()) as out:
        status, found, response = await ask("/reload", "POST")
    assert (status, response.content_type) == (500, "application/problem+json")
    assert "hunter2" not in str(found)
    assert "admin_failed" in out.getvalue()


async def test_a_reload_goes_on_when_the_caller_leaves(ask: Asked, view: View) -> None:
    entered, leave, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(**_: object) -> ReloadOutcome:
        entered.set()
        await leave.wait()
        done.set()
        return view.outcome

    view.reload = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(ask("/reload", "POST"))
    async with asyncio.timeout(20):
        await entered.wait()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        leave.set()
        await done.wait()
    assert done.is_set()


async def serving_here(view: View) -> tuple[AdminServer, str]:
    server = await start_admin(Admin.model_validate({"listen": "127.0.0.1:0"}), view)
    return server, "http://{}:{}".format(*server.addresses[0])


async def test_a_reload_that_moves_the_listener_is_answered_by_the_old_one(view: View) -> None:
    server, url = await serving_here(view)

    async def moving(**_: object) -> ReloadOutcome:
        await server.retire()
        return view.outcome

    view.reload = moving  # type: ignore[method-assign]
    async with aiohttp.ClientSession() as session:
        ask = Asked(session, url)
        assert (await ask("/reload", "POST"))[0] == 200
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(url + "/healthz")
    await server.close()


async def test_a_reload_is_finished_even_when_the_listener_is_closed_meanwhile(view: View) -> None:
    server, url = await serving_here(view)
    entered, done = asyncio.Event(), asyncio.Event()

    async def closing(**_: object) -> ReloadOutcome:
        entered.set()
        await server.close()
        done.set()
        return view.outcome

    view.reload = closing  # type: ignore[method-assign]
    server._runner._shutdown_timeout = 0.01
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(url + "/reload")
    async with asyncio.timeout(20):
        await done.wait()
    assert entered.is_set()


async def test_other_tokens_count_at_once_on_a_connection_that_is_open(view: View) -> None:
    server, url = await serving_here(view)
    async with aiohttp.ClientSession() as session:
        ask = Asked(session, url)
        assert (await ask("/status"))[0] == 200
        server.allow(Admin.model_validate({"tokens": TOKENS}).tokens)
        assert (await ask("/status"))[0] == 401
        headers = {"Authorization": f"Bearer {SECRETS['viewer']}"}
        assert (await ask("/status", headers=headers))[0] == 200
    await server.close()


@pytest.mark.parametrize("route", SERVING_ROUTES, ids=lambda route: route.path)
@pytest.mark.parametrize("role", [None, *Role])
async def test_each_token_opens_what_its_role_may(
    ask_with_tokens: Asked, route: Any, role: Role | None
) -> None:
    secret = SECRETS[role.name.lower()] if role else None
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    body = {"generation": 2} if route.path == "/config/rollback" else {}
    status, found, response = await ask_with_tokens(
        route.path, route.method, headers=headers, json=body
    )
    if route.needs is None or (role is not None and role >= route.needs):
        assert status == 200
    else:
        assert status == (401 if role is None else 403)
        assert response.content_type == "application/problem+json"
        assert found["hint"]
        assert ("WWW-Authenticate" in response.headers) == (role is None)


async def test_a_wrong_token_is_refused_and_not_logged(ask_with_tokens: Asked) -> None:
    with logging_into(io.StringIO()) as out:
        status, _, _ = await ask_with_tokens("/status", headers={"Authorization": "Bearer hunter2"})
    assert status == 401
    assert "admin_refused" in out.getvalue()
    assert "hunter2" not in out.getvalue()


async def test_a_malformed_request_is_refused_and_its_bytes_are_not_logged(
    ask_with_tokens: Asked,
) -> None:
    host, port = ask_with_tokens.url.removeprefix("http://").split(":")
    with logging_into(io.StringIO(), level="debug") as out:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /status HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer hunter2\x00\r\n\r\n"
        )
        answer = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        await writer.wait_closed()
    assert answer.split(b" ")[1] == b"400"
    assert "hunter2" not in out.getvalue()


async def test_a_name_that_was_rebound_to_this_machine_is_refused_without_tokens(
    ask: Asked,
) -> None:
    headers = {"Host": "evil.example:9090"}
    for route in ROUTES:
        status, _, _ = await ask(route.path, route.method, headers=headers)
        assert status == 403


async def test_a_page_in_a_browser_cannot_reload_without_tokens(ask: Asked, view: View) -> None:
    status, _, _ = await ask("/reload", "POST", headers={"Origin": "http://localhost:3000"})
    assert (status, view.reloads) == (403, 0)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/", 404),
        ("GET", "/status/", 404),
        ("GET", "/reload", 405),
        ("POST", "/status", 405),
    ],
)
async def test_what_is_not_offered_says_what_is(
    ask: Asked, method: str, path: str, expected: int
) -> None:
    status, found, response = await ask(path, method)
    assert (status, response.content_type) == (expected, "application/problem+json")
    assert "POST /reload" in found["hint"]
    assert ("Allow" in response.headers) == (expected == 405)


async def test_without_a_token_nobody_learns_what_exists(ask_with_tokens: Asked) -> None:
    assert (await ask_with_tokens("/no-such-thing"))[0] == 401


@pytest.mark.parametrize("chunked", [True, False])
async def test_a_large_body_is_refused(ask: Asked, view: View, *, chunked: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b"x" * (LARGEST_BODY + 1)

    data = body() if chunked else b"x" * (LARGEST_BODY + 1)
    status, _, _ = await ask("/reload", "POST", data=data)
    assert (status, view.reloads) == (413, 0)


async def test_answers_are_not_kept_and_do_not_tell_the_library(ask: Asked) -> None:
    _, _, response = await ask("/status")
    assert response.headers["Cache-Control"] == "no-store"
    assert "Server" not in response.headers


async def test_an_address_that_is_taken_is_an_error_at_once(ask: Asked) -> None:
    taken = Admin.model_validate({"listen": ask.url.removeprefix("http://")})
    with pytest.raises(OSError, match="address already in use"):
        await start_admin(taken, View())
