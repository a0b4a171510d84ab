"""How answers are written: JSON with exact amounts of money."""

from decimal import Decimal
from typing import Annotated

from pydantic import WithJsonSchema

from proxy.api.documents import Document, json_of, usd
from proxy.api.documents import document_reply as reply_of

__all__ = ["Document", "Usd", "json_of", "milliseconds", "reply_of", "usd"]

Usd = Annotated[
    Decimal,
    WithJsonSchema({"type": "number", "minimum": 0, "description": "US dollars, to 10^-9."}),
]
"""US dollars: in JSON a number with at most nine decimals, written from whole nano-dollars."""


def milliseconds(seconds: float) -> int:
    """Return whole milliseconds."""
    return round(seconds * 1000)
