"""What an operator can say of budgets."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, model_validator

from proxy.api import NanoUSD, Period, RouteName, Settings, setting
from proxy.api.settings import Misfit, refuse_misfits

from ..dollars import amount, as_written, nano_of

__all__ = ["Action", "BudgetSettings", "BudgetWhen", "Every", "OnStoreError", "Scope"]

Scope = Literal["user", "plan", "route", "everyone"]
Every = Literal["hour", "day", "month"]
Action = Literal["observe", "warn", "cheaper_model", "queue", "reject"]
OnStoreError = Literal["closed", "local"]

MOST_USD: Final = 4_500_000
"""With the highest percentage twice as much is compared, which a script in Redis can do exactly
below 2^53 nano-USD, 9.0 million USD."""

MOST_PERCENT: Final = 200

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


def _number(key: Any) -> Any:
    """Return a key as a number: the configuration has all keys as text."""
    return int(key) if isinstance(key, str) and re.fullmatch("[0-9]{1,3}", key) else key


Usd = Annotated[str, BeforeValidator(as_written), amount(MOST_USD, above_zero=True)]
"""US dollars, as text."""

Percent = Annotated[int, setting(ge=1, le=MOST_PERCENT)]
PercentKey = Annotated[int, BeforeValidator(_number), setting(ge=1, le=MOST_PERCENT)]
Named = Annotated[str, setting(min_length=1, max_length=256)]
Names = Annotated[tuple[Named, ...], setting(max_length=100)]


class BudgetWhen(Settings):
    """What a budget pays for; everything that is said here has to hold."""

    routes: Annotated[tuple[RouteName, ...], setting(max_length=100)] = setting(
        default=(), description="Attempts for requests on one of these routes."
    )
    plans: Names = setting(
        default=(), description="Of users with one of these plans, in lower case: the `tier`."
    )
    intents: Names = setting(
        default=(), description="For one of these kinds of work, such as `content_planning`."
    )
    models: Names = setting(default=(), description="At one of these models.")
    arms: tuple[Literal["legacy", "new", "none"], ...] = setting(
        default=(), max_length=3, description="On one of these arms."
    )


class BudgetSettings(Settings):
    """How much may be spent, by whom, in which time, and what is done on the way there."""

    of: Scope = setting(
        default="everyone",
        description="Who has so much: each user, each plan (`tier`), each route, or all together. "
        "Users for whom nobody vouches are all one user.",
    )
    when: BudgetWhen = setting(default=BudgetWhen(), description="What it pays for. Default: all.")
    limit: Usd = setting(description="US dollars, such as `5.00`.")
    per: Every | None = setting(
        default=None, description="In each of these of the calendar, in `time_zone`."
    )
    rolling: Period | None = setting(
        default=None,
        description="Or in any time of this length, from `1h` to `1440h`; it moves on by a 24th.",
    )
    thresholds: tuple[Percent, ...] = setting(
        default=(50, 80, 95, 100),
        max_length=10,
        description="A person is told when so many percent are spent.",
    )
    actions: dict[PercentKey, Action] = setting(
        default={80: "warn", 100: "reject"},
        max_length=8,
        description="By percent, what is done from there on; the highest reached one counts. "
        "`observe`: nothing; `warn`: the answer says so; `cheaper_model`: what can be asked of a "
        "cheaper model is asked there; `queue`: what can wait, waits; `reject`: it is not sent.",
    )
    mode: Literal["strict", "statistical"] = setting(
        default="strict",
        description="What is held back for an attempt under way: the most that it can cost, or "
        "what 95 of 100 like it have cost.",
    )
    status: Literal[429, 402] = setting(
        default=429, description="The HTTP status of what is rejected."
    )
    on_store_error: OnStoreError = setting(
        default="closed",
        description="When the shared store cannot be reached: send nothing once a small allowance "
        "is spent, or spend this process's share of the limit.",
    )

    @property
    def nano_usd(self) -> NanoUSD:
        """The limit, exactly."""
        return nano_of(self.limit)

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(_misfits(self))
        return self


def _misfits(said: BudgetSettings) -> Iterator[Misfit]:
    if (said.per is None) == (said.rolling is None):
        yield ("per",), "hour, day or month; or rolling, such as 24h, instead of it"
    if said.rolling is not None and not _fits(said.rolling):
        yield (
            ("rolling",),
            "from 1h to 1440h: whole minutes up to 24h, whole hours above it",
        )
    if len(set(said.thresholds)) < len(said.thresholds):
        yield ("thresholds",), "each percentage once"
    if len(set(said.when.arms)) < len(said.when.arms):
        yield ("when", "arms"), "each arm once"
    for place, plan in enumerate(said.when.plans):
        if plan != plan.lower():
            yield ("when", "plans", place), "lower case: so they are compared"
    rejected = min((at for at, what in said.actions.items() if what == "reject"), default=None)
    for at in sorted(said.actions):
        if rejected is not None and at > rejected:
            yield (
                ("actions", str(at)),
                f"at most {rejected}: everything is rejected from there on",
            )


def _fits(rolling: float) -> bool:
    unit = 60 if rolling <= _DAY else _HOUR
    return _HOUR <= rolling <= 60 * _DAY and rolling % unit == 0
