"""What is asked of a campaign: the v2 body, read strictly, as the intent of whoever is calling."""

from typing import Any

import orjson
from pydantic import ValidationError

from proxy.api import Caller, WorkflowIntent
from proxy.api.endpoints import PROBLEMS_TOLD, problems_of

from .declining import DeclinedError, forbidden

__all__ = ["OWN", "REQUIRED", "intent_of"]

REQUIRED = ("type", "platforms", "data")
"""What a body has to say; an intent has defaults for some of it."""

OWN = "userId"
"""What a body may not say: the user is whoever is calling."""

LARGEST = 256 * 1024
"""The longest body, in bytes; the orchestrator takes no more than half of it."""


def intent_of(data: bytes, caller: Caller) -> bytes:
    """Return the `WorkflowIntent` as JSON. Raises DeclinedError with all that is wrong."""
    if len(data) > LARGEST:
        raise DeclinedError(413, f"The body has {len(data)} bytes; at most {LARGEST} are taken")
    body = _object(data)
    problems = [f"{name}: is missing" for name in REQUIRED if name not in body]
    if OWN in body:
        problems.append(f"{OWN}: leave it out; the user is whoever is logged in")
    intent = None
    try:
        written = orjson.dumps(body | {OWN: caller.id})
        # Not by name: `user_id` beside `userId` would be two users.
        intent = WorkflowIntent.model_validate_json(written, strict=True, by_name=False)
    except TypeError:
        raise DeclinedError(400, "Invalid request: data has too many levels") from None
    except ValidationError as error:
        problems += [one for one in problems_of(error) if one not in problems]
    if intent is None or problems:
        raise DeclinedError(400, f"Invalid request: {'; '.join(problems[:PROBLEMS_TOLD])}")
    if intent.force_provider is not None and not caller.is_admin:
        raise forbidden()
    return intent.model_dump_json(by_alias=True, exclude_none=True).encode()


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(data)
    except ValueError:
        raise DeclinedError(400, "Invalid request: the body is no JSON") from None
    if not isinstance(body, dict):
        raise DeclinedError(400, "Invalid request: the body is no JSON object")
    return body
