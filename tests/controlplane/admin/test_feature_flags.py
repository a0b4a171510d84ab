"""The legacy application's feature-flag API, spoken to the rollouts that decide."""

import asyncio
from typing import Any

import pytest

from proxy.controlplane.rollouts.authority import Actor, Effects, Rollouts
from proxy.core import commands
from proxy.core.rollout_state import RolloutState
from proxy.stores.memory import MemoryStore
from tests.controlplane.admin_asking import Asked, by
from tests.controlplane.admin_view import NOW, InForce, View

pytestmark = pytest.mark.usefixtures("rollouts")

FLAGS = "/api/admin/feature-flags"
FLAG = f"{FLAGS}/hybrid"
OPERATOR = Actor("somebody", "operator")
AUTOMATION = Actor("auto_rollback", "automation")


async def told(rollouts: Rollouts, *asked: Any, actor: Actor = OPERATOR) -> RolloutState:
    """Change `hybrid` behind the back of the API."""
    for command in asked:
        await rollouts.change("hybrid", command, actor, "before the test")
    return rollouts.state("hybrid")


async def acting(ask: Asked, action: str, **more: Any) -> tuple[int, Any]:
    status, found, _ = await ask(FLAG, "POST", json={"action": action, **more})
    return status, found


# reading


async def test_all_flags_are_shown_by_name(ask: Asked) -> None:
    status, found, _ = await ask(FLAGS)
    assert (status, found["success"], found["data"]["total"]) == (200, True, 2)
    configs = [one["config"] for one in found["data"]["flags"]]
    assert [one["name"] for one in configs] == ["hybrid", "sleeping"]
    assert [one["enabled"] for one in configs] == [True, False]
    assert [one["rolloutPercentage"] for one in configs] == [5, 50]


async def test_one_flag_is_shown_with_its_version_as_its_tag(
    ask: Asked, rollouts: Rollouts
) -> None:
    status, found, response = await ask(FLAG)
    version = rollouts.state("hybrid").version
    assert (status, found["success"], found["data"]["feature"]) == (200, True, "hybrid")
    assert (found["data"]["version"], response.headers["ETag"]) == (version, f'"{version}"')


async def test_keys_are_shown_to_operators_alone(ask_with_tokens: Asked) -> None:
    for role, keys in (("viewer", []), ("operator", ["ann"])):
        _, found, _ = await ask_with_tokens(FLAG, headers=by(role))
        assert found["data"]["config"]["userWhitelist"] == keys
        assert found["data"]["whitelistCount"] == 1
        _, found, _ = await ask_with_tokens(FLAGS, headers=by(role))
        assert found["data"]["flags"][0]["config"]["userWhitelist"] == keys


# changing


async def test_a_percentage_is_changed_in_force_in_the_store_and_in_the_audit(
    ask_with_tokens: Asked, rollouts: Rollouts, in_force: InForce
) -> None:
    body = {"rolloutPercentage": 25, "reason": "looks good"}
    status, found, _ = await ask_with_tokens(FLAG, "PUT", json=body, headers=by("operator"))
    data = found["data"]
    assert (status, data["config"]["rolloutPercentage"]) == (200, 25)
    assert data["previousConfig"]["rolloutPercentage"] == 5
    assert data["newConfig"] == data["config"]
    assert in_force.states["hybrid"].percentage == 25
    (entry, *_) = await rollouts.audit(rollout="hybrid")
    assert (entry.actor, entry.role, entry.reason) == ("a-operator", "operator", "looks good")


async def test_what_is_left_out_stays_as_it_is(ask: Asked, rollouts: Rollouts) -> None:
    before = rollouts.state("hybrid")
    for path, body in (
        (FLAG, {}),
        (FLAGS, {"name": "hybrid"}),
        (FLAG, {"userBlacklist": ["eve"]}),
        (FLAG, {"userBlacklist": []}),
    ):
        status, _, _ = await ask(path, "PUT", json=body)
        assert status == 200
    after = rollouts.state("hybrid")
    assert (after.percentage, after.whitelist, after.blacklist, after.killed) == (
        before.percentage,
        before.whitelist,
        frozenset(),
        None,
    )


@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_the_collection_changes_the_flag_that_the_body_names(
    ask: Asked, rollouts: Rollouts, method: str
) -> None:
    status, found, _ = await ask(FLAGS, method, json={"name": "hybrid", "rolloutPercentage": 7})
    assert (status, found["data"]["feature"]) == (200, "hybrid")
    assert rollouts.state("hybrid").percentage == 7
    status, found, _ = await ask(FLAGS, method, json={"name": "hybird", "rolloutPercentage": 7})
    assert (status, found["success"], found["hint"]) == (404, False, "did you mean hybrid?")
    status, found, _ = await ask(FLAGS, method, json={"rolloutPercentage": 7})
    assert (status, found["success"]) == (400, False)


async def test_a_list_is_replaced_by_the_one_that_is_sent(ask: Asked, rollouts: Rollouts) -> None:
    body = {"userWhitelist": ["bob", " ann "], "userBlacklist": ["eve"]}
    assert (await ask(FLAG, "PUT", json=body))[0] == 200
    state = rollouts.state("hybrid")
    assert state.whitelist == {"ann", "bob"}
    assert state.blacklist == {"eve"}
    body = {"userWhitelist": ["eve"], "userBlacklist": []}
    status, found, _ = await ask(FLAG, "PUT", json=body)
    assert (status, found["data"]["config"]["userWhitelist"]) == (200, ["eve"])
    status, found, _ = await ask(FLAG, "PUT", json={"userBlacklist": ["eve"]})
    assert (status, found["success"]) == (409, False)


async def test_what_was_read_can_be_written_back(ask: Asked, rollouts: Rollouts) -> None:
    config = (await ask(FLAG))[1]["data"]["config"]
    before = rollouts.state("hybrid").version
    assert (await ask(FLAG, "PUT", json=config))[0] == 200
    assert rollouts.state("hybrid").version == before
    config["rolloutPercentage"] = 6
    assert (await ask(FLAG, "PUT", json=config))[0] == 200
    assert rollouts.state("hybrid").percentage == 6


@pytest.mark.parametrize(
    "body",
    [
        {"rolloutPercentage": "25"},
        {"rolloutPercentage": 101},
        {"rolloutPercentage": -1},
        {"rolloutPercentage": 1.2345},
        {"rolloutPercentage": None},
        {"rolloutPercentage": True},
        {"enabled": "yes"},
        {"enabled": None},
        {"userWhitelist": None},
        {"userWhitelist": "ann"},
        {"userWhitelist": [""]},
        {"userWhitelist": [7]},
        {"percentage": 5},
        {"reason": ""},
        {"name": "sleeping"},
        [],
    ],
)
async def test_a_body_that_does_not_fit_changes_nothing(
    ask: Asked, rollouts: Rollouts, body: Any
) -> None:
    before = rollouts.state("hybrid")
    status, found, response = await ask(FLAG, "PUT", json=body)
    assert (status, found["success"], response.content_type) == (400, False, "application/json")
    assert found["error"]
    assert found["hint"]
    assert rollouts.state("hybrid") == before


@pytest.mark.parametrize(
    "body", [{"conditions": {"userTier": ["pro"]}}, {"rollbackTriggers": {"latencyThreshold": 1}}]
)
async def test_what_the_configuration_says_is_refused_with_a_hint_at_the_file(
    ask: Asked, rollouts: Rollouts, body: dict[str, Any]
) -> None:
    status, found, _ = await ask(FLAG, "PUT", json=body | {"rolloutPercentage": 50})
    assert (status, found["success"]) == (409, False)
    assert "file" in found["hint"]
    assert rollouts.state("hybrid").percentage == 5


async def test_a_change_of_what_somebody_else_has_changed_meanwhile_is_refused(
    ask: Asked, rollouts: Rollouts
) -> None:
    seen = (await ask(FLAG))[2].headers["ETag"]
    await told(rollouts, commands.SetPercentage(8.0))
    for body in ({"rolloutPercentage": 50}, {}):
        status, found, _ = await ask(FLAG, "PUT", json=body, headers={"If-Match": seen})
        assert (status, found["success"], found["current"]["percentage"]) == (412, False, 8)
    status, found = await acting(ask, "increase")
    assert (status, found["data"]["newConfig"]["rolloutPercentage"]) == (200, 18)


# enabling and disabling


async def test_disabling_kills_and_enabling_takes_that_back(ask: Asked, rollouts: Rollouts) -> None:
    status, found = await acting(ask, "disable", reason="orders are lost")
    assert (status, found["data"]["config"]["enabled"]) == (200, False)
    killed = rollouts.state("hybrid").killed
    assert killed is not None
    assert killed.why == "orders are lost"
    status, found = await acting(ask, "enable")
    assert (status, found["data"]["config"]["enabled"]) == (200, True)
    assert found["data"]["previousConfig"]["enabled"] is False
    assert rollouts.state("hybrid").killed is None
    for enabled in (False, True):
        _, found, _ = await ask(FLAG, "PUT", json={"enabled": enabled})
        assert found["data"]["config"]["enabled"] is enabled


async def test_to_enable_needs_an_admin(ask_with_tokens: Asked, rollouts: Rollouts) -> None:
    await told(rollouts, commands.Kill())
    headers = by("operator")
    for method, body in (
        ("POST", {"action": "enable"}),
        ("PUT", {"enabled": True, "rolloutPercentage": 3}),
    ):
        status, found, _ = await ask_with_tokens(FLAG, method, json=body, headers=headers)
        assert (status, found["error"]) == (403, "Insufficient permissions")
        assert "admin" in found["hint"]
    state = rollouts.state("hybrid")
    assert (state.killed is not None, state.percentage) == (True, 5)
    body = {"enabled": True, "rolloutPercentage": 30}
    status, found, _ = await ask_with_tokens(FLAG, "PUT", json=body, headers=by("admin"))
    assert (status, found["data"]["newConfig"]["rolloutPercentage"]) == (200, 30)


async def test_a_kill_comes_before_a_percentage_that_it_forbids(
    ask: Asked, rollouts: Rollouts
) -> None:
    status, found, _ = await ask(FLAG, "PUT", json={"enabled": False, "rolloutPercentage": 50})
    assert (status, found["success"]) == (409, False)
    state = rollouts.state("hybrid")
    assert (state.killed, state.percentage) == (None, 5)
    status, _, _ = await ask(FLAG, "PUT", json={"enabled": False, "rolloutPercentage": 1})
    state = rollouts.state("hybrid")
    assert (status, state.killed is not None, state.percentage) == (200, True, 1)


async def test_what_the_file_has_disabled_is_enabled_in_the_file(ask: Asked) -> None:
    status, found, _ = await ask(f"{FLAGS}/sleeping", "POST", json={"action": "enable"})
    assert (status, found["success"]) == (409, False)
    assert "file" in found["hint"]


async def test_a_rollback_is_not_taken_off_by_enabling(ask: Asked, rollouts: Rollouts) -> None:
    await told(rollouts, commands.Brake(), actor=AUTOMATION)
    shown = (await ask(FLAG))[1]["data"]
    assert (shown["standing"], shown["config"]["rolloutPercentage"]) == ("rolled_back", 0)
    for action in ("enable", "increase"):
        status, found = await acting(ask, action)
        assert (status, found["success"]) == (409, False)
        assert found["hint"]
    assert rollouts.state("hybrid").rolled_back is not None


async def test_what_the_environment_kills_is_not_enabled_here(ask: Asked, view: View) -> None:
    effects = Effects(lambda _: None, lambda _: None, lambda _: None)
    killed = Rollouts(MemoryStore(lambda: NOW), effects, {"CROSSFADE_KILL": "1"}, lambda: NOW)
    await killed.open(view.config)
    view.opened = killed
    status, found = await acting(ask, "enable")
    await killed.close()
    assert (status, "CROSSFADE_KILL" in found["error"]) == (409, True)


# actions


async def test_steps_go_up_and_down_and_end_at_the_ends(ask: Asked) -> None:
    for action, value, after in (
        ("increase", None, 15),
        ("increase", 0.5, 15.5),
        ("increase", 100, 100),
        ("decrease", None, 90),
        ("decrease", 95, 0),
    ):
        more = {} if value is None else {"value": value}
        status, found = await acting(ask, action, **more)
        assert (status, found["data"]["newConfig"]["rolloutPercentage"]) == (200, after)


async def test_steps_that_are_asked_at_the_same_time_all_count(
    ask: Asked, rollouts: Rollouts
) -> None:
    answers = await asyncio.gather(*(acting(ask, "increase", value=1) for _ in range(4)))
    assert [status for status, _ in answers] == [200] * 4
    assert rollouts.state("hybrid").percentage == 9


async def test_an_action_that_is_sent_twice_with_its_key_is_done_once(
    ask: Asked, rollouts: Rollouts
) -> None:
    for _ in range(2):
        status, _, _ = await ask(
            FLAG, "POST", json={"action": "increase"}, headers={"Idempotency-Key": "k1"}
        )
        assert status == 200
    assert rollouts.state("hybrid").percentage == 15
    body = {"userBlacklist": ["eve"], "rolloutPercentage": 3}
    for _ in range(2):
        headers = {"Idempotency-Key": "k2"}
        assert (await ask(FLAG, "PUT", json=body, headers=headers))[0] == 200
    state = rollouts.state("hybrid")
    assert state.percentage == 3
    assert state.blacklist == {"eve"}


async def test_a_rollback_sends_everybody_back_and_says_over_which_way(
    ask: Asked, rollouts: Rollouts, in_force: InForce
) -> None:
    status, found = await acting(ask, "rollback")
    assert (status, found["data"]["standing"]) == (200, "rolled_back")
    assert in_force.states["hybrid"].share == 0
    (entry, *_) = await rollouts.audit(rollout="hybrid")
    assert entry.reason == f"rollback over {FLAGS}"


@pytest.mark.parametrize(
    "body",
    [
        {"action": "explode"},
        {},
        {"action": "increase", "value": "10"},
        {"action": "increase", "value": 200},
        {"action": "increase", "by": 10},
    ],
)
async def test_an_action_that_is_none_is_refused(
    ask: Asked, rollouts: Rollouts, body: dict[str, Any]
) -> None:
    status, found, _ = await ask(FLAG, "POST", json=body)
    assert (status, found["success"]) == (400, False)
    assert rollouts.state("hybrid").percentage == 5


# who may not


async def test_nobody_changes_anything_without_the_role(
    ask_with_tokens: Asked, rollouts: Rollouts
) -> None:
    status, found, _ = await ask_with_tokens(FLAG, "PUT", json={"rolloutPercentage": 100})
    assert (status, found["error"]) == (401, "Authentication required")
    assert (found["success"], "Bearer" in found["hint"]) == (False, True)
    body = {"action": "increase"}
    status, found, _ = await ask_with_tokens(FLAG, "POST", json=body, headers=by("viewer"))
    assert (status, found["error"]) == (403, "Insufficient permissions")
    assert rollouts.state("hybrid").percentage == 5


async def test_a_flag_that_is_not_there_is_named_as_it_may_have_been_meant(ask: Asked) -> None:
    for method, body in (("GET", None), ("PUT", {}), ("POST", {"action": "enable"})):
        status, found, _ = await ask(f"{FLAGS}/hybird", method, json=body)
        assert (status, found["success"], found["hint"]) == (404, False, "did you mean hybrid?")


async def test_without_a_store_only_what_leads_toward_legacy_is_done(
    ask: Asked, rollouts: Rollouts, store: MemoryStore, in_force: InForce
) -> None:
    store.lost = "connection refused"
    status, found = await acting(ask, "increase")
    assert (status, found["success"]) == (503, False)
    assert (await acting(ask, "decrease", value=1))[0] == 200
    assert in_force.states["hybrid"].percentage == 4
    assert (await acting(ask, "disable"))[0] == 200
    assert in_force.states["hybrid"].killed is not None
