"""What an operator can say: where messages wait, where they go, how fast, and who has to agree."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, model_validator

from proxy.api import Duration, Period, Secret, Settings, Size, setting, store_url
from proxy.api.settings import BaseUrl, Misfit, refuse_misfits

__all__ = [
    "AlertSettings",
    "ApprovalSettings",
    "GatewaySettings",
    "MessageQueueSettings",
    "RetrySettings",
    "WorkerSettings",
]

_RULE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _rule(text: str) -> str:
    if not _RULE.fullmatch(text):
        raise ValueError("the name of a rule, or of a set of rules, of rate_limit")
    return str(text)


class GatewaySettings(Settings):
    """The platform that sends the messages."""

    url: BaseUrl = setting(description="Where its API begins; `/messages` is added.")
    token: Secret = setting(description='What we prove with that we may; write `"${VARIABLE}"`.')
    timeout: Duration = setting(default=30.0, ge=0.1, le=600, description="For one try.")
    idempotent: bool = setting(
        default=False,
        description="Whether it promises that one `Idempotency-Key` is executed once. Then a try "
        "of which nobody knows what came is repeated; else a person decides.",
    )
    connections: int = setting(
        default=100, ge=1, le=10_000, description="At a time, from one process."
    )


class ApprovalSettings(Settings):
    """A person's consent, without which nothing is sent."""

    within: Duration = setting(
        default=300.0, ge=1, description="How old it may be when it is given to us."
    )
    unapproved: Literal["refuse", "hold"] = setting(
        default="refuse",
        description="What becomes of a message without one: `refuse`, or `hold` until it is "
        "approved.",
    )


class WorkerSettings(Settings):
    """Those who deliver."""

    concurrency: int = setting(
        default=8, ge=1, le=1000, description="Messages that one process sends at a time."
    )
    lease: Duration = setting(
        default=60.0,
        ge=1,
        le=3600,
        description="How long a message is a worker's; after that another one takes it over.",
    )
    in_flight: int = setting(
        default=2, ge=1, le=1000, description="Messages of one user at a time, in the whole fleet."
    )


class RetrySettings(Settings):
    """How often it is tried."""

    attempts: int = setting(
        default=5, ge=1, le=100, description="Tries that fail; what a limit puts off is none."
    )


class AlertSettings(Settings):
    """When somebody is told."""

    dead: int = setting(
        default=1, ge=1, description="So many messages that have died within an hour."
    )
    oldest: Duration = setting(
        default=600.0, ge=1, description="A message that could go waits longer than this."
    )


class MessageQueueSettings(Settings):
    """All that stands under `plugins.message_queue`."""

    store: Annotated[str, store_url("memory", "sqlite", "redis")] = setting(
        default="sqlite:messages.db",
        max_length=1024,
        description="Where messages wait: `sqlite:path` for one process, `redis://host:6379/0` for "
        "a fleet, `memory://` for a trial: a restart forgets it.",
    )
    gateway: GatewaySettings = setting(description="Where messages go.")
    limits: tuple[Annotated[str, AfterValidator(_rule)], ...] = setting(
        default=("onlyfans",),
        max_length=100,
        description="Rules and sets of rules of rate_limit that each sending is asked of; `[]`: "
        "none.",
    )
    approval: ApprovalSettings = setting(default=ApprovalSettings(), description="Who agrees.")
    workers: WorkerSettings = setting(default=WorkerSettings(), description="Who delivers.")
    retries: RetrySettings = setting(default=RetrySettings(), description="How often.")
    most: int = setting(
        default=100_000, ge=1, le=10_000_000, description="Messages that wait, at most."
    )
    most_per_user: int = setting(
        default=1000, ge=1, le=1_000_000, description="Of one user, at most."
    )
    bytes_per_user: Size = setting(
        default=16 * 1024 * 1024, ge=1024, description="What they take, of one user, at most."
    )
    keep: Period = setting(
        default=168 * 3600.0,
        ge=60,
        description="How long ended ones are kept, and with them their `Idempotency-Key`.",
    )
    expires: Period = setting(
        default=24 * 3600.0,
        ge=1,
        description="A message that has waited so long from when it was due is not sent any more.",
    )
    wait: Duration = setting(
        default=2.0,
        le=25,
        description="How long a client waits for its message to be sent, before it is told that it "
        "is under way.",
    )
    alert: AlertSettings = setting(default=AlertSettings(), description="When somebody is told.")

    @model_validator(mode="after")
    def _all_fits_together(self) -> Self:
        refuse_misfits(_misfits(self))
        return self


def _misfits(settings: MessageQueueSettings) -> Iterator[Misfit]:
    if settings.workers.lease < settings.gateway.timeout:
        yield ("workers", "lease"), "at least as long as gateway.timeout"
