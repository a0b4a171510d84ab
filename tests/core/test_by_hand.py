"""What operators set: within bounds, upwards only where nothing forbids it, no key told."""

import pytest

from proxy.core import commands as ask
from proxy.core.by_hand import MOST_KEYS
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import Phase, Standing
from tests.kit.rollout_states import FRESH, IN, NOW, PLAN, RAMP, after, at_step, mark

LATER = mark(at=NOW + 7300)


@pytest.mark.parametrize("percentage", [-0.1, 100.1, float("nan"), float("inf")])
def test_what_is_no_percentage_is_refused(percentage: float) -> None:
    with pytest.raises(NotAllowedError, match="is not a percentage"):
        after(FRESH, ask.SetPercentage(percentage))


def test_a_draft_takes_any_percentage_and_begins_evidence_with_it() -> None:
    state = after(FRESH, ask.SetPercentage(30.0))
    assert (state.percentage, state.standing, state.segment) == (30.0, Standing.DRAFT, 1)
    assert apply(state, ask.SetPercentage(30.0), LATER) is state
    again = after(state, ask.SetPercentage(40.0), by=LATER)
    assert (again.segment, again.segment_since) == (4, LATER.at), "two were re-armed meanwhile"


@pytest.mark.parametrize(
    ("percentage", "step"), [(5.0, 0), (10.0, 0), (25.0, 1), (60.0, 1), (100.0, 2)]
)
def test_a_ramp_under_way_is_paused_at_the_last_step_not_above(
    percentage: float, step: int
) -> None:
    state = after(at_step(1), ask.Approve(), ask.SetPercentage(percentage), by=LATER)
    assert (state.percentage, state.step, state.paused) == (percentage, step, LATER)
    resumed = after(state, ask.Resume())
    assert (resumed.percentage, resumed.phase) == (percentage, Phase.SETTLE)
    if step < 2:
        onward = after(resumed, ask.Promote())
        assert (onward.step, onward.percentage) == (step + 1, PLAN.steps[step + 1].percentage)


def test_a_ramp_paused_by_hand_still_collects_evidence_for_its_brake() -> None:
    state = after(at_step(0), ask.SetPercentage(60.0))
    assert (state.phase, state.segment, state.healthy) == (Phase.BAKE, 1, 0.0)


def test_a_percentage_below_the_first_step_ends_the_ramp() -> None:
    state = after(at_step(1), ask.SetPercentage(1.0))
    assert (state.standing, state.phase, state.step) == (Standing.PAUSED, Phase.DRAFT, -1)
    assert after(state, ask.Resume()).percentage == 1.0
    assert after(state, ask.Start(PLAN)).percentage == 5.0


def test_another_percentage_after_a_ramp_makes_a_draft_of_it() -> None:
    state = after(IN[Phase.COMPLETE], ask.SetPercentage(50.0))
    assert (state.standing, state.step, state.percentage) == (Standing.DRAFT, -1, 50.0)
    assert apply(IN[Phase.COMPLETE], ask.SetPercentage(100.0), mark()) is IN[Phase.COMPLETE]


@pytest.mark.parametrize("stop", [ask.Kill(), ask.Freeze()])
def test_lower_is_always_possible_and_higher_is_not(stop: ask.Command) -> None:
    state = after(IN[Phase.DRAFT], stop)
    assert after(state, ask.SetPercentage(9.0)).percentage == 9.0
    assert after(state, ask.SetPercentage(0.0)).percentage == 0.0
    with pytest.raises(NotAllowedError) as refusal:
        after(state, ask.SetPercentage(11.0))
    assert refusal.value.hint


def test_after_a_rollback_nothing_is_raised_by_hand_before_it_is_taken_off() -> None:
    for state, off in (
        (after(IN[Phase.BAKE], ask.Rollback()), ask.Resume()),
        (after(IN[Phase.BAKE], ask.Brake()), ask.Acknowledge()),
    ):
        assert apply(state, ask.SetPercentage(0.0), mark()) is state
        with pytest.raises(NotAllowedError, match="rolled back"):
            after(state, ask.SetPercentage(1.0))
        assert after(state, off, ask.SetPercentage(1.0)).percentage == 1.0


def test_the_ramp_sets_nothing_by_hand() -> None:
    with pytest.raises(NotAllowedError, match="an operator's to ask"):
        after(FRESH, ask.SetPercentage(0.0), by=RAMP)


def test_the_brake_is_suspended_for_an_hour_at_most() -> None:
    assert after(FRESH, ask.OverrideSafety(3600.0)).unsafe_until == NOW + 3600
    for seconds in (0.0, -1.0, 3600.5, float("nan"), float("inf")):
        with pytest.raises(NotAllowedError, match="cannot be suspended"):
            after(FRESH, ask.OverrideSafety(seconds))


def test_lists_take_keys_and_let_go_of_them() -> None:
    listed = ask.EditLists(whitelist=frozenset("ab"), blacklist=frozenset("c"))
    state = after(FRESH, listed)
    assert (state.whitelist, state.blacklist) == (frozenset("ab"), frozenset("c"))
    moved = ask.EditLists(unwhitelist=frozenset("a"), blacklist=frozenset("a"))
    state = after(state, moved)
    assert (state.whitelist, state.blacklist) == (frozenset("b"), frozenset("ac"))
    assert apply(state, ask.EditLists(unwhitelist=frozenset("z")), mark()) is state


@pytest.mark.parametrize(
    "edit",
    [
        ask.EditLists(whitelist=frozenset({"secret-user"}), blacklist=frozenset({"secret-user"})),
        ask.EditLists(whitelist=frozenset({"secret-user"}), unwhitelist=frozenset({"secret-user"})),
        ask.EditLists(blacklist=frozenset({"secret-user"}), unblacklist=frozenset({"secret-user"})),
        ask.EditLists(whitelist=frozenset({"secret-user" * 50})),
        ask.EditLists(blacklist=frozenset({""})),
        ask.EditLists(blacklist=frozenset({"secret-user\ud800"})),
    ],
)
def test_lists_that_cannot_be_are_refused_without_telling_a_key(edit: ask.EditLists) -> None:
    with pytest.raises(NotAllowedError) as refusal:
        after(FRESH, edit)
    assert "secret-user" not in str(refusal.value) + refusal.value.hint


def test_a_list_grows_to_its_bound_and_no_further_and_shrinks_from_beyond_it() -> None:
    many = frozenset(str(number) for number in range(MOST_KEYS))
    full = after(FRESH, ask.EditLists(whitelist=many))
    with pytest.raises(NotAllowedError, match="would hold 10001 keys"):
        after(full, ask.EditLists(whitelist=frozenset({"one more"})))
    assert len(after(full, ask.EditLists(unwhitelist=frozenset({"1"}))).whitelist) == MOST_KEYS - 1
