"""What holds a rollout back, all of it or a part: put on, and taken off again."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeGuard

from proxy.core import commands as ask
from proxy.core.position import put, refuse_up, under_way
from proxy.core.ramp_table import NotAllowedError, refused
from proxy.core.rollout_state import Mark, Phase, RolloutState, ScopedHold

__all__ = [
    "MOST_HOLDS",
    "acknowledge",
    "brake",
    "freeze",
    "hold",
    "kill",
    "pause",
    "release_hold",
    "resume",
    "rollback",
    "thaw",
    "unkill",
]

MOST_HOLDS = 64
"""So many scopes are held; where there would be more, everybody is rolled back."""

_DAY = 86_400.0


def kill(state: RolloutState, _: ask.Kill, mark: Mark) -> RolloutState:
    """Send everybody to legacy; what lies beneath stays as it is."""
    return replace(state, killed=put(state.killed, mark))


def unkill(state: RolloutState, _: ask.Unkill, mark: Mark) -> RolloutState:
    """Take the kill off. A ramp under way waits for an operator."""
    if state.killed is None:
        return state
    paused = put(state.paused, mark) if under_way(state) else state.paused
    return replace(state, killed=None, paused=paused)


def pause(state: RolloutState, _: ask.Pause, mark: Mark) -> RolloutState:
    """Stop the ramp where it is."""
    return replace(state, paused=put(state.paused, mark))


def hold(state: RolloutState, _: ask.Hold, mark: Mark) -> RolloutState:
    """Stop the ramp and ask for an operator."""
    return replace(state, held=put(state.held, _by_itself(mark)))


def freeze(state: RolloutState, _: ask.Freeze, mark: Mark) -> RolloutState:
    """Neither up nor back while legacy fails."""
    return replace(state, frozen=put(state.frozen, _by_itself(mark)))


def thaw(state: RolloutState, _: ask.Thaw, mark: Mark) -> RolloutState:
    """Legacy is well again: the step settles anew, and its bake goes on where it was."""
    if state.frozen is None:
        return state
    return _again(replace(state, frozen=None), mark.at)


def resume(state: RolloutState, _: ask.Resume, mark: Mark) -> RolloutState:
    """Take pause and hold off, and an operator's rollback: that leaves a draft at 0 %."""
    if state.rolled_back is not None:
        if state.rolled_back.automatic:
            raise refused(state, "resume")
        return replace(state, rolled_back=None, paused=None, held=None)
    if state.paused or state.held:
        return _again(replace(state, paused=None, held=None), mark.at)
    if state.frozen:
        raise refused(state, "resume")
    return state


def _again(state: RolloutState, now: float) -> RolloutState:
    # Settle once more, and keep what was healthy: an interruption does not cost the bake.
    return replace(state, phase=Phase.SETTLE, since=now) if under_way(state) else state


def acknowledge(state: RolloutState, _: ask.Acknowledge, __: Mark) -> RolloutState:
    """End latch and cooldown, and take an automatic rollback off: that leaves a draft at 0 %."""
    back = state.rolled_back
    if back is not None and back.automatic:
        back = None
    return replace(state, latched=False, cooldown_until=0.0, rolled_back=back)


def rollback(state: RolloutState, command: ask.Rollback, mark: Mark) -> RolloutState:
    """Send everybody back, or a scope."""
    if _is_part(command.scope):
        return _hold_scope(state, command.scope, mark, lambda: _back(state, mark))
    return _back(state, mark)


def brake(state: RolloutState, command: ask.Brake, mark: Mark) -> RolloutState:
    """Send everybody back, or a scope, on evidence. A scope costs neither cooldown nor latch."""
    mark = _by_itself(mark)
    if _is_part(command.scope):
        held = _hold_scope(state, command.scope, mark, lambda: _braked(state, command, mark))
        return held if held == state else replace(held, evidence=dict(command.evidence))
    return _braked(state, command, mark)


def _is_part(scope: ScopedHold | None) -> TypeGuard[ScopedHold]:
    return scope is not None and bool(scope.route or scope.cohort)


def _hold_scope(
    state: RolloutState, scope: ScopedHold, mark: Mark, everybody: Callable[[], RolloutState]
) -> RolloutState:
    known = {(held.route, held.cohort): held for held in state.holds}
    place = (scope.route, scope.cohort)
    if place not in known and len(known) >= MOST_HOLDS:
        return everybody()
    old = known[place].mark if place in known else None
    known[place] = ScopedHold(put(old, mark), *place)
    return replace(state, holds=tuple(known[place] for place in sorted(known)))


def release_hold(state: RolloutState, command: ask.ReleaseHold, _: Mark) -> RolloutState:
    """Let a scope take part again."""
    refuse_up(state, "release hold")
    place = (command.route, command.cohort)
    left = tuple(held for held in state.holds if (held.route, held.cohort) != place)
    if not state.holds:
        raise NotAllowedError(
            f"there is nothing to release: no scope of {state.name} is held",
            "`resume` goes on with a ramp that is held as a whole",
        )
    if len(left) == len(state.holds):
        raise NotAllowedError(
            f"{state.name} holds no such scope; it holds {len(left)}",
            "name route and cohort as the hold names them",
        )
    return replace(state, holds=left)


def _back(state: RolloutState, mark: Mark) -> RolloutState:
    if state.rolled_back is not None:
        return replace(state, rolled_back=put(state.rolled_back, mark))
    return replace(
        state,
        rolled_back=mark,
        percentage=0.0,
        phase=Phase.DRAFT,
        step=-1,
        since=mark.at,
        healthy=0.0,
        approvals=(),
    )


def _braked(state: RolloutState, command: ask.Brake, mark: Mark) -> RolloutState:
    if state.rolled_back is not None:
        return state
    lately = {at for at in state.braked if at > mark.at - _DAY}
    return replace(
        _back(state, mark),
        braked=tuple(sorted({*lately, mark.at})),
        latched=state.latched or bool(lately),
        cooldown_until=max(state.cooldown_until, mark.at + command.cooldown),
        evidence=dict(command.evidence),
    )


def _by_itself(mark: Mark) -> Mark:
    return replace(mark, automatic=True)
