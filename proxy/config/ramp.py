"""The `ramp` section of a rollout: the steps that its percentage climbs, and what must agree."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from proxy.core import rollout_state as core
from proxy.core.rollout_limits import LONGEST_BAKE, LONGEST_SETTLE, LONGEST_STEP, MOST_STEPS
from proxy.settings import fields, values
from proxy.settings.section import Section
from proxy.settings.values import UnfitError

__all__ = ["Gates", "Hours", "Ramp", "StepDeclared", "StepGates", "Webhook", "Window"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = get_args(Day)

_HOURS = "hours such as 09:00-17:00"
_ZONE = "a time zone such as UTC or Europe/Paris"
_WEBHOOK = "a URL such as http://127.0.0.1:7000/gate"


@dataclass(frozen=True, slots=True)
class Hours:
    """A part of the day, in minutes after midnight; `ends` is exclusive.

    Where `ends` is below `begins`, it goes past midnight.
    """

    begins: int = 0
    ends: int = 1440

    def __str__(self) -> str:
        """`09:00-17:00`."""
        return f"{_clock(self.begins)}-{_clock(self.ends)}"


def read_hours(text: str) -> Hours:
    """Read `HH:MM-HH:MM`, 00:00 to 24:00; raises `UnfitError`."""
    begins, dash, ends = text.partition("-")
    if not dash:
        raise UnfitError(_HOURS)
    read = Hours(_minutes(begins), _minutes(ends))
    if read.begins == read.ends:
        raise UnfitError("an end that is not the begin", "write 00:00-24:00 for the whole day")
    if read.begins == 1440:
        raise UnfitError("a begin before 24:00", "a day begins at 00:00")
    if read.ends == 0:
        raise UnfitError("an end after 00:00", "a day ends at 24:00")
    return read


def read_zone(text: str) -> str:
    """Read the name of an IANA time zone; raises `UnfitError` if there is no such zone."""
    if text == "UTC":
        return str(text)
    try:
        ZoneInfo(text)
    except (LookupError, ValueError, OSError):
        raise UnfitError(_ZONE, "the names are those of the IANA time zone database") from None
    return str(text)


def webhook_url(text: str) -> str:
    """Read the `http` or `https` URL of a gate, with a path and a query; raises `UnfitError`."""
    if not text.isascii() or not text.isprintable() or " " in text or "#" in text:
        raise UnfitError(_WEBHOOK, "percent-encode it, and leave out the fragment")
    scheme, separator, rest = text.partition("://")
    authority = rest.partition("/")[0].partition("?")[0]
    try:
        values.url(f"{scheme}{separator}{authority}")
    except UnfitError as error:
        raise UnfitError(_WEBHOOK, error.hint) from None
    return str(text)


def _minutes(text: str) -> int:
    hour, _, minute = text.partition(":")
    digits = len(hour) == len(minute) == 2 and (hour + minute).isascii()
    if not digits or not (hour + minute).isdigit():
        raise UnfitError(_HOURS)
    minutes = int(hour) * 60 + int(minute)
    if int(minute) > 59 or minutes > 1440:
        raise UnfitError(_HOURS, "from 00:00 to 24:00")
    return minutes


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _up_to(seconds: float) -> fields.Reads:
    return fields.duration("0s", values.written_duration(seconds))


Share = Annotated[float, fields.number(0.001, 100, thousandths=True)]
Settle = Annotated[float, _up_to(LONGEST_SETTLE)]
Bake = Annotated[float, _up_to(LONGEST_BAKE)]
Longest = Annotated[float, _up_to(LONGEST_STEP)]
Requests = Annotated[int, fields.whole(0, 1_000_000)]
Flag = Annotated[bool, fields.flag()]


class Webhook(Section):
    """A service that is asked whether the next step may be taken."""

    url: Annotated[str, fields.text("a URL", webhook_url, longest=2048)] = Field(
        description="Gets a POST with the evidence: 2xx is yes, anything else is asked again. "
        "It is stored and shown: no secrets in it.",
    )
    timeout: Annotated[float, fields.duration("100ms", "30s")] = Field(
        default=5.0, description="Longest time for an answer; then it is asked again."
    )


class Window(Section):
    """When a step up may happen. Rollbacks happen at any time."""

    days: Annotated[tuple[Annotated[Day, fields.choice(*DAYS)], ...], fields.some("day")] = Field(
        default=DAYS, description="The days of the week; hours past midnight belong to their day."
    )
    hours: Annotated[Hours, fields.text(_HOURS, read_hours)] = Field(
        default=Hours(),
        description="`HH:MM-HH:MM`, the end excluded; an end before the begin is past midnight.",
    )
    zone: Annotated[str, fields.text(_ZONE, read_zone, longest=64)] = Field(
        default="UTC", description="The IANA time zone of days and hours."
    )


class Gates(Section):
    """What must agree before a step up, beside the time and the requests."""

    metrics: Flag = Field(
        default=True,
        description="The judge of `rollback` must find that new is not worse, by its `margin`.",
    )
    approval: Flag = Field(default=False, description="An operator must approve each step.")
    webhook: Webhook | None = Field(default=None, description="A service must agree.")
    window: Window | None = Field(default=None, description="The hour must be right.")


class StepGates(Section):
    """What differs from the ramp's `gates` on this step.

    `webhook: null` and `window: null` leave out what the ramp has.
    """

    metrics: Flag | None = Field(default=None, description="As in `ramp.gates`.")
    approval: Flag | None = Field(default=None, description="As in `ramp.gates`.")
    webhook: Webhook | None = Field(default=None, description="As in `ramp.gates`.")
    window: Window | None = Field(default=None, description="As in `ramp.gates`.")


class StepDeclared(Section):
    """One step: a percentage, or a mapping with what differs from the rest of the ramp."""

    percentage: Share = Field(description="The share of keys on new; above the step before.")
    settle: Settle | None = Field(default=None, description="Default: the ramp's.")
    bake: Bake | None = Field(default=None, description="Default: the ramp's.")
    min_requests: Requests | None = Field(default=None, description="Default: the ramp's.")
    max_duration: Longest | None = Field(default=None, description="Default: the ramp's.")
    gates: StepGates = Field(
        default=StepGates(), description="Each key that is not here is the ramp's."
    )

    @model_validator(mode="before")
    @classmethod
    def _bare_percentage(cls, value: Any) -> Any:
        return value if isinstance(value, dict | StepDeclared) else {"percentage": value}

    def __str__(self) -> str:
        """The percentage, as a bare step is written."""
        return f"{self.percentage:g}"


def _few(steps: tuple[StepDeclared, ...]) -> tuple[StepDeclared, ...]:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise UnfitError(f"1 to {MOST_STEPS} steps", said=f"{len(steps) or 'no'} steps")
    return steps


class Ramp(Section):
    """How the rollout climbs by itself, once an operator has started it.

    At each step it settles, bakes and asks the gates; after the last one it soaks.
    """

    steps: Annotated[tuple[StepDeclared, ...], fields.AfterValidator(_few)] = Field(
        default=tuple(StepDeclared(percentage=each) for each in (5.0, 25.0, 50.0, 100.0)),
        description=f"1 to {MOST_STEPS} percentages, each above the one before, or mappings.",
    )
    settle: Settle = Field(
        default=30.0, description="What is seen so soon after a step does not count."
    )
    bake: Bake = Field(
        default=600.0,
        description="Time of healthy observation that a step needs; restarts, freezes and times "
        "without the store do not count.",
    )
    min_requests: Requests = Field(
        default=200, description="Requests that each arm must have answered in a step."
    )
    max_duration: Longest = Field(
        default=0.0,
        description="A step that takes longer is held and asks for an operator; 0s: never.",
    )
    soak: Bake = Field(
        default=3600.0,
        description="Time of healthy observation after the last step until the ramp is complete.",
    )
    gates: Gates = Field(default=Gates(), description="What must agree before a step up.")

    @property
    def plan(self) -> core.Plan:
        """The ramp as the state machine walks it."""
        return core.Plan(tuple(self._step(step) for step in self.steps), self.soak)

    def _step(self, step: StepDeclared) -> core.Step:
        gates = self.gates.model_copy(update=_named(step.gates))
        requests = self.min_requests if step.min_requests is None else step.min_requests
        return core.Step(
            step.percentage,
            settle=self.settle if step.settle is None else step.settle,
            bake=self.bake if step.bake is None else step.bake,
            max_duration=self.max_duration if step.max_duration is None else step.max_duration,
            gates=_gates(gates, requests),
        )


def _named(gates: StepGates) -> dict[str, Any]:
    """What a step says of its gates; a flag that is null says nothing."""
    said = {name: getattr(gates, name) for name in gates.model_fields_set}
    flags = ("metrics", "approval")
    return {name: value for name, value in said.items() if name not in flags or value is not None}


def _gates(gates: Gates, min_requests: int) -> core.Gates:
    webhook, window = gates.webhook, gates.window
    return core.Gates(
        metrics=gates.metrics,
        min_requests=min_requests,
        approval=gates.approval,
        webhook=core.Webhook(webhook.url, webhook.timeout) if webhook else None,
        window=core.TimeWindow(window.days, window.hours.begins, window.hours.ends, window.zone)
        if window
        else None,
    )
