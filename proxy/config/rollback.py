"""The `rollback` section of a rollout: what sends everybody back to legacy by itself."""

from typing import Annotated, Literal, get_args

from pydantic import Field

from proxy.config.plugins import Name as PluginName
from proxy.settings import fields
from proxy.settings.section import Section
from proxy.settings.values import UnfitError

__all__ = ["Absolute", "Rollback"]

Metric = Literal["errors", "slow", "client_errors"]
Points = Annotated[float, fields.number(0.01, 100)]


def _once(metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
    if not metrics:
        wanted = f"at least one of {', '.join(get_args(Metric))}"
        raise UnfitError(wanted, "write enabled: false to judge nothing", said="an empty list")
    if len(set(metrics)) < len(metrics):
        raise UnfitError("each metric once", said=", ".join(metrics))
    return metrics


class Absolute(Section):
    """Bounds on new alone, whatever legacy does. It has at least one of `error_rate` and `p95`."""

    error_rate: Points | None = Field(
        default=None, description="Per cent of new's requests that may fail."
    )
    p95: Annotated[float, fields.duration("1ms", "5m")] | None = Field(
        default=None, description="Time within which new must answer 95 of 100 requests."
    )
    window: Annotated[float, fields.duration("10s", "15m")] = Field(
        default=300.0, description="The time that is looked at."
    )
    rolls_back: Annotated[bool, fields.flag()] = Field(
        default=False, description="Whether a broken bound rolls back; else the ramp is paused."
    )


class Rollback(Section):
    """The brake: new is compared with legacy, by the keys that each of them serves.

    It is on without the section, with these defaults.
    """

    enabled: Annotated[bool, fields.flag()] = Field(
        default=True, description="Whether anything rolls back by itself."
    )
    judge: PluginName = Field(
        default="auto_rollback",
        description="The plugin that judges; it needs no entry in `plugins` to be active.",
    )
    alpha: Annotated[float, fields.number(0.0001, 0.5)] = Field(
        default=0.01,
        description="The probability of a false alarm, over a whole run of the ramp, all metrics "
        "and all looks together.",
    )
    metrics: Annotated[
        tuple[Annotated[Metric, fields.choice("errors", "slow", "client_errors")], ...],
        fields.AfterValidator(_once),
    ] = Field(
        default=("errors", "slow", "client_errors"),
        description="What is compared: 5xx, timeouts and failed connections; answers slower than "
        "legacy's recent p95; 4xx.",
    )
    min_requests: Annotated[int, fields.whole(1, 1_000_000)] = Field(
        default=50, description="Requests that new must have had before it is judged."
    )
    min_ratio: Annotated[float, fields.number(1, 1000)] = Field(
        default=1.5, description="New is worse only from so many times legacy's share on, and"
    )
    min_points: Annotated[float, fields.number(0, 100)] = Field(
        default=0.5, description="from so many percentage points more on."
    )
    slow_floor: Annotated[float, fields.duration("0s", "10m")] = Field(
        default=0.05,
        description="An answer that is faster than this is never `slow`, whatever legacy does.",
    )
    fast_path: Annotated[bool, fields.flag()] = Field(
        default=True,
        description="Roll back at once where at least half of 20 requests or more fail on new "
        "within ten seconds, and legacy is well.",
    )
    legacy_sick: Points = Field(
        default=10.0,
        description="Per cent of legacy's requests that fail from which on nothing goes up or "
        "back.",
    )
    margin: Points = Field(
        default=3.0,
        description="Percentage points by which new may be worse for the gate `metrics`.",
    )
    scope: Annotated[Literal["rollout", "route"], fields.choice("rollout", "route")] = Field(
        default="rollout",
        description="What is judged and sent back: everything, or each route by itself.",
    )
    cooldown: Annotated[float, fields.duration("0s", "168h")] = Field(
        default=900.0, description="After a rollback no ramp begins before this is over."
    )
    auto_resume: Annotated[bool, fields.flag()] = Field(
        default=False,
        description="Whether the ramp begins again by itself after the cooldown, at its first "
        "step.",
    )
    absolute: Absolute | None = Field(default=None, description="Bounds on new alone.")
