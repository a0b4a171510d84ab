"""The two ways of every profile: a body to an intent, the answer to it back again."""

import orjson
from pydantic import ValidationError

from proxy.api import (
    Body,
    Reply,
    Unserved,
    WorkflowIntent,
    WorkflowResult,
    json_reply,
    problem_reply,
)

from . import Profile
from .asked import Asked, Moment

__all__ = ["answered", "intended", "understood"]

_BUDGET = "X-Crossfade-Budget"
_UNPAID = (402, 429)


def understood(profile: Profile, body: Body, most: int) -> Asked:
    """Return what was asked; `most` are the bytes that a document may have.

    Raises Unserved for all that the profile cannot vouch for: the older API answers that as it
    always has.
    """
    kind = profile.get((body.method, body.path))
    if kind is None:
        raise Unserved(problem_reply(404, "The profile knows no such method and path."))
    try:
        if len(body.data) > most:
            raise ValueError(f"more than {most} bytes")
        return kind.model_validate(orjson.loads(body.data))
    except ValueError:
        raise _unfit(kind) from None


def intended(asked: Asked, caller: str | None) -> bytes:
    """Return the intent as JSON; `caller` is a verified user. Raises Unserved."""
    try:
        intent = orjson.dumps(asked.to_intent(caller))
        WorkflowIntent.model_validate_json(intent, strict=True)
    except (TypeError, ValueError):  # TypeError: too many levels to be written
        raise _unfit(type(asked)) from None
    return intent


def _unfit(kind: type[Asked]) -> Unserved:
    return Unserved(json_reply(kind.invalid, 400))


def answered(asked: Asked, reply: Reply, moment: Moment) -> Reply:
    """Return the older API's answer for that of whoever carried out the intent.

    Of `reply` nothing else gets through than when to come again, and how budgets stand: no other
    header, no word about what failed.
    """
    result = _result(reply)
    if result is not None and _completed(reply, result):
        headers, document = asked.to_legacy(result, moment)
        return json_reply(document, 200, {**headers, **_of(reply, _BUDGET)})
    if result is not None and _unpaid(reply, result):
        return json_reply(asked.unpaid, reply.status, _of(reply, "Retry-After", _BUDGET))
    return json_reply(asked.failed, 500)


def _result(reply: Reply) -> WorkflowResult | None:
    if not isinstance(reply.body, bytes):
        return None
    try:
        return WorkflowResult.model_validate_json(reply.body)
    except ValidationError:
        return None


def _completed(reply: Reply, result: WorkflowResult) -> bool:
    return reply.status == 200 and result.status == "completed" and result.error is None


def _unpaid(reply: Reply, result: WorkflowResult) -> bool:
    error = result.error
    return reply.status in _UNPAID and error is not None and error.code == "cost_limit_exceeded"


def _of(reply: Reply, *names: str) -> dict[str, str]:
    found = {name: reply.headers.get(name) for name in names}
    return {name: value for name, value in found.items() if value is not None}
