"""The configuration as one more operator: what it says anew is a move, what it repeats is none."""

from dataclasses import replace

from proxy.core import commands as ask
from proxy.core.position import by_hand, check_percentage, check_plan, floor_step, put, rearmed
from proxy.core.position import under_way as is_under_way
from proxy.core.rollout_state import Declared, Mark, Phase, Plan, RolloutState

__all__ = ["declare"]


def declare(state: RolloutState, command: ask.Declare, mark: Mark) -> RolloutState:
    """Take over what differs from what was declared before, and remember all of it.

    A higher percentage is only remembered while the rollout is killed, rolled back, frozen or
    latched: whoever lifts that decides how far it goes. Another salt is another split, which
    the caller has agreed to; its evidence begins anew.
    """
    said, before = command.declared, state.declared
    if said == before:
        return state
    check_percentage(said.percentage)
    moved = _lists(replace(state, declared=said), before)
    moved = _percentage(moved, before, mark)
    moved = _plan(moved, before, mark)
    split = (said.salt, said.rules) != (before.salt, before.rules)
    if split and state.segment and moved.segment == state.segment:
        return rearmed(moved, mark.at)
    return moved


def _lists(state: RolloutState, before: Declared) -> RolloutState:
    """Apply to the learned lists what has changed in the declared ones; legacy wins."""
    said = state.declared
    white = (state.whitelist | (said.whitelist - before.whitelist)) - (
        before.whitelist - said.whitelist
    )
    black = (state.blacklist | (said.blacklist - before.blacklist)) - (
        before.blacklist - said.blacklist
    )
    return replace(state, whitelist=white - black, blacklist=black)


def _percentage(state: RolloutState, before: Declared, mark: Mark) -> RolloutState:
    said = state.declared.percentage
    if said in (before.percentage, state.percentage):
        return state
    stopped = state.killed or state.rolled_back or state.frozen or state.latched
    if said > state.percentage and stopped:
        return state
    return by_hand(state, said, mark)


def _plan(state: RolloutState, before: Declared, mark: Mark) -> RolloutState:
    """Let a ramp that walks the declared plan walk the new one.

    A plan that an operator gave, or that is not declared any more, is walked to its end.
    """
    said = state.declared.plan
    if said is None or said == before.plan:
        return state
    check_plan(said)
    if not is_under_way(state) or state.plan != before.plan:
        return state
    step = floor_step(said, state.percentage)
    if step >= 0 and said.steps[step].percentage == state.percentage:
        return _on(state, said, step)
    why = f"the plan changed, and none of its steps is at {state.percentage:g} %: {mark.why}"
    held = replace(state, held=put(state.held, replace(mark, why=why)))
    if step < 0:  # below the first step: the ramp has to be begun again
        return replace(held, phase=Phase.DRAFT, step=-1, plan=said, healthy=0.0, approvals=())
    return _on(held, said, step)


def _on(state: RolloutState, plan: Plan, step: int) -> RolloutState:
    soaks_early = state.phase is Phase.SOAK and step + 1 < len(plan.steps)
    same = () if step != state.step else state.approvals
    phase = Phase.BAKE if soaks_early else state.phase
    return replace(state, plan=plan, step=step, phase=phase, approvals=same)
