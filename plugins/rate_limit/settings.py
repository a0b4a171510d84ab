"""What an operator can say: rules, what they count, and what is done with what is too much."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from proxy.api import Duration, Expression, Period, RouteName, Settings, setting, store_url
from proxy.api.settings import refuse_misfits

from .headers import Reset, Style
from .misfits import misfits, use_misfits

__all__ = ["OnStoreError", "RateLimitSettings", "RuleSettings", "UseSettings", "WindowSettings"]

OnStoreError = Literal["local", "open", "closed"]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "1 to 48 letters, digits, dots, dashes or _, beginning with a letter or digit"
        )
    return str(text)


Name = Annotated[str, AfterValidator(_name)]

Fact = Annotated[str, setting(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
"""The name of a fact."""

Value = Annotated[str, setting(max_length=256)]


class WindowSettings(Settings):
    """So many units in any such time."""

    limit: int = setting(ge=1, le=1_000_000_000, description="Units, at most.")
    per: Period = setting(ge=0.001, description="In any time of this length.")
    burst: int | None = setting(
        default=None,
        ge=1,
        le=1_000_000_000,
        description="Of `gcra`: units that may come at once. Default: `limit`.",
    )


class When(Settings):
    """What a rule is for; everything that is said here has to hold."""

    routes: tuple[RouteName, ...] = setting(
        default=(), max_length=100, description="Requests on one of these routes."
    )
    methods: tuple[Annotated[str, setting(pattern="^[A-Z-]{1,32}$")], ...] = setting(
        default=(), max_length=20, description="Requests with one of these methods."
    )
    facts: dict[Fact, tuple[Value, ...]] = setting(
        default={}, max_length=20, description="A fact is one of these texts, by its name."
    )
    other_than: dict[Fact, tuple[Value, ...]] = setting(
        default={},
        max_length=20,
        description="A fact is none of these texts; one that is not known is none of them.",
    )
    match: Expression | None = setting(
        default=None,
        description="Finds something that is neither empty nor false in the facts and `body`.",
    )


class RuleSettings(Settings):
    """What is counted together, and how much of it there may be."""

    scope: tuple[Fact, ...] = setting(
        default=(),
        max_length=10,
        description="The facts by which is counted: whatever has the same values of them is "
        "counted together. None: everything is.",
    )
    algorithm: Literal["sliding_log", "gcra"] = setting(
        default="sliding_log",
        description="`sliding_log` is exact: never more than `limit` in any `per`. `gcra` takes "
        "little memory for large numbers, and lets `burst` come at once.",
    )
    windows: tuple[WindowSettings, ...] = setting(
        default=(), max_length=8, description="All of them count."
    )
    distinct: Fact | None = setting(
        default=None, description="Count the different values of this fact, and not units."
    )
    concurrency: int | None = setting(
        default=None, ge=1, le=10_000, description="So many at the same time, instead of windows."
    )
    lease: Duration = setting(
        default=60.0,
        ge=1,
        le=3600,
        description="Of `concurrency`: what a process that died had under way counts so long.",
    )
    cost: Expression | None = setting(
        default=None,
        description="How many units it takes, found in the facts and `body`. Default, also for "
        "what is no number: 1.",
    )
    unit: Annotated[str, setting(pattern=r"^[a-z][a-z0-9-]{0,31}$")] | None = setting(
        default=None,
        description="What is counted, as clients are told (`qu`). Default: `requests`, or "
        "`concurrent-requests`, or `distinct-` and the fact.",
    )
    when: When = setting(default=When(), description="What the rule is for. Default: everything.")
    action: Literal["reject", "queue", "delay"] = setting(
        default="reject",
        description="What is done with what is too much. On a route `queue` is `reject`: only "
        "what has a queue can queue.",
    )
    delay: Duration = setting(
        default=2.0, ge=0.001, le=5, description="Of `delay`: the longest wait."
    )
    on_store_error: OnStoreError = setting(
        default="local",
        description="When the store cannot be reached: count in this process against its share, "
        "let everything through, or nothing.",
    )
    margin: Duration = setting(
        default=0.0,
        le=60,
        description="Added to each window, where what is let through arrives unevenly at whoever "
        "counts after us.",
    )


class AlertSettings(Settings):
    """When a person is told of a caller who is refused again and again."""

    refused: int = setting(
        default=100, ge=1, le=1_000_000, description="One caller was refused so often by one rule,"
    )
    per: Duration = setting(default=3600.0, ge=60, description="within so long.")


class RateLimitSettings(Settings):
    """All that stands under `plugins.rate_limit`."""

    store: Annotated[str, store_url("memory", "sqlite", "redis")] = setting(
        default="memory://",
        max_length=1024,
        description="Where is counted: `memory://` in this process, `sqlite:path` in this process "
        "and kept over a restart, `redis://host:6379/0` for all replicas together.",
    )
    rule_sets: tuple[Name, ...] = setting(
        default=(), max_length=10, description="Rules that come with the plugin: `onlyfans`."
    )
    rules: dict[Name, RuleSettings] = setting(
        default={}, max_length=200, description="Rules by names of yours."
    )
    scopes: int = setting(
        default=200_000, ge=1000, le=10_000_000, description="Counts kept in memory, at most."
    )
    patience: Duration = setting(
        default=0.025, ge=0.001, le=5, description="How long a store may take for an answer."
    )
    delayed: int = setting(
        default=1000,
        ge=0,
        le=100_000,
        description="Requests that may wait at the same time because of `delay`.",
    )
    alert: AlertSettings = setting(
        default=AlertSettings(), description="When a person is told of refusals."
    )

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(misfits(self))
        return self


class UseSettings(Settings):
    """One use on a route."""

    rules: tuple[Name, ...] = setting(
        default=(),
        max_length=50,
        description="The rules, or rule sets, that count here. Default: all.",
    )
    facts: dict[Fact, Expression] = setting(
        default={},
        max_length=20,
        description="Further facts, found in the JSON body. `recipient`, `message_type` and "
        "`account` are found by themselves.",
    )
    client_from: Annotated[str, setting(pattern="^[A-Za-z0-9-]{1,64}$")] | None = setting(
        default=None,
        description="A header in which a trusted proxy names its client; the last address in it "
        "is the fact `ip`.",
    )
    arm: Literal["legacy", "new"] | None = setting(
        default=None, description="Count only requests of this arm. Default: of both."
    )
    refusal: Expression | None = setting(
        default=None,
        description="Makes the JSON body of a 429 out of `retry_after`, `retry_after_ceil`, "
        "`violated`, `limit`, `remaining`, `detail`. Default: a problem document.",
    )
    headers: tuple[Style, ...] | None = setting(
        default=None,
        max_length=3,
        description="Which headers answers get. Default: `standard` and `legacy`.",
    )
    reset: Reset = setting(
        default="delta",
        description="How `X-RateLimit-Reset` is written: seconds from now, Unix seconds, or a "
        "date.",
    )

    @property
    def styles(self) -> tuple[Style, ...]:
        """The kinds of headers."""
        return ("standard", "legacy") if self.headers is None else self.headers

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(use_misfits(self))
        return self
