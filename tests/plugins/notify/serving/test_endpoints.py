"""The v2 API of alerts: administrators see all, users their own."""

from typing import Any

import pytest

from plugins.notify.paths import ALERTS
from proxy.api.alerts import AlertsList
from proxy.api.endpoints import iso
from tests.kit.running import free_port
from tests.plugins.notify.telling import Telling, alert, asks, telling


async def three(on: Telling) -> None:
    on.raised(alert("for_all", severity="critical"))
    on.raised(alert("for_ann", user="ann", key="1"))
    on.raised(alert("for_bob", user="bob", key="2", severity="info"))
    await on.stored()


async def listed(on: Telling, query: str = "", user: str = "ann", admin: bool = False) -> Any:
    reply = await on.ask(asks(query=query, user=user, admin=admin))
    assert reply.status == 200, reply.body
    return reply.json()["data"]["alerts"]


async def test_administrators_see_all_and_users_their_own() -> None:
    async with telling() as on:
        await three(on)
        found = {one["name"] for one in await listed(on, admin=True)}
        assert found == {"for_all", "for_ann", "for_bob"}
        assert [one["name"] for one in await listed(on)] == ["for_ann"]
        assert [one["name"] for one in await listed(on, user="eve")] == []


async def test_an_alert_is_shown_as_it_stands() -> None:
    async with telling() as on:
        on.raised(alert("for_ann", user="ann"))
        await on.stored()
        at = iso(on.plugin.clock.now())
        [one] = await listed(on)
        made = one.pop("id")
        assert one == {
            "name": "for_ann",
            "subject": "queue",
            "text": "Something is wrong.",
            "severity": "warning",
            "userId": "ann",
            "raisedAt": at,
            "lastRaisedAt": at,
            "times": 1,
            "resolved": False,
            "acknowledged": False,
        }
        on.raised(alert("for_ann", user="ann", resolves=True))
        await on.stored()
        [one] = await listed(on)
        assert (one["id"], one["resolved"], one["endedAt"]) == (made, True, at)


async def test_what_is_asked_for_is_listed() -> None:
    async with telling() as on:
        await three(on)
        [critical] = await listed(on, "severity=critical", admin=True)
        await on.ask(asks("POST", f"{ALERTS}/{critical['id']}/acknowledge", admin=True))
        for query, count in {
            "": 3,
            "acknowledged=all": 3,
            "acknowledged=true": 1,
            "acknowledged=false": 2,
            "limit=2": 2,
            f"since={iso(on.plugin.clock.now())}": 3,
            f"since={iso(on.plugin.clock.now() + 1)}": 0,
        }.items():
            assert len(await listed(on, query, admin=True)) == count, query


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("severity=fatal", "severity: one of info, warning, critical"),
        ("acknowledged=maybe", "acknowledged: one of all, true, false"),
        ("since=yesterday", "since: a time such as"),
        ("limit=1001", "limit: a whole number from 1 to 1000"),
        ("limit=0", "limit: a whole number"),
        ("page=2", "the query knows severity, acknowledged, since, limit"),
        ("limit=1&limit=2", "twice"),
    ],
)
async def test_what_is_wrong_with_a_query_is_told(query: str, says: str) -> None:
    async with telling() as on:
        reply = await on.ask(asks(query=query))
        assert (reply.status, reply.json()["code"]) == (400, "VALIDATION_ERROR")
        assert says in reply.json()["error"]


async def test_all_that_is_wrong_is_told_at_once() -> None:
    async with telling() as on:
        reply = await on.ask(asks(query="severity=x&limit=x"))
        assert len(reply.json()["details"]) == 2


async def test_who_knows_of_an_alert_is_noted_and_told_to_administrators() -> None:
    async with telling() as on:
        await three(on)
        [own] = await listed(on)
        path = f"{ALERTS}/{own['id']}/acknowledge"
        assert (await on.ask(asks("POST", path, user="bob"))).status == 404
        reply = await on.ask(asks("POST", path))
        assert reply.json()["data"]["acknowledged"] is True
        assert "acknowledgedBy" not in reply.json()["data"]
        reply = await on.ask(asks("POST", path, user="boss", admin=True))
        assert reply.json()["data"]["acknowledgedBy"] == "ann"


@pytest.mark.parametrize("below", ["x/acknowledge", "x", "x/y/z", "x/resolve"])
async def test_what_is_not_there_is_not_found(below: str) -> None:
    async with telling() as on:
        reply = await on.ask(asks("POST", f"{ALERTS}/{below}", admin=True))
        assert (reply.status, reply.json()["code"]) == (404, "NOT_FOUND")


async def test_nobody_is_shown_anything_unless_somebody_vouches_for_them() -> None:
    async with telling() as on:
        for asked in (asks(user=None), asks("POST", f"{ALERTS}/x/acknowledge", user=None)):
            reply = await on.ask(asked)
            assert (reply.status, reply.json()["error"]) == (401, "Authentication required")


async def test_browsers_are_told_what_they_may_ask() -> None:
    async with telling() as on:
        reply = await on.ask(asks("OPTIONS"))
        assert reply.status == 200
        assert reply.headers.get("Access-Control-Allow-Methods") == "GET, OPTIONS"
        assert (await on.ask(asks("OPTIONS", f"{ALERTS}/x/acknowledge"))).status == 200


async def test_a_method_that_there_is_not_is_told_with_those_that_there_are() -> None:
    async with telling() as on:
        await three(on)
        [own] = await listed(on)
        below = f"{ALERTS}/{own['id']}/acknowledge"
        for method, path, allow in (
            ("DELETE", ALERTS, "GET, HEAD, OPTIONS"),
            ("GET", below, "POST, OPTIONS"),
            ("HEAD", below, "POST, OPTIONS"),
        ):
            reply = await on.ask(asks(method, path))
            told = (reply.status, reply.headers.get("Allow"), reply.json()["code"])
            assert told == (405, allow, "METHOD_NOT_ALLOWED")
        assert (await on.ask(asks("HEAD"))).status == 200
        assert (await on.ask(asks("GET", f"{ALERTS}/{own['id']}"))).status == 404


async def test_a_store_that_is_away_is_a_503() -> None:
    async with telling({"store": f"redis://127.0.0.1:{free_port()}/0"}) as on:
        reply = await on.ask(asks(admin=True))
        assert (reply.status, reply.headers.get("Retry-After")) == (503, "5")


async def test_other_plugins_see_the_same_list() -> None:
    async with telling() as on:
        await three(on)
        shared = on.plugin.services.shared(AlertsList)
        assert shared is not None
        assert [one.name for one in await shared.list("bob")] == ["for_bob"]
        with pytest.raises(ValueError, match="one of info"):
            await shared.list(None, severity="fatal")
        assert await shared.acknowledge("x", "mia") is None
