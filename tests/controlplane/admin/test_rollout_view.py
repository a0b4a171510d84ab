"""What is shown of a rollout is what its state, the ramp loop and the configuration say."""

import math
from dataclasses import replace
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from proxy.api.judging import Evidence, Observed, Scope, Seen, Verdict
from proxy.config.models import Config
from proxy.controlplane.admin.rollout_view import RolloutView, etag_of, rollout_view
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.core.rollout_state import (
    Approval,
    Gates,
    Mark,
    Phase,
    Plan,
    RolloutState,
    ScopedHold,
    Step,
    TimeWindow,
    Webhook,
)
from tests.controlplane.admin_view import CONFIG

DECLARED = Config.model_validate(CONFIG)
MARK = Mark("ann", "it burns", 17.0)
GATES = Gates(
    approval=True,
    webhook=Webhook("http://127.0.0.1:7000/gate"),
    window=TimeWindow(("mon",), 540, 1020, "Europe/Paris"),
)
BAKING = RolloutState(
    "hybrid",
    version=7,
    percentage=25.0,
    phase=Phase.BAKE,
    step=1,
    plan=Plan((Step(5.0), Step(25.0, gates=GATES))),
    since=1000.0,
    healthy=12.34567,
    approvals=(Approval(1, MARK),),
    whitelist=frozenset({"ann", "bob"}),
    blacklist=frozenset({"eve"}),
    cooldown_until=5.0,
    unsafe_until=6.0,
)
SEEN = Observed(
    window=(Seen(requests=100, errors=1, p50=0.1, p95=0.5), Seen(requests=30, timeouts=2)),
    evidence=(Evidence(40.0, {"errors": 1}), Evidence(12.0, {"errors": 3})),
)
WATCHED = RolloutReport(
    leader=False,
    stale=True,
    remaining=60.0,
    waiting_for=("min_requests: 120 of 200 on new",),
    verdict=Verdict("hold", "too few"),
    evidence={"errors": {"log_e": 1.5, "bound": 4.6}},
    observed={Scope(): SEEN},
)


def shown(state: RolloutState = BAKING, report: RolloutReport = WATCHED) -> dict[str, Any]:
    return rollout_view(state, report, DECLARED)


def test_everything_that_is_known_is_shown() -> None:
    found = shown()
    assert {name: found[name] for name in ("name", "version", "enabled", "routes")} == {
        "name": "hybrid",
        "version": 7,
        "enabled": True,
        "routes": ("campaigns", "messages"),
    }
    assert (found["percentage"], found["share"], found["standing"]) == (25, 25, "bake")
    assert (found["phase"], found["step"], found["since"]) == ("bake", 1, 1000)
    assert (found["healthy"], found["remaining"]) == (12.346, 60)
    assert (found["stale"], found["leader"], found["latched"]) == (True, False, False)
    assert (found["cooldown_until"], found["unsafe_until"]) == (5, 6)
    assert found["waiting_for"] == ("min_requests: 120 of 200 on new",)
    assert found["verdict"] == {"kind": "hold", "why": "too few"}


def test_the_plan_is_shown_with_its_gates() -> None:
    plain, gated = shown()["plan"]["steps"]
    assert (plain["percentage"], plain["settle"], plain["bake"]) == (5, 30, 600)
    assert (plain["gates"]["webhook"], plain["gates"]["window"]) == (None, None)
    assert gated["gates"] == {
        "metrics": True,
        "min_requests": 200,
        "approval": True,
        "webhook": "http://127.0.0.1:7000/gate",
        "window": {"days": ("mon",), "begins": 540, "ends": 1020, "zone": "Europe/Paris"},
    }
    assert shown()["plan"]["soak"] == 3600
    assert shown(replace(BAKING, plan=None))["plan"] is None


def test_the_plan_of_the_next_start_is_the_declared_one_or_else_the_usual() -> None:
    declared = replace(BAKING.declared, plan=Plan((Step(40.0),)))
    [step] = shown(replace(BAKING, declared=declared))["next_plan"]["steps"]
    assert step["percentage"] == 40
    usual = [step["percentage"] for step in shown()["next_plan"]["steps"]]
    assert usual == [5, 25, 50, 100]


def test_keys_of_users_are_counted_and_not_shown() -> None:
    found = shown()
    assert (found["whitelist"], found["blacklist"]) == (2, 1)
    assert "eve" not in str(found)


@pytest.mark.parametrize("name", ["killed", "rolled_back", "frozen", "paused", "held"])
def test_each_mark_is_shown_with_who_put_it_and_why(name: str) -> None:
    marked: dict[str, Any] = {name: MARK}
    found = shown(replace(BAKING, **marked))
    assert found["standing"] == name
    assert found["marks"].pop(name) == {"by": "ann", "why": "it burns", "at": 17}
    assert set(found["marks"].values()) == {None}
    assert found["share"] == (0 if name in {"killed", "rolled_back"} else 25)


def test_a_part_that_is_held_is_shown() -> None:
    hold = ScopedHold(MARK, cohort="acme")
    assert shown(replace(BAKING, holds=(hold,)))["holds"] == (
        {"route": "", "cohort": "acme", "by": "ann", "why": "it burns", "at": 17},
    )


def test_an_approval_counts_for_its_own_step() -> None:
    assert shown()["approved"] is True
    assert shown(replace(BAKING, step=0))["approved"] is False


@pytest.mark.parametrize("name", ["sleeping", "forgotten"])
def test_what_is_not_enabled_shares_nothing(name: str) -> None:
    found = shown(replace(BAKING, name=name))
    assert (found["enabled"], found["percentage"], found["share"]) == (False, 25, 0)
    assert found["routes"] == ()


def test_both_arms_are_shown_as_they_were_seen_by_everybody() -> None:
    none = {"errors": 0, "client_errors": 0, "slow": 0, "timeouts": 0, "p50": None, "p95": None}
    assert shown()["arms"] == {
        "legacy": none | {"requests": 100, "errors": 1, "p50": 0.1, "p95": 0.5},
        "new": none | {"requests": 30, "timeouts": 2},
    }
    assert shown(report=RolloutReport())["arms"]["new"] == none | {"requests": 0}


@pytest.mark.parametrize(
    ("told", "keys", "active"),
    [
        ({}, (1, 3), (40, 12)),
        ({"keys": {"legacy": 5, "new": 6}}, (5, 6), (40, 12)),
        ({"keys": (5, 6), "active": [70, 80.5]}, (5, 6), (70, 80.5)),
        ({"keys": (5,), "active": "many"}, (1, 3), (40, 12)),
    ],
)
def test_evidence_is_shown_as_the_brake_tells_it_or_as_it_was_counted(
    told: dict[str, Any], keys: tuple[int, int], active: tuple[float, float]
) -> None:
    evidence = {"errors": {"log_e": 1.5, "bound": 4.6, **told}, "noise": 3, "slow": None}
    assert shown(report=replace(WATCHED, evidence=evidence))["evidence"] == {
        "errors": {
            "log_e": 1.5,
            "bound": 4.6,
            "keys": dict(zip(("legacy", "new"), keys, strict=True)),
            "active": dict(zip(("legacy", "new"), active, strict=True)),
        }
    }


def test_no_number_is_shown_that_json_cannot_say() -> None:
    evidence = {"errors": {"log_e": -math.inf, "bound": math.nan}}
    found = shown(report=replace(WATCHED, evidence=evidence, remaining=math.inf))
    assert found["remaining"] is None
    assert found["evidence"]["errors"]["log_e"] is None
    assert b"null" in orjson.dumps(found)


def test_the_shape_is_the_one_that_is_documented() -> None:
    found = orjson.dumps(shown())
    assert TypeAdapter(RolloutView).validate_json(found).version == 7


def test_the_tag_of_a_rollout_is_its_version() -> None:
    assert etag_of(BAKING) == '"7"'
