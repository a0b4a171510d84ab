"""The table of workflows: made where there is none, refused where it is another's."""

from collections.abc import AsyncIterator

import pytest

from plugins.orchestrator.workflows.dynamo_table import migrate_table, open_table
from proxy.api import StoreError
from proxy.stores.dynamo import DynamoTable
from tests.plugins.orchestrator.workflows.doors import Dynamo


@pytest.fixture
async def table(dynamo: Dynamo) -> AsyncIterator[DynamoTable]:
    dynamo.server.calls.clear()
    yield dynamo.tables[0]
    dynamo.server.troubles.clear()
    try:
        await dynamo.tables[0].call("delete_table")
    except StoreError:
        return


async def test_a_table_is_made_once(table: DynamoTable, dynamo: Dynamo) -> None:
    await open_table(table)
    await open_table(table)
    assert dynamo.server.calls.count("CreateTable") == 1
    assert dynamo.server.calls.count("UpdateTimeToLive") == 1
    made = (await table.call("describe_table"))["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    expires = (await table.call("describe_time_to_live"))["TimeToLiveDescription"]
    assert expires == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}


async def test_a_migration_says_what_it_makes_and_then_there_is_nothing_to_do(
    table: DynamoTable, dynamo: Dynamo
) -> None:
    wanted = (
        "the DynamoDB table workflows is created",
        "removing what has expired is switched on",
    )
    assert await migrate_table(table, dry_run=True) == wanted
    assert {one for one in dynamo.server.calls if not one.startswith("Describe")} == set()
    assert await migrate_table(table, dry_run=False) == wanted
    assert await migrate_table(table, dry_run=False) == ()
    await open_table(table)
    assert dynamo.server.calls.count("CreateTable") == 1


async def test_a_migration_that_was_cut_off_is_finished_by_the_next(
    table: DynamoTable, dynamo: Dynamo
) -> None:
    dynamo.server.troubles.extend(["", "", "", "", "AccessDeniedException"])
    with pytest.raises(StoreError, match="grant them dynamodb:UpdateTimeToLive"):
        await migrate_table(table, dry_run=False)
    left = ("removing what has expired is switched on",)
    assert await migrate_table(table, dry_run=True) == left
    assert await migrate_table(table, dry_run=False) == left


async def test_a_replica_that_was_faster_does_no_harm(table: DynamoTable, dynamo: Dynamo) -> None:
    await open_table(table)
    dynamo.server.troubles.append("ResourceNotFoundException")  # as it was a moment before
    await open_table(table)
    assert dynamo.server.calls.count("CreateTable") == 2


async def test_a_table_of_another_kind_is_refused(table: DynamoTable) -> None:
    await table.call(
        "create_table",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for asked in (open_table(table), migrate_table(table, dry_run=True)):
        with pytest.raises(
            StoreError, match="no right index by_user, by_day, by_request, unfinished"
        ):
            await asked


async def test_who_may_not_make_it_is_told_what_is_missing(
    table: DynamoTable, dynamo: Dynamo
) -> None:
    dynamo.server.troubles.extend(["", "AccessDeniedException"])
    with pytest.raises(StoreError, match="grant them dynamodb:CreateTable"):
        await open_table(table)


class Unready:
    """A table that is being created, and will be for a while."""

    name = "workflows"

    def __init__(self) -> None:
        self.looks = 0

    async def call(self, operation: str, **_: object) -> dict[str, object]:
        assert operation == "describe_table"
        self.looks += 1
        return {"Table": {"TableStatus": "CREATING"}}


async def test_a_table_that_is_not_ready_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("plugins.orchestrator.workflows.dynamo_table._LOOK_EVERY", 0.0)
    table = Unready()
    with pytest.raises(StoreError, match="start again in a minute"):
        await open_table(table)
    assert table.looks == 16
