"""What operators send to change a rollout, and the plan that a start may bring along."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from proxy.config.ramp import DAYS, Day, read_zone
from proxy.controlplane.admin.auth import Refusal
from proxy.controlplane.admin.bodies import Body, Reasoned
from proxy.core.by_hand import LONGEST_OVERRIDE
from proxy.core.rollout_limits import LONGEST_BAKE, LONGEST_SETTLE, LONGEST_STEP, MOST_STEPS
from proxy.core.rollout_state import Gates, Plan, Step, TimeWindow, Webhook

__all__ = [
    "GatesBody",
    "OverrideBody",
    "PlanBody",
    "PromoteBody",
    "ScopeBody",
    "SetBody",
    "StartBody",
    "StepBody",
    "WindowBody",
]


def _thousandths(value: float) -> float:
    if round(value, 3) != value:
        raise ValueError("has more than three decimals")
    return value


Percentage = Annotated[float, Field(ge=0, le=100), AfterValidator(_thousandths)]
StepPercentage = Annotated[float, Field(ge=0.001, le=100), AfterValidator(_thousandths)]
Minutes = Annotated[int, Field(ge=0, le=1440)]
Scoped = Annotated[str, Field(max_length=512)]


class SetBody(Reasoned):
    """Another percentage, by hand."""

    percentage: Percentage


class PromoteBody(Reasoned):
    """The next step now; the last one if `full`."""

    full: bool = False


class ScopeBody(Reasoned):
    """A part of the rollout: a route, a value of the attribute that `cohort` names, or both."""

    route: Scoped = Field("", description="The name of a route; empty for all.")
    cohort: Scoped = Field("", description="A cohort; empty for all.")


class OverrideBody(Reasoned):
    """For how long the brake only watches."""

    seconds: float = Field(gt=0, le=LONGEST_OVERRIDE)


class WindowBody(Body):
    """When a step may be left."""

    days: tuple[Day, ...] = Field(DAYS, min_length=1, max_length=7)
    begins: Minutes = Field(0, description="Minutes after midnight.")
    ends: Minutes = Field(1440, description="Exclusive; below `begins` it is past midnight.")
    zone: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(read_zone)] = "UTC"

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if self.begins == self.ends or self.begins == 1440 or self.ends == 0:
            raise ValueError("never opens: begins and ends leave no time")
        return self


class GatesBody(Body):
    """What must agree before a step is left."""

    metrics: bool = True
    min_requests: int = Field(200, ge=0, le=1_000_000)
    approval: bool = False
    webhook: str | None = Field(
        None,
        max_length=2048,
        description="The URL of a webhook that the configuration declares for this rollout.",
    )
    window: WindowBody | None = None


class StepBody(Body):
    """One step; durations in seconds."""

    percentage: StepPercentage
    settle: float = Field(30.0, ge=0, le=LONGEST_SETTLE)
    bake: float = Field(600.0, ge=0, le=LONGEST_BAKE)
    max_duration: float = Field(0.0, ge=0, le=LONGEST_STEP, description="0 for no limit.")
    gates: GatesBody = GatesBody()


class PlanBody(Body):
    """A ramp: steps of rising percentage, and a soak in seconds after the last."""

    steps: tuple[StepBody, ...] = Field(min_length=1, max_length=MOST_STEPS)
    soak: float = Field(3600.0, ge=0, le=LONGEST_BAKE)

    @model_validator(mode="after")
    def _rises(self) -> Self:
        shares = [step.percentage for step in self.steps]
        if any(later <= before for before, later in pairwise(shares)):
            raise ValueError("steps must rise: each percentage above the one before")
        return self


class StartBody(Reasoned):
    """The ramp's begin, with another plan than the declared one where `plan` is there."""

    plan: PlanBody | None = None
    insist: bool = Field(False, description="In spite of cooldown and latch; for admins.")

    def planned(self, declared: Plan | None) -> Plan | None:
        """Return the plan that was sent. `declared` has the webhooks that may be asked.

        Raises Refusal (422) for another one: the proxy asks only whom its file names.
        """
        if self.plan is None:
            return None
        webhooks = _webhooks(declared)
        steps = tuple(
            _step(step, f"plan.steps.{place}", webhooks)
            for place, step in enumerate(self.plan.steps)
        )
        return Plan(steps, self.plan.soak)


def _webhooks(declared: Plan | None) -> dict[str, Webhook]:
    steps = () if declared is None else declared.steps
    hooks = (step.gates.webhook for step in steps)
    return {hook.url: hook for hook in hooks if hook is not None}


def _step(step: StepBody, place: str, webhooks: dict[str, Webhook]) -> Step:
    gates, window = step.gates, step.gates.window
    if gates.webhook is not None and gates.webhook not in webhooks:
        found = {"field": f"{place}.gates.webhook", "problem": "is no webhook of the configuration"}
        raise Refusal(
            422,
            f"The body does not fit: {found['field']}: {found['problem']}.",
            "Declare it in the rollout's ramp section; the proxy asks nobody else.",
            more={"problems": [found]},
        )
    return Step(
        step.percentage,
        settle=step.settle,
        bake=step.bake,
        max_duration=step.max_duration,
        gates=Gates(
            gates.metrics,
            gates.min_requests,
            gates.approval,
            None if gates.webhook is None else webhooks[gates.webhook],
            None
            if window is None
            else TimeWindow(window.days, window.begins, window.ends, window.zone),
        ),
    )
