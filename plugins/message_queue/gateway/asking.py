"""A message in the platform's words: headers and body of the request that sends it."""

import os
import re
from typing import Any

import orjson

from proxy.api.endpoints import iso

from ..message import Approval, Message
from .sending import Failure, SendError

__all__ = ["body_of", "headers_of"]

_TRACE_ID = re.compile(r"[0-9a-f]{32}")


def headers_of(message: Message, token: str) -> dict[str, str]:
    """Return the headers. Raises SendError for an account that no header can carry."""
    headers = {
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "accept": "application/json",
        # An answer is short; unpacked, it could be longer than anything.
        "accept-encoding": "identity",
        "idempotency-key": message.id,
    }
    if message.account:
        if not (message.account.isascii() and message.account.isprintable()):
            why = "the account has characters that X-Account-Id cannot carry: printable ASCII only"
            raise SendError(Failure("VALIDATION_ERROR", "no", "bury", why))
        headers["x-account-id"] = message.account
    if _TRACE_ID.fullmatch(message.trace_id) and message.trace_id.strip("0"):
        # W3C Trace Context, section 3.2: the trace goes on, with a span for this try.
        headers["traceparent"] = f"00-{message.trace_id}-{_span_id()}-00"
    return headers


def body_of(message: Message) -> bytes:
    """Return the JSON text. Raises SendError where nobody has approved of the message."""
    if message.approval is None:
        why = "no person has approved of this message: approve it, and it can be sent"
        raise SendError(Failure("HUMAN_APPROVAL_REQUIRED", "no", "bury", why))
    said: dict[str, Any] = {
        "recipientId": message.recipient,
        "content": message.content,
        "messageType": message.message_type,
        "humanApproval": _spoken(message.approval),
    }
    if message.media_urls:
        said["mediaUrls"] = message.media_urls
    return orjson.dumps(said)


def _spoken(approval: Approval) -> dict[str, Any]:
    said: dict[str, Any] = {
        "approvedBy": approval.approved_by,
        "approvedAt": iso(approval.approved_at),
        "wasModified": approval.was_modified,
    }
    if approval.original_suggestion is not None:
        said["originalSuggestion"] = approval.original_suggestion
    return said


def _span_id() -> str:
    return f"{int.from_bytes(os.urandom(8)) or 1:016x}"
