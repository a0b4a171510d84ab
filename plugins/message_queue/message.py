"""A message, what becomes of it, and what a worker holds while it delivers one."""

from enum import IntEnum
from typing import Annotated, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "LIVE",
    "Approval",
    "Claimed",
    "Message",
    "MessageType",
    "Priority",
    "Receipt",
    "Record",
    "State",
]

MessageType = Literal["welcome", "follow_up", "promotional", "custom"]

State = Literal[
    "held",  # waits for a person's approval
    "queued",  # waits: for its time, for its turn, for a limit, for another try
    "leased",  # a worker has it; nothing has left yet
    "sending",  # its bytes may be on their way
    "sent",
    "uncertain",  # nobody knows whether it was sent: a person decides
    "dead",  # will not be sent, unless a person replays it
    "cancelled",
]

LIVE: frozenset[State] = frozenset(("held", "queued", "leased", "sending"))
"""States out of which a message may still be sent by itself; these count toward the bounds."""

_Id = Annotated[str, Field(min_length=1, max_length=256)]


class Priority(IntEnum):
    """The classes, the most urgent first."""

    critical = 0
    high = 1
    medium = 2
    low = 3


class Approval(BaseModel):
    """A person's consent to send this very text."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approved_by: _Id
    approved_at: float
    """Unix seconds."""
    was_modified: bool = False
    original_suggestion: str | None = Field(default=None, max_length=1000)


class Message(BaseModel):
    """What is to be sent. Never changed once it is in the queue, but for its approval."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    id: str
    """A UUIDv7; also the idempotency key at the platform."""
    user: _Id
    """Whose message it is."""
    recipient: _Id
    content: str = Field(max_length=10_000)
    """Empty once it is sent, cancelled or purged of its text."""
    message_type: MessageType = "custom"
    priority: Priority = Priority.medium
    media_urls: tuple[Annotated[str, Field(max_length=2048)], ...] = Field(
        default=(), max_length=20
    )
    account: str = Field(default="", max_length=256)
    approval: Approval | None = None
    enqueued_at: float
    """Unix seconds."""
    due_at: float
    """Not before this."""
    expires_at: float
    """Dead if it has not begun to be sent by then."""
    max_attempts: int = 5
    dedupe_key: str = Field(default="", max_length=128)
    """A digest of the caller's Idempotency-Key and id; empty without one."""
    digest: str = Field(default="", max_length=64)
    """Of what the caller asked for: the same key with another digest is a mistake."""
    trace_id: str = ""
    request_id: str = ""
    workflow_id: str = Field(default="", max_length=256)
    source: str = Field(default="", max_length=64)


class Receipt(NamedTuple):
    """Proves who holds a message: of no use once it was leased anew."""

    id: str
    generation: int


class Record(NamedTuple):
    """A message as it stands."""

    message: Message
    state: State
    due_at: float
    """When it may be claimed next; `Message.due_at` or later."""
    attempts: int
    """Tries that have failed, or were lost."""
    throttles: int
    """How often a limit, or the platform, put it off; these are no attempts."""
    generation: int
    changed_at: float
    """Unix seconds of the last change of state."""
    platform_id: str = ""
    """What the platform calls it, once it is sent."""
    code: str = ""
    """A word for why it is not sent: of the gateway's errors, or ``expired``, ``lease_lost``."""
    why: str = ""
    """The same in words, for operators. No content, no user's id."""


class Claimed(NamedTuple):
    """A message that this worker has until its lease ends."""

    record: Record
    receipt: Receipt
    lease_until: float
    """Unix seconds."""
