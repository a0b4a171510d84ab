"""A rollout as the admin API and the commands show it: one shape, made in one place.

The classes are the answer's schema too (`proxy.controlplane.admin.openapi`). Durations are
seconds, times Unix seconds; the keys of users are counted and never shown.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from proxy.api.judging import METRICS, Observed, Scope, Seen
from proxy.config.models import Config
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.core.rollout_state import (
    DEFAULT_PLAN,
    Gates,
    Mark,
    Phase,
    Plan,
    RolloutState,
    Standing,
    Step,
    share_of,
)

__all__ = ["RolloutList", "RolloutView", "etag_of", "rollout_view"]

Percentage = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True)
class WindowView:
    """When a step may be left: days, and minutes after midnight in a time zone."""

    days: tuple[str, ...]
    begins: int
    ends: int
    zone: str


@dataclass(frozen=True, slots=True)
class GatesView:
    """What must agree before a step is left; `webhook` is the URL that is asked."""

    metrics: bool
    min_requests: Count
    approval: bool
    webhook: str | None
    window: WindowView | None


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a ramp; `max_duration` 0 is none."""

    percentage: Percentage
    settle: float
    bake: float
    max_duration: float
    gates: GatesView


@dataclass(frozen=True, slots=True)
class PlanView:
    """The ramp that is walked."""

    steps: tuple[StepView, ...]
    soak: float


@dataclass(frozen=True, slots=True)
class MarkView:
    """Who did it, why, and when."""

    by: str
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class MarksView:
    """What overrides the ramp."""

    killed: MarkView | None
    rolled_back: MarkView | None
    frozen: MarkView | None
    paused: MarkView | None
    held: MarkView | None


@dataclass(frozen=True, slots=True)
class HoldView:
    """A route, or a cohort, that is back on legacy by itself; empty is all of them."""

    route: str
    cohort: str
    by: str
    why: str
    at: float


@dataclass(frozen=True, slots=True)
class VerdictView:
    """What the brake said last."""

    kind: Literal["pass", "hold", "pause", "freeze", "fail"]
    why: str


@dataclass(frozen=True, slots=True)
class ArmView:
    """Requests of callers who could have met either arm, in the last 60 seconds."""

    requests: Count
    errors: Count
    client_errors: Count
    slow: Count
    timeouts: Count
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class ArmsView:
    """Both arms."""

    legacy: ArmView
    new: ArmView


@dataclass(frozen=True, slots=True)
class Pair:
    """A number of each arm."""

    legacy: float
    new: float


@dataclass(frozen=True, slots=True)
class MetricView:
    """The evidence of one metric: `log_e` above `bound` is what a brake acts on."""

    log_e: float | None
    bound: float | None
    keys: Pair
    active: Pair


@dataclass(frozen=True, slots=True)
class RolloutView:
    """A rollout: what it is at, what holds it, what is seen of it.

    `plan` is walked or was the last that was; `next_plan` is what `start` walks by itself.
    """

    name: str
    version: Count
    enabled: bool
    percentage: Percentage
    share: Percentage
    standing: Standing
    phase: Phase
    step: int
    routes: tuple[str, ...]
    plan: PlanView | None
    next_plan: PlanView
    since: float
    healthy: float
    remaining: float | None
    marks: MarksView
    holds: tuple[HoldView, ...]
    whitelist: Count
    blacklist: Count
    approved: bool
    latched: bool
    cooldown_until: float
    unsafe_until: float
    stale: bool
    leader: bool
    waiting_for: tuple[str, ...]
    verdict: VerdictView | None
    arms: ArmsView
    evidence: Mapping[str, MetricView]


@dataclass(frozen=True, slots=True)
class RolloutList:
    """All rollouts of the configuration."""

    rollouts: tuple[RolloutView, ...]


def rollout_view(state: RolloutState, report: RolloutReport, config: Config) -> dict[str, Any]:
    """Return what is shown of a rollout, as plain JSON values.

    `state` is what was learned, `report` what the ramp loop knows of this moment, `config`
    what is declared; a rollout that it does not name has no routes and is not enabled.
    """
    return asdict(_view(state, report, config))


def etag_of(state: RolloutState) -> str:
    """Return the entity tag of a rollout: its version (RFC 9110 section 8.8.3)."""
    return f'"{state.version}"'


def _view(state: RolloutState, report: RolloutReport, config: Config) -> RolloutView:
    declared = config.rollouts.get(state.name)
    enabled = declared is not None and declared.enabled
    seen = report.observed.get(Scope(), Observed())
    return RolloutView(
        name=state.name,
        version=state.version,
        enabled=enabled,
        percentage=state.percentage,
        share=share_of(state.percentage, state.standing, enabled=enabled),
        standing=state.standing,
        phase=state.phase,
        step=state.step,
        routes=tuple(route.name for route in config.routes if route.rollout == state.name),
        plan=None if state.plan is None else _plan(state.plan),
        next_plan=_plan(state.declared.plan or DEFAULT_PLAN),
        since=state.since,
        healthy=round(state.healthy, 3),
        remaining=_number(report.remaining),
        marks=_marks(state),
        holds=tuple(
            HoldView(hold.route, hold.cohort, hold.mark.by, hold.mark.why, hold.mark.at)
            for hold in state.holds
        ),
        whitelist=len(state.whitelist),
        blacklist=len(state.blacklist),
        approved=any(approval.step == state.step for approval in state.approvals),
        latched=state.latched,
        cooldown_until=state.cooldown_until,
        unsafe_until=state.unsafe_until,
        stale=report.stale,
        leader=report.leader,
        waiting_for=report.waiting_for,
        verdict=None if report.verdict is None else VerdictView(*report.verdict[:2]),
        arms=ArmsView(*(_arm(one) for one in seen.window)),
        evidence=_evidence(report.evidence, seen),
    )


def _marks(state: RolloutState) -> MarksView:
    marks = (state.killed, state.rolled_back, state.frozen, state.paused, state.held)
    return MarksView(*map(_mark, marks))


def _mark(mark: Mark | None) -> MarkView | None:
    return None if mark is None else MarkView(mark.by, mark.why, mark.at)


def _plan(plan: Plan) -> PlanView:
    return PlanView(tuple(map(_step, plan.steps)), plan.soak)


def _step(step: Step) -> StepView:
    gates = _gates(step.gates)
    return StepView(step.percentage, step.settle, step.bake, step.max_duration, gates)


def _gates(gates: Gates) -> GatesView:
    window = gates.window
    return GatesView(
        gates.metrics,
        gates.min_requests,
        gates.approval,
        None if gates.webhook is None else gates.webhook.url,
        None
        if window is None
        else WindowView(window.days, window.begins, window.ends, window.zone),
    )


def _arm(seen: Seen) -> ArmView:
    return ArmView(
        seen.requests,
        seen.errors,
        seen.client_errors,
        seen.slow,
        seen.timeouts,
        _number(seen.p50),
        _number(seen.p95),
    )


def _evidence(told: Mapping[str, Any], seen: Observed) -> dict[str, MetricView]:
    """Return the figures of each metric that the brake has told of."""
    active = Pair(*(_number(side.active) or 0.0 for side in seen.evidence))
    found = {}
    for metric in METRICS:
        figures = told.get(metric)
        if isinstance(figures, Mapping):
            counted = Pair(*(side.keys.get(metric, 0) for side in seen.evidence))
            found[metric] = MetricView(
                _number(figures.get("log_e")),
                _number(figures.get("bound")),
                _pair(figures.get("keys"), counted),
                _pair(figures.get("active"), active),
            )
    return found


def _pair(told: object, otherwise: Pair) -> Pair:
    """Return a pair as the brake told it (by arm, or legacy first), or what was counted."""
    if isinstance(told, Mapping):
        told = (told.get("legacy"), told.get("new"))
    if not isinstance(told, list | tuple) or len(told) != 2:
        return otherwise
    legacy, new = _number(told[0]), _number(told[1])
    return otherwise if legacy is None or new is None else Pair(legacy, new)


def _number(value: object) -> float | None:
    """Return a number that JSON can tell, None for all else (RFC 8259 section 6: no infinity)."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return value
