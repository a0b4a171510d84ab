"""How a rollout stands, in one word: what overrides most."""

from dataclasses import replace

import pytest

from proxy.core.rollout_state import DEFAULT_PLAN, Phase, RolloutState, Standing, share_of
from tests.kit.rollout_states import FRESH, IN, PLAN, mark

OVERRIDES = ("killed", "rolled_back", "frozen", "paused", "held")


def test_marks_override_the_phase_and_each_other_in_their_order() -> None:
    state = IN[Phase.BAKE]
    assert state.standing is Standing.BAKE
    everything = replace(
        state, killed=mark(), rolled_back=mark(), frozen=mark(), paused=mark(), held=mark()
    )
    assert everything.standing.value == OVERRIDES[0]
    assert replace(everything, killed=None).standing.value == OVERRIDES[1]
    assert replace(everything, killed=None, rolled_back=None).standing.value == OVERRIDES[2]
    paused = replace(state, paused=mark(), held=mark())
    assert paused.standing.value == OVERRIDES[3]
    assert replace(paused, paused=None).standing.value == OVERRIDES[4]


@pytest.mark.parametrize("phase", list(Phase))
def test_without_a_mark_a_rollout_stands_as_its_phase_says(phase: Phase) -> None:
    assert IN[phase].standing.value == phase.value


def test_everybody_is_on_legacy_while_it_is_killed_or_rolled_back_and_only_then() -> None:
    state = RolloutState("checkout", percentage=25.0)
    assert replace(state, killed=mark()).share == replace(state, rolled_back=mark()).share == 0.0
    assert replace(state, frozen=mark(), paused=mark(), held=mark()).share == 25.0


def test_a_rollout_that_is_switched_off_gives_nothing_to_new_however_it_stands() -> None:
    assert share_of(25.0, Standing.BAKE) == 25.0
    assert share_of(25.0, Standing.BAKE, enabled=False) == 0.0


def test_the_step_in_force_is_the_plans_if_there_is_one() -> None:
    assert IN[Phase.BAKE].current is PLAN.steps[1]
    assert FRESH.current is None
    assert replace(FRESH, plan=DEFAULT_PLAN).current is None


def test_a_stored_state_differs_in_its_version_alone() -> None:
    assert FRESH.stored(7) == replace(FRESH, version=7)
