"""Workflows in DynamoDB: answers that were lost, rivals, sizes, and what expires."""

import asyncio
from collections.abc import AsyncIterator
from math import ceil
from typing import Any

import pytest

from plugins.orchestrator.workflows.dynamo import ITEM_BYTES, DynamoWorkflows
from plugins.orchestrator.workflows.store import IDEMPOTENT_FOR
from proxy.api import StoreError, WorkflowResult
from proxy.api.testing import FakeServices
from tests.plugins.orchestrator.workflows.doors import KEEP, Dynamo
from tests.plugins.orchestrator.workflows.written import NOW, stored, written

CONFLICT = "TransactionCanceledException:TransactionConflict,None"


@pytest.fixture
async def services() -> AsyncIterator[FakeServices]:
    services = FakeServices()
    yield services
    await services.close()


@pytest.fixture
async def store(dynamo: Dynamo, services: FakeServices) -> AsyncIterator[DynamoWorkflows]:
    store = DynamoWorkflows(dynamo.tables[0], services.now, services.log, KEEP)
    await store.open()
    dynamo.server.calls.clear()
    yield store
    dynamo.server.troubles.clear()
    await dynamo.tables[0].call("delete_table")


async def item(dynamo: Dynamo, place: str) -> dict[str, Any]:
    answer = await dynamo.tables[0].call("get_item", Key={"pk": {"S": place}})
    return dict(answer["Item"])


async def test_a_write_whose_answer_was_lost_has_happened_once(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    dynamo.server.troubles.append("lost")
    assert await store.create(written(1)) is None
    dynamo.server.troubles.append("lost")
    assert await store.create(written(2, idempotency="k")) is None
    for number in (1, 2):
        dynamo.server.troubles.append("lost")
        assert await store.save(written(number, status="failed"), 1)
        found = await store.get(f"wf_{number}")
        assert found is not None
        assert found.version == 2


async def test_a_rival_who_is_writing_is_waited_for(store: DynamoWorkflows, dynamo: Dynamo) -> None:
    await store.create(written(1, idempotency="k"))
    dynamo.server.troubles.append(CONFLICT)
    taken = await store.create(written(2, idempotency="k"))
    assert taken == stored(written(1, idempotency="k"), 1)


async def test_a_workflow_that_is_too_long_is_refused(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    def with_content(length: int) -> WorkflowResult:
        return WorkflowResult(workflow_id="wf_1", status="completed", content="☂" * length)

    await store.create(written())
    dynamo.server.calls.clear()
    with pytest.raises(StoreError, match=r"wf_1 is \d+ bytes long, an item of DynamoDB at most"):
        await store.save(written(result=with_content(ITEM_BYTES // 3)), 1)
    assert dynamo.server.calls == []
    assert await store.save(written(result=with_content(ITEM_BYTES // 3 - 500)), 1)


async def test_what_has_ended_expires_and_what_has_not_does_not(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    await store.create(written(1))
    assert "expires_at" not in await item(dynamo, "workflow#wf_1")
    await store.save(written(1, status="completed", updated=NOW + 5), 1)
    ended = await item(dynamo, "workflow#wf_1")
    assert int(ended["expires_at"]["N"]) == ceil(NOW + 5 + KEEP)
    assert "unfinished" not in ended


async def test_who_has_a_key_stays_as_long_as_the_key(
    dynamo: Dynamo, services: FakeServices, store: DynamoWorkflows
) -> None:
    short = DynamoWorkflows(dynamo.tables[0], services.now, services.log, 60)
    await short.create(written(1, idempotency="k", status="completed"))
    for place in ("workflow#wf_1", "key#k"):
        expires = int((await item(dynamo, place))["expires_at"]["N"])
        assert expires == ceil(NOW + 1 + IDEMPOTENT_FOR)


async def test_long_lists_come_in_pages(
    store: DynamoWorkflows, dynamo: Dynamo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plugins.orchestrator.workflows.dynamo._AT_ONCE", 3)
    monkeypatch.setattr(
        DynamoWorkflows._query, "__kwdefaults__", {"newest": False, "most": 2, "pages": None}
    )
    await asyncio.gather(*(store.create(written(number, status="queued")) for number in range(9)))
    dynamo.server.calls.clear()
    found = await store.list(user_id="u1", status=None, limit=7)
    assert [one.id for one in found] == [f"wf_{number}" for number in range(8, 1, -1)]
    assert dynamo.server.calls == ["Query"] * 4 + ["BatchGetItem"] * 3
    assert await store.waiting() == 9


async def test_an_index_that_lags_behind_shows_nothing_wrong(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    """As when the item has gone on, or is gone, after the index was read."""
    await store.create(written(1, status="queued"))
    await store.create(written(2, status="queued"))
    read = dynamo.tables[0].call

    async def change_meanwhile(operation: str, **parameters: Any) -> Any:
        answer = await read(operation, **parameters)
        if operation == "query":
            await store.save(written(1, status="running", lease_until=NOW + 600), 1)
            await read("delete_item", Key={"pk": {"S": "workflow#wf_2"}})
        return answer

    store._table = Lagging(dynamo.tables[0].name, change_meanwhile)
    assert await store.takeable(NOW, 9) == ()
    assert await store.list(user_id="u1", status="queued", limit=9) == ()
    [left] = await store.list(user_id="u1", status=None, limit=9)
    assert left.status == "running"


class Lagging:
    """A table between whose answers something happens."""

    def __init__(self, name: str, call: Any) -> None:
        self.name = name
        self.call = call


async def test_a_damaged_item_fails_nobody_but_who_asks_for_it(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    for number in (1, 2):
        await store.create(written(number, idempotency=f"k{number}"))
    damaged = {**await item(dynamo, "workflow#wf_1"), "document": {"S": "{"}}
    await dynamo.tables[0].call("put_item", Item=damaged)
    assert [one.id for one in await store.list(user_id="u1", status=None, limit=9)] == ["wf_2"]
    with pytest.raises(StoreError, match="workflow wf_1 of dynamodb://workflows cannot be read"):
        await store.get("wf_1")


async def test_what_dynamodb_cannot_give_is_not_asked_for_for_ever(
    store: DynamoWorkflows, dynamo: Dynamo
) -> None:
    await store.create(written(1))
    keys = {"workflows": {"Keys": [{"pk": {"S": "workflow#wf_1"}}], "ConsistentRead": True}}
    real = dynamo.tables[0].call

    async def unprocessed(operation: str, **parameters: Any) -> Any:
        if operation == "batch_get_item":
            return {"Responses": {}, "UnprocessedKeys": keys}
        return await real(operation, **parameters)

    store._table = Lagging("workflows", unprocessed)
    with pytest.raises(StoreError, match="overloaded"):
        await store.list(user_id="u1", status=None, limit=9)


async def test_forgetting_is_left_to_dynamodb(store: DynamoWorkflows, dynamo: Dynamo) -> None:
    assert await store.forget(NOW) == 0
    assert dynamo.server.calls == []
