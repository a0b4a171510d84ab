"""``POST /api/content/generate``: content about a theme."""

from typing import ClassVar, Literal

from pydantic import Field

from proxy.api import WorkflowResult
from proxy.api.endpoints import iso

from .asked import Answer, Document, Moment
from .huntaze_user import DEFAULT_PLATFORMS, OfUser

__all__ = ["Content"]


class Content(OfUser):
    """What is asked there."""

    invalid: ClassVar[Document] = {"success": False, "error": "Invalid request format"}
    failed: ClassVar[Document] = {"success": False, "error": "Content generation failed"}
    unpaid: ClassVar[Document] = {"success": False, "error": "Budget exceeded"}

    theme: str = ""
    content_type: str = ""
    camel_content_type: str = Field(default="", alias="contentType")
    target_audience: str = ""
    style: str = ""
    length: Literal["short", "medium", "long"] = "medium"

    def to_intent(self, caller: str | None) -> Document:
        """Return the intent, which is always to plan content."""
        data = {
            "theme": self.theme or "general",
            "targetAudience": self.target_audience,
            "style": self.style,
            "length": self.length,
        }
        return {
            "type": "content_planning",
            "userId": self.owner(caller),
            "data": {name: value for name, value in data.items() if value},
            "platforms": self._platforms,
            "contentType": self.camel_content_type or self.content_type or "post",
            "deferrable": False,
        }

    def to_legacy(self, result: WorkflowResult, moment: Moment) -> Answer:
        """Return the content with what is told of it."""
        document = {
            "success": True,
            "content": result.content,
            "platform": self.platform or DEFAULT_PLATFORMS[0],
            "platforms": self._platforms,
            "metadata": {
                "provider": "hybrid",
                "duration": round(moment.seconds * 1000),
                "timestamp": iso(moment.now),
            },
        }
        return Answer({"X-API-Version": "v1-content-legacy", "X-Provider": "hybrid"}, document)

    @property
    def _platforms(self) -> list[str]:
        return self.named_platforms or DEFAULT_PLATFORMS
