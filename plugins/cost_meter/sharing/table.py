"""The table of a fleet's ledger: how it is made, upgraded, and looked at before it is used."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from proxy.api import ConditionError, DynamoTable, StoreError

from .items import TTL
from .upgrading import LONGEST, SINCE_LAST, count_plans

__all__ = ["BY_ID", "VERSION", "UnfitTableError", "check_table", "migrate_table"]

VERSION: Final = 2
"""What this code writes; a table of a later one is left alone. 2: what was spent on plans."""

BY_ID: Final = "by_id"

_MARK: Final = {"pk": {"S": "M#schema"}, "sk": {"S": "version"}}
_KEYS: Final = [
    {"AttributeName": "pk", "KeyType": "HASH"},
    {"AttributeName": "sk", "KeyType": "RANGE"},
]
_INDEX: Final[dict[str, Any]] = {
    "IndexName": BY_ID,
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "Projection": {"ProjectionType": "KEYS_ONLY"},
}
_COUNTED: Final = "what was spent on plans before is counted ({} amounts)"
_AHEAD: Final = 86_400.0
"""Seconds that rows may lie ahead: clocks differ."""

_LOOKS: Final = 240
_LOOK_EVERY: Final = 1.0

_Sleep = Callable[[float], Awaitable[None]]


class UnfitTableError(StoreError):
    """The table will not do as it is, however long one waits."""


async def check_table(table: DynamoTable) -> None:
    """See that the table will do. Raises UnfitTableError, which says what to do; StoreError."""
    found = await _described(table)
    if found is None:
        raise UnfitTableError(
            f"the DynamoDB table {table.name} is not there; run crossfade migrate with the right "
            "to create it, or look at name, region and account"
        )
    _check_keys(table, found)
    version = await _version(table)
    if version is None:
        raise UnfitTableError(
            f"the DynamoDB table {table.name} was not finished; run crossfade migrate again"
        )
    _check_version(table, version)
    if version < VERSION:
        raise UnfitTableError(
            f"the DynamoDB table {table.name} has the schema {version}, and this Crossfade wants "
            f"{VERSION}; run crossfade migrate"
        )


async def migrate_table(
    table: DynamoTable,
    *,
    dry_run: bool,
    now: float,
    keep: float = 90 * 86400.0,
    sleep: _Sleep = asyncio.sleep,
) -> tuple[str, ...]:
    """Make what is missing; return what was done, or would be. Raises StoreError.

    `now` in Unix seconds; `keep`: for how many seconds hours are kept.

    Each step is looked at first and may be done by several at once: what somebody else has
    done meanwhile is as good.
    """
    done: list[str] = []
    found = await _described(table)
    if found is None:
        done.append(f"the DynamoDB table {table.name} is created")
        if dry_run:
            return (*done, *_LATER)
        await _create(table)
        found = await _active(table, sleep)
    _check_keys(table, found)
    version = await _version(table)
    _check_version(table, version or 0)
    for says, is_missing, make in (
        ("removing what has expired is switched on", _lacks_expiry, _expire),
        ("point-in-time recovery is switched on", _lacks_recovery, _recover),
    ):
        if await is_missing(table):
            done.append(says)
            if not dry_run:
                await make(table)
    if version is not None:
        back = LONGEST if version < VERSION else SINCE_LAST
        counted = await count_plans(table, now - back, now + _AHEAD, keep, dry_run=dry_run)
        done += [_COUNTED.format(counted)] if counted else []
    if version is None or version < VERSION:
        done.append(f"the schema is version {VERSION}")
        if not dry_run:
            await _mark(table)
    return tuple(done)


_LATER: Final = (
    "removing what has expired is switched on",
    "point-in-time recovery is switched on",
    f"the schema is version {VERSION}",
)


async def _described(table: DynamoTable) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = (await table.call("describe_table"))["Table"]
        return found
    except StoreError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return None


async def _active(table: DynamoTable, sleep: _Sleep) -> Mapping[str, Any]:
    for _ in range(_LOOKS):
        found = await _described(table)
        if found is not None and found["TableStatus"] in ("ACTIVE", "UPDATING"):
            return found
        await sleep(_LOOK_EVERY)
    raise StoreError(f"the DynamoDB table {table.name} is still being created; run it again")


async def _create(table: DynamoTable) -> None:
    try:
        await table.call(
            "create_table",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "id")
            ],
            KeySchema=_KEYS,
            GlobalSecondaryIndexes=[_INDEX],
            BillingMode="PAY_PER_REQUEST",
        )
    except StoreError as error:
        if error.code != "ResourceInUseException":  # somebody else was faster
            raise


def _check_keys(table: DynamoTable, found: Mapping[str, Any]) -> None:
    indexes = {one["IndexName"] for one in found.get("GlobalSecondaryIndexes", ())}
    if found["KeySchema"] != _KEYS or BY_ID not in indexes:
        raise UnfitTableError(
            f"the DynamoDB table {table.name} is no table of costs: it has other keys or indexes; "
            "name one that is not there yet, and crossfade migrate creates it"
        )


def _check_version(table: DynamoTable, version: int) -> None:
    if version > VERSION:
        raise UnfitTableError(
            f"the DynamoDB table {table.name} has the schema {version}, and this Crossfade knows "
            f"{VERSION}: it belongs to a later one; upgrade this one"
        )


async def _version(table: DynamoTable) -> int | None:
    found = await table.call("get_item", Key=_MARK, ConsistentRead=True)
    return int(found["Item"]["version"]["N"]) if "Item" in found else None


async def _mark(table: DynamoTable) -> None:
    try:
        await table.call(
            "put_item",
            Item={**_MARK, "version": {"N": str(VERSION)}},
            ConditionExpression="attribute_not_exists(version) OR version < :v",
            ExpressionAttributeValues={":v": {"N": str(VERSION)}},
        )
    except ConditionError:  # somebody else has brought it there, or beyond
        _check_version(table, await _version(table) or 0)


async def _lacks_expiry(table: DynamoTable) -> bool:
    said = (await table.call("describe_time_to_live"))["TimeToLiveDescription"]
    return bool(said["TimeToLiveStatus"] in ("DISABLED", "DISABLING"))


async def _expire(table: DynamoTable) -> None:
    await table.call(
        "update_time_to_live",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL},
    )


async def _lacks_recovery(table: DynamoTable) -> bool:
    said = (await table.call("describe_continuous_backups"))["ContinuousBackupsDescription"]
    recovery = said.get("PointInTimeRecoveryDescription", {})
    return bool(recovery.get("PointInTimeRecoveryStatus") != "ENABLED")


async def _recover(table: DynamoTable) -> None:
    await table.call(
        "update_continuous_backups",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
    )
