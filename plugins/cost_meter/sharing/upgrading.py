"""Counts by plan what was brought before there were such amounts: the second version of the table.

Rows say under which name they were brought since then, and have added to the amounts themselves.
Those that do not say so are added up here, hour by hour, into amounts of their own, which are set
and not added to: it may be done again at any time, also by several at once.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.api import ConditionError, DynamoTable

from ..row import Row
from .items import BY, row_of
from .keys import EVERYBODY, Key, bucket_range, shards_between, spans_between
from .plans import BEFORE, plan_item
from .querying import items_between

__all__ = ["LONGEST", "SINCE_LAST", "count_plans"]

LONGEST: Final = 62 * 86400.0
"""Seconds: no budget looks further back."""

SINCE_LAST: Final = 3 * 86400.0
"""Seconds for which replicas of the version before may go on after the table was upgraded."""

_OTHERWISE: Final = "attribute_not_exists(pk) OR nano_usd <> :nano"
_Amounts = dict[Key, tuple[Mapping[str, Any], int]]


async def count_plans(
    table: DynamoTable, since: float, until: float, keep: float, *, dry_run: bool
) -> int:
    """Count what was spent on plans in a time; return how many amounts were missing, or wrong.

    `keep`: for how many seconds hours are kept. Raises StoreError.
    """
    changed = 0
    for hour in await _hours(table, since, until):
        amounts = await _amounts(table, hour, keep)
        for key, (item, nano) in amounts.items():
            changed += await _set(table, key, item, nano, dry_run=dry_run)
    return changed


async def _hours(table: DynamoTable, since: float, until: float) -> list[int]:
    """Return the hours in which anything was spent, by their first second."""
    bounds = bucket_range(EVERYBODY, None, int(since), int(until))
    found: set[int] = set()
    for span in spans_between(EVERYBODY, "hour", since, until):
        async for item in items_between(table, span, bounds):
            found.add(int(item["begins"]["N"]))
    return sorted(found)


async def _amounts(table: DynamoTable, hour: int, keep: float) -> _Amounts:
    found: _Amounts = {}
    for shards in shards_between(hour, hour + 1):
        for shard in shards:
            async for item in items_between(table, shard, None, without=BY):
                row = row_of(item)
                for key, said in _places(row, hour + keep):
                    found[key] = said, found.get(key, (said, 0))[1] + row.nano_usd
    return {key: amount for key, amount in found.items() if amount[1]}


def _places(row: Row, expires: float) -> Iterator[tuple[Key, Mapping[str, Any]]]:
    yield plan_item(row, BEFORE, expires, of_user=False)
    yield plan_item(row, BEFORE, expires, of_user=True)


async def _set(
    table: DynamoTable, key: Key, said: Mapping[str, Any], nano: int, *, dry_run: bool
) -> bool:
    where = {"pk": {"S": key.pk}, "sk": {"S": key.sk}}
    amount = {"N": str(nano)}
    if dry_run:
        found = await table.call("get_item", Key=where, ConsistentRead=True)
        return bool(found.get("Item", {}).get("nano_usd") != amount)
    try:
        await table.call(
            "put_item",
            Item={**where, **said, "nano_usd": amount},
            ConditionExpression=_OTHERWISE,
            ExpressionAttributeValues={":nano": amount},
        )
    except ConditionError:
        return False
    return True
