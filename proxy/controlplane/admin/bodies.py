"""Bodies and queries of requests: read once, checked as a whole, every problem told at once."""

from typing import Annotated, Any, TypeVar

from aiohttp import web
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)

from proxy.controlplane.admin.auth import Refusal
from proxy.core.rollout_limits import MOST_REASON

__all__ = ["Body", "Reason", "Reasoned", "body_of", "field_problems", "query_of"]

_MOST_PROBLEMS = 20
_MOST_LETTERS = 100
_NO_OBJECT = frozenset({"json_invalid", "model_type"})


class Body(BaseModel):
    """What every body has in common: no unknown fields, no text where a number belongs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has letters that cannot be shown, such as a line end")
    if not text.strip():
        raise ValueError("says nothing")
    return text


Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_REASON),
    AfterValidator(_printable),
    Field(
        description=f"Why: 1 to {MOST_REASON} printable letters; kept in the audit.",
        examples=["test"],
    ),
]
"""Why somebody changes something."""


class Reasoned(Body):
    """A change: somebody must say why."""

    reason: Reason


AnyBody = TypeVar("AnyBody", bound=BaseModel)


async def body_of(
    request: web.Request, model: type[AnyBody], hint: str, status: int = 422
) -> AnyBody:
    """Return the body as `model`; an empty one is an empty object.

    Raises Refusal: 400 for what is no JSON, `status` for what does not fit, with each
    field's problem in `problems`. Values are not repeated: they may be keys of users.
    """
    raw = await request.read()
    try:
        return model.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if not first["loc"] and first["type"] in _NO_OBJECT:
            raise Refusal(400, "The body is no JSON object.", hint) from None
        raise _misfit(status, "body", hint, error) from None


def query_of(request: web.Request, model: type[AnyBody], hint: str) -> AnyBody:
    """Return the query as `model`; of a name that is said twice the first counts.

    Raises Refusal (400) for what does not fit, with each part's problem in `problems`.
    """
    try:
        return model.model_validate({name: request.query[name] for name in request.query})
    except ValidationError as error:
        raise _misfit(400, "query", hint, error) from None


def _misfit(status: int, what: str, hint: str, error: ValidationError) -> Refusal:
    problems = field_problems(error)
    told = "; ".join(f"{one['field'] or what}: {one['problem']}" for one in problems)
    return Refusal(status, f"The {what} does not fit: {told}.", hint, more={"problems": problems})


def field_problems(error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong with which field, at most the first twenty; no values."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [
        {"field": _field(one["loc"]), "problem": _said(one["msg"])}
        for one in found[:_MOST_PROBLEMS]
    ]


def _field(places: tuple[Any, ...]) -> str:
    text = ".".join(str(place) for place in places)
    return text[:_MOST_LETTERS].encode("utf-8", "replace").decode()


def _said(message: str) -> str:
    text = message.removeprefix("Value error, ")
    return text[:1].lower() + text[1:]
