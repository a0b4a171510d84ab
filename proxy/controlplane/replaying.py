"""Makes a remembered decision again, out of what it was made of.

The configuration and the learned state of then are compiled anew, and the same caller is
decided by them. What came from elsewhere (a plugin that pinned the arm, a write a moment
before) cannot come again: it is taken as it was logged, at its place in the order of
precedence, so that all that precedes it is derived all the same.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from proxy.core.decide import Decision, Explanation, Pin, explain
from proxy.core.reason import Arm, Reason
from proxy.dataplane.compile_rollouts import compile_rollout_for
from proxy.dataplane.decided import Decided

__all__ = ["Given", "Replay", "remembered", "replay"]

Given = Literal["", "assigned", "write_affinity", "failover", "declined"]
"""What was not derived but taken from the log."""

_GIVEN: dict[Reason, Given] = {
    Reason.ASSIGNED: "assigned",
    Reason.WRITE_AFFINITY: "write_affinity",
    Reason.FAILOVER: "failover",
    Reason.DECLINED: "declined",
}


class Replay(NamedTuple):
    """A decision and the same one made again."""

    logged: Decided
    derived: Explanation
    given: Given
    same: bool
    """Whether arm, reason and bucket are the same; for a failover, or what new declined, whether
    new had been decided."""


def remembered(decided: Iterable[Decided], request_id: str) -> Decided | None:
    """Return the last decision of a request, or None if it is not kept.

    `decided` begins with the oldest.
    """
    found = None
    for one in decided:
        if one.request_id == request_id:
            found = one
    return found


def replay(one: Decided) -> Replay:
    """Make a decision again and compare. Pure; raises nothing for what was once compiled."""
    logged = one.decision
    given = _GIVEN.get(logged.reason, "")
    rollout = compile_rollout_for(
        one.config,
        one.rollout,
        one.state,
        route=one.route,
        assigned=given == "assigned",
        affinity=(lambda _: logged.arm) if given == "write_affinity" else None,
    )
    pin: Pin | None = (lambda: logged.arm) if given == "assigned" else None
    derived = explain(rollout, one.identity, pin)
    return Replay(one, derived, given, _same(logged, derived.decision))


def _same(logged: Decision, derived: Decision) -> bool:
    if logged.reason in (Reason.FAILOVER, Reason.DECLINED):
        # Legacy took it over afterwards; what was decided before is new.
        return (derived.arm, derived.bucket) == (Arm.NEW, logged.bucket)
    return _compared(logged) == _compared(derived)


def _compared(decision: Decision) -> tuple[object, ...]:
    return decision.arm, decision.reason, decision.bucket, decision.rejected
