"""The walk of a ramp: begun, step after step, until it is complete."""

from dataclasses import replace
from math import isfinite

from proxy.core import commands as ask
from proxy.core.position import check_plan, rearmed, refuse_up, taken, under_way
from proxy.core.ramp_table import NotAllowedError, refused
from proxy.core.rollout_state import DEFAULT_PLAN, Approval, Mark, Phase, Plan, RolloutState

__all__ = ["approve", "baked", "observe", "opened", "promote", "settled", "soaked", "start"]

_GATED = (Phase.SETTLE, Phase.BAKE, Phase.GATE)


def start(state: RolloutState, command: ask.Start, mark: Mark) -> RolloutState:
    """Begin a run. After a rollback from the first step, and without the scopes held by it."""
    if under_way(state):
        raise NotAllowedError(
            f"start is not possible: the ramp of {state.name} is under way",
            "`resume` or `promote` it, or `rollback` first",
        )
    if mark.automatic:
        _check_automatic(state, command)
    if not command.insist:
        _check_patience(state, mark.at)
    freed = replace(
        state, rolled_back=None, paused=None, held=None, latched=False, cooldown_until=0.0
    )
    refuse_up(freed, "start")
    plan = command.plan or state.declared.plan or DEFAULT_PLAN
    check_plan(plan)
    if state.rolled_back:
        holds = (hold for hold in state.holds if mark.automatic and not hold.mark.automatic)
        freed = replace(freed, percentage=0.0, holds=tuple(holds))
    run = replace(freed, plan=plan, run=state.run + 1, segment=0, segment_since=mark.at)
    return taken(run, _first(plan, freed.percentage), mark.at)


def _first(plan: Plan, percentage: float) -> int:
    for index, step in enumerate(plan.steps):
        if step.percentage >= percentage:
            return index
    raise NotAllowedError(
        f"start is not possible: {percentage:g} % is above the plan's last step of"
        f" {plan.steps[-1].percentage:g} %",
        "set a lower percentage first, or give a plan that goes further",
    )


def _check_automatic(state: RolloutState, command: ask.Start) -> None:
    # The ramp begins again only what a brake has ended, and over no operator's mark.
    marks = (state.rolled_back, state.paused, state.held)
    theirs = any(mark is not None and not mark.automatic for mark in marks)
    if state.rolled_back is None or theirs or command.insist:
        raise NotAllowedError(
            f"start is an operator's to ask while {state.name} is {state.standing.value}",
            "begin the ramp as an operator",
        )


def _check_patience(state: RolloutState, now: float) -> None:
    if state.latched:
        raise NotAllowedError(
            f"start is not possible: {state.name} was rolled back automatically more than once"
            " within 24 hours",
            "find the cause, then `acknowledge` it, or insist",
        )
    if now < state.cooldown_until:
        raise NotAllowedError(
            f"start is not possible: {state.name} cools down for another"
            f" {state.cooldown_until - now:.0f} s after an automatic rollback",
            "wait, `acknowledge` the rollback, or insist",
        )


def promote(state: RolloutState, command: ask.Promote, mark: Mark) -> RolloutState:
    """Take the next step at once, or all: an operator's word lifts pause and hold."""
    if not under_way(state) or state.plan is None:
        beneath = replace(state, paused=None, held=None)
        raise refused(beneath, "promote")
    refuse_up(state, "promote")
    free = replace(state, paused=None, held=None)
    last = len(state.plan.steps) - 1
    if state.step < last:
        return taken(free, last if command.full else state.step + 1, mark.at)
    return _complete(free, mark.at) if state.phase is Phase.SOAK else _soak(free, mark.at)


def approve(state: RolloutState, _: ask.Approve, mark: Mark) -> RolloutState:
    """Say yes to leaving the step; a second yes changes nothing."""
    if state.phase not in _GATED:
        raise NotAllowedError(
            f"approve is not possible: no step of {state.name} waits for it",
            "approve while a step settles, bakes or is at its gates",
        )
    if any(approval.step == state.step for approval in state.approvals):
        return state
    return replace(state, approvals=(*state.approvals, Approval(state.step, mark)))


def settled(state: RolloutState, _: ask.Settled, mark: Mark) -> RolloutState:
    """Begin to collect evidence, also for a ramp that is held up: its brake needs some."""
    if state.phase is not Phase.SETTLE:
        raise NotAllowedError(f"settled is not possible: {state.name} is in {state.phase.value}")
    return rearmed(replace(state, phase=Phase.BAKE, since=mark.at), mark.at)


def observe(state: RolloutState, command: ask.Observe, _: Mark) -> RolloutState:
    """Add healthy seconds; none or fewer change nothing."""
    if not isfinite(command.seconds):
        raise NotAllowedError("observe needs a number of seconds")
    if command.seconds <= 0:
        return state
    return replace(state, healthy=state.healthy + command.seconds)


def baked(state: RolloutState, _: ask.Baked, mark: Mark) -> RolloutState:
    """Go to the gates."""
    return replace(state, phase=Phase.GATE, since=mark.at)


def opened(state: RolloutState, _: ask.Opened, mark: Mark) -> RolloutState:
    """Take the next step; after the last one comes the soak."""
    refuse_up(state, "the next step")
    assert state.plan is not None  # noqa: S101 - a ramp under way has one
    if state.step + 1 < len(state.plan.steps):
        return taken(state, state.step + 1, mark.at)
    return _soak(state, mark.at)


def soaked(state: RolloutState, _: ask.Soaked, mark: Mark) -> RolloutState:
    """End the ramp."""
    return _complete(state, mark.at)


def _soak(state: RolloutState, now: float) -> RolloutState:
    """A soak begun out of settle collects evidence from now on."""
    soaking = replace(state, phase=Phase.SOAK, since=now, healthy=0.0, approvals=())
    return rearmed(soaking, now) if state.phase is Phase.SETTLE else soaking


def _complete(state: RolloutState, now: float) -> RolloutState:
    return replace(state, phase=Phase.COMPLETE, since=now, healthy=0.0, approvals=())
