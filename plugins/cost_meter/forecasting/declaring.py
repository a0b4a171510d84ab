"""What an operator can say of forecasts, anomalies and costs as a brake."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, model_validator

from proxy.api import Duration, RolloutName, RouteName, Settings, setting
from proxy.api.settings import refuse_misfits

from ..dollars import amount, as_written

__all__ = ["BrakeSettings", "CostBoundSettings", "ForecastSettings", "IncidentSettings"]

Dollars = Annotated[str, BeforeValidator(as_written), amount(9_000_000, above_zero=True)]


def _moment(text: str) -> str:
    try:
        known = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        known = False
    if not known:
        raise ValueError("a time with its zone, such as 2026-11-20T14:00:00+00:00")
    return str(text)


Moment = Annotated[str, AfterValidator(_moment)]


class IncidentSettings(Settings):
    """A time in which what was spent tells nothing of what is usual."""

    begins: Moment = setting(description="Such as `2026-11-20T14:00:00+00:00`.")
    ends: Moment = setting(description="The same; after `begins`.")

    @model_validator(mode="after")
    def _ends_later(self) -> Self:
        if self.span[0] >= self.span[1]:
            refuse_misfits([(("ends",), "a time after `begins`")])
        return self

    @property
    def span(self) -> tuple[float, float]:
        """Return both in Unix seconds."""
        begins, ends = map(datetime.fromisoformat, (self.begins, self.ends))
        return begins.timestamp(), ends.timestamp()


class ForecastSettings(Settings):
    """Forecasts and anomalies."""

    enabled: bool = setting(
        default=True, description="Whether anybody looks at them unasked, and tells of them."
    )
    every: Duration = setting(
        default=300.0, ge=10, le=3600, description="How often they are looked at."
    )
    alert_at: float = setting(
        default=0.8,
        gt=0,
        lt=1,
        description="The probability that a budget will be passed before its period ends, from "
        "which on it is told of: `spend_forecast_breach`.",
    )
    anomaly_z: float = setting(
        default=6.0,
        ge=2,
        le=100,
        description="How far an hour's costs may lie above what is usual at that hour of the "
        "week, in robust standard deviations, before it is told of: `spend_anomaly`.",
    )
    anomaly_min_spend: Dollars = setting(
        default="1.00", description="Hours that cost no more than this, in US dollars, are well."
    )
    incidents: tuple[IncidentSettings, ...] = setting(
        default=(),
        max_length=100,
        description="Times that forecasts leave out, and put what is usual in their place.",
    )


class CostBoundSettings(Settings):
    """What one rollout's new arm may cost for each request that it answers."""

    routes: tuple[RouteName, ...] = setting(
        default=(),
        max_length=100,
        description="The rollout's routes whose costs count. Default: all routes on which new has "
        "costs.",
    )
    over_legacy: float | None = setting(
        default=1.5,
        ge=0.01,
        le=1000,
        description="So many times what legacy costs on the same route: what is metered there, or "
        "else the route's `baseline`. `null`: legacy is not compared with.",
    )
    bound: Dollars | None = setting(
        default=None, description="So many US dollars, whatever legacy costs."
    )
    min_requests: int = setting(
        default=100, ge=10, le=1_000_000, description="On new, before anything is judged."
    )
    confidence: float = setting(
        default=0.99,
        ge=0.9,
        lt=1,
        description="How sure it has to be that new costs more than it may: the probability that "
        "one which does not is left alone, however often it is looked at.",
    )
    window: Duration = setting(
        default=3600.0, ge=60, le=86400, description="How far is looked back."
    )

    @model_validator(mode="after")
    def _bounds_something(self) -> Self:
        if self.over_legacy is None and self.bound is None:
            refuse_misfits([(("bound",), "`over_legacy`, `bound`, or both")])
        return self


class BrakeSettings(Settings):
    """When what new costs rolls it back. Without rollouts: never."""

    every: Duration = setting(
        default=5.0, ge=1, le=300, description="How often the ledger is read for it."
    )
    rollouts: dict[RolloutName, CostBoundSettings] = setting(
        default={},
        max_length=100,
        description="The rollouts that are rolled back when new costs too much, by their names.",
    )

    @model_validator(mode="after")
    def _routes_are_told_apart(self) -> Self:
        """Several rollouts have to say whose costs are whose."""
        several = len(self.rollouts) > 1
        refuse_misfits(
            (("rollouts", name, "routes"), "the rollout's routes, where there are several rollouts")
            for name, one in self.rollouts.items()
            if several and not one.routes
        )
        return self
