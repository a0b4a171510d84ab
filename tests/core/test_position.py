"""Where a ramp is: the step below a percentage, and whose mark stands."""

from dataclasses import replace

import pytest

from proxy.core.position import check_plan, elapsed, floor_step, put, refuse_up, under_way, walks
from proxy.core.ramp_table import NotAllowedError
from proxy.core.rollout_state import DEFAULT_PLAN, Gates, Phase, Plan, Step
from tests.kit.rollout_states import FRESH, IN, PLAN, RAMP, mark


@pytest.mark.parametrize(
    ("percentage", "step"), [(0.0, -1), (4.9, -1), (5.0, 0), (24.0, 0), (25.0, 1), (100.0, 2)]
)
def test_the_step_of_a_percentage_is_the_last_one_not_above_it(
    percentage: float, step: int
) -> None:
    assert floor_step(PLAN, percentage) == step


@pytest.mark.parametrize("phase", list(Phase))
def test_a_ramp_is_under_way_from_its_first_step_to_the_end_of_its_soak(phase: Phase) -> None:
    assert under_way(IN[phase]) == (phase not in (Phase.DRAFT, Phase.COMPLETE))


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("held_up", ["", "killed", "rolled_back", "frozen", "paused", "held"])
def test_a_ramp_walks_while_it_is_under_way_and_nothing_holds_it_up(
    phase: Phase, held_up: str
) -> None:
    state = replace(IN[phase], **({held_up: mark()} if held_up else {}))  # type: ignore[arg-type]
    assert walks(state) == (under_way(state) and not held_up)


def test_the_first_mark_stands_but_not_automations_before_an_operators() -> None:
    anna, bert = mark(), mark("bert")
    assert put(None, RAMP) == RAMP
    assert put(RAMP, anna) == anna
    assert put(anna, bert) == put(anna, RAMP) == anna


@pytest.mark.parametrize("name", ["killed", "rolled_back", "frozen"])
def test_nothing_goes_up_beneath_any_mark_that_keeps_it_down(name: str) -> None:
    marks = {"killed": None, "rolled_back": None, "frozen": None, name: mark("bert")}
    state = replace(
        FRESH, killed=marks["killed"], rolled_back=marks["rolled_back"], frozen=marks["frozen"]
    )
    with pytest.raises(NotAllowedError, match=r"more is not possible while .* by bert") as refusal:
        refuse_up(state, "more")
    assert refusal.value.hint


def test_nothing_goes_up_while_it_is_latched_and_all_may_else() -> None:
    refuse_up(replace(FRESH, paused=mark(), held=mark()), "more")
    with pytest.raises(NotAllowedError, match="more than once"):
        refuse_up(replace(FRESH, latched=True), "more")


def test_the_usual_plan_can_be_walked_and_one_that_asks_for_less_than_nothing_cannot() -> None:
    check_plan(DEFAULT_PLAN)
    with pytest.raises(NotAllowedError, match="min_requests"):
        check_plan(Plan((Step(5.0, gates=Gates(min_requests=-1)),)))


def test_hours_of_a_segment_are_whole_and_not_below_none() -> None:
    state = replace(FRESH, segment_since=1000.0)
    assert [elapsed(state, now) for now in (0.0, 1000.0, 4599.0, 4600.0)] == [0, 0, 0, 1]
