"""What a request asks for: its intent, and the key by which it can be sent again."""

import re
from hashlib import blake2b
from typing import NamedTuple

from pydantic import ValidationError

from proxy.api import Caller, Request, WorkflowIntent

from ..wording.prompting import UnfitIntentError

__all__ = ["Asked", "BadRequestError", "asked"]

INTENT_BYTES = 128 * 1024
"""The longest intent; its record has to fit into a store."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_PROBLEMS = 10
_TRACEPARENT = 64


class BadRequestError(Exception):
    """A request that cannot be served as it is; the text is for its sender."""

    def __init__(self, says: str, status: int = 400) -> None:
        super().__init__(says)
        self.status = status


class Asked(NamedTuple):
    """What is wanted, by which request."""

    intent: WorkflowIntent
    request_id: str
    trace_id: str
    traceparent: str
    """As it came; empty if none did."""
    route: str
    idempotency: str
    """Digest of route, user, whether somebody vouches for it, and Idempotency-Key; empty
    without a key."""
    fingerprint: str
    """Digest of the intent: the same key with another intent is a mistake."""
    claimed: bool
    """Whether nobody vouches for the user: anybody could have said so."""
    arm: str
    plan: str
    """What the user has subscribed to; empty where nobody vouches for that."""


async def asked(request: Request, body: bytes) -> Asked:
    """Read a request.

    Raises BadRequestError: no JSON, no intent, a bad key, not allowed; UnfitIntentError for what
    is too long.
    """
    intent, caller = _intent(body), await request.caller()
    _allowed(intent, caller)
    fingerprint = blake2b(intent.model_dump_json().encode(), digest_size=16).hexdigest()
    # Who only says that they are somebody must not get what that somebody was answered.
    scope = (request.route, "claimed" if caller is None else "", intent.user_id)
    key = _idempotency(request.headers.get("idempotency-key"), *scope)
    if key and intent.stream:
        raise BadRequestError("a stream cannot be repeated; leave out stream or Idempotency-Key")
    parent = (request.headers.get("traceparent") or "")[:_TRACEPARENT]
    return Asked(
        intent,
        request.id,
        request.trace_id,
        parent,
        request.route,
        key,
        fingerprint,
        claimed=caller is None,
        arm=request.arm,
        plan=_plan(intent, caller),
    )


def _plan(intent: WorkflowIntent, caller: Caller | None) -> str:
    """Return the user's plan: what an administrator has is not that of whom they ask for."""
    return caller.tier if caller is not None and caller.id == intent.user_id else ""


def _allowed(intent: WorkflowIntent, caller: Caller | None) -> None:
    """Raise BadRequestError for what is only for administrators."""
    if caller is not None and caller.is_admin:
        return
    if intent.force_provider is not None:
        raise BadRequestError("forceProvider is for administrators; leave it out", 403)
    if caller is not None and caller.id != intent.user_id:
        raise BadRequestError("userId is another one than the caller's", 403)


def _intent(body: bytes) -> WorkflowIntent:
    if len(body) > INTENT_BYTES:
        raise UnfitIntentError(
            f"the intent has {len(body)} bytes; at most {INTENT_BYTES} are taken", 413
        )
    try:
        return WorkflowIntent.model_validate_json(body, by_name=False)
    except ValidationError as error:
        problems = [
            f"{'.'.join(map(str, one['loc'])) or 'the body'}: {one['msg']}"
            for one in error.errors(include_url=False, include_input=False)[:_PROBLEMS]
        ]
        raise BadRequestError("; ".join(problems)) from None


def _idempotency(key: str | None, *scope: str) -> str:
    """Return the digest under which it is stored (draft-ietf-httpapi-idempotency-key-header)."""
    if key is None:
        return ""
    if _KEY.fullmatch(key) is None:
        raise BadRequestError("Idempotency-Key is 1 to 255 visible ASCII characters")
    said = "\0".join((*scope, key)).encode()
    return blake2b(said, digest_size=16).hexdigest()
