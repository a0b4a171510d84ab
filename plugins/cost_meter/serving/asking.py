"""What is asked of the costs API in bodies, read strictly."""

import json
import re
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from proxy.api import Request
from proxy.api.documents import nano_usd_of
from proxy.api.endpoints import problems_of

from .declining import DeclinedError, invalid
from .questions import Severity, ThresholdType

__all__ = [
    "LARGEST",
    "AlertType",
    "AskedAcknowledgement",
    "AskedAlert",
    "AskedApplying",
    "AskedThreshold",
    "ChangedThreshold",
    "key_of",
    "read",
]

LARGEST = 16 * 1024
"""The longest body, in bytes."""

AlertType = Literal["daily_threshold", "monthly_threshold", "spike_detection", "budget_exceeded"]

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,47}")
_MOST_NANO = 10**18
_LEAST_EXPONENT, _MOST_EXPONENT = -9, 9
_Model = TypeVar("_Model", bound=BaseModel)


def _dollars(value: object) -> int:
    """Read US dollars by their digits: numbers come as text, see `read`."""
    try:
        said = Decimal(str(value))
        # Before it is written out: an exponent may ask for any number of digits.
        near = said.is_finite() and _LEAST_EXPONENT <= said.adjusted() <= _MOST_EXPONENT
        nano = nano_usd_of(f"{said:f}") if near else 0
    except (ValueError, ArithmeticError):
        nano = 0
    if not 0 < nano <= _MOST_NANO:
        raise ValueError("US dollars above zero, such as 0.25, with at most nine decimals")
    return nano


def _channel(text: str) -> str:
    if _CHANNEL.fullmatch(text) is None:
        raise ValueError("1 to 48 letters, digits, dots, dashes or _")
    return text


def _said(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("has to say something, on one line")
    return text


_Id = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_said)]
_Nano = Annotated[
    int,
    BeforeValidator(_dollars),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "description": "US dollars."}),
]
_Channels = Annotated[
    tuple[Annotated[str, AfterValidator(_channel)], ...], Field(min_length=1, max_length=10)
]


class _Asked(BaseModel):
    """A body: unknown keys are errors, nothing is guessed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True
    )


class AskedThreshold(_Asked):
    """A new threshold."""

    type: ThresholdType
    threshold: _Nano
    severity: Severity
    notification_channels: _Channels
    provider: Annotated[str, Field(max_length=48), AfterValidator(_channel)] | None = None
    user_id: _Id | None = None
    enabled: bool = True


class ChangedThreshold(_Asked):
    """Changes of a threshold; what is left out stays."""

    threshold_id: _Id
    enabled: bool | None = None
    threshold: _Nano | None = None
    severity: Severity | None = None
    notification_channels: _Channels | None = None


class AskedAlert(_Asked):
    """An alert that an administrator raises."""

    type: AlertType
    threshold: _Nano
    message: Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_said)]
    severity: Severity = "warning"
    user_id: _Id | None = None


class AskedAcknowledgement(_Asked):
    """Somebody knows of an alert."""

    alert_id: _Id
    acknowledged: Literal[True]


class AskedApplying(_Asked):
    """Advice that is to be followed."""

    recommendation_id: _Id
    confirm: Literal[True]


def key_of(request: Request) -> str:
    """Return the Idempotency-Key of a request, empty without. Raises DeclinedError.

    The same key of the same caller is the same request
    (draft-ietf-httpapi-idempotency-key-header).
    """
    key = request.headers.get("idempotency-key")
    if key is not None and _KEY.fullmatch(key) is None:
        raise invalid(["Idempotency-Key: 1 to 255 visible ASCII characters"])
    return key or ""


def read(model: type[_Model], data: bytes) -> _Model:
    """Read a body strictly. Raises DeclinedError with all that is wrong, but no value of it."""
    if len(data) > LARGEST:
        raise DeclinedError(413, f"The body has {len(data)} bytes; at most {LARGEST} are taken")
    try:
        # Numbers as text: a float would round amounts. No body has other numbers.
        said = json.loads(data, parse_float=str, parse_int=str, parse_constant=str)
        written = orjson.dumps(said)
    except (ValueError, TypeError, RecursionError):
        raise invalid(["the body is no JSON, or has too many levels"]) from None
    try:
        return model.model_validate_json(written, strict=True)
    except ValidationError as error:
        raise invalid(problems_of(error)) from None
