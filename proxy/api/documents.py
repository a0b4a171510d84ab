"""How endpoints of plugins write answers: JSON in camel case, with exact amounts of money."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import orjson
from pydantic import BaseModel, ConfigDict, WithJsonSchema
from pydantic.alias_generators import to_camel

from proxy.api.reply import Reply

__all__ = ["Document", "Usd", "document_reply", "json_of", "nano_usd_of", "usd", "usd_text"]

_NANO_PER_USD = 10**9
_LONGEST = 40

Usd = Annotated[
    Decimal,
    WithJsonSchema({"type": "number", "description": "US dollars, to 10^-9."}),
]
"""US dollars: in JSON a number with at most nine decimals, written from whole nano-dollars."""


class Document(BaseModel):
    """Part of an answer; in JSON its names are in camel case."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


def usd(nano: int) -> Decimal:
    """Return US dollars for 10^-9 of them, exactly, however many."""
    sign, digits, _ = Decimal(nano).as_tuple()
    return Decimal((sign, digits, -9))


def usd_text(nano: int) -> str:
    """Return US dollars for people and files, such as ``-0.0025``: exact, without an exponent."""
    return _digits(usd(nano))


def nano_usd_of(text: str) -> int:
    """Read US dollars such as ``0.0125`` as 10^-9 of them. Raises ValueError.

    For what is not zero or more, is no plain decimal, or is finer than a nano-dollar.
    """
    whole, _, rest = text.partition(".")
    digits = f"{whole}{rest}"
    fits = digits.isascii() and digits.isdigit() and len(text) <= _LONGEST and whole != ""
    if not fits or rest.rstrip("0")[9:] or text.endswith("."):
        raise ValueError("US dollars such as 5 or 0.0125, with at most nine decimals")
    return int(whole) * _NANO_PER_USD + int(rest[:9].ljust(9, "0"))


def json_of(document: BaseModel | Mapping[str, Any]) -> bytes:
    """Return a document as JSON, on one line. Raises TypeError for what JSON cannot say."""
    said = document.model_dump(by_alias=True) if isinstance(document, BaseModel) else document
    return orjson.dumps(said, default=_number)


def document_reply(
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
    return orjson.Fragment(_digits(value))


def _digits(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
