"""A rollout in words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.cli.rollout_text import (
    arm_rows,
    bar,
    evidence_rows,
    headline,
    notes,
    phase_text,
    plan_text,
    position,
    printable,
    undecided,
)
from tests.cli.told import mark, rollout

ACKNOWLEDGE = "`crossfade rollouts acknowledge hybrid`"


@given(st.text())
def test_what_is_printed_is_one_line_without_control_characters(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= len(text)


def test_what_is_far_too_long_is_cut() -> None:
    assert printable("x" * 3000) == "x" * 2000 + "..."
    assert printable(None) == ""


@given(st.floats(allow_nan=False))
def test_a_bar_always_has_its_width(part: float) -> None:
    assert len(bar(part, 10)) == 10
    assert set(bar(part)) <= {"#", "."}


def test_a_bar_grows_with_its_part() -> None:
    assert [bar(part, 4) for part in (-1, 0, 0.5, 1, 9)] == ["....", "....", "##..", "####", "####"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "25 % on new, step 2 of 4, bake"),
        ({"plan": None}, "25 % on new, bake"),
        ({"step": -1}, "25 % on new, bake"),
        ({"step": 4}, "25 % on new, bake"),
        ({"share": 0.0}, "0 % on new, step 2 of 4, bake (percentage 25)"),
        ({"enabled": False}, "25 % on new, step 2 of 4, bake, disabled"),
        ({"percentage": 0.125, "share": 0.125}, "0.125 % on new, step 2 of 4, bake"),
    ],
)
def test_a_headline_says_share_and_position(changes: dict[str, Any], said: str) -> None:
    assert headline(rollout("bake", **changes)) == said


def test_standings_of_two_words_are_written_as_such() -> None:
    assert position(rollout("rolled_back", plan=None)) == "rolled back"


@pytest.mark.parametrize(
    ("standing", "remaining", "said"),
    [
        ("bake", 350.0, "4m 10s well, 5m 50s left"),
        ("gate", None, "4m 10s well"),
        ("gate", 0.0, "4m 10s well"),
        ("paused", 350.0, ""),
        ("complete", None, ""),
    ],
)
def test_a_phase_says_how_long_it_takes(standing: str, remaining: float | None, said: str) -> None:
    assert phase_text(rollout(standing, remaining=remaining)) == said


def test_the_step_in_force_is_marked_in_the_plan() -> None:
    assert plan_text(rollout()) == "5 > [25] > 50 > 100"
    assert plan_text(rollout(step=-1)) == "5 > 25 > 50 > 100"
    assert plan_text(rollout(plan=None)) == ""


def test_everything_that_a_person_should_know_is_noted() -> None:
    told = rollout(
        "rolled_back",
        marks={"rolled_back": mark("auto_rollback", "5xx"), "paused": None},
        holds=[{"route": "", "cohort": "acme", **mark()}],
        latched=True,
        cooldown_until=1700000900.0,
        unsafe_until=1700000060.0,
        stale=True,
        waiting_for=["approval"],
        verdict={"kind": "fail", "why": "new fails more"},
    )
    assert list(notes(told)) == [
        "Rolled back by auto_rollback at 2023-11-14 22:13:20 UTC: 5xx",
        "On legacy only for cohort acme: by ops at 2023-11-14 22:13:20 UTC: a test",
        f"Rolled back twice in 24 hours: nothing goes up before {ACKNOWLEDGE}.",
        f"No ramp begins before 2023-11-14 22:28:20 UTC, unless an admin says {ACKNOWLEDGE}.",
        "The brake only watches until 2023-11-14 22:14:20 UTC.",
        "The store is lost: nothing goes up until it is back, and this may be old.",
        "Waiting: approval.",
        "The brake says fail: new fails more",
    ]
    assert list(notes(rollout("bake", verdict={"kind": "pass", "why": ""}))) == []


def test_a_verdict_that_a_mark_repeats_is_told_once() -> None:
    marks = {"rolled_back": mark("auto_rollback", "5xx")}
    told = rollout("rolled_back", marks=marks, verdict={"kind": "fail", "why": "5xx"})
    assert [note.split(" ")[0] for note in notes(told)] == ["Rolled"]


def test_a_brake_that_cannot_tell_yet_is_no_alarm() -> None:
    told = rollout("bake", verdict={"kind": "hold", "why": "1 of 50 requests on new"})
    assert list(notes(told)) == []
    assert undecided(told) == "The brake cannot tell yet: 1 of 50 requests on new"
    assert undecided(rollout("bake")) == ""


def test_rates_are_of_the_last_minute_and_none_where_nothing_was_asked() -> None:
    legacy, new = arm_rows(rollout())
    assert legacy == ("legacy", "2.0", "2.50 %", "0.00 %", "5.00 %", "10 ms", "100 ms")
    assert new == ("new", "0.0", None, None, None, None, None)


def test_evidence_without_a_bound_is_left_out() -> None:
    assert list(evidence_rows(rollout(evidence={"errors": {"log_e": 1.0, "bound": None}}))) == []
