"""A declared rollout, and what was learned about it, become rules."""

from typing import Any

import pytest

from proxy.core.bucket import bucket
from proxy.core.decide import decide, explain
from proxy.core.identity import ANONYMOUS, Identity
from proxy.core.observations import NO_COHORT
from proxy.core.reason import Arm, Reason
from proxy.core.rollout_state import Mark, RolloutState, ScopedHold
from proxy.dataplane.compile_rollouts import (
    attributes_asked,
    compile_rollout_for,
    compile_rollouts,
)
from tests.dataplane.test_compile import declared

MARK = Mark("ops", "a drill", 0)


def rolled(lower: bool = False, **rollout: Any) -> Any:
    config = declared(identity={"key": ["cookie:sid"], "lower": lower}, rollouts={"r": rollout})
    return compile_rollouts(config)["r"]


def caller(key: bytes, **attributes: str) -> Identity:
    return Identity(key, "jwt:sub", verified=True, attributes=attributes)


def test_a_rollout_splits_by_its_salt_which_is_its_name_by_default() -> None:
    named, salted = rolled(percentage=50), rolled(percentage=50, salt="other")
    for key in (b"user-%d" % n for n in range(50)):
        assert explain(named, caller(key)).bucket == bucket(b"r", key)
        assert explain(salted, caller(key)).bucket == bucket(b"other", key)
    assert named.threshold == 50_000


def test_listed_keys_are_spelled_as_the_keys_of_requests() -> None:
    rollout = rolled(whitelist=["jose\u0301", 42, " ann "], blacklist=["Bob"])
    assert decide(rollout, caller("jos\u00e9".encode())).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"42")).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"ann")).reason is Reason.WHITELIST
    assert decide(rollout, caller(b"bob")).reason is Reason.REMAINDER
    lowered = rolled(lower=True, blacklist=["Bob"])
    assert decide(lowered, caller(b"bob")).reason is Reason.BLACKLIST


def test_conditions_are_lists_and_ranges() -> None:
    rollout = rolled(percentage=100, conditions={"tier": ["pro"], "age": {"min": 30, "max": 60}})
    assert decide(rollout, caller(b"a", tier="pro", age="45")).arm is Arm.NEW
    assert decide(rollout, caller(b"a", tier="pro", age="61")).reason is Reason.CONDITIONS
    assert decide(rollout, caller(b"a", tier="free", age="45")).reason is Reason.CONDITIONS


@pytest.mark.parametrize("answer", ["legacy", "new", "reject"])
def test_a_missing_key_gets_what_is_declared(answer: str) -> None:
    decision = decide(rolled(percentage=50, missing_key=answer), ANONYMOUS)
    assert decision.reason is Reason.MISSING_KEY
    assert (decision.arm is Arm.NEW, decision.rejected) == (answer == "new", answer == "reject")


def test_a_rollout_that_is_off_is_off() -> None:
    rollout = rolled(enabled=False, percentage=100, whitelist=["ann"])
    assert decide(rollout, caller(b"ann")).reason is Reason.DISABLED


def test_lists_that_cannot_be_used_are_refused_by_place_without_showing_a_key() -> None:
    with pytest.raises(ValueError, match=r"^rollouts\.r: the whitelist holds something that"):
        rolled(whitelist=["ann", " "])
    with pytest.raises(ValueError, match=r"^rollouts\.r: 1 key\(s\)") as caught:
        rolled(whitelist=["jose\u0301"], blacklist=["jos\u00e9"])
    assert "jos" not in str(caught.value)


def test_what_is_learned_wins_over_what_is_declared() -> None:
    config = declared(rollouts={"r": {"percentage": 100, "whitelist": ["ann"]}})
    state = RolloutState("r", percentage=0, whitelist=frozenset(["bob"]))
    rollout = compile_rollouts(config, {"r": state})["r"]
    assert decide(rollout, caller(b"ann")).reason is Reason.REMAINDER
    assert decide(rollout, caller(b"bob")).reason is Reason.WHITELIST


def test_a_hold_of_one_route_holds_nobody_on_the_others() -> None:
    config = declared(rollouts={"r": {"percentage": 100}})
    state = RolloutState("r", percentage=100, holds=(ScopedHold(MARK, route="orders"),))
    reasons = [
        decide(compile_rollout_for(config, "r", state, route=route), caller(b"ann")).reason
        for route in ("orders", "search")
    ]
    assert reasons == [Reason.ROLLED_BACK, Reason.PERCENTAGE]


def test_a_hold_of_a_cohort_holds_those_of_its_attribute() -> None:
    config = declared(rollouts={"r": {"percentage": 100, "cohort": "tier"}})
    state = RolloutState("r", percentage=100, holds=(ScopedHold(MARK, cohort="pro"),))
    rollout = compile_rollouts(config, {"r": state})["r"]
    reasons = [decide(rollout, caller(b"ann", tier=tier)).reason for tier in ("pro", "free")]
    assert reasons == [Reason.ROLLED_BACK, Reason.PERCENTAGE]
    assert decide(rollout, caller(b"ann")).reason is Reason.PERCENTAGE


def test_callers_without_the_attribute_are_held_as_what_they_are_observed_as() -> None:
    config = declared(rollouts={"r": {"percentage": 100, "cohort": "tier"}})
    state = RolloutState("r", percentage=100, holds=(ScopedHold(MARK, cohort=NO_COHORT),))
    rollout = compile_rollouts(config, {"r": state})["r"]
    assert decide(rollout, caller(b"ann")).reason is Reason.ROLLED_BACK
    assert decide(rollout, caller(b"ann", tier="free")).reason is Reason.PERCENTAGE


@pytest.mark.parametrize("survives", [True, False])
def test_the_whitelist_survives_a_rollback_only_where_that_is_declared(survives: bool) -> None:
    declared_one = {"percentage": 50, "whitelist_survives_rollback": survives}
    config = declared(rollouts={"r": declared_one})
    state = RolloutState("r", rolled_back=MARK, whitelist=frozenset(["ann"]))
    rollout = compile_rollouts(config, {"r": state})["r"]
    assert (decide(rollout, caller(b"ann")).arm is Arm.NEW) == survives
    assert decide(rollout, caller(b"bob")).reason is Reason.ROLLED_BACK


def test_rules_are_asked_in_order_and_each_splits_by_a_salt_of_its_own() -> None:
    rules = [
        {"when": {"tier": ["beta"]}, "then": "new"},
        {"when": {"tier": ["beta", "pro"]}, "percentage": 50},
    ]
    rollout = rolled(rules=rules)
    assert decide(rollout, caller(b"ann", tier="beta"))[:2] == (Arm.NEW, Reason.RULE)
    for key in (b"user-%d" % n for n in range(20)):
        decision = decide(rollout, caller(key, tier="pro"))
        assert decision.bucket == bucket(b"r/rule2", key)
        assert (decision.arm is Arm.NEW) == (bucket(b"r/rule2", key) < 50_000)
    assert decide(rollout, caller(b"ann", tier="free")).reason is Reason.REMAINDER


def test_attributes_are_asked_for_by_conditions_rules_and_cohorts() -> None:
    rollout = {
        "conditions": {"tier": ["pro"]},
        "rules": [{"when": {"region": ["eu"]}, "then": "new"}],
        "cohort": "platform",
    }
    asked = attributes_asked(declared(rollouts={"r": rollout}))
    assert asked == {"tier", "region", "platform"}


def test_a_key_that_has_come_to_both_lists_in_two_spellings_is_on_the_blacklist() -> None:
    config = declared(identity={"lower": True}, rollouts={"r": {"percentage": 100}})
    lists = RolloutState("r", whitelist=frozenset(["ann"]), blacklist=frozenset(["ANN"]))
    rollout = compile_rollouts(config, {"r": lists})["r"]
    assert decide(rollout, caller(b"ann")).reason is Reason.BLACKLIST
