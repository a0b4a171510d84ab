"""How replicas agree that were apart: a join in which what leads toward legacy wins.

Every part of a state is joined by itself with something commutative, associative and idempotent
(a least, a greatest, a union, an intersection), so the whole is, too: replicas that have heard
of the same states agree, in whatever order and however often they heard of them (Shapiro et
al., "Conflict-free replicated data types", 2011).
"""

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from proxy.core.rollout_json import plain
from proxy.core.rollout_state import Declared, Mark, Phase, RolloutState, ScopedHold

__all__ = ["most_legacy"]

_PHASES = tuple(Phase)


def most_legacy(one: RolloutState, other: RolloutState) -> RolloutState:
    """Return the state that sends no caller to new whom one of the two keeps on legacy.

    Commutative, associative, idempotent: replicas that were apart agree whatever the order.
    The place in the ramp is that of the lower percentage; of equal ones, the earlier. The numbers
    of runs and segments are the greatest, so that no evidence is counted twice. Raises ValueError
    for states of two rollouts.
    """
    if one.name != other.name:
        raise ValueError(f"{one.name} and {other.name} are two rollouts")
    both = (one, other)
    lower = min(both, key=_place)
    newer = max(both, key=lambda state: (state.run, state.segment, state.segment_since))
    black = one.blacklist | other.blacklist
    joined = replace(
        lower,
        version=max(state.version for state in both),
        run=newer.run,
        segment=newer.segment,
        segment_since=newer.segment_since,
        killed=_mark(state.killed for state in both),
        rolled_back=_mark(state.rolled_back for state in both),
        frozen=_mark(state.frozen for state in both),
        paused=_mark(state.paused for state in both),
        held=_mark(state.held for state in both),
        holds=_holds((*one.holds, *other.holds)),
        whitelist=(one.whitelist & other.whitelist) - black,
        blacklist=black,
        braked=tuple(sorted({*one.braked, *other.braked})),
        latched=one.latched or other.latched,
        cooldown_until=max(state.cooldown_until for state in both),
        unsafe_until=min(state.unsafe_until for state in both),
        evidence=min((state.evidence for state in both), key=_evidence),
        declared=_declared(both),
    )
    if joined.rolled_back is None:
        return joined
    return replace(joined, percentage=0.0, phase=Phase.DRAFT, step=-1, healthy=0.0, approvals=())


def _text(value: Any) -> str:
    """Return a value as text that is the same in every process, to order what else is equal."""
    return json.dumps(plain(value), sort_keys=True, default=str)


def _place(state: RolloutState) -> tuple[Any, ...]:
    return (
        state.percentage,
        _PHASES.index(state.phase),
        state.step,
        state.healthy,
        state.since,
        _text(state.plan),
        _text(state.approvals),
    )


def _order(mark: Mark) -> tuple[Any, ...]:
    # An operator's first: the ramp must not take it for its own.
    return (mark.automatic, mark.at, mark.by, mark.why)


def _mark(marks: Iterable[Mark | None]) -> Mark | None:
    return min((mark for mark in marks if mark is not None), key=_order, default=None)


def _holds(holds: Iterable[ScopedHold]) -> tuple[ScopedHold, ...]:
    first: dict[tuple[str, str], ScopedHold] = {}
    for hold in sorted(holds, key=lambda hold: (hold.route, hold.cohort, _order(hold.mark))):
        first.setdefault((hold.route, hold.cohort), hold)
    return tuple(first.values())


def _evidence(evidence: dict[str, Any]) -> tuple[bool, str]:
    return not evidence, _text(evidence)


def _declared(states: Iterable[RolloutState]) -> Declared:
    """Return what was declared last, as far as versions tell."""
    return max(states, key=lambda state: (state.version, _text(state.declared))).declared
