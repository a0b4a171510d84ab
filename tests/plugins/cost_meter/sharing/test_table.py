"""The table of costs: made by a migration, upgraded, and refused where it will not do."""

import asyncio

import pytest

from plugins.cost_meter.sharing.table import VERSION, check_table, migrate_table
from proxy.api import StoreError
from tests.plugins.cost_meter.rowed import NOON
from tests.plugins.cost_meter.sharing.conftest import Shared

MARK = {"pk": {"S": "M#schema"}, "sk": {"S": "version"}}


async def test_a_migration_makes_the_table_and_the_next_one_finds_nothing_to_do(
    bare: Shared,
) -> None:
    done = await migrate_table(bare.table, dry_run=False, now=NOON)
    assert done == (
        f"the DynamoDB table {bare.table.name} is created",
        "removing what has expired is switched on",
        "point-in-time recovery is switched on",
        f"the schema is version {VERSION}",
    )
    await check_table(bare.table)
    assert await migrate_table(bare.table, dry_run=False, now=NOON) == ()
    made = (await bare.table.call("describe_table"))["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"


async def test_a_dry_run_says_the_same_and_makes_nothing(bare: Shared) -> None:
    wanted = await migrate_table(bare.table, dry_run=True, now=NOON)
    assert wanted == await migrate_table(bare.table, dry_run=True, now=NOON)
    assert not {one for one in bare.server.calls if not one.startswith("Describe")}
    assert wanted == await migrate_table(bare.table, dry_run=False, now=NOON)


async def test_two_migrations_at_once_do_no_harm(bare: Shared) -> None:
    other = bare.again()
    await asyncio.gather(
        migrate_table(bare.table, dry_run=False, now=NOON),
        migrate_table(other, dry_run=False, now=NOON),
    )
    assert await migrate_table(other, dry_run=False, now=NOON) == ()
    await other.close()


async def test_a_migration_that_was_cut_off_is_told_and_finished_by_the_next(
    bare: Shared,
) -> None:
    bare.server.troubles.extend(["", "", "", "", "AccessDeniedException"])
    with pytest.raises(StoreError, match="grant them dynamodb:"):
        await migrate_table(bare.table, dry_run=False, now=NOON)
    with pytest.raises(StoreError, match="was not finished; run crossfade migrate again"):
        await check_table(bare.table)
    await migrate_table(bare.table, dry_run=False, now=NOON)
    await check_table(bare.table)


async def test_who_starts_without_the_table_is_told_how_to_make_it(bare: Shared) -> None:
    with pytest.raises(StoreError, match="is not there; run crossfade migrate"):
        await check_table(bare.table)


async def test_a_table_of_a_later_version_is_left_alone(shared: Shared) -> None:
    later = {**MARK, "version": {"N": str(VERSION + 1)}}
    await shared.table.call("put_item", Item=later)
    for asked in (check_table(shared.table), migrate_table(shared.table, dry_run=False, now=NOON)):
        with pytest.raises(StoreError, match=f"has the schema {VERSION + 1}.*upgrade this one"):
            await asked
    assert (await shared.table.call("get_item", Key=MARK))["Item"] == later


async def test_a_table_of_an_earlier_version_is_upgraded_first(shared: Shared) -> None:
    await shared.table.call("put_item", Item={**MARK, "version": {"N": str(VERSION - 1)}})
    with pytest.raises(StoreError, match=f"has the schema {VERSION - 1}.*run crossfade migrate"):
        await check_table(shared.table)
    done = await migrate_table(shared.table, dry_run=False, now=NOON)
    assert done == (f"the schema is version {VERSION}",)
    await check_table(shared.table)


async def test_a_table_of_another_kind_is_refused(bare: Shared) -> None:
    await bare.table.call(
        "create_table",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for asked in (check_table(bare.table), migrate_table(bare.table, dry_run=False, now=NOON)):
        with pytest.raises(StoreError, match="is no table of costs"):
            await asked
