"""The legacy way to send a message, ``POST /api/messages/send``: its words, our queue.

What legacy would refuse, what it alone can do, and what nobody here may send is left to it: it
answers with the request as it came. Once a message may be in the queue, legacy is not asked: it
would be sent twice.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from proxy.api import Caller, Reply, Request, Services, Unserved, json_reply
from proxy.api.endpoints import iso
from proxy.api.limits import NEVER

from ..message import MessageType, Priority
from ..settings import MessageQueueSettings
from .asking import DEFAULT_PRIORITY, AskedApproval
from .declining import DeclinedError
from .making import FARTHEST, Wanted, Wish, disapproved, made
from .reading import Time
from .showing import limit_headers
from .taking import Taken, Taking

__all__ = ["LegacySending"]

_HEADERS = {"X-API-Version": "v1-messages-legacy", "X-Provider": "hybrid"}
_FAILED = ("dead", "cancelled")

_Text = Annotated[str, StringConstraints(max_length=10_000)]
_Id = Annotated[str, StringConstraints(max_length=256)]
_Type = MessageType | Literal[""]


class _Asked(BaseModel):
    """A body as legacy takes it: keys that it does not know are dropped; none may be null."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    recipient_id: Annotated[_Id, StringConstraints(min_length=1)]
    recipientId: _Id = ""  # noqa: N815 (as it is written)
    user_id: str = ""
    userId: str = ""  # noqa: N815
    message: _Text = ""
    content: _Text = ""
    message_type: _Type = ""
    messageType: _Type = ""  # noqa: N815
    platform: Literal["onlyfans"] = "onlyfans"
    priority: Literal["low", "medium", "high", ""] = ""
    schedule_for: Time = Field(default=0.0)
    scheduleFor: Time = Field(default=0.0)  # noqa: N815
    humanApproval: AskedApproval | None = None  # noqa: N815


class LegacySending:
    """Answers in legacy's words."""

    def __init__(self, settings: MessageQueueSettings, taking: Taking, services: Services) -> None:
        self._settings = settings
        self._taking = taking
        self._services = services

    async def answer(self, request: Request, body: bytes) -> Reply:
        """Queue the message. Raises Unserved for what legacy has to answer."""
        begun = self._services.clock()
        if request.method != "POST":
            raise _left(405, "Method not allowed")
        caller = await request.caller()
        if caller is None:
            raise _left(401, "Authentication required")
        wish = self._wish(request, body, caller)
        try:
            taken = await self._taking.take(wish, inline=False)
        except DeclinedError as declined:
            return _refusal(declined)
        took = round((self._services.clock() - begun) * 1000)
        return self._queued(taken, took)

    def _wish(self, request: Request, body: bytes, caller: Caller) -> Wish:
        now = self._services.now()
        try:
            asked = _Asked.model_validate_json(body, strict=True)
        except ValidationError:
            raise _left(400, "Invalid request format") from None
        wanted = self._wanted(asked, caller.id, now)
        others = {asked.user_id, asked.userId} - {"", caller.id}
        too_far = (wanted.due_at or now) > now + FARTHEST
        if others or too_far or not wanted.content.strip():
            raise _left(400, "Invalid request format")
        if wanted.approval is None and self._settings.approval.unapproved == "refuse":
            raise _left(403, "Human approval required")
        try:
            return Wish(made(request, wanted, caller, now, self._settings))
        except DeclinedError:
            raise _left(400, "Invalid request format") from None

    def _wanted(self, asked: _Asked, user: str, now: float) -> Wanted:
        message_type: MessageType = asked.message_type or asked.messageType or "custom"
        priority = DEFAULT_PRIORITY[message_type]
        if asked.priority:
            priority = Priority[asked.priority]
        approval = None if asked.humanApproval is None else asked.humanApproval.given()
        if approval is not None and disapproved(approval, now, self._settings.approval):
            approval = None  # one that is not fresh is none
        return Wanted(
            user=user,
            recipient=asked.recipient_id,
            content=asked.message or asked.content,
            message_type=message_type,
            priority=priority,
            due_at=asked.schedule_for or asked.scheduleFor or None,
            approval=approval,
            source="legacy",
        )

    def _queued(self, taken: Taken, took: int) -> Reply:
        record, seen = taken.record, taken.seen
        failed = record.state in _FAILED
        delay = seen.delay(record)
        due_at = record.due_at if delay in (None, NEVER) else seen.at + (delay or 0.0)
        limited = seen.standing is not None and not seen.standing.admitted
        said: dict[str, Any] = {
            "success": not failed,
            "message_id": record.message.id,
            "recipient_id": record.message.recipient,
            "status": "failed" if failed else "queued",
            "scheduled_for": iso(due_at),
            "provider": "hybrid",
            "metadata": {"duration": took, "timestamp": iso(seen.at), "rate_limited": limited},
        }
        if failed:
            said["error"] = record.code or record.state
        tightest = None if seen.standing is None else seen.standing.tightest
        headers = _HEADERS | limit_headers(seen)
        if tightest is not None:
            headers["X-Rate-Limit-Remaining"] = str(tightest.remaining)
        return json_reply(said, headers=headers)


def _refusal(declined: DeclinedError) -> Reply:
    """Return in legacy's words that a message was not taken."""
    said: dict[str, Any] = {"success": False, "error": str(declined)}
    status, headers = declined.status, dict(_HEADERS)
    if status == 429:
        said = {
            "success": False,
            "error": "Rate limit exceeded",
            "retry_after": declined.retry_after,
            "message_id": None,
            "status": "rate_limited",
        }
        headers |= declined.headers
    elif status >= 500:
        status, said["error"] = 500, "Internal server error"
    reply = json_reply(said, status, headers)
    reply.by_rule = declined.by_limit
    return reply


def _left(status: int, error: str) -> Unserved:
    """Leave it to legacy; `error` is for a route where there is none."""
    return Unserved(json_reply({"success": False, "error": error}, status, _HEADERS))
