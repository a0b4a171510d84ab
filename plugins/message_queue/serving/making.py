"""A message made of what a request wants, and whether the request comes in time."""

import re
from hashlib import blake2b
from typing import NamedTuple

import orjson

from proxy.api import Caller, Request

from ..identifiers import message_id
from ..message import Approval, Message, MessageType, Priority
from ..settings import ApprovalSettings, MessageQueueSettings
from .declining import DeclinedError, invalid

__all__ = ["FARTHEST", "SKEW", "Wanted", "Wish", "disapproved", "made", "untimely"]

FARTHEST = 400 * 86_400.0
"""Seconds that a message may be put off when it is asked for."""

SKEW = 5.0
"""Seconds by which the clock of who approves may be ahead of ours."""

_LONGEST_USER = 256
"""Characters; that of a `Message`."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class Wanted(NamedTuple):
    """What is to be sent; the fields of `Message` that a request decides."""

    user: str
    recipient: str
    content: str
    message_type: MessageType
    priority: Priority
    due_at: float | None
    """Unix seconds; None: at once."""
    media_urls: tuple[str, ...] = ()
    account: str = ""
    approval: Approval | None = None
    trace_id: str = ""
    workflow_id: str = ""
    source: str = ""


class Wish(NamedTuple):
    """A message that is asked for."""

    message: Message
    untimely: DeclinedError | None = None
    """Why it cannot be taken now; what was taken before is answered all the same."""


def made(
    request: Request, wanted: Wanted, caller: Caller, now: float, settings: MessageQueueSettings
) -> Message:
    """Return a new message.

    Raises DeclinedError for an Idempotency-Key that is none, and for a caller with too long an id.
    """
    if len(wanted.user) > _LONGEST_USER:
        raise invalid([f"the caller's id: at most {_LONGEST_USER} characters"])
    due_at = max(now, wanted.due_at or 0.0)
    said = wanted._asdict() | {"due_at": due_at}
    return Message(
        **said,
        id=message_id(now),
        enqueued_at=now,
        expires_at=due_at + settings.expires,
        max_attempts=settings.retries.attempts,
        dedupe_key=_dedupe_key(request.headers.get("idempotency-key"), caller.id),
        digest=_digest(wanted),
        request_id=request.id,
    )


def untimely(wanted: Wanted, now: float, settings: ApprovalSettings) -> DeclinedError | None:
    """Return why it is not taken now, though it may have been before, or may be later."""
    if wanted.due_at is not None and wanted.due_at < now:
        return invalid(["scheduleFor: a time that is still to come"])
    if wanted.approval is not None:
        return disapproved(wanted.approval, now, settings)
    if settings.unapproved == "refuse":
        error = "Nothing is sent without humanApproval: a person's consent to this very text"
        return DeclinedError(403, "HUMAN_APPROVAL_REQUIRED", error)
    return None


def disapproved(approval: Approval, now: float, settings: ApprovalSettings) -> DeclinedError | None:
    """Return why an approval is none: it is not fresh."""
    if -SKEW <= now - approval.approved_at <= settings.within:
        return None
    error = f"approvedAt has to be within the last {settings.within:g} s; have it approved again"
    return DeclinedError(403, "COMPLIANCE_VIOLATION", error)


def _dedupe_key(key: str | None, user: str) -> str:
    """Return under what it is stored (draft-ietf-httpapi-idempotency-key-header)."""
    if key is None:
        return ""
    if _KEY.fullmatch(key) is None:
        raise invalid(["Idempotency-Key: 1 to 255 visible ASCII characters"])
    return blake2b(f"{user}\0{key}".encode(), digest_size=16).hexdigest()


def _digest(wanted: Wanted) -> str:
    """Return what tells one wish from another; an approval that is given anew is no other wish."""
    said = wanted._replace(approval=None, trace_id="")
    return blake2b(orjson.dumps(tuple(said)), digest_size=16).hexdigest()
