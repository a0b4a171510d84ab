"""What holds a rollout back is put on at any time, and taken off by whom may."""

from dataclasses import replace

import pytest

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.restraints import MOST_HOLDS
from proxy.core.rollout_state import Phase, ScopedHold, Standing
from tests.kit.rollout_states import FRESH, IN, NOW, PLAN, RAMP, after, at_step, mark

CART, SEARCH = ScopedHold(mark(), "cart"), ScopedHold(mark(), "search", "acme")
SOON = mark(at=NOW + 60)
BAKED = after(IN[Phase.BAKE], ask.Observe(42.0))


@pytest.mark.parametrize(
    ("stop", "go", "by"),
    [
        (ask.Pause(), ask.Resume(), mark()),
        (ask.Hold(), ask.Resume(), mark()),
        (ask.Freeze(), ask.Thaw(), RAMP),
    ],
)
def test_an_interrupted_bake_settles_again_and_goes_on_where_it_was(
    stop: ask.Command, go: ask.Command, by: object
) -> None:
    stopped = after(BAKED, stop)
    assert stopped.standing in (Standing.PAUSED, Standing.HELD, Standing.FROZEN)
    assert (stopped.percentage, stopped.phase) == (BAKED.percentage, Phase.BAKE)
    again = after(stopped, go, by=SOON)
    assert (again.phase, again.step, again.since) == (Phase.SETTLE, BAKED.step, SOON.at)
    assert (again.healthy, again.percentage) == (42.0, BAKED.percentage)
    baking = after(again, ask.Settled(), by=SOON)
    assert (baking.phase, baking.healthy) == (Phase.BAKE, 42.0)
    assert baking.segment > BAKED.segment


def test_a_resume_takes_pause_and_hold_off_together() -> None:
    state = after(BAKED, ask.Hold(), ask.Pause(), ask.Resume())
    assert (state.held, state.paused) == (None, None)


def test_a_resume_of_what_goes_on_anyway_changes_nothing() -> None:
    assert apply(BAKED, ask.Resume(), mark()) is BAKED


def test_without_a_ramp_a_pause_is_lifted_and_nothing_else() -> None:
    for phase in (Phase.DRAFT, Phase.COMPLETE):
        assert after(IN[phase], ask.Pause(), ask.Resume()) == IN[phase]


def test_a_frozen_ramp_is_not_resumed_but_a_pause_beneath_is_lifted() -> None:
    frozen = after(BAKED, ask.Freeze())
    with pytest.raises(NotAllowedError) as refusal:
        after(frozen, ask.Resume())
    assert "legacy is well" in refusal.value.hint
    both = after(frozen, ask.Pause(), ask.Resume())
    assert (both.standing, both.paused) == (Standing.FROZEN, None)


def test_a_mark_stays_with_whom_put_it_first_but_an_operators_replaces_automations() -> None:
    paused = after(BAKED, ask.Pause(), by=RAMP)
    assert after(paused, ask.Pause()).paused == mark()
    assert after(paused, ask.Pause(), ask.Pause(), by=SOON).paused == SOON
    by_anna = after(BAKED, ask.Pause())
    assert apply(by_anna, ask.Pause(), mark("bert")) is by_anna
    assert apply(by_anna, ask.Pause(), RAMP) is by_anna


def test_what_the_ramp_does_by_itself_is_marked_so_whoever_says_it() -> None:
    state = after(BAKED, ask.Hold(), ask.Freeze(), ask.Brake())
    for put in (state.held, state.frozen, state.rolled_back):
        assert put is not None
        assert put.automatic


def test_a_kill_hides_what_lies_beneath_and_a_ramp_waits_after_it() -> None:
    killed = after(BAKED, ask.Kill())
    assert (killed.standing, killed.share, killed.percentage) == (Standing.KILLED, 0.0, 25.0)
    state = after(killed, ask.Unkill(), by=SOON)
    assert (state.standing, state.paused, state.healthy) == (Standing.PAUSED, SOON, 42.0)
    assert after(IN[Phase.DRAFT], ask.Kill(), ask.Unkill()) == IN[Phase.DRAFT]
    assert apply(BAKED, ask.Unkill(), mark()) is BAKED


def test_a_rollback_sends_everybody_back_and_keeps_the_plan_to_show_it() -> None:
    state = after(BAKED, ask.Approve(), ask.Rollback(), by=SOON)
    assert state.standing is Standing.ROLLED_BACK
    assert (state.percentage, state.share, state.step, state.phase) == (0, 0, -1, Phase.DRAFT)
    assert (state.plan, state.healthy, state.approvals, state.since) == (PLAN, 0.0, (), SOON.at)
    assert (state.braked, state.latched, state.cooldown_until) == ((), False, 0.0)


def test_an_operators_rollback_is_taken_off_by_resume_and_leaves_a_draft_at_nothing() -> None:
    state = after(BAKED, ask.Pause(), ask.Rollback())
    assert apply(state, ask.Acknowledge(), mark()) is state
    state = after(state, ask.Resume())
    assert (state.standing, state.percentage) == (Standing.DRAFT, 0.0)


def test_an_automatic_rollback_is_taken_off_by_acknowledging_it() -> None:
    evidence = {"errors": {"log_e": 9.0}}
    state = after(BAKED, ask.Brake(evidence=evidence, cooldown=60.0))
    assert (state.braked, state.cooldown_until, state.latched) == ((NOW,), NOW + 60, False)
    assert state.evidence == evidence
    with pytest.raises(NotAllowedError) as refusal:
        after(state, ask.Resume())
    assert "acknowledge" in refusal.value.hint
    draft = after(state, ask.Acknowledge())
    assert (draft.standing, draft.percentage, draft.cooldown_until) == (Standing.DRAFT, 0.0, 0.0)


def test_who_is_rolled_back_is_not_rolled_back_again() -> None:
    braked = after(BAKED, ask.Brake())
    assert apply(braked, ask.Brake(), SOON) is braked
    assert apply(braked, ask.Rollback(), RAMP) is braked
    theirs = after(braked, ask.Rollback(), by=SOON)
    assert theirs.rolled_back == SOON
    assert theirs.braked == braked.braked
    assert apply(theirs, ask.Brake(), SOON) is theirs


@pytest.mark.parametrize(("hours", "latched"), [(23, True), (25, False)])
def test_a_second_automatic_rollback_within_a_day_latches(hours: int, latched: bool) -> None:
    later = mark(at=NOW + hours * 3600)
    state = after(BAKED, ask.Brake())
    state = after(state, ask.Start(PLAN), ask.Brake(), by=later)
    assert state.latched is latched
    assert state.braked == ((NOW, later.at) if latched else (later.at,))
    assert not after(state, ask.Acknowledge()).latched


def test_a_latch_that_outlives_its_rollback_keeps_the_percentage_down() -> None:
    state = after(BAKED, ask.Brake(), ask.Start(PLAN, insist=True), ask.Brake())
    draft = after(state, ask.Rollback(), ask.Resume())
    assert (draft.standing, draft.latched) == (Standing.DRAFT, True)
    with pytest.raises(NotAllowedError) as refusal:
        after(draft, ask.SetPercentage(5.0))
    assert "acknowledge" in refusal.value.hint


def test_a_scope_goes_back_while_the_rest_goes_on() -> None:
    state = after(BAKED, ask.Brake(SEARCH, {"errors": {}}), ask.Rollback(CART))
    assert (state.standing, state.percentage) == (Standing.BAKE, 25.0)
    assert [(hold.route, hold.cohort) for hold in state.holds] == [("cart", ""), ("search", "acme")]
    assert [hold.mark.automatic for hold in state.holds] == [False, True]
    assert (state.braked, state.cooldown_until, state.evidence) == ((), 0.0, {"errors": {}})
    assert apply(state, ask.Brake(SEARCH), SOON) is state
    assert not after(state, ask.Rollback(SEARCH)).holds[1].mark.automatic


def test_a_scope_of_everybody_is_a_rollback_of_everybody() -> None:
    state = after(BAKED, ask.Rollback(ScopedHold(mark())))
    assert (state.standing, state.holds) == (Standing.ROLLED_BACK, ())


@pytest.mark.parametrize("kind", [ask.Rollback, ask.Brake])
def test_too_many_scopes_are_everybody(kind: type[ask.Rollback | ask.Brake]) -> None:
    state = BAKED
    for number in range(MOST_HOLDS):
        state = after(state, kind(ScopedHold(mark(), f"route-{number}")))
    assert (state.standing, len(state.holds)) == (Standing.BAKE, MOST_HOLDS)
    assert after(state, kind(ScopedHold(mark(), "route-1"))).standing is Standing.BAKE
    assert after(state, kind(CART)).standing is Standing.ROLLED_BACK


def test_a_scope_takes_part_again_when_it_is_released() -> None:
    state = after(BAKED, ask.Rollback(CART), ask.Rollback(SEARCH))
    assert after(state, ask.ReleaseHold("cart"), ask.ReleaseHold("search", "acme")) == BAKED
    with pytest.raises(NotAllowedError, match="it holds 2"):
        after(state, ask.ReleaseHold("search"))


def test_where_no_scope_is_held_there_is_nothing_to_release() -> None:
    with pytest.raises(NotAllowedError, match="nothing to release: no scope of checkout is held"):
        after(BAKED, ask.ReleaseHold("cart"))


def test_a_scope_is_not_released_while_legacy_fails_or_it_is_latched() -> None:
    with pytest.raises(NotAllowedError, match="frozen"):
        after(FRESH, ask.Rollback(CART), ask.Freeze(), ask.ReleaseHold("cart"))
    latched = replace(after(FRESH, ask.Rollback(CART)), latched=True)
    with pytest.raises(NotAllowedError, match="more than once"):
        after(latched, ask.ReleaseHold("cart"))


def test_a_thaw_does_not_lift_what_others_have_put_on() -> None:
    state = after(at_step(1), ask.Freeze(), ask.Pause(), ask.Thaw(), by=RAMP)
    assert (state.standing, state.phase) == (Standing.PAUSED, Phase.SETTLE)
    assert apply(BAKED, ask.Thaw(), RAMP) is BAKED
