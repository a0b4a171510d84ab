"""The ledger of a fleet, read from the table: totals of all replicas together, and rows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from proxy.api import DynamoTable, StoreError

from ..books import Asked, Ledger, Page
from ..grains import begins
from ..row import GRAINS, Dimension, Grain, Row, Sums, Total, plus
from .items import TTL, row_of, total_of
from .keys import (
    EVERYBODY,
    USERS,
    bucket_range,
    shards_between,
    sort_of_time,
    spans_between,
)
from .querying import items_between
from .table import BY_ID

__all__ = ["SharedLedger"]

_TOGETHER: Final = 8
_ROWS_MOST: Final = 1000
_HOURS_MOST: Final = 24 * 400


class SharedLedger:
    """Implements `Ledger`. What is written goes through the journal, which brings it here."""

    def __init__(self, table: DynamoTable, journal: Ledger, now: Callable[[], float]) -> None:
        """`now` returns Unix time: what has expired is passed over from then on."""
        self._table = table
        self._journal = journal
        self._now = now

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        """Return what was spent; see `Ledger`. Raises StoreError."""
        if grain not in GRAINS:
            raise StoreError(f"{grain!r} is no length of a bucket; there are {', '.join(GRAINS)}")
        since = begins(asked.since, grain)
        if asked.until <= since:
            return ()
        scope = USERS if "user" in (*by, *asked.where) else EVERYBODY
        spans = spans_between(scope, grain, since, asked.until)
        within = bucket_range(scope, asked.where.get("user"), since, int(asked.until))
        gate = asyncio.Semaphore(_TOGETHER)

        async def one(span: str) -> list[Mapping[str, Any]]:
            async with gate:
                return [item async for item in items_between(self._table, span, within)]

        found: dict[tuple[int, tuple[str, ...]], Sums] = {}
        for items in await asyncio.gather(*map(one, spans)):
            self._add(found, items, asked, by)
        return tuple(
            Total(first, dict(zip(by, values, strict=True)), sums)
            for (first, values), sums in sorted(found.items())
        )

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        """Return rows by time and id; see `Ledger`. Raises StoreError."""
        limit = max(1, min(limit, _ROWS_MOST))
        since = max(asked.since, _time_in(after))
        if asked.until - since > _HOURS_MOST * 3600:
            raise StoreError("rows of more than 400 days at once; ask for less")
        found: list[Row] = []
        for shards in shards_between(since, asked.until):
            bounds = (after or sort_of_time(since), sort_of_time(asked.until))
            pages = await asyncio.gather(
                *(self._some(shard, bounds, after, limit + 1, asked) for shard in shards)
            )
            found += sorted((row for page in pages for row in page), key=_order)
            if len(found) > limit:
                rows = tuple(found[:limit])
                return Page(rows, _cursor(rows[-1]))
        return Page(tuple(found), "")

    async def row(self, row_id: str) -> Row | None:
        """Return one row. Raises StoreError."""
        found = await self._table.call(
            "query",
            IndexName=BY_ID,
            KeyConditionExpression="id = :id",
            ExpressionAttributeValues={":id": {"S": row_id}},
            Limit=1,
        )
        if not found["Items"]:
            return await self._journal.row(row_id)  # perhaps it is on its way
        key = {name: found["Items"][0][name] for name in ("pk", "sk")}
        whole = await self._table.call("get_item", Key=key)
        return row_of(whole["Item"]) if "Item" in whole else None

    async def write(self, rows: Sequence[Row]) -> int:
        """Have rows written that nobody in the fleet has written. Raises StoreError."""
        absent = [row for row in rows if await self.row(row.id) is None]
        return await self._journal.write(absent) if absent else 0

    def _add(
        self,
        found: dict[tuple[int, tuple[str, ...]], Sums],
        items: Sequence[Mapping[str, Any]],
        asked: Asked,
        by: Sequence[Dimension],
    ) -> None:
        now, since = self._now(), asked.since
        for item in items:
            if TTL in item and int(item[TTL]["N"]) <= now:
                continue
            apart, sums = total_of(item)
            first = int(item["begins"]["N"])
            if first >= asked.until or first < begins(since, _grain_of(item)):
                continue
            if any(apart[name] != value for name, value in asked.where.items()):
                continue
            place = (first, tuple(apart[name] for name in by))
            found[place] = plus(found.get(place, Sums()), sums)

    async def _some(
        self, shard: str, bounds: tuple[str, str], after: str, limit: int, asked: Asked
    ) -> list[Row]:
        rows: list[Row] = []
        async for item in items_between(self._table, shard, bounds):
            row = row_of(item)
            fits = all(getattr(row, name) == value for name, value in asked.where.items())
            if fits and item["sk"]["S"] != after and asked.since <= row.at < asked.until:
                rows.append(row)
                if len(rows) == limit:
                    break
        return rows


def _order(row: Row) -> tuple[int, str]:
    return int(row.at * 1000), row.id


def _cursor(row: Row) -> str:
    return f"{sort_of_time(row.at)}{row.id}"


def _time_in(cursor: str) -> float:
    """Return the time that a cursor stands at. Raises StoreError for what is none."""
    if not cursor:
        return 0.0
    digits = cursor.partition("#")[0]
    if not digits.isdecimal():
        raise StoreError("there is no page that begins there; leave out `after`")
    return int(digits) / 1000


def _grain_of(item: Mapping[str, Any]) -> Grain:
    grain: Grain = item["pk"]["S"].split("#")[2]
    return grain
