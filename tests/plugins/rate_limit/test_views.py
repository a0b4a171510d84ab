"""How limits stand, for users, administrators and operators."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest

from plugins.rate_limit.views import GLOBAL, ME, USERS
from proxy.api import Reply
from proxy.api.testing import Isolated, request
from tests.plugins.rate_limit.limited import MINUTE, PER_USER, limited, limits_of, of, statuses

ADMIN = {"role": "ADMIN"}
RULES = {
    "one": PER_USER,
    "fan": {"scope": ["user", "recipient"], "windows": [MINUTE]},
    "all": {"windows": [{"limit": 9, "per": "1s"}]},
}


async def ask(
    plugin: Isolated,
    path: str,
    user: str | None = "ann",
    attributes: Mapping[str, str] | None = None,
    **query: str,
) -> Reply:
    asked = request(
        "GET",
        path,
        query=urlencode(query),
        key=user,
        verified=user is not None,
        attributes=attributes,
    )
    return await plugin.endpoints["GET", path](asked, b"")


async def operate(plugin: Isolated, path: str, method: str = "GET", **said: Any) -> Reply:
    query = urlencode(said) if method == "GET" else ""
    body = orjson.dumps(said) if method == "POST" else b""
    asked = request(method, path, query=query, key="ops", verified=True)
    return await plugin.admin[method, path](asked, body)


def windows(reply: Reply) -> dict[str, int]:
    assert reply.status == 200, reply.body
    said = reply.json()
    return {one["policy"]: one["remaining"] for one in said.get("data", said)["windows"]}


# Users


async def test_users_see_their_own_limits_and_take_nothing_by_looking() -> None:
    async with limited(rules=RULES) as plugin:
        await limits_of(plugin).take({"user": "ann", "recipient": "fan-1"})
        for _ in range(2):
            reply = await ask(plugin, ME)
            assert reply.headers.get("cache-control") == "no-store"
            assert reply.json()["success"] is True
            assert reply.json()["data"]["userId"] == "ann"
            assert windows(reply) == {"one": 2, "all": 8}


async def test_a_window_is_shown_with_all_that_belongs_to_it() -> None:
    async with limited() as plugin:
        await limits_of(plugin).take({"user": "ann"})
        await plugin.clock.jump(0.5)
        assert (await ask(plugin, ME)).json()["data"]["windows"] == [
            {
                "policy": "one",
                "rule": "one",
                "limit": 3,
                "unit": "requests",
                "seconds": 60.0,
                "remaining": 2,
                "reset": 60,
                "resetAt": "2025-06-15T15:07:40.000Z",
            }
        ]


async def test_an_untouched_window_has_nothing_to_reset() -> None:
    async with limited() as plugin:
        (window,) = (await ask(plugin, ME)).json()["data"]["windows"]
        assert (window["reset"], window["resetAt"]) == (0, None)


async def test_users_may_ask_about_a_recipient_and_a_type() -> None:
    async with limited(rules=RULES, rule_sets=("onlyfans",)) as plugin:
        facts = {"user": "ann", "recipient": "fan-1", "message_type": "welcome"}
        await limits_of(plugin).take(facts)
        found = windows(await ask(plugin, ME, recipientId="fan-1", messageType="welcome"))
        assert (found["fan"], found["onlyfans-welcome"]) == (2, 19)
        assert found["onlyfans-recipients"] == 49
        assert windows(await ask(plugin, ME, recipientId="fan-2"))["fan"] == 3


async def test_a_limit_of_a_tier_is_that_of_the_callers() -> None:
    vip = PER_USER | {"when": {"facts": {"tier": ["vip"]}}}
    async with limited(rules={"one": PER_USER, "vip": vip}) as plugin:
        assert windows(await ask(plugin, ME, attributes={"tier": "VIP"})) == {"one": 3, "vip": 3}
        assert windows(await ask(plugin, ME)) == {"one": 3}


@pytest.mark.parametrize("path", [ME, USERS, GLOBAL])
async def test_who_is_nobody_is_told_so(path: str) -> None:
    async with limited() as plugin:
        reply = await ask(plugin, path, None)
        assert (reply.status, reply.json()) == (401, {"error": "Authentication required"})
        assert reply.headers.get("www-authenticate") == "Bearer"


@pytest.mark.parametrize("path", [USERS, GLOBAL])
async def test_others_and_all_are_for_administrators(path: str) -> None:
    async with limited() as plugin:
        reply = await ask(plugin, path, userId="bob")
        assert (reply.status, reply.json()) == (403, {"error": "Admin privileges required"})


async def test_administrators_see_the_limits_of_a_user_and_those_that_all_share() -> None:
    async with limited(rules=RULES) as plugin:
        await limits_of(plugin).take({"user": "bob"})
        bob = await ask(plugin, USERS, "root", ADMIN, userId="bob")
        assert bob.json()["data"]["userId"] == "bob"
        assert windows(bob) == {"one": 2, "all": 8}
        assert windows(await ask(plugin, GLOBAL, "root", ADMIN)) == {"all": 8}


QUERIES: list[tuple[str, dict[str, str], str]] = [
    (
        ME,
        {"userId": "bob"},
        "'userId' is no parameter: the query knows recipientId, messageType, and nothing else",
    ),
    (ME, {"recipientId": ""}, "recipientId has 1 to 256 characters"),
    (ME, {"recipientId": "x" * 257}, "recipientId has 1 to 256 characters"),
    (ME, {str(number): "x" for number in range(21)}, "the query has more than 20 parts"),
    (USERS, {}, "userId has to be there: whose limits?"),
    (GLOBAL, {"x": "y"}, "'x' is no parameter: the query knows nothing"),
]


@pytest.mark.parametrize(("path", "query", "says"), QUERIES)
async def test_a_query_that_cannot_be_answered_is_told_why(
    path: str, query: dict[str, str], says: str
) -> None:
    async with limited() as plugin:
        reply = await ask(plugin, path, "root", ADMIN, **query)
        assert reply.status == 400
        assert reply.json()["error"] == says


@pytest.mark.parametrize("path", [ME, USERS, GLOBAL])
async def test_browsers_may_ask_whether_they_may(path: str) -> None:
    async with limited() as plugin:
        reply = await plugin.endpoints["OPTIONS", path](request("OPTIONS", path), b"")
        assert (reply.status, reply.body) == (200, b"")
        assert reply.headers.get("access-control-allow-methods") == "GET, OPTIONS"


# Operators


async def test_each_request_of_an_operator_has_its_role() -> None:
    async with limited() as plugin:
        assert plugin.admin.roles == {
            ("GET", "/rules"): "viewer",
            ("GET", "/global"): "viewer",
            ("GET", "/user"): "operator",
            ("GET", "/violations"): "operator",
            ("POST", "/clear"): "operator",
        }


async def test_rules_are_listed_as_they_count() -> None:
    slots = {"concurrency": 4, "lease": "30s", "when": {"methods": ["POST"]}}
    async with limited(rules={"one": PER_USER, "slots": slots}) as plugin:
        one, other = (await operate(plugin, "/rules")).json()["rules"]
        assert one == {
            "rule": "one",
            "scope": ["user"],
            "counts": "log",
            "unit": "requests",
            "windows": [{"policy": "one", "limit": 3, "per": "1m"}],
            "when": {},
            "action": "reject",
            "onStoreError": "local",
        }
        assert (other["concurrency"], other["lease"], "windows" in other) == (4, "30s", False)
        assert other["when"] == {"methods": ["POST"]}


async def test_operators_see_a_users_limits_with_whatever_else_is_known() -> None:
    async with limited(rules=RULES) as plugin:
        await limits_of(plugin).take({"user": "ann", "recipient": "fan-1"})
        assert windows(await operate(plugin, "/user", id="ann")) == {"one": 2, "all": 8}
        both = await operate(plugin, "/user", id="ann", recipient="fan-1")
        assert windows(both) == {"one": 2, "fan": 2, "all": 8}
        assert windows(await operate(plugin, "/global")) == {"all": 8}
        assert (await operate(plugin, "/user")).status == 400


async def test_violations_are_listed_the_latest_first() -> None:
    async with limited() as plugin:
        for user in ("ann", "bob"):
            await statuses(plugin, *[of(user)] * 5)
        found = (await operate(plugin, "/violations")).json()["violations"]
        assert [(one["rule"], one["user"], one["hour"]) for one in found] == [
            ("one", "bob", 2),
            ("one", "ann", 2),
        ]
        assert found[0]["last"] == "2025-06-15T15:06:40.000Z"
        assert len((await operate(plugin, "/violations", limit=1)).json()["violations"]) == 1


@pytest.mark.parametrize("limit", ["0", "1001", "x", "-1", "000000001" + "0" * 20, "9" * 5000])
async def test_a_list_has_a_length(limit: str) -> None:
    async with limited() as plugin:
        assert (await operate(plugin, "/violations", limit=limit)).status == 400


async def test_what_a_rule_has_counted_of_a_user_can_be_forgotten() -> None:
    async with limited(rules=RULES) as plugin:
        for user in ("ann", "bob"):
            await limits_of(plugin).take({"user": user})
        reply = await operate(plugin, "/clear", "POST", rule="one", facts={"user": "ann"})
        assert reply.json() == {"cleared": "one"}
        assert windows(await operate(plugin, "/user", id="ann"))["one"] == 3
        assert windows(await operate(plugin, "/user", id="bob"))["one"] == 2
        (line,) = plugin.services.logged("limits_cleared")
        assert (line["rule"], line["by"], "ann" in str(line)) == ("one", "ops", False)


UNCLEAR: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "Send {"),
    ({"rule": "one"}, 400, "Send {"),
    ({"rule": 1, "facts": {}}, 400, "Send {"),
    ({"rule": "one", "facts": ["user"]}, 400, "Send {"),
    ({"rule": "one", "facts": {"user": 7}}, 400, "Send {"),
    ({"rule": "none", "facts": {}}, 404, "there are one, fan, all"),
    ({"rule": "fan", "facts": {"user": "ann"}}, 400, "Rule fan counts by recipient"),
]


@pytest.mark.parametrize(("said", "status", "says"), UNCLEAR)
async def test_what_cannot_be_forgotten_is_told_why(
    said: dict[str, Any], status: int, says: str
) -> None:
    async with limited(rules=RULES) as plugin:
        reply = await operate(plugin, "/clear", "POST", **said)
        assert reply.status == status
        assert says in reply.json()["detail"]


async def test_a_body_that_is_no_json_clears_nothing() -> None:
    async with limited() as plugin:
        for body in (b"", b"[1]", b"{", b"null"):
            asked = request("POST", "/clear", key="ops", verified=True)
            assert (await plugin.admin["POST", "/clear"](asked, body)).status == 400
