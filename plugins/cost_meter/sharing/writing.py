"""Writes many items at once, each under its own condition, and all under one more: the fence.

In transactions of 25: one that is refused because of one item is written item by item. They cost
two write units an item where others cost one, and need no answer to be believed: what was
written, and not heard of, is found out by its condition. The fence is in each of them: nothing is
written by somebody who may not write any more, not even by one who has not heard of it yet.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from proxy.api import ConditionError, DynamoTable, StoreError

from .items import Item
from .keys import Key

__all__ = ["BATCH", "Addition", "Fence", "Guarded", "write_all"]

BATCH: Final = 25
"""Items of one transaction; with two additions each, and the fence, there are less than 100."""

_TRIES: Final = 5

Operation = dict[str, Any]
"""One of a transaction's, as the low-level client has it."""


class Addition(NamedTuple):
    """What is added to an item's amount when another item is written; it need not be there."""

    key: Key
    item: Mapping[str, Any]
    """What else it holds, always the same for this key."""
    nano_usd: int


class Guarded(NamedTuple):
    """An item, and when it is to be written."""

    item: Item
    condition: str
    values: Mapping[str, Any] = {}
    number: int = 0
    """Of a row: its number in the journal."""
    adds: Sequence[Addition] = ()


class Fence(Protocol):
    """Whether this process may write."""

    def over(self, batch: Sequence[Guarded]) -> Operation:
        """Return what makes a transaction fail where it may not."""

    def passed(self, batch: Sequence[Guarded]) -> None:
        """Take in that a transaction has not failed."""

    async def confirm(self) -> bool:
        """Look again; whether anything has changed. Raises StoreError if it may not write."""


async def write_all(table: DynamoTable, items: Sequence[Guarded], fence: Fence) -> tuple[Item, ...]:
    """Write those whose condition holds; return the others. Raises StoreError."""
    refused: list[Item] = []
    for first in range(0, len(items), BATCH):
        batch = items[first : first + BATCH]
        try:
            await _together(table, batch, fence)
        except ConditionError:
            await fence.confirm()
            refused += [one.item for one in batch if not await _written(table, one, fence)]
    return tuple(refused)


async def _written(table: DynamoTable, one: Guarded, fence: Fence) -> bool:
    for _ in range(_TRIES):
        try:
            await _together(table, (one,), fence)
        except ConditionError:
            if not await fence.confirm():
                return False
        else:
            return True
    raise StoreError(f"{table.name}: others write under the same name all the time; tried later")


async def _together(table: DynamoTable, batch: Sequence[Guarded], fence: Fence) -> None:
    operations = [
        *({"Put": {"TableName": table.name, **_put(one)}} for one in batch),
        *({"Update": {"TableName": table.name, **_added(one)}} for one in _merged(batch)),
        fence.over(batch),
    ]
    await table.call("transact_write_items", TransactItems=operations)
    fence.passed(batch)


def _put(one: Guarded) -> dict[str, Any]:
    values = {"ExpressionAttributeValues": dict(one.values)} if one.values else {}
    return {"Item": one.item, "ConditionExpression": one.condition, **values}


def _merged(batch: Sequence[Guarded]) -> list[Addition]:
    """Return what is added by all of them: each item only once, as transactions want it."""
    found: dict[Key, Addition] = {}
    for adds in (one for guarded in batch for one in guarded.adds):
        before = found.get(adds.key, adds._replace(nano_usd=0))
        found[adds.key] = before._replace(nano_usd=before.nano_usd + adds.nano_usd)
    return list(found.values())


def _added(one: Addition) -> dict[str, Any]:
    names = {f"#{number}": name for number, name in enumerate(one.item)}
    values = {f":{number}": value for number, value in enumerate(one.item.values())}
    sets = ", ".join(f"#{number} = :{number}" for number in range(len(names)))
    return {
        "Key": {"pk": {"S": one.key.pk}, "sk": {"S": one.key.sk}},
        "UpdateExpression": f"SET {sets} ADD #nano :nano",
        "ExpressionAttributeNames": {**names, "#nano": "nano_usd"},
        "ExpressionAttributeValues": {**values, ":nano": {"N": str(one.nano_usd)}},
    }
