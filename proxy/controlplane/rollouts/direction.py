"""Which way a change of a rollout leads.

What leads toward legacy is in force at once, even without a store, and is merged with
what others have done when the store is back. All else waits for the store: what sends
callers to new, what takes a restraint off, and what only moves a ramp on.
"""

from proxy.core.rollout_state import RolloutState

__all__ = ["is_toward_legacy", "restrains"]


def is_toward_legacy(before: RolloutState, after: RolloutState) -> bool:
    """Whether no caller can be on new by `after` whom `before` kept on legacy.

    Judged part by part and not by the outcome alone: what a kill covers at this moment
    counts too, since the kill may be taken back later.
    """
    if before.killed and not after.killed:
        return False
    if before.rolled_back and not after.rolled_back:
        return False
    return (
        after.percentage <= before.percentage
        and after.whitelist <= before.whitelist
        and after.blacklist >= before.blacklist
        and (bool(after.rolled_back) or _scopes(after) >= _scopes(before))
    )


def restrains(before: RolloutState, after: RolloutState) -> bool:
    """Whether `after` leads toward legacy, or stops a ramp, and takes no restraint off.

    A change that leaves all callers where they are and stops nothing does not restrain.
    """
    return (
        is_toward_legacy(before, after)
        and (_stopped(after) or not _stopped(before))
        and (after.latched or not before.latched)
        and after.cooldown_until >= before.cooldown_until
        and after.unsafe_until <= before.unsafe_until
        and _more(before, after)
    )


def _more(before: RolloutState, after: RolloutState) -> bool:
    """Whether something holds callers back, or the ramp up, that did not before."""
    marks = zip(_marks(before), _marks(after), strict=True)
    return (
        after.percentage < before.percentage
        or after.whitelist < before.whitelist
        or after.blacklist > before.blacklist
        or bool(_scopes(after) - _scopes(before))
        or (after.latched and not before.latched)
        or after.unsafe_until < before.unsafe_until
        or any(now is not None and now != then for then, now in marks)
    )


def _marks(state: RolloutState) -> tuple[object, ...]:
    return (state.killed, state.rolled_back, state.frozen, state.paused, state.held)


def _stopped(state: RolloutState) -> bool:
    return any(mark is not None for mark in _marks(state))


def _scopes(state: RolloutState) -> frozenset[tuple[str, str]]:
    return frozenset((hold.route, hold.cohort) for hold in state.holds)
