"""What is asked of the v2 API: a message to send, a person's approval of one."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from proxy.api import Caller, Request

from ..message import Approval, MessageType, Priority
from ..settings import MessageQueueSettings
from .declining import forbidden, invalid
from .making import FARTHEST, Wanted, Wish, made, untimely
from .reading import Asked, Time, read

__all__ = ["DEFAULT_PRIORITY", "AskedApproval", "AskedMessage", "approval_of", "wish_of"]

PriorityName = Literal["low", "medium", "high", "critical"]

DEFAULT_PRIORITY: dict[MessageType, Priority] = {
    "welcome": Priority.high,
    "follow_up": Priority.medium,
    "promotional": Priority.low,
    "custom": Priority.medium,
}
"""What a message of this type has that does not say."""

_URL = re.compile(r"https?://[^\s/?#]+[^\s]*")
_TRACE = re.compile(r"(?!0{32})[0-9a-f]{32}")


def _said(text: str) -> str:
    if not text.strip():
        raise ValueError("has to say something")
    return text


def _url(text: str) -> str:
    if _URL.fullmatch(text) is None:
        raise ValueError("a URL with http:// or https://")
    return text


_Id = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_said)]
_Url = Annotated[str, Field(max_length=2048), AfterValidator(_url)]


class AskedApproval(Asked):
    """A person's consent to this very text: who, when, and whether they changed a suggestion."""

    approved_by: _Id
    approved_at: Time
    was_modified: bool = False
    original_suggestion: str | None = Field(default=None, max_length=1000)

    def given(self) -> Approval:
        """Return it as it is kept."""
        return Approval(**dict(self))


class AskedMetadata(Asked):
    """Where a message comes from."""

    workflow_id: str = Field(default="", max_length=256)
    trace_id: str = Field(default="", max_length=64)
    source: str = Field(default="", max_length=64)


class AskedMessage(Asked):
    """A message to send."""

    user_id: _Id | None = None
    account_id: _Id | None = None
    recipient_id: _Id
    content: Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_said)]
    message_type: MessageType = "custom"
    priority: PriorityName | None = None
    schedule_for: Time | None = None
    media_urls: tuple[_Url, ...] = Field(default=(), max_length=20)
    metadata: AskedMetadata = AskedMetadata()
    human_approval: AskedApproval | None = None


class _Approving(Asked):
    human_approval: AskedApproval


def approval_of(data: bytes) -> Approval:
    """Read an approval of a message that waits for one. Raises DeclinedError."""
    return read(_Approving, data).human_approval.given()


def wish_of(
    request: Request, data: bytes, caller: Caller, now: float, settings: MessageQueueSettings
) -> Wish:
    """Return the message that is asked for. Raises DeclinedError with all that is wrong."""
    asked = read(AskedMessage, data)
    if not caller.is_admin and asked.user_id not in (None, caller.id):
        raise forbidden("userId is another one than the caller's; leave it out")
    if not caller.is_admin and asked.account_id is not None:
        raise forbidden("accountId is for administrators; leave it out")
    if asked.schedule_for is not None and asked.schedule_for > now + FARTHEST:
        raise invalid([f"scheduleFor: at most {FARTHEST / 86400:g} days from now"])
    wanted = _wanted(asked, request, caller)
    message = made(request, wanted, caller, now, settings)
    return Wish(message, untimely(wanted, now, settings.approval))


def _wanted(asked: AskedMessage, request: Request, caller: Caller) -> Wanted:
    approved, trace = asked.human_approval, asked.metadata.trace_id
    if asked.priority is None:
        priority = DEFAULT_PRIORITY[asked.message_type]
    else:
        priority = Priority[asked.priority]
    return Wanted(
        user=asked.user_id or caller.id,
        recipient=asked.recipient_id,
        content=asked.content,
        message_type=asked.message_type,
        priority=priority,
        due_at=asked.schedule_for,
        media_urls=asked.media_urls,
        account=asked.account_id or "",
        approval=None if approved is None else approved.given(),
        trace_id=trace if _TRACE.fullmatch(trace) else request.trace_id,
        workflow_id=asked.metadata.workflow_id,
        source=asked.metadata.source or "api",
    )
