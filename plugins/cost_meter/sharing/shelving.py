"""Small documents of a fleet: thresholds, advice."""

from collections.abc import Mapping
from typing import Any, Final

from proxy.api import DynamoTable

from .items import document_item, document_of
from .keys import Key

__all__ = ["SharedShelf"]

_MOST: Final = 1000


class SharedShelf:
    """Implements `Shelf` in the table."""

    def __init__(self, table: DynamoTable) -> None:
        self._table = table

    async def put(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        """Keep a document, in the place of an earlier one. Raises StoreError."""
        await self._table.call("put_item", Item=document_item(_key(kind, key), document))

    async def get(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return a document. Raises StoreError."""
        found = await self._table.call("get_item", Key=_marks(kind, key), ConsistentRead=True)
        return document_of(found["Item"]) if "Item" in found else None

    async def all(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Return all documents of a kind (1000 at most), by key. Raises StoreError."""
        found: dict[str, Mapping[str, Any]] = {}
        more: dict[str, Any] = {}
        while len(found) < _MOST:
            page = await self._table.call(
                "query",
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": _key(kind, "").pk}},
                ConsistentRead=True,
                Limit=_MOST,
                **more,
            )
            found |= {item["sk"]["S"]: document_of(item) for item in page["Items"]}
            if "LastEvaluatedKey" not in page:
                break
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
        return dict(list(found.items())[:_MOST])

    async def delete(self, kind: str, key: str) -> bool:
        """Forget a document; whether there was one. Raises StoreError."""
        found = await self._table.call("delete_item", Key=_marks(kind, key), ReturnValues="ALL_OLD")
        return "Attributes" in found


def _key(kind: str, key: str) -> Key:
    return Key(f"S#{kind}", key)


def _marks(kind: str, key: str) -> dict[str, Any]:
    where = _key(kind, key)
    return {"pk": {"S": where.pk}, "sk": {"S": where.sk}}
