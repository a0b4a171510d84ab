"""Messages as clients are shown them, without their text: whoever asks has written it."""

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

from proxy.api.endpoints import iso
from proxy.api.limits import NEVER, Standing, WindowStanding, estimate, limit_fields

from ..message import Record, State
from .writing import Document

__all__ = [
    "STATES_OF",
    "LimitInfo",
    "Seen",
    "ShownMessage",
    "ShownMessages",
    "ShownOne",
    "Status",
    "limit_headers",
    "limit_info",
    "limits_of_user",
    "shown",
    "shown_list",
]

Status = Literal[
    "awaiting_approval", "queued", "sending", "sent", "uncertain", "failed", "cancelled"
]

_STATUS: dict[State, Status] = {
    "held": "awaiting_approval",
    "queued": "queued",
    "leased": "sending",
    "sending": "sending",
    "sent": "sent",
    "uncertain": "uncertain",
    "dead": "failed",
    "cancelled": "cancelled",
}

STATES_OF: dict[str, tuple[State, ...]] = {
    status: tuple(state for state, said in _STATUS.items() if said == status)
    for status in _STATUS.values()
}
"""The states of the queue that clients know by one word."""


class LimitInfo(Document):
    """How the tightest window stands, and which ones do not let the next message through."""

    allowed: bool
    policy: str
    limit: int
    remaining: int
    reset_time: str
    retry_after: int | None
    violated: tuple[str, ...]


class QueueInfo(Document):
    """When about it goes: after how many seconds, and how many of the same user go first."""

    position: int
    """1 for the next one."""
    estimated_delay: int | None
    estimated_at: str | None


class MessageMetadata(Document):
    """Where a message comes from."""

    workflow_id: str
    trace_id: str
    source: str


class ShownMessage(Document):
    """A message as it stands."""

    message_id: str
    status: Status
    user_id: str
    recipient_id: str
    message_type: str
    priority: str
    created_at: str
    scheduled_for: str
    expires_at: str
    updated_at: str
    attempts: int
    platform_message_id: str | None
    code: str | None
    rate_limit_info: LimitInfo | None
    queue_info: QueueInfo | None
    metadata: MessageMetadata


class ShownOne(Document):
    """One message."""

    success: bool = True
    data: ShownMessage


class ShownMessages(Document):
    """Messages, the oldest first; `next` goes on where this ends."""

    messages: tuple[ShownMessage, ...]
    next: str | None


class ShownList(Document):
    """A list of messages."""

    success: bool = True
    data: ShownMessages


class Seen(NamedTuple):
    """What is known of a message at a time, besides its record."""

    at: float
    """Unix seconds."""
    standing: Standing | None = None
    ahead: int | None = None
    """So many queued ones of the same user go before it."""

    def delay(self, record: Record) -> float | None:
        """Return about how many seconds it takes until it goes; None: it is not queued."""
        if record.state != "queued":
            return None
        due = max(0.0, record.due_at - self.at)
        if self.standing is None:
            return due
        # Those before it have the same user, but hardly the same recipient.
        shared = tuple(one for one in self.standing.windows if "recipient" not in one.depends)
        those = self.standing._replace(windows=shared)
        return max(due, self.standing.retry_after, estimate(those, self.ahead or 0))


def shown(record: Record, seen: Seen) -> ShownMessage:
    """Return a message with what is known of it."""
    message = record.message
    return ShownMessage(
        message_id=message.id,
        status=_STATUS[record.state],
        user_id=message.user,
        recipient_id=message.recipient,
        message_type=message.message_type,
        priority=message.priority.name,
        created_at=iso(message.enqueued_at),
        scheduled_for=iso(record.due_at),
        expires_at=iso(message.expires_at),
        updated_at=iso(record.changed_at),
        attempts=record.attempts,
        platform_message_id=record.platform_id or None,
        code=record.code or None,
        rate_limit_info=None if seen.standing is None else limit_info(seen.standing, seen.at),
        queue_info=_queue_info(record, seen),
        metadata=MessageMetadata(
            workflow_id=message.workflow_id, trace_id=message.trace_id, source=message.source
        ),
    )


def shown_list(records: Iterable[Record], at: float, limit: int) -> ShownList:
    """Return messages without their prospects."""
    messages = tuple(shown(record, Seen(at)) for record in records)
    goes_on = messages[-1].message_id if len(messages) == limit else None
    return ShownList(data=ShownMessages(messages=messages, next=goes_on))


def limit_info(standing: Standing, at: float) -> LimitInfo | None:
    """Return how the tightest window stands at a time (Unix seconds); None without any."""
    tightest = standing.tightest
    if tightest is None:
        return None
    wait = standing.retry_after
    return LimitInfo(
        allowed=standing.admitted,
        policy=tightest.policy,
        limit=tightest.limit,
        remaining=tightest.remaining,
        reset_time=_opens(tightest, at),
        retry_after=None if standing.admitted or wait == NEVER else math.ceil(wait),
        violated=standing.violated,
    )


def limit_headers(seen: Seen) -> dict[str, str]:
    """Return how the windows stand, and the tightest of them; nothing without limits."""
    standing = seen.standing
    tightest = None if standing is None else standing.tightest
    if standing is None or tightest is None:
        return {}
    return {
        **dict(limit_fields(standing)),
        "X-RateLimit-Limit": str(tightest.limit),
        "X-RateLimit-Remaining": str(tightest.remaining),
        "X-RateLimit-Reset": _opens(tightest, seen.at),
    }


def _opens(window: WindowStanding, at: float) -> str:
    """Return when there is more left in a window; now, where there never will be."""
    return iso(at if window.reset == NEVER else at + window.reset)


def limits_of_user(standing: Standing) -> tuple[WindowStanding, ...]:
    """Return the windows that depend on nothing but who sends."""
    return tuple(window for window in standing.windows if window.depends <= {"user"})


def _queue_info(record: Record, seen: Seen) -> QueueInfo | None:
    delay = seen.delay(record)
    if delay is None or seen.ahead is None:
        return None
    known = delay != NEVER
    return QueueInfo(
        position=seen.ahead + 1,
        estimated_delay=math.ceil(delay) if known else None,
        estimated_at=iso(seen.at + delay) if known else None,
    )
