"""How values of requests are read: times, and whatever pydantic finds wrong with a body."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from proxy.api.endpoints import count_of, problems_of, query_of, time_of

from .declining import DeclinedError, invalid

__all__ = ["Asked", "Time", "asked_in", "limit_in", "read"]

LARGEST = 256 * 1024
"""The longest body, in bytes."""

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?", re.ASCII)
_Model = TypeVar("_Model", bound=BaseModel)


class Asked(BaseModel):
    """Part of a body: unknown keys are errors, nothing is guessed."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, hide_input_in_errors=True
    )


def _time(value: Any) -> float:
    wanted = "a time such as 2026-11-23T18:22:00Z"
    if not isinstance(value, str) or len(value) > 64 or _TIME.fullmatch(value) is None:
        raise ValueError(wanted)
    try:
        return time_of(value).timestamp()
    except ValueError:
        raise ValueError(wanted) from None


Time = Annotated[float, BeforeValidator(_time)]
"""Unix seconds, written as in RFC 3339; UTC where no zone is said."""


def read(model: type[_Model], data: bytes) -> _Model:
    """Read a body strictly. Raises DeclinedError with all that is wrong, but no value of it."""
    if len(data) > LARGEST:
        said = f"The body has {len(data)} bytes; at most {LARGEST} are taken"
        raise DeclinedError(413, "VALIDATION_ERROR", said)
    try:
        return model.model_validate_json(data, strict=True)
    except ValidationError as error:
        raise invalid(problems_of(error)) from None


def asked_in(query: str, known: tuple[str, ...]) -> Mapping[str, str]:
    """Read a query: every parameter at most once, none that is unknown. Raises DeclinedError."""
    try:
        return query_of(query, known)
    except ValueError as error:
        raise invalid([str(error)]) from None


def limit_in(said: Mapping[str, str], usual: int, most: int) -> int:
    """Return how long a list is to be at most. Raises DeclinedError."""
    try:
        return count_of(said.get("limit", str(usual)), most)
    except ValueError as error:
        raise invalid([f"limit: {error}"]) from None
