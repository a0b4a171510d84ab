"""What a profile is made of: a class for each path, which holds a request and goes both ways."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict

from proxy.api import WorkflowResult

__all__ = ["Answer", "Asked", "Document", "Moment"]

Document = dict[str, Any]
"""A JSON object."""


class Moment(NamedTuple):
    """When an answer is given."""

    now: float
    """Unix seconds."""
    seconds: float
    """Since the request came."""


class Answer(NamedTuple):
    """What the older API answers when all went well, always with 200."""

    headers: Mapping[str, str]
    document: Document


class Asked(BaseModel, ABC):
    """What was asked of an older API on one path; a subclass for each.

    It is read strictly: what the older API would refuse, or take in its own way, does not fit,
    and is left to it. Keys that it does not know it ignores, and so does this. Both ways are
    pure.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", hide_input_in_errors=True)

    invalid: ClassVar[Document]
    """What the older API says to a request that it cannot read, with 400."""
    failed: ClassVar[Document]
    """What it says when something went wrong inside, with 500."""
    unpaid: ClassVar[Document]
    """What is said where no budget pays, with 429 or 402, in the shape of its errors."""

    @abstractmethod
    def to_intent(self, caller: str | None) -> Document:
        """Return a `WorkflowIntent` as JSON; `caller` is a verified user, None without one."""

    @abstractmethod
    def to_legacy(self, result: WorkflowResult, moment: Moment) -> Answer:
        """Return what the older API would have said with this content."""
