"""The configuration is one more operator: what it says anew is a move, what it repeats is none."""

from dataclasses import replace

import pytest
from hypothesis import given

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import Declared, Mark, Phase, Plan, RolloutState, Standing, Step
from tests.kit.properties import examples
from tests.kit.rollout_states import FRESH, IN, NOW, PLAN, after, states

FILE = Mark("configuration", "reload", NOW + 60)
FIRST = Declared(10.0, frozenset("ab"), frozenset("c"), rules="r", salt="s")
KNOWN = after(FRESH, ask.Declare(FIRST), by=FILE)


def declared(state: RolloutState, said: Declared) -> RolloutState:
    return apply(state, ask.Declare(said), FILE)


def walking(phase: Phase, said: Declared) -> RolloutState:
    """A ramp that walks the plan that is declared, in one of its phases."""
    return replace(IN[phase], declared=said, plan=said.plan)


def test_at_first_sight_all_is_taken_as_it_is_declared() -> None:
    assert (KNOWN.percentage, KNOWN.standing, KNOWN.segment) == (10.0, Standing.DRAFT, 1)
    assert (KNOWN.whitelist, KNOWN.blacklist) == (frozenset("ab"), frozenset("c"))
    assert KNOWN.declared == FIRST


def test_what_is_repeated_moves_nothing_whatever_was_learned_since() -> None:
    learned = after(KNOWN, ask.SetPercentage(70.0), ask.EditLists(unwhitelist=frozenset("a")))
    assert apply(learned, ask.Declare(FIRST), FILE) is learned


def test_another_percentage_pauses_a_ramp_under_way() -> None:
    state = replace(IN[Phase.BAKE], declared=FIRST)
    moved = declared(state, replace(FIRST, percentage=60.0))
    assert (moved.percentage, moved.paused, moved.step) == (60.0, FILE, 1)
    assert moved.segment == state.segment + 1


def test_a_file_that_catches_up_with_what_is_in_force_does_not_pause_the_ramp() -> None:
    state = replace(IN[Phase.BAKE], declared=FIRST)
    said = replace(FIRST, percentage=state.percentage)
    assert declared(state, said) == replace(state, declared=said)


@pytest.mark.parametrize("stop", [ask.Kill(), ask.Rollback(), ask.Brake(), ask.Freeze()])
def test_while_something_keeps_it_down_more_is_only_remembered(stop: ask.Command) -> None:
    stopped = after(KNOWN, stop)
    said = replace(FIRST, percentage=50.0)
    assert declared(stopped, said) == replace(stopped, declared=said)


@pytest.mark.parametrize("stop", [ask.Kill(), ask.Freeze()])
def test_less_is_taken_over_at_any_time(stop: ask.Command) -> None:
    assert declared(after(KNOWN, stop), replace(FIRST, percentage=1.0)).percentage == 1.0


def test_only_what_changed_in_the_lists_changes_the_learned_ones() -> None:
    learned = after(KNOWN, ask.EditLists(frozenset("x"), frozenset("a"), frozenset("y")))
    said = replace(FIRST, whitelist=frozenset("bd"), blacklist=frozenset("e"))
    state = declared(learned, said)
    assert (state.whitelist, state.blacklist) == (frozenset("bdx"), frozenset("ye"))


def test_a_key_that_ends_on_both_lists_is_on_the_blacklist() -> None:
    learned = after(KNOWN, ask.EditLists(whitelist=frozenset("x"), blacklist=frozenset("y")))
    said = replace(FIRST, whitelist=frozenset("aby"), blacklist=frozenset("cx"))
    state = declared(learned, said)
    assert (state.whitelist, state.blacklist) == (frozenset("ab"), frozenset("cxy"))


@pytest.mark.parametrize("changed", [{"salt": "other"}, {"rules": "other"}])
def test_who_is_asked_otherwise_is_evidence_of_its_own(changed: dict[str, str]) -> None:
    said = replace(FIRST, salt=changed.get("salt", "s"), rules=changed.get("rules", "r"))
    state = declared(KNOWN, said)
    assert (state.segment, state.declared) == (KNOWN.segment + 1, said)
    assert declared(after(FRESH, ask.Pause()), Declared(salt="s")).segment == 0


WITH_PLAN = Declared(plan=PLAN)


@pytest.mark.parametrize(
    ("phase", "shares", "step", "becomes"),
    [
        (Phase.BAKE, (25.0, 50.0), 0, Phase.BAKE),
        (Phase.GATE, (1.0, 5.0, 25.0), 2, Phase.GATE),
        (Phase.SOAK, (50.0, 100.0), 1, Phase.SOAK),
    ],
)
def test_a_ramp_goes_on_in_a_new_plan_that_has_a_step_where_it_is(
    phase: Phase, shares: tuple[float, ...], step: int, becomes: Phase
) -> None:
    state = walking(phase, WITH_PLAN)
    plan = Plan(tuple(Step(share) for share in shares))
    moved = declared(state, Declared(plan=plan))
    assert (moved.plan, moved.step, moved.phase, moved.held) == (plan, step, becomes, None)
    assert moved.percentage == state.percentage


def test_a_soak_that_is_not_the_end_any_more_goes_back_to_bake() -> None:
    short, longer = Plan(PLAN.steps[:2]), PLAN
    soaking = after(FRESH, ask.Declare(Declared(plan=short)), ask.Start(), ask.Promote(full=True))
    soaking = after(soaking, ask.Promote())
    assert soaking.phase is Phase.SOAK
    assert declared(soaking, Declared(plan=longer)).phase is Phase.BAKE


def test_a_plan_without_a_step_where_the_ramp_is_holds_it_there() -> None:
    state = walking(Phase.BAKE, WITH_PLAN)
    plan = Plan((Step(20.0), Step(50.0)))
    held = declared(state, Declared(plan=plan))
    assert (held.standing, held.percentage, held.step) == (Standing.HELD, 25.0, 0)
    assert held.held is not None
    assert "none of its steps is at 25 %" in held.held.why
    assert after(held, ask.Promote()).percentage == 50.0


def test_a_plan_that_begins_above_where_the_ramp_is_has_to_be_begun() -> None:
    held = declared(walking(Phase.BAKE, WITH_PLAN), Declared(plan=Plan((Step(50.0),))))
    assert (held.standing, held.phase, held.percentage) == (Standing.HELD, Phase.DRAFT, 25.0)
    assert after(held, ask.Start()).percentage == 50.0


def test_a_plan_that_is_gone_or_is_an_operators_own_is_walked_to_its_end() -> None:
    state = walking(Phase.BAKE, WITH_PLAN)
    assert declared(state, Declared()) == replace(state, declared=Declared())
    other = Declared(plan=Plan((Step(1.0),)))
    own = replace(state, declared=Declared(plan=Plan((Step(2.0),))))
    assert declared(own, other) == replace(own, declared=other)


def test_a_plan_that_cannot_be_walked_is_refused() -> None:
    with pytest.raises(NotAllowedError, match="0 steps"):
        declared(FRESH, Declared(plan=Plan(())))


@examples(60)
@given(states())
def test_what_was_declared_twice_was_declared_once(state: RolloutState) -> None:
    said = Declared(25.0, frozenset("a"), frozenset("b"), plan=PLAN)
    once = declared(state, said)
    assert once.declared == said
    assert apply(once, ask.Declare(said), FILE) is once
    assert not once.whitelist & once.blacklist
