"""What follows from each way of failing: the fallback matrix.

Data and no code: `chain` and `health` obey it, the docs print it. Over all of it stand the
number of attempts, the deadline, the retry budget and what the intent's rule allows: no
fallback goes to a kind, a zone or a model that a first attempt could not have gone to,
unless `larger_model` or `other_model` name it.
"""

from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from proxy.api.workflows import ErrorCode

from .calls import FailureClass
from .codes import STATUSES

__all__ = ["MATRIX", "Again", "Effect", "Elsewhere", "Models", "Row", "as_markdown"]


class Again(Enum):
    """Whether the same deployment is asked again."""

    NO = "no"
    ONCE = "once, when no other is left"
    LATER = "when no other is left, after a wait"
    WHEN_TOLD = "when no other is left, after its Retry-After or a wait"


class Elsewhere(Enum):
    """Whether another deployment of the same model is asked."""

    NO = "no"
    YES = "at once"
    OTHER_PROVIDER = "at once, of another provider"
    REPLAY = "one more, if `retry.replay` is `allow`"


class Models(Enum):
    """Whether another model is asked."""

    NO = "no"
    CONFIGURED = "if the rule or `other_model` names one"
    ANY = "any that the rule allows"
    LARGER = "only `larger_model`"
    CHEAPER = "only `cheaper_model`, if the budget says so"


class Effect(Enum):
    """What the deployment's breaker is told."""

    NOTHING = "nothing"
    FAILURE = "a failure"
    NO_CONNECTION = "a failed connection"
    SLOW_FAILURE = "a failure, and slow"
    THROTTLED = "nothing; it is left alone until its Retry-After"
    CREDENTIAL_OPEN = "forced open for 5 minutes, with all of its provider, then tried; alert"
    FORCED_OPEN = "forced open for 5 minutes, then tried; alert"


class Row(NamedTuple):
    """What follows from one way of failing."""

    again: Again
    elsewhere: Elsewhere
    models: Models
    effect: Effect
    code: ErrorCode
    """What the caller is told, where nothing else helps."""
    says: str
    """And in which words."""
    queues: bool = False
    """Whether a deferrable intent is queued instead."""
    free: bool = False
    """Whether it certainly costs nothing; else its costs are not known without usage."""


_BUSY = "No provider of the model can take the request now. Try again later."
_WRONG = "The provider refused the request as invalid."

MATRIX: Mapping[FailureClass, Row] = {
    FailureClass.CONNECT: Row(
        Again.NO,
        Elsewhere.YES,
        Models.CONFIGURED,
        Effect.NO_CONNECTION,
        "provider_unavailable",
        _BUSY,
        free=True,
    ),
    FailureClass.TIMEOUT: Row(
        Again.NO,
        Elsewhere.REPLAY,
        Models.NO,
        Effect.SLOW_FAILURE,
        "provider_unavailable",
        "The provider did not answer in time; whether it did the work is not known.",
    ),
    FailureClass.CONFLICT: Row(
        Again.ONCE,
        Elsewhere.YES,
        Models.NO,
        Effect.NOTHING,
        "provider_unavailable",
        _BUSY,
    ),
    FailureClass.RATE_LIMITED: Row(
        Again.WHEN_TOLD,
        Elsewhere.YES,
        Models.CONFIGURED,
        Effect.THROTTLED,
        "rate_limit_exceeded",
        "The providers' rate limit is reached. Try again later.",
        queues=True,
        free=True,
    ),
    FailureClass.QUOTA: Row(
        Again.NO,
        Elsewhere.OTHER_PROVIDER,
        Models.ANY,
        Effect.CREDENTIAL_OPEN,
        "provider_unavailable",
        _BUSY,
        free=True,
    ),
    FailureClass.INVALID: Row(
        Again.NO,
        Elsewhere.NO,
        Models.NO,
        Effect.NOTHING,
        "invalid_request",
        _WRONG,
        free=True,
    ),
    FailureClass.CONTEXT_LENGTH: Row(
        Again.NO,
        Elsewhere.NO,
        Models.LARGER,
        Effect.NOTHING,
        "invalid_request",
        "The text is too long for the model.",
        free=True,
    ),
    FailureClass.CONTENT_FILTER: Row(
        Again.NO,
        Elsewhere.NO,
        Models.NO,
        Effect.NOTHING,
        "compliance_violation",
        "The provider's content filter refused the text.",
    ),
    FailureClass.AUTH: Row(
        Again.NO,
        Elsewhere.YES,
        Models.CONFIGURED,
        Effect.FORCED_OPEN,
        "provider_unavailable",
        _BUSY,
        free=True,
    ),
    FailureClass.SERVER: Row(
        Again.LATER,
        Elsewhere.YES,
        Models.CONFIGURED,
        Effect.FAILURE,
        "provider_unavailable",
        "The provider failed.",
        free=True,
    ),
    FailureClass.MALFORMED: Row(
        Again.NO,
        Elsewhere.YES,
        Models.CONFIGURED,
        Effect.FAILURE,
        "provider_unavailable",
        "The provider's answer could not be used.",
    ),
    FailureClass.CUT: Row(
        Again.NO,
        Elsewhere.NO,
        Models.NO,
        Effect.FAILURE,
        "provider_unavailable",
        "The provider's answer broke off.",
    ),
    FailureClass.DEADLINE: Row(
        Again.NO,
        Elsewhere.NO,
        Models.NO,
        Effect.NOTHING,
        "provider_unavailable",
        "There was no answer in the time that the request had.",
    ),
    FailureClass.CANCELLED: Row(
        Again.NO,
        Elsewhere.NO,
        Models.NO,
        Effect.NOTHING,
        "provider_unavailable",
        "The request was given up.",
    ),
    FailureClass.BUDGET: Row(
        Again.NO,
        Elsewhere.NO,
        Models.CHEAPER,
        Effect.NOTHING,
        "cost_limit_exceeded",
        "A budget does not pay for the request.",
        queues=True,
        free=True,
    ),
}
"""How a call failed -> what follows."""


def as_markdown() -> str:
    """Return the matrix as the docs have it."""
    titles = (
        "failure",
        "same deployment",
        "another, same model",
        "another model",
        "breaker is told",
        "caller is told",
    )
    lines = [f"| {' | '.join(titles)} |", f"| {' | '.join('---' for _ in titles)} |"]
    for kind, row in MATRIX.items():
        cells = (
            f"`{kind.value}`",
            row.again.value,
            row.elsewhere.value,
            row.models.value,
            row.effect.value,
            f"{STATUSES[row.code]} `{row.code}`" + (", or queued" if row.queues else ""),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"
