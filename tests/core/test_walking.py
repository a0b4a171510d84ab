"""A ramp walks its steps in order, and begins only where it may."""

from dataclasses import replace

import pytest

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import (
    DEFAULT_PLAN,
    Declared,
    Phase,
    Plan,
    RolloutState,
    ScopedHold,
    Step,
)
from tests.kit.rollout_states import FRESH, IN, NOW, PLAN, RAMP, WALK, after, at_step, mark

SOON, LATER = mark(at=NOW + 60), mark(at=NOW + 1000)
BRAKED = after(at_step(1), ask.Brake())


def test_a_ramp_walks_all_steps_then_soaks_then_is_complete() -> None:
    seen = []
    state = after(FRESH, ask.Start(PLAN))
    while state.phase is not Phase.COMPLETE:
        seen.append((state.step, state.percentage, state.phase.value))
        soaking = state.phase is Phase.SOAK
        for command in (ask.Soaked(),) if soaking else WALK:
            state = apply(state, command, mark("ramp", automatic=True))
    assert seen == [
        (0, 5.0, "settle"),
        (1, 25.0, "settle"),
        (2, 100.0, "settle"),
        (2, 100.0, "soak"),
    ]
    assert state.percentage == 100.0


def test_each_phase_knows_when_it_began_and_how_long_it_was_healthy() -> None:
    state = after(at_step(0), ask.Settled(), by=SOON)
    state = after(state, ask.Observe(30.0), ask.Observe(12.5))
    assert (state.phase, state.since, state.healthy) == (Phase.BAKE, SOON.at, 42.5)
    state = after(state, ask.Baked(), by=LATER)
    assert (state.phase, state.since, state.healthy) == (Phase.GATE, LATER.at, 42.5)
    state = after(state, ask.Opened(), by=LATER)
    assert (state.step, state.healthy) == (1, 0.0)
    soaking = after(after(at_step(2), *WALK[:1], ask.Observe(9.0)), *WALK[1:], by=LATER)
    assert (soaking.phase, soaking.since, soaking.healthy) == (Phase.SOAK, LATER.at, 0.0)


@pytest.mark.parametrize("seconds", [0.0, -5.0])
def test_no_time_observed_changes_nothing(seconds: float) -> None:
    state = IN[Phase.BAKE]
    assert apply(state, ask.Observe(seconds), RAMP) is state


@pytest.mark.parametrize("seconds", [float("nan"), float("inf")])
def test_a_time_that_is_none_is_not_added(seconds: float) -> None:
    with pytest.raises(NotAllowedError, match="a number of seconds"):
        apply(IN[Phase.BAKE], ask.Observe(seconds), RAMP)


def test_a_ramp_walks_the_given_plan_else_the_declared_one_else_the_usual_one() -> None:
    declared = replace(FRESH, declared=Declared(plan=Plan((Step(7.0),))))
    assert after(declared, ask.Start(PLAN)).plan == PLAN
    assert after(declared, ask.Start()).plan == declared.declared.plan
    assert after(FRESH, ask.Start()).plan == DEFAULT_PLAN


@pytest.mark.parametrize(
    ("in_force", "step"), [(0.0, 0), (4.9, 0), (5.0, 0), (5.1, 1), (25.0, 1), (60.0, 2), (100.0, 2)]
)
def test_a_ramp_begins_at_its_first_step_not_below_what_is_in_force(
    in_force: float, step: int
) -> None:
    state = after(FRESH, ask.SetPercentage(in_force), ask.Start(PLAN))
    assert (state.step, state.phase) == (step, Phase.SETTLE)
    assert state.percentage == PLAN.steps[step].percentage >= in_force


def test_a_ramp_never_begins_by_going_down() -> None:
    state = after(FRESH, ask.SetPercentage(60.0))
    with pytest.raises(NotAllowedError, match="60 % is above the plan's last step of 25 %"):
        after(state, ask.Start(Plan((Step(5.0), Step(25.0)))))


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (Plan(()), "0 steps"),
        (Plan((Step(5.0), Step(5.0))), "does not follow 5 %"),
        (Plan((Step(25.0), Step(5.0))), "does not follow 25 %"),
        (Plan((Step(0.0),)), "does not follow 0 %"),
        (Plan((Step(100.1),)), "100.1 %"),
        (Plan((Step(float("nan")),)), "nan %"),
        (Plan((Step(5.0, bake=-1.0),)), "bake is -1 s"),
        (Plan((Step(5.0, settle=float("inf")),)), "settle is inf s"),
        (Plan((Step(5.0),), soak=-1.0), "soak is -1 s"),
        (Plan(tuple(Step(share / 2) for share in range(1, 102))), "101 steps"),
    ],
)
def test_a_plan_that_cannot_be_walked_is_refused(plan: Plan, said: str) -> None:
    with pytest.raises(NotAllowedError, match=said):
        after(FRESH, ask.Start(plan))


@pytest.mark.parametrize("phase", [Phase.SETTLE, Phase.BAKE, Phase.GATE, Phase.SOAK])
def test_a_ramp_under_way_is_not_begun_again_not_even_while_it_is_paused(phase: Phase) -> None:
    for state in (IN[phase], after(IN[phase], ask.Pause())):
        with pytest.raises(NotAllowedError) as refusal:
            after(state, ask.Start(PLAN, insist=True))
        assert "promote" in refusal.value.hint


def test_each_start_is_a_run_with_evidence_of_its_own() -> None:
    first = after(IN[Phase.BAKE], ask.Rollback(), ask.Resume())
    assert (first.run, first.segment) == (1, 2)
    again = after(first, ask.Start(PLAN))
    assert (again.run, again.segment) == (2, 0)
    assert after(again, ask.Settled()).segment == 1


def test_after_an_automatic_rollback_a_ramp_begins_only_after_the_cooldown_or_by_insistence() -> (
    None
):
    with pytest.raises(NotAllowedError, match="cools down for another 840 s"):
        after(BRAKED, ask.Start(PLAN), by=SOON)
    for state in (
        after(BRAKED, ask.Start(PLAN), by=LATER),
        after(BRAKED, ask.Start(PLAN, insist=True), by=SOON),
    ):
        assert (state.standing.value, state.step, state.percentage) == ("settle", 0, 5.0)
        assert state.cooldown_until == 0.0


def test_a_latched_ramp_begins_only_when_it_is_acknowledged_or_by_insistence() -> None:
    latched = after(after(BRAKED, ask.Start(PLAN, insist=True)), ask.Brake())
    assert latched.latched
    with pytest.raises(NotAllowedError, match="more than once within 24 hours"):
        after(latched, ask.Start(PLAN), by=LATER)
    assert not after(latched, ask.Start(PLAN, insist=True)).latched
    assert after(latched, ask.Acknowledge(), ask.Start(PLAN)).step == 0


def test_a_start_after_a_rollback_lets_go_of_all_scopes_that_were_held() -> None:
    part = ask.Rollback(ScopedHold(mark(), "cart"))
    assert after(at_step(0), part, ask.Rollback(), ask.Start(PLAN)).holds == ()
    assert after(FRESH, part, ask.Start(PLAN)).holds != (), "only after a rollback"


def test_legacy_that_fails_keeps_a_rolled_back_ramp_from_beginning() -> None:
    frozen = after(FRESH, ask.Freeze(), ask.Rollback())
    with pytest.raises(NotAllowedError, match="frozen"):
        after(frozen, ask.Start(PLAN, insist=True))
    assert after(frozen, ask.Thaw(), ask.Start(PLAN)).step == 0


def test_the_ramp_begins_again_by_itself_only_what_a_brake_has_ended() -> None:
    ramp = mark("ramp", at=LATER.at, automatic=True)
    assert after(BRAKED, ask.Start(PLAN), by=ramp).step == 0
    for state, command in (
        (after(BRAKED, ask.Rollback()), ask.Start(PLAN)),
        (after(BRAKED, ask.Pause()), ask.Start(PLAN)),
        (after(at_step(0), ask.Rollback()), ask.Start(PLAN)),
        (FRESH, ask.Start(PLAN)),
        (BRAKED, ask.Start(PLAN, insist=True)),
    ):
        with pytest.raises(NotAllowedError, match="an operator's to ask"):
            after(state, command, by=ramp)


def test_the_ramp_keeps_the_scopes_that_operators_hold_when_it_begins_again() -> None:
    theirs, own = ScopedHold(mark(), "cart"), ScopedHold(mark(), "search")
    state = after(at_step(1), ask.Rollback(theirs), ask.Brake(own), ask.Brake())
    again = after(state, ask.Start(PLAN), by=mark("ramp", at=LATER.at, automatic=True))
    assert [hold.route for hold in again.holds] == ["cart"]


def test_promote_takes_the_next_step_then_the_soak_then_completes() -> None:
    state = at_step(1)
    state = after(state, ask.Promote(), by=SOON)
    assert (state.step, state.phase, state.since) == (2, Phase.SETTLE, SOON.at)
    state = after(state, ask.Promote())
    assert (state.step, state.phase) == (2, Phase.SOAK)
    assert state.segment == 2, "what settled collects evidence from now on"
    assert after(state, ask.Promote()).phase is Phase.COMPLETE


def test_a_full_promotion_takes_the_last_step_at_once() -> None:
    state = after(at_step(0), ask.Pause(), ask.Promote(full=True))
    assert (state.step, state.percentage, state.standing.value) == (2, 100.0, "settle")


def test_a_promotion_lifts_pause_and_hold() -> None:
    state = after(at_step(0), ask.Hold(), ask.Pause(), ask.Promote())
    assert (state.paused, state.held, state.step) == (None, None, 1)


@pytest.mark.parametrize("stop", [ask.Freeze(), ask.Kill(), ask.Rollback()])
def test_nothing_is_promoted_while_something_holds_it_at_legacy(stop: ask.Command) -> None:
    with pytest.raises(NotAllowedError) as refusal:
        after(at_step(0), stop, ask.Promote())
    assert refusal.value.hint


def test_without_a_ramp_under_way_there_is_nothing_to_promote() -> None:
    for state in (FRESH, after(FRESH, ask.Pause()), IN[Phase.COMPLETE]):
        with pytest.raises(NotAllowedError) as refusal:
            after(state, ask.Promote())
        assert "start" in refusal.value.hint


def test_a_step_is_approved_once_and_the_approval_ends_with_the_step() -> None:
    state = after(at_step(1), ask.Approve())
    assert [approval.step for approval in state.approvals] == [1]
    assert apply(state, ask.Approve(), SOON) is state
    assert after(state, ask.Pause(), ask.Resume()).approvals == state.approvals
    assert after(state, *WALK).approvals == ()


def test_only_a_step_can_be_approved() -> None:
    for state in (IN[Phase.SOAK], after(FRESH, ask.Pause())):
        with pytest.raises(NotAllowedError):
            after(state, ask.Approve())


@pytest.mark.parametrize("stop", [ask.Pause(), ask.Hold(), ask.Freeze()])
def test_a_ramp_that_is_held_up_while_it_settles_still_gets_evidence_for_its_brake(
    stop: ask.Command,
) -> None:
    state = after(at_step(0), stop)
    settled = after(state, ask.Settled(), by=RAMP)
    assert (settled.phase, settled.segment, settled.standing) == (Phase.BAKE, 1, state.standing)
    with pytest.raises(NotAllowedError, match="in bake"):
        after(settled, ask.Settled(), by=RAMP)


def test_a_latched_ramp_takes_no_step_neither_by_itself_nor_for_an_operator() -> None:
    state: RolloutState = replace(IN[Phase.GATE], latched=True)
    with pytest.raises(NotAllowedError, match="next step"):
        after(state, ask.Opened(), by=RAMP)
    with pytest.raises(NotAllowedError, match="promote"):
        after(state, ask.Promote())
