"""``POST /api/campaigns``: an action with its payload."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from proxy.api import WorkflowResult

from .asked import Answer, Document, Moment
from .huntaze_user import DEFAULT_PLATFORMS, OfUser
from .javascript import as_javascript

__all__ = ["TYPES", "Action", "Campaign"]

Action = Literal[
    "content_planning",
    "generate_content",
    "create_post",
    "message_generation",
    "send_message",
    "content_validation",
    "validate_content",
    "campaign_execution",
    "plan_campaign",
]

TYPES: Mapping[Action, str] = {
    "content_planning": "content_planning",
    "generate_content": "content_planning",
    "create_post": "content_planning",
    "message_generation": "message_generation",
    "send_message": "message_generation",
    "content_validation": "content_validation",
    "validate_content": "content_validation",
    "campaign_execution": "campaign_execution",
    "plan_campaign": "campaign_execution",
}
"""The workflow for each action; legacy alone knows what to do about any other."""

_NOTHING = (None, "", False)


class Campaign(OfUser):
    """What is asked there."""

    invalid: ClassVar[Document] = {
        "status": "error",
        "message": "Invalid request format",
        "data": None,
    }
    failed: ClassVar[Document] = {
        "status": "error",
        "message": "Internal server error",
        "data": None,
    }
    unpaid: ClassVar[Document] = {"status": "error", "message": "Budget exceeded", "data": None}

    action: Action
    payload: dict[str, Any]

    def to_intent(self, caller: str | None) -> Document:
        """Return the intent; the payload is its data, and decides neither user nor platforms.

        Platforms that the payload alone names count: legacy forgets them.
        """
        intent = {
            "type": TYPES[self.action],
            "userId": self.owner(caller),
            "data": self.payload,
            "platforms": self.named_platforms or self._said("platforms", DEFAULT_PLATFORMS),
            "contentType": self._said("contentType", "post"),
            "sendToOnlyFans": self._said("sendToOnlyFans", False),
            "priority": self._said("priority", "medium"),
            "deferrable": False,
        }
        recipient = self._said("recipientId", None)
        return intent if recipient is None else {**intent, "recipientId": recipient}

    def to_legacy(self, result: WorkflowResult, moment: Moment) -> Answer:
        """Return the envelope, which has the same object twice."""
        data = self._data(result.content)
        headers = {
            "X-API-Version": "v1-legacy-compatible",
            "X-Provider": "hybrid",
            "X-Duration": f"{moment.seconds * 1000:.0f}ms",
        }
        return Answer(headers, {"status": "success", "result": data, "data": data})

    def _data(self, content: str) -> Document:
        """Return what legacy has for the action itself, not for the workflow of it."""
        payload, platforms = self.payload, self.named_platforms
        match self.action:
            case "content_planning":
                return {
                    "content": content,
                    "platforms": platforms or DEFAULT_PLATFORMS,
                    "provider": "legacy-content-service",
                }
            case "message_generation":
                to = {"recipientId": payload["recipientId"]} if "recipientId" in payload else {}
                return {"message": content, **to, "provider": "legacy-message-service"}
        echo = {**payload, "platforms": platforms}
        if not platforms:
            del echo["platforms"]
        return {"message": content, "data": as_javascript(echo)}

    def _said(self, name: str, default: Any) -> Any:
        value = self.payload.get(name)
        return default if value in _NOTHING else value
