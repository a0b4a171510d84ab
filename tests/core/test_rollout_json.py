"""States as JSON: back as they were, and nothing half understood."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import commands as ask
from proxy.core.rollout_json import changed, state_from_json, state_to_json
from proxy.core.rollout_state import Declared, Mark, Phase, RolloutState
from tests.kit.properties import examples
from tests.kit.rollout_states import FRESH, IN, NOW, PLAN, after, mark, states

FULL = replace(
    after(IN[Phase.GATE], ask.Approve(), ask.Hold(), ask.Brake(evidence={"errors": {"e": 1.5}})),
    whitelist=frozenset("ba"),
    declared=Declared(5.0, frozenset("d"), plan=PLAN),
)


@examples(60)
@given(states())
def test_a_state_comes_back_as_it_went(state: RolloutState) -> None:
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


@examples(60)
@given(st.text(), st.text(), st.floats(allow_nan=False, allow_infinity=False), st.booleans())
def test_words_and_times_come_back_whatever_they_are(
    by: str, why: str, at: float, automatic: bool
) -> None:
    state = replace(FRESH, paused=Mark(by, why, at, automatic))
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


def test_sets_are_told_sorted_so_that_equal_states_are_equal_texts() -> None:
    told = state_to_json(FULL)
    assert told["whitelist"] == ["a", "b"]
    assert told["declared"]["plan"]["steps"][1]["percentage"] == 25.0


def test_what_an_older_version_did_not_know_has_its_default() -> None:
    told = state_to_json(FULL)
    del told["run"], told["rolled_back"]["automatic"]
    read = state_from_json(told)
    assert (read.run, read.rolled_back) == (0, Mark("anna", "asked", NOW))


def edited(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    told: Any = json.loads(json.dumps(state_to_json(FULL)))
    place = told
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    return dict(told)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("colour",), "red", "colour are not known here: a newer version"),
        (("held", "colour"), "red", "held: the keys colour"),
        (("name",), 7, "name: wanted a text, found int"),
        (("percentage",), "5", "percentage: wanted a number, found str"),
        (("percentage",), True, "percentage: wanted a number, found bool"),
        (("percentage",), float("nan"), "percentage: wanted a number"),
        (("percentage",), 100.5, "percentage: 100.5 is not within"),
        (("declared", "percentage"), -1.0, "declared.percentage: -1 is not within"),
        (("version",), 1.5, "version: wanted a whole number, found float"),
        (("version",), -1, "count from 0"),
        (("latched",), 1, "latched: wanted true or false, found int"),
        (("phase",), "asleep", "phase: wanted one of draft, settle"),
        (("step",), 3, "step: 3 is none of the plan's 3 steps"),
        (("step",), -2, "step: -2"),
        (("plan", "steps"), {}, r"plan.steps: wanted a list, found dict"),
        (("plan", "steps", 1, "bake"), None, r"plan.steps\[1\].bake: wanted a number"),
        (("plan", "steps", 1), {}, r"plan.steps\[1\].percentage: is missing"),
        (("held",), "yes", "held: wanted an object, found str"),
        (("whitelist",), ["secret-user", 5], r"whitelist\[1\]: wanted a text"),
        (("evidence",), [], "evidence: wanted an object, found list"),
    ],
)
def test_what_is_no_state_is_refused_and_it_says_where_and_why(
    path: tuple[str | int, ...], value: Any, said: str
) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        state_from_json(edited(path, value))
    assert "secret-user" not in str(refusal.value)


@pytest.mark.parametrize("told", [None, [], "state", {}])
def test_what_is_no_object_or_has_no_name_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match=r"wanted an object|name: is missing"):
        state_from_json(told)


def test_a_whole_number_may_stand_for_a_number() -> None:
    read = state_from_json(edited(("percentage",), 5))
    assert (read.percentage, type(read.percentage)) == (5.0, float)


def test_the_audit_is_told_what_differs_and_no_key() -> None:
    state = after(IN[Phase.BAKE], ask.EditLists(frozenset({"secret-user"}), frozenset()))
    was, became = changed(IN[Phase.BAKE], after(state, ask.Pause()))
    assert was == {"whitelist": 0, "paused": None}
    paused = {"by": "anna", "why": "asked", "at": NOW, "automatic": False}
    assert became == {"whitelist": 1, "paused": paused}


def test_the_audit_is_not_told_what_has_a_place_of_its_own() -> None:
    other = replace(FULL, version=9, declared=Declared(), evidence={})
    assert changed(FULL, other) == ({}, {})


def test_a_list_that_only_swaps_keys_is_a_change_too() -> None:
    one, other = (replace(FRESH, blacklist=frozenset({key})) for key in "ab")
    assert changed(one, other) == ({"blacklist": 1}, {"blacklist": 1})


def test_evidence_that_is_told_is_not_the_states_own() -> None:
    told = state_to_json(FULL)
    told["evidence"].clear()
    assert FULL.evidence
    assert mark().at == NOW
