"""Many items at once, each under its condition: none is written over, none is left out."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from plugins.cost_meter.sharing.keys import Key
from plugins.cost_meter.sharing.owning import Owning
from plugins.cost_meter.sharing.shipping import put_row
from plugins.cost_meter.sharing.writing import BATCH, Addition, Guarded, write_all
from proxy.api import StoreError
from tests.plugins.cost_meter.rowed import row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import replica

SUM = Key("P#sum", "one")


@pytest.fixture
async def fence(shared: Shared) -> AsyncIterator[Owning]:
    """That of a journal that holds its name."""
    async with replica(shared.table) as one:
        owning = Owning(shared.table, one.branch)
        await owning.hold()
        shared.server.calls.clear()
        yield owning


def puts(count: int) -> list[Guarded]:
    adds = (Addition(SUM, {"plan": {"S": "pro"}}, 7),)
    return [
        put_row(row(f"wf_{number}-1"), "me", 0.0)._replace(adds=adds) for number in range(count)
    ]


async def added(shared: Shared) -> int:
    where = {"pk": {"S": SUM.pk}, "sk": {"S": SUM.sk}}
    return int((await shared.table.call("get_item", Key=where))["Item"]["nano_usd"]["N"])


async def ids(shared: Shared) -> list[str]:
    found: Any = await shared.table.call("scan")
    return sorted(item["id"]["S"] for item in found["Items"] if "id" in item)


async def test_items_go_in_transactions_of_25(shared: Shared, fence: Owning) -> None:
    assert await write_all(shared.table, puts(2 * BATCH + 1), fence) == ()
    assert shared.server.calls == ["TransactWriteItems"] * 3
    assert len(await ids(shared)) == 2 * BATCH + 1
    assert await added(shared) == 7 * (2 * BATCH + 1)


async def test_one_that_is_there_is_returned_and_the_others_are_written(
    shared: Shared, fence: Owning
) -> None:
    all_of_them = puts(5)
    await write_all(shared.table, all_of_them[2:3], fence)
    refused = await write_all(shared.table, all_of_them, fence)
    assert [item["id"]["S"] for item in refused] == ["wf_2-1"]
    assert await ids(shared) == [f"wf_{number}-1" for number in range(5)]
    assert await added(shared) == 7 * 5


async def test_what_was_written_and_not_heard_of_is_written_once(
    shared: Shared, fence: Owning
) -> None:
    shared.server.troubles.append("lost")
    refused = await write_all(shared.table, puts(3), fence)
    assert len(await ids(shared)) == 3
    assert await added(shared) == 7 * 3
    assert len(refused) in (0, 3)  # as the server sees in it the same transaction, or another


async def test_a_table_that_is_too_busy_is_told(shared: Shared, fence: Owning) -> None:
    shared.server.troubles.extend(["ProvisionedThroughputExceededException"] * 20)
    with pytest.raises(StoreError):
        await write_all(shared.table, puts(3), fence)
