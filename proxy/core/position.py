"""Where a ramp is: steps taken, percentages set by hand, stretches of evidence begun."""

from dataclasses import replace
from math import isfinite

from proxy.core.ramp_table import NotAllowedError, refused
from proxy.core.rollout_limits import MOST_STEPS
from proxy.core.rollout_state import UNDER_WAY, Mark, Phase, Plan, RolloutState, Step

__all__ = [
    "SECONDS_OF_SEGMENT",
    "by_hand",
    "check_percentage",
    "check_plan",
    "elapsed",
    "floor_step",
    "put",
    "rearmed",
    "refuse_up",
    "taken",
    "under_way",
    "walks",
]

SECONDS_OF_SEGMENT = 3600
"""A segment of evidence is re-armed after so long: each key counts anew."""


def under_way(state: RolloutState) -> bool:
    """Whether a ramp has begun and is not over, whatever holds it up."""
    return state.phase in UNDER_WAY


def walks(state: RolloutState) -> bool:
    """Whether a ramp is under way and nothing holds it up."""
    return under_way(state) and state.standing.value == state.phase.value


def put(old: Mark | None, mark: Mark) -> Mark:
    """Return the mark that stands: the older one, but an operator's before automation's."""
    if old is None or (old.automatic and not mark.automatic):
        return mark
    return old


def refuse_up(state: RolloutState, asked: str) -> None:
    """Refuse what leads away from legacy: killed, rolled back, frozen or latched.

    Marks that lie beneath others count too. Raises NotAllowedError.
    """
    if state.killed or state.rolled_back:
        raise refused(state, asked)
    if state.frozen:
        raise refused(replace(state, killed=None, rolled_back=None), asked)
    if state.latched:
        raise NotAllowedError(
            f"{asked} is not possible: {state.name} was rolled back automatically more than once"
            " within 24 hours",
            "find the cause, then `acknowledge` it",
        )


def check_percentage(percentage: float) -> None:
    """Refuse what is no percentage. Raises NotAllowedError."""
    if not 0.0 <= percentage <= 100.0:
        raise NotAllowedError(
            f"{percentage:g} is not a percentage", "a percentage lies within 0 and 100"
        )


def check_plan(plan: Plan) -> None:
    """Refuse a plan that cannot be walked. Raises NotAllowedError."""
    if not 0 < len(plan.steps) <= MOST_STEPS:
        raise NotAllowedError(
            f"the plan has {len(plan.steps)} steps", f"a plan has 1 to {MOST_STEPS} steps"
        )
    before = 0.0
    for step in plan.steps:
        if not before < step.percentage <= 100.0:
            raise NotAllowedError(
                f"the plan's step to {step.percentage:g} % does not follow {before:g} %",
                "steps rise from above 0 up to at most 100",
            )
        before = step.percentage
        _check_step(step)
    _check_seconds("soak", plan.soak)


def _check_step(step: Step) -> None:
    for what in ("settle", "bake", "max_duration"):
        _check_seconds(what, getattr(step, what))
    if step.gates.min_requests < 0:
        raise NotAllowedError("min_requests is below 0", "0 or more requests can be asked for")


def _check_seconds(what: str, seconds: float) -> None:
    if not (isfinite(seconds) and seconds >= 0):
        raise NotAllowedError(f"{what} is {seconds:g} s", "a duration is 0 s or more")


def elapsed(state: RolloutState, now: float) -> int:
    """Return how often the segment has been re-armed since it began."""
    return max(0, int((now - state.segment_since) // SECONDS_OF_SEGMENT))


def rearmed(state: RolloutState, now: float) -> RolloutState:
    """Return the state with a new segment of evidence; its number was never used in this run."""
    segment = state.segment + 1 + elapsed(state, now) if state.segment else 1
    return replace(state, segment=segment, segment_since=now)


def taken(state: RolloutState, step: int, now: float) -> RolloutState:
    """Return the state with a step of its plan taken: its percentage, in settle, nothing seen."""
    assert state.plan is not None  # noqa: S101 - only plans have steps
    return replace(
        state,
        percentage=state.plan.steps[step].percentage,
        phase=Phase.SETTLE,
        step=step,
        since=now,
        healthy=0.0,
        approvals=(),
    )


def floor_step(plan: Plan, percentage: float) -> int:
    """Return the index of the last step that is not above a percentage; -1 below the first."""
    return sum(1 for step in plan.steps if step.percentage <= percentage) - 1


def by_hand(state: RolloutState, percentage: float, mark: Mark) -> RolloutState:
    """Return the state with a percentage that no step of the ramp has asked for.

    A ramp under way is paused, at the last step that is not above the percentage; from there
    it goes on after `Resume`. Below its first step it has ended: a draft. So has one that was
    complete.
    """
    check_percentage(percentage)
    moved = state
    if percentage != state.percentage:
        moved = rearmed(replace(state, percentage=percentage, since=mark.at), mark.at)
        moved = _placed(moved)
    return replace(moved, paused=put(state.paused, mark)) if under_way(state) else moved


def _placed(state: RolloutState) -> RolloutState:
    if state.plan is None or not under_way(state):
        return replace(state, phase=Phase.DRAFT, step=-1, healthy=0.0, approvals=())
    step = floor_step(state.plan, state.percentage)
    if step < 0:
        return replace(state, phase=Phase.DRAFT, step=-1, healthy=0.0, approvals=())
    # Bake and not settle, so that the brake sees evidence while the ramp is paused.
    kept = tuple(approval for approval in state.approvals if approval.step == step)
    return replace(state, phase=Phase.BAKE, step=step, healthy=0.0, approvals=kept)
