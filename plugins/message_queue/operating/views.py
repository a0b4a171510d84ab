"""Messages as operators are shown them: the text as its length and digest, unless asked for."""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from proxy.api import Note
from proxy.api.endpoints import iso

from ..message import Record

__all__ = ["listed_of", "notes_of", "record_of", "text_of"]


def listed_of(records: Iterable[Record]) -> list[dict[str, Any]]:
    """Return what a list shows of messages."""
    return [_listed(record) for record in records]


def record_of(record: Record) -> dict[str, Any]:
    """Return all but what the message says."""
    message = record.message
    content = message.content.encode()
    approval = message.approval
    return _listed(record) | {
        "why": record.why,
        "platformId": record.platform_id,
        "throttles": record.throttles,
        "maxAttempts": message.max_attempts,
        "expiresAt": iso(message.expires_at),
        "changedAt": iso(record.changed_at),
        "account": message.account,
        "content": {
            "characters": len(message.content),
            "digest": blake2b(content, digest_size=8).hexdigest() if content else "",
        },
        "media": len(message.media_urls),
        "approvedBy": "" if approval is None else approval.approved_by,
        "approvedAt": None if approval is None else iso(approval.approved_at),
        "requestId": message.request_id,
        "traceId": message.trace_id,
        "workflowId": message.workflow_id,
        "source": message.source,
    }


def text_of(record: Record) -> dict[str, Any]:
    """Return all, with what the message says; empty once it is sent or cancelled."""
    message = record.message
    return record_of(record) | {"text": message.content, "mediaUrls": list(message.media_urls)}


def notes_of(record: Record) -> tuple[Note, ...]:
    """Return how a message came into the queue, and how it stands: for who asks for its request."""
    message = record.message
    put = f"message {message.id}: {message.message_type}, {message.priority.name}"
    later = ", not before " + iso(message.due_at) if message.due_at > message.enqueued_at else ""
    return (
        Note(message.enqueued_at, "taken", put + later),
        Note(record.changed_at, record.state, f"message {message.id}: {_standing(record)}"),
    )


def _standing(record: Record) -> str:
    """Return what has come of a message's tries, in words."""
    said = [f"{record.attempts} of {record.message.max_attempts} attempts failed"]
    if record.throttles:
        said.append(f"put off {record.throttles} time{'' if record.throttles == 1 else 's'}")
    if record.code or record.why:
        said.append(": ".join(part for part in (record.code, record.why) if part))
    if record.platform_id:
        said.append(f"the platform calls it {record.platform_id}")
    if record.state == "queued":
        said.append(f"goes from {iso(record.due_at)} on")
    return ", ".join(said)


def _listed(record: Record) -> dict[str, Any]:
    message = record.message
    return {
        "id": message.id,
        "state": record.state,
        "priority": message.priority.name,
        "type": message.message_type,
        "user": message.user,
        "recipient": message.recipient,
        "enqueuedAt": iso(message.enqueued_at),
        "dueAt": iso(record.due_at),
        "attempts": record.attempts,
        "code": record.code,
    }
