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

    Nothing else of `reply` gets through: no header, no word about what failed.
    """
    result = _completed(reply)
    if result is None:
        return json_reply(asked.failed, 500)
    headers, document = asked.to_legacy(result, moment)
    return json_reply(document, 200, dict(headers))


def _completed(reply: Reply) -> WorkflowResult | None:
    if reply.status != 200 or not isinstance(reply.body, bytes):
        return None
    try:
        result = WorkflowResult.model_validate_json(reply.body)
    except ValidationError:
        return None
    return result if result.status == "completed" and result.error is None else None
