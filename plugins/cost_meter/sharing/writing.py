"""Writes many items at once, each under its own condition.

In transactions of 25: one that is refused because of one item is written item by item. They cost
two write units an item where others cost one, and need no answer to be believed: what was
written, and not heard of, is found out by its condition.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.api import ConditionError, DynamoTable

from .items import Item

__all__ = ["BATCH", "Guarded", "write_all"]

BATCH: Final = 25


class Guarded(NamedTuple):
    """An item, and when it is to be written."""

    item: Item
    condition: str
    values: Mapping[str, Any] = {}


async def write_all(table: DynamoTable, items: Sequence[Guarded]) -> tuple[Item, ...]:
    """Write those whose condition holds; return the others. Raises StoreError."""
    refused: list[Item] = []
    for first in range(0, len(items), BATCH):
        batch = items[first : first + BATCH]
        try:
            await _together(table, batch)
        except ConditionError:
            refused += [one.item for one in batch if not await _written(table, one)]
    return tuple(refused)


async def _together(table: DynamoTable, batch: Sequence[Guarded]) -> None:
    puts = [{"Put": {"TableName": table.name, **_put(one)}} for one in batch]
    await table.call("transact_write_items", TransactItems=puts)


async def _written(table: DynamoTable, one: Guarded) -> bool:
    try:
        await table.call("put_item", **_put(one))
    except ConditionError:
        return False
    return True


def _put(one: Guarded) -> dict[str, Any]:
    values = {"ExpressionAttributeValues": dict(one.values)} if one.values else {}
    return {"Item": one.item, "ConditionExpression": one.condition, **values}
