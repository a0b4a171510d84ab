"""The ramp as a whole: who may raise what, what is never touched, and evidence that has a name."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.core import commands as ask
from proxy.core.position import rearmed
from proxy.core.ramp import NotAllowedError, apply, ordinal, stretch
from proxy.core.ramp_table import TABLE
from proxy.core.restraints import MOST_HOLDS
from proxy.core.rollout_json import state_from_json, state_to_json
from proxy.core.rollout_state import Mark, Phase, RolloutState
from tests.kit.properties import examples
from tests.kit.rollout_states import (
    AUTOMATIC,
    COMMANDS,
    FRESH,
    IN,
    NOW,
    PLAN,
    RAMP,
    STATES,
    TOWARD,
    after,
    at_step,
    mark,
    of,
    states,
    tried,
)

HOUR = 3600.0


def theirs(put: Mark | None) -> bool:
    return put is not None and not put.automatic


@pytest.mark.parametrize("command", TOWARD, ids=str)
def test_toward_legacy_is_taken_from_every_state_and_lets_nobody_through_to_new(
    command: ask.Command,
) -> None:
    for state in STATES:
        after_it = apply(state, command, mark(at=NOW + 9000))
        assert after_it.share <= state.share
        assert len(after_it.holds) >= len(state.holds)


@examples(150)
@given(states(), of(COMMANDS), st.booleans())
def test_the_version_is_the_stores_and_what_changes_nothing_is_the_same_state(
    state: RolloutState, command: ask.Command, automatic: bool
) -> None:
    result = tried(state, command, mark(at=NOW + 9000, automatic=automatic))
    assert (result.version, result.name) == (state.version, state.name)
    assert result is state or result != state


@examples(200)
@given(states(), of(COMMANDS))
def test_the_ramp_raises_nothing_over_an_operators_mark_and_takes_none_off(
    state: RolloutState, command: ask.Command
) -> None:
    result = tried(state, command, mark("ramp", NOW + 9000, automatic=True))
    marks = ("killed", "rolled_back", "paused", "held", "frozen")
    kept = [name for name in marks if theirs(getattr(state, name))]
    if isinstance(command, ask.Declare):
        return  # the file is an operator too
    if kept:
        assert result.percentage <= state.percentage
    for name in kept:
        assert getattr(result, name) == getattr(state, name)
    assert {hold for hold in state.holds if theirs(hold.mark)} <= set(result.holds)


@examples(150)
@given(states(), of(COMMANDS))
def test_nothing_goes_up_while_something_keeps_it_down(
    state: RolloutState, command: ask.Command
) -> None:
    result = tried(state, command, mark(at=NOW))
    if state.killed or state.frozen:
        assert result.percentage <= state.percentage
    begins = isinstance(command, ask.Start)
    if (state.rolled_back or state.latched) and not begins:
        assert result.percentage <= state.percentage


def test_every_command_has_its_place_in_the_table_and_does_something() -> None:
    kinds = {type(command) for command in COMMANDS}
    assert kinds == set(TABLE) == set(ask.Command.__args__)
    for kind in kinds:
        asked = [command for command in COMMANDS if type(command) is kind]
        later = mark(at=NOW + 9000)
        assert any(tried(state, c, later) is not state for c in asked for state in STATES), kind


def test_a_refusal_changes_nothing_and_says_what_to_do() -> None:
    with pytest.raises(NotAllowedError) as refusal:
        apply(IN[Phase.DRAFT], ask.Promote(), mark())
    assert str(refusal.value) == "promote is not possible while checkout is in draft"
    assert refusal.value.hint == "`start` begins the ramp"


def test_no_evidence_is_collected_before_there_is_a_segment_and_while_a_step_settles() -> None:
    for state in (FRESH, at_step(0), after(at_step(1), ask.Pause())):
        assert ordinal(state, NOW + 10 * HOUR) == 0
        assert stretch(state, NOW + 10 * HOUR) == 0


def test_a_segment_counts_on_every_hour_and_the_next_one_goes_on_from_there() -> None:
    state = after(at_step(0), ask.Settled())
    assert [ordinal(state, NOW + at) for at in (0, HOUR - 1, HOUR, 2.5 * HOUR)] == [1, 1, 2, 3]
    assert ordinal(state, NOW - HOUR) == 1, "a clock that was set back counts nothing twice"
    following = after(state, ask.SetPercentage(60.0), by=mark(at=NOW + 2.5 * HOUR))
    assert ordinal(following, NOW + 2.5 * HOUR) == 4


@examples(100)
@given(states(), st.floats(0, 40 * HOUR))
def test_a_new_segment_has_a_number_that_was_not_used_in_its_run(
    state: RolloutState, later: float
) -> None:
    now = max(state.segment_since, NOW) + later
    assert rearmed(state, now).segment == (ordinal(replace(state, phase=Phase.BAKE), now) + 1)


def test_no_two_stretches_of_evidence_share_a_name_over_runs_and_percentages() -> None:
    names = set()
    for run in (1, 2, 90_000):
        for segment in (1, 2, 900_000):
            for percentage in (0.001, 5.0, 100.0):
                state = replace(
                    IN[Phase.BAKE],
                    run=run,
                    segment=segment,
                    segment_since=NOW,
                    percentage=percentage,
                )
                names.add(stretch(state, NOW))
    assert len(names) == 27
    assert max(names) < 2**53


def test_a_rerun_does_not_meet_the_evidence_of_the_run_that_was_braked() -> None:
    first = after(at_step(0), ask.Settled())
    again = after(first, ask.Brake(), ask.Start(PLAN, insist=True), ask.Settled())
    assert ordinal(first, NOW) == ordinal(again, NOW) == 1
    assert stretch(first, NOW) != stretch(again, NOW)


class AnybodyAsksForAnything(RuleBasedStateMachine):
    """Operators, the file and the ramp ask as they like; what a state promises always holds."""

    def __init__(self) -> None:
        super().__init__()
        self.state = FRESH
        self.now = NOW

    @rule(command=of(COMMANDS), by=st.sampled_from(["anna", "bert"]))
    def an_operator_asks(self, command: ask.Command, by: str) -> None:
        self.state = tried(self.state, command, mark(by, self.now))

    @rule(command=of(AUTOMATIC))
    def the_ramp_asks(self, command: ask.Command) -> None:
        before = self.state
        self.state = tried(before, command, replace(RAMP, at=self.now))
        if self.state.percentage > before.percentage:
            assert isinstance(command, ask.Opened | ask.Start)

    @rule(commands=st.lists(of(AUTOMATIC[:5]), min_size=3, max_size=9))
    def the_ramp_walks(self, commands: list[ask.Command]) -> None:
        for command in commands:
            self.the_ramp_asks(command)

    @rule(seconds=st.sampled_from([1.0, 900.0, 90_000.0]))
    def time_goes_by(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def the_state_is_whole(self) -> None:
        state = self.state
        assert 0.0 <= state.percentage <= 100.0
        assert not state.whitelist & state.blacklist
        assert len(state.holds) <= MOST_HOLDS
        assert list(state.holds) == sorted(state.holds, key=lambda h: (h.route, h.cohort))
        assert list(state.braked) == sorted(state.braked)
        assert all(approval.step == state.step for approval in state.approvals)
        walking = state.phase in (Phase.SETTLE, Phase.BAKE, Phase.GATE, Phase.SOAK)
        assert (state.current is not None) or not walking
        assert not (state.killed or state.rolled_back) or state.share == 0.0
        if state.rolled_back:
            assert (state.percentage, state.step, state.phase) == (0.0, -1, Phase.DRAFT)

    @invariant()
    def the_state_can_be_stored(self) -> None:
        assert state_from_json(state_to_json(self.state)) == self.state


TestAnybodyAsksForAnything = AnybodyAsksForAnything.TestCase
TestAnybodyAsksForAnything.settings = examples(25, steps=25)


def test_the_state_is_replaced_and_never_changed() -> None:
    state = IN[Phase.BAKE]
    before = [getattr(state, each.name) for each in fields(RolloutState)]
    for command in COMMANDS:
        tried(state, command, mark())
    assert before == [getattr(state, each.name) for each in fields(RolloutState)]
