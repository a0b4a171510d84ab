"""The gates of a step: what must agree before it is left, and in words what does not yet."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

from proxy.api.judging import Observed, Question, Verdict
from proxy.controlplane.rollouts.questions import Look, worst
from proxy.controlplane.rollouts.webhook import Webhooks
from proxy.core.gates import (
    LEAST_KEYS,
    missing_keys,
    requests_missing,
    sample_ratio_mismatch,
    window_closed,
)
from proxy.core.position import under_way
from proxy.core.rollout_state import Gates, RolloutState, Step
from proxy.core.sketch import KEPT

__all__ = ["StepCounts", "alarm", "closed"]

_ESTIMATED = 1 / sqrt(KEPT - 2)
"""The relative error of a number of keys that is not counted (see `proxy.core.sketch`)."""


@dataclass
class StepCounts:
    """Requests of each arm within a step; evidence begins anew within it, each hour at least.

    Known to this process alone: after a change of the leader the count begins again.
    """

    step: int = -1
    segment: int = 0
    over: tuple[int, int] = (0, 0)
    """(legacy, new) of the segments of this step that are over."""
    current: tuple[int, int] = (0, 0)
    callers: tuple[int, int] = (0, 0)
    """Requests with and without a key when the step was seen first, by the process's count."""

    next_look: float = LEAST_KEYS
    """How many keys there must be when the split is compared next."""

    def see(
        self, state: RolloutState, segment: int, observed: Observed, callers: tuple[int, int]
    ) -> None:
        """Take note of what was observed; `callers` is what `Surroundings.callers` says."""
        if state.step != self.step or not under_way(state):
            self.step, self.segment, self.callers = state.step, segment, callers
            self.over = self.current = (0, 0)
        if segment != self.segment:
            self.over, self.segment = self.requests, segment
            self.next_look = LEAST_KEYS
        self.current = _requests(observed) if segment else (0, 0)

    @property
    def requests(self) -> tuple[int, int]:
        """Return (legacy, new) since the step began, without its settling."""
        return self.over[0] + self.current[0], self.over[1] + self.current[1]

    def may_look(self, keys: float) -> bool:
        """Tell whether to compare the split with so many keys: each time they have doubled.

        Whoever compares each second finds a mismatch in the end where there is none.
        """
        if keys < self.next_look:
            return False
        self.next_look = 2 * max(keys, float(LEAST_KEYS))
        return True

    def restart(self, callers: tuple[int, int]) -> None:
        """Count requests without a key from now on."""
        self.callers = callers


def alarm(look: Look, counts: StepCounts, callers: tuple[int, int]) -> str:
    """Return what is wrong with the split itself, in words; empty if nothing is seen to be."""
    legacy, new = (evidence.active for evidence in look.sight.everybody.evidence)
    with_key, without = (now - then for now, then in zip(callers, counts.callers, strict=True))
    said = ""
    if counts.may_look(legacy + new):
        error = _ESTIMATED if max(legacy, new) >= KEPT else 0.0
        said = sample_ratio_mismatch(legacy, new, look.state.share / 100, error=error)
    return said or missing_keys(with_key, without)


def closed(
    look: Look,
    step: Step,
    counts: StepCounts,
    judge: Callable[[Question], list[Verdict]],
    webhooks: Webhooks,
    evidence: Mapping[str, Any],
) -> Iterator[str]:
    """Yield each gate of a step that is not open, in words. Asks those that must be asked.

    The webhook is asked last, when all the others are open: what it says is then fresh.
    """
    state, gates = look.state, step.gates
    found = [*_closed_here(look, step, counts), *_metrics(look, gates, judge)]
    yield from found
    if gates.webhook is None:
        return
    if found:
        yield "webhook: it is asked when the other gates are open"
    elif said := webhooks.closed(state, gates.webhook, evidence, look.now):
        yield said


def _closed_here(look: Look, step: Step, counts: StepCounts) -> Iterator[str]:
    state, gates = look.state, step.gates
    if said := requests_missing(step, *counts.requests):
        yield said
    if gates.approval and not any(one.step == state.step for one in state.approvals):
        yield f"approval: `crossfade rollouts approve {state.name}`"
    if gates.window is not None and (said := window_closed(gates.window, look.now)):
        yield said


def _metrics(look: Look, gates: Gates, judge: Callable[[Question], list[Verdict]]) -> Iterator[str]:
    if not gates.metrics:
        return
    verdict = worst(judge(look.question("gate")))
    if verdict is None:
        yield "metrics: no plugin judges this rollout; see its `rollback.enabled`"
    elif verdict.kind != "pass":
        yield f"metrics: {verdict.why}"


def _requests(observed: Observed) -> tuple[int, int]:
    legacy, new = observed.segment
    return legacy.requests, new.requests
