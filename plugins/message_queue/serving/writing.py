"""How answers are written: JSON in camel case."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from proxy.api import Reply, json_reply

__all__ = ["Document", "reply_of"]


class Document(BaseModel):
    """Part of an answer; in JSON its names are in camel case, and what is None is left out."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def reply_of(
    document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return an answer that nobody on the way may keep."""
    said = document.model_dump(by_alias=True, exclude_none=True)
    return json_reply(said, status, {"Cache-Control": "no-store", **(headers or {})})
