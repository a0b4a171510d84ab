"""Workflows in a table of DynamoDB: for a fleet.

One item for each workflow, which holds the document and what it is found by, and one for each
Idempotency-Key, which names its workflow. Lists come from indexes, which follow a moment
later; what is in them is then read from the items themselves.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from math import ceil
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from proxy.api import ConditionError, DynamoTable, StoreError
from proxy.api.workflows import WorkflowCosts

from .documents import Reading, costs_of, day_of, stored_as
from .dynamo_table import BY_DAY, BY_REQUEST, BY_USER, TTL, UNFINISHED, open_table
from .record import UNFINISHED as UNFINISHED_STATES
from .record import Workflow
from .store import IDEMPOTENT_FOR

__all__ = ["ITEM_BYTES", "DynamoWorkflows"]

ITEM_BYTES: Final = 400_000
"""A workflow whose document is longer is refused; DynamoDB takes 409,600 in all."""

_DAY: Final = 86_400
_PAGE: Final = 500
_PAGES_MOST: Final = 20
_AT_ONCE: Final = 100
_READS_MOST: Final = 20

_Item = Mapping[str, Mapping[str, Any]]


class DynamoWorkflows:
    """A `WorkflowStore` on one table."""

    def __init__(
        self,
        table: DynamoTable,
        now: Callable[[], float],
        log: FilteringBoundLogger,
        keep: float,
    ) -> None:
        """`now` gives Unix time; `keep`: seconds after which DynamoDB may remove ended ones."""
        self.url = f"dynamodb://{table.name}"
        self._table = table
        self._now = now
        self._keep = keep
        self._reading = Reading(self.url, log)

    async def open(self) -> None:
        """Create the table if it is not there."""
        await open_table(self._table)

    async def create(self, workflow: Workflow) -> Workflow | None:
        """Store a new workflow, see `WorkflowStore`."""
        item = self._item(workflow, 1)
        put = {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"}
        try:
            if not workflow.idempotency:
                await self._table.call("put_item", **put)
                return None
            both = (_key_put(workflow), put)
            items = [{"Put": {"TableName": self._table.name, **one}} for one in both]
            await self._table.call("transact_write_items", TransactItems=items)
        except ConditionError:
            # Also after an answer that was lost: boto3 sends a request again.
            if await self._is_ours(workflow.id, item):
                return None
            return await self._holder(workflow)
        return None

    async def save(self, workflow: Workflow, expected: int) -> bool:
        """Replace a version by the next one, see `WorkflowStore`."""
        item = self._item(workflow, expected + 1)
        try:
            await self._table.call(
                "put_item",
                Item=item,
                ConditionExpression="#version = :expected",
                ExpressionAttributeNames={"#version": "version"},
                ExpressionAttributeValues={":expected": _number(expected)},
            )
        except ConditionError:
            return await self._is_ours(workflow.id, item)
        return True

    async def get(self, workflow_id: str) -> Workflow | None:
        """Return a workflow."""
        item = await self._get(_place(workflow_id))
        return None if item is None else self._reading.one(workflow_id, item["document"]["S"])

    async def of_request(self, request_id: str) -> tuple[Workflow, ...]:
        """Return the workflows of a request, the oldest first."""
        if not request_id:
            return ()
        found = [row async for row in self._query(BY_REQUEST, "request_id", request_id, most=20)]
        return await self._fetch(found, 20)

    async def list(
        self, *, user_id: str | None, status: str | None, limit: int
    ) -> tuple[Workflow, ...]:
        """Return the newest first."""
        found: list[_Item] = []
        async for row in self._newest(user_id):
            if status in (None, row["status"]["S"]):
                found.append(row)
            if len(found) == limit:
                break
        workflows = await self._fetch(found, limit)
        return tuple(one for one in workflows if status in (None, one.status))

    async def takeable(self, now: float, limit: int) -> tuple[Workflow, ...]:
        """Return unfinished ones that are due and nobody holds; who was let go first, first."""
        rows: list[_Item] = []
        for state in UNFINISHED_STATES:
            of_state = self._query(UNFINISHED, "unfinished", state)
            async for row in of_state:
                if _float(row["lease_until"]) > now:
                    break
                if _float(row["due"]) <= now:
                    rows.append(row)
        rows.sort(key=lambda row: (_float(row["lease_until"]), _float(row["due"])))
        found = await self._fetch(rows[: limit + _AT_ONCE], limit)
        return tuple(one for one in found if _may_take(one, now))

    async def waiting(self) -> int:
        """Return how many are queued."""
        return sum([1 async for _ in self._query(UNFINISHED, "unfinished", "queued")])

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        """Sum by day, type and provider."""
        sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
        first = int(max(since, self._oldest()) // _DAY)
        for day in range(first, int(min(until, self._now() + _DAY) // _DAY) + 1):
            async for row in self._query(BY_DAY, "day", day_of(day), pages=None):
                if since <= _float(row["created"]) < until and _is_of(row, user_id):
                    for provider, tokens, nano_usd in json.loads(row["costs"]["S"]):
                        total = sums[day_of(day), row["type"]["S"], provider]
                        for place, amount in enumerate((1, tokens, nano_usd)):
                            total[place] += amount
        return tuple(WorkflowCosts(*key, *total) for key, total in sorted(sums.items()))

    async def forget(self, before: float) -> int:  # noqa: ARG002 - each item knows its time
        """Do nothing: DynamoDB removes items itself, some time after they have expired."""
        return 0

    # -- items -----------------------------------------------------------------

    def _item(self, workflow: Workflow, version: int) -> _Item:
        """Return the item. Raises StoreError for one that is too long."""
        document = stored_as(workflow, version)
        if (size := len(document.encode())) > ITEM_BYTES:
            raise StoreError(
                f"workflow {workflow.id} is {size} bytes long, an item of DynamoDB at most "
                f"{ITEM_BYTES}; ask for less at a time, or keep workflows in SQLite"
            )
        costs = [[provider, *sums] for provider, sums in costs_of(workflow).items()]
        item = {
            "pk": _text(_place(workflow.id)["pk"]["S"]),
            "version": _number(version),
            "mark": _text(uuid.uuid4().hex),
            "user_id": _text(workflow.user_id),
            "request_id": _text(workflow.request_id),
            "type": _text(workflow.type),
            "status": _text(workflow.status),
            "created": _number(workflow.created),
            "day": _text(day_of(int(workflow.created // _DAY))),
            "costs": _text(json.dumps(costs)),
            "document": _text(document),
        }
        if workflow.status in UNFINISHED_STATES:
            item["unfinished"] = _text(workflow.status)
            item["lease_until"] = _number(workflow.lease_until)
            item["due"] = _number(workflow.due)
        else:
            keyed = workflow.created + IDEMPOTENT_FOR if workflow.idempotency else 0.0
            item[TTL] = _number(ceil(max(workflow.updated + self._keep, keyed)))
        # What an index goes by may not be empty; then it is not in the index.
        return {name: value for name, value in item.items() if value != _text("")}

    async def _get(self, key: _Item) -> _Item | None:
        answer = await self._table.call("get_item", Key=key, ConsistentRead=True)
        return answer.get("Item")

    async def _is_ours(self, workflow_id: str, item: _Item) -> bool:
        """Whether what is stored now is what this very call has sent."""
        there = await self._get(_place(workflow_id))
        return there is not None and there["mark"] == item["mark"]

    async def _holder(self, workflow: Workflow) -> Workflow:
        """Return who has the Idempotency-Key of this one."""
        key = await self._get(_key_place(workflow)) if workflow.idempotency else None
        found = None if key is None else await self.get(key["workflow"]["S"])
        if found is None:
            raise StoreError(f"{self.url}: workflow {workflow.id} cannot be stored; try again")
        return found

    async def _fetch(self, rows: Sequence[_Item], limit: int) -> tuple[Workflow, ...]:
        """Read workflows as they are now, in the order of `rows`; what is gone is left out."""
        texts: dict[str, str] = {}
        for start in range(0, len(rows), _AT_ONCE):
            keys = [{"pk": row["pk"]} for row in rows[start : start + _AT_ONCE]]
            async for item in self._read(keys):
                texts[item["pk"]["S"]] = item["document"]["S"]
        there = [place for row in rows if (place := row["pk"]["S"]) in texts]
        return self._reading.all(
            ((place.partition("#")[2], texts[place]) for place in there), limit
        )

    async def _read(self, keys: Sequence[_Item]) -> AsyncIterator[_Item]:
        asked: Mapping[str, Any] = {self._table.name: {"Keys": keys, "ConsistentRead": True}}
        for _ in range(_READS_MOST):
            answer = await self._table.call("batch_get_item", RequestItems=asked)
            for item in answer["Responses"].get(self._table.name, ()):
                yield item
            asked = answer.get("UnprocessedKeys", {})
            if not asked:
                return
        raise StoreError(f"{self.url} is overloaded; it has not given what was asked for")

    # -- indexes ---------------------------------------------------------------

    async def _newest(self, user_id: str | None) -> AsyncIterator[_Item]:
        if user_id is not None:
            if user_id:
                async for row in self._query(BY_USER, "user_id", user_id, newest=True):
                    yield row
            return
        last = int((self._now() + _DAY) // _DAY)
        for day in range(last, int(self._oldest() // _DAY) - 1, -1):
            async for row in self._query(BY_DAY, "day", day_of(day), newest=True):
                yield row

    def _oldest(self) -> float:
        """When the oldest that can still be there may have been created."""
        return self._now() - max(self._keep, IDEMPOTENT_FOR) - 2 * _DAY

    async def _query(
        self,
        index: str,
        name: str,
        value: str,
        *,
        newest: bool = False,
        most: int = _PAGE,
        pages: int | None = _PAGES_MOST,
    ) -> AsyncIterator[_Item]:
        """Yield what the index has under this key, in its order; `most` for each page."""
        more: dict[str, Any] = {}
        while pages is None or pages > 0:
            answer = await self._table.call(
                "query",
                IndexName=index,
                KeyConditionExpression="#name = :value",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues={":value": _text(value)},
                ScanIndexForward=not newest,
                Limit=most,
                **more,
            )
            for row in answer["Items"]:
                yield row
            if "LastEvaluatedKey" not in answer:
                return
            more = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}
            pages = None if pages is None else pages - 1


def _text(value: str) -> dict[str, str]:
    return {"S": value}


def _number(value: float) -> dict[str, str]:
    return {"N": repr(value)}


def _float(value: Mapping[str, Any]) -> float:
    return float(value["N"])


def _place(workflow_id: str) -> _Item:
    return {"pk": _text(f"workflow#{workflow_id}")}


def _key_place(workflow: Workflow) -> _Item:
    return {"pk": _text(f"key#{workflow.idempotency}")}


def _key_put(workflow: Workflow) -> Mapping[str, Any]:
    """What takes the Idempotency-Key, where nobody has it or had it long ago."""
    return {
        "Item": {
            **_key_place(workflow),
            "workflow": _text(workflow.id),
            "taken": _number(workflow.created),
            TTL: _number(ceil(workflow.created + IDEMPOTENT_FOR)),
        },
        "ConditionExpression": "attribute_not_exists(pk) OR taken <= :since",
        "ExpressionAttributeValues": {":since": _number(workflow.created - IDEMPOTENT_FOR)},
    }


def _is_of(row: _Item, user_id: str | None) -> bool:
    return user_id is None or ("user_id" in row and row["user_id"]["S"] == user_id)


def _may_take(workflow: Workflow, now: float) -> bool:
    unfinished = workflow.status in UNFINISHED_STATES
    return unfinished and workflow.lease_until <= now and workflow.due <= now
