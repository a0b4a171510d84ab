"""How answers are written: JSON with exact amounts of money."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from proxy.api import Reply

__all__ = ["Document", "Usd", "json_of", "milliseconds", "reply_of", "usd"]

Usd = Annotated[
    Decimal,
    WithJsonSchema({"type": "number", "minimum": 0, "description": "US dollars, to 10^-9."}),
]
"""US dollars: in JSON a number with at most nine decimals, written from whole nano-dollars."""


class Document(BaseModel):
    """Part of an answer; in JSON its names are in camel case."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def usd(nano: int) -> Decimal:
    """Return US dollars for 10^-9 of them, exactly."""
    return Decimal(nano).scaleb(-9)


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds."""
    return round(seconds * 1000)


def json_of(document: BaseModel | Mapping[str, Any]) -> bytes:
    """Return a document as JSON, on one line."""
    said = document.model_dump(by_alias=True) if isinstance(document, BaseModel) else document
    return orjson.dumps(said, default=_number)


def reply_of(
    document: BaseModel | Mapping[str, Any],
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Return an answer that nobody on the way may keep."""
    told = {"Content-Type": "application/json", "Cache-Control": "no-store", **(headers or {})}
    return Reply(status, told, json_of(document))


def _number(value: object) -> orjson.Fragment:
    """Write a Decimal digit by digit: a float would round it."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{type(value).__name__} cannot be written as JSON")
    text = f"{value:f}"
    return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)
