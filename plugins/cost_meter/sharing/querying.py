"""Reads a part of a partition, page by page."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy.api import DynamoTable

__all__ = ["items_between"]


async def items_between(
    table: DynamoTable, pk: str, bounds: tuple[str, str] | None, *, without: str = ""
) -> AsyncIterator[Mapping[str, Any]]:
    """Yield all items of a partition between two sort keys, both among them; None: all.

    `without`: only those that lack this attribute. Raises StoreError.
    """
    condition, values = "pk = :pk", {":pk": {"S": pk}}
    if bounds is not None:
        condition += " AND sk BETWEEN :low AND :high"
        values |= {":low": {"S": bounds[0]}, ":high": {"S": bounds[1]}}
    more: dict[str, Any] = {}
    if without:
        more["FilterExpression"] = f"attribute_not_exists({without})"
    while True:
        page = await table.call(
            "query", KeyConditionExpression=condition, ExpressionAttributeValues=values, **more
        )
        for item in page["Items"]:
            yield item
        if "LastEvaluatedKey" not in page:
            return
        more |= {"ExclusiveStartKey": page["LastEvaluatedKey"]}
