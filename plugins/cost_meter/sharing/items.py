"""Rows, totals and documents as items of DynamoDB, and back; whole numbers stay whole."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.api.spending import Usage

from ..row import Dimension, Row, Sums
from .keys import Key

__all__ = [
    "BY",
    "TTL",
    "Item",
    "document_item",
    "document_of",
    "row_item",
    "row_of",
    "total_item",
    "total_of",
]

Item = dict[str, Any]
"""Attributes as the low-level client has them: ``{"S": …}``, ``{"N": …}``."""

TTL: Final = "ttl"
"""Unix seconds from which DynamoDB may remove an item; it takes its time."""

BY: Final = "by_name"
"""Under which name a row was brought; those from before names were held have none."""

_NUMBERS: Final = frozenset(("at", "settled", "seconds"))


def row_item(key: Key, row: Row, expires: float) -> Item:
    """Return the item of a row."""
    item = _keyed(key, expires)
    for name, value in row._asdict().items():
        item[name] = _packed(value)
    return item


def row_of(item: Mapping[str, Any]) -> Row:
    """Return the row of an item."""
    said: dict[str, Any] = {
        name: _unpacked(name, item[name]) for name in Row._fields if name in item
    }
    return Row(**said)


def total_item(
    key: Key, begins: int, by: Mapping[Dimension, str], sums: Sums, seq: int, expires: float | None
) -> Item:
    """Return the item of one replica's total; `seq` grows with each version of it."""
    return {
        **_keyed(key, expires),
        "begins": {"N": str(begins)},
        "seq": {"N": str(seq)},
        "by": {"M": {name: {"S": value} for name, value in by.items()}},
        "sums": {"L": [{"N": str(number)} for number in sums]},
    }


def total_of(item: Mapping[str, Any]) -> tuple[dict[Dimension, str], Sums]:
    """Return what an item is told apart by, and what it comes to."""
    numbers = [int(one["N"]) for one in item["sums"]["L"]]
    return {name: one["S"] for name, one in item["by"]["M"].items()}, Sums(*numbers)


def document_item(key: Key, document: Mapping[str, Any]) -> Item:
    """Return the item of a small document."""
    return {**_keyed(key, None), "document": {"S": orjson.dumps(document).decode()}}


def document_of(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the document of an item."""
    found: Mapping[str, Any] = orjson.loads(item["document"]["S"])
    return found


def _keyed(key: Key, expires: float | None) -> Item:
    item: Item = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    if expires is not None:
        item[TTL] = {"N": str(int(expires))}
    return item


def _packed(value: object) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, float):
        return {"N": repr(value)}
    if isinstance(value, tuple):
        return {"L": [{"N": str(number)} for number in value]}
    return {"S": str(value)}


def _unpacked(name: str, said: Mapping[str, Any]) -> object:
    if "L" in said:
        return Usage(*(int(one["N"]) for one in said["L"]))
    if "N" in said:
        return float(said["N"]) if name in _NUMBERS else int(said["N"])
    return said["BOOL"] if "BOOL" in said else said["S"]
