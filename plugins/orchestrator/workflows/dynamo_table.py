"""The table of workflows in DynamoDB: how it is made, and whether one that is there will do."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from proxy.api import DynamoTable, StoreError

__all__ = ["BY_DAY", "BY_REQUEST", "BY_USER", "TTL", "UNFINISHED", "migrate_table", "open_table"]

BY_USER: Final = "by_user"
BY_DAY: Final = "by_day"
BY_REQUEST: Final = "by_request"
UNFINISHED: Final = "unfinished"
TTL: Final = "expires_at"
"""Unix seconds from which DynamoDB may remove an item."""

_LOOKS: Final = 16
_PATIENT_LOOKS: Final = 480
_LOOK_EVERY: Final = 0.5


class _Index(NamedTuple):
    name: str
    key: str
    order: str
    beside: tuple[str, ...] = ()

    def keys(self) -> list[dict[str, str]]:
        return [
            {"AttributeName": self.key, "KeyType": "HASH"},
            {"AttributeName": self.order, "KeyType": "RANGE"},
        ]

    def declared(self) -> dict[str, Any]:
        projection: dict[str, Any] = {"ProjectionType": "KEYS_ONLY"}
        if self.beside:
            projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": list(self.beside)}
        return {"IndexName": self.name, "KeySchema": self.keys(), "Projection": projection}


# Small projections: so a document of some kilobytes is written once, not five times.
_INDEXES: Final = (
    _Index(BY_USER, "user_id", "created", ("status",)),
    _Index(BY_DAY, "day", "created", ("status", "user_id", "type", "costs")),
    _Index(BY_REQUEST, "request_id", "created"),
    _Index(UNFINISHED, "unfinished", "lease_until", ("due",)),
)
_ATTRIBUTES: Final = {
    "pk": "S",
    "user_id": "S",
    "day": "S",
    "request_id": "S",
    "unfinished": "S",
    "created": "N",
    "lease_until": "N",
}
_KEY: Final = [{"AttributeName": "pk", "KeyType": "HASH"}]
_EXPIRES: Final = "removing what has expired is switched on"


async def open_table(table: DynamoTable) -> None:
    """Make the table if it is not there and may be made, and see that it will do.

    Raises StoreError, also while a table that was just made is not ready.
    """
    await migrate_table(table, dry_run=False, looks=_LOOKS)


async def migrate_table(
    table: DynamoTable, *, dry_run: bool, looks: int = _PATIENT_LOOKS
) -> tuple[str, ...]:
    """Do as `open_table`; return what was done, or with `dry_run` would be.

    One that is being made is looked at so many times, twice a second. Raises StoreError.
    """
    done: tuple[str, ...] = ()
    for _ in range(looks):
        found = await _described(table)
        if found is not None and found["TableStatus"] in ("ACTIVE", "UPDATING"):
            _check(table, found)
            if await _keeps_all(table):
                done = (*done, _EXPIRES)
                if not dry_run:
                    await _expire(table)
            return done
        if found is None:
            done = (f"the DynamoDB table {table.name} is created",)
            if dry_run:
                return (*done, _EXPIRES)
            await _create(table)
        else:
            await asyncio.sleep(_LOOK_EVERY)
    raise StoreError(
        f"the DynamoDB table {table.name} is still being created; start again in a minute"
    )


async def _described(table: DynamoTable) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = (await table.call("describe_table"))["Table"]
        return found
    except StoreError as error:
        if error.code != "ResourceNotFoundException":
            raise
        return None


async def _create(table: DynamoTable) -> None:
    try:
        await table.call(
            "create_table",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind} for name, kind in _ATTRIBUTES.items()
            ],
            KeySchema=_KEY,
            GlobalSecondaryIndexes=[index.declared() for index in _INDEXES],
            BillingMode="PAY_PER_REQUEST",
        )
    except StoreError as error:
        if error.code != "ResourceInUseException":  # another replica was faster
            raise


def _check(table: DynamoTable, found: Mapping[str, Any]) -> None:
    there: Sequence[Mapping[str, Any]] = found.get("GlobalSecondaryIndexes", ())
    keys = {one["IndexName"]: one["KeySchema"] for one in there}
    wrong = [index.name for index in _INDEXES if keys.get(index.name) != index.keys()]
    if found["KeySchema"] != _KEY or wrong:
        raise StoreError(
            f"the DynamoDB table {table.name} is no table of workflows"
            f"{': it has no right index ' if wrong else ''}{', '.join(wrong)}; name another one, "
            "or let Crossfade create it"
        )


async def _keeps_all(table: DynamoTable) -> bool:
    said = (await table.call("describe_time_to_live"))["TimeToLiveDescription"]
    return said["TimeToLiveStatus"] in ("DISABLED", "DISABLING")


async def _expire(table: DynamoTable) -> None:
    """Have DynamoDB remove what has expired."""
    await table.call(
        "update_time_to_live",
        TimeToLiveSpecification={"Enabled": True, "AttributeName": TTL},
    )
