"""The fleet's side of a ledger begins where the table will do, or is not to be reached yet."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.sharing.fleet import Fleet
from plugins.cost_meter.sharing.table import UnfitTableError
from tests.kit.dynamo import REGION
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import KEEP, Replica, replica


@asynccontextmanager
async def fleet_of(shared: Shared) -> AsyncIterator[tuple[Replica, Fleet]]:
    url = f"dynamodb://{shared.table.name}?region={REGION}&endpoint={shared.server.endpoint}"
    async with replica(shared.table) as one:
        yield one, Fleet(url, one.journal, one.outbox, KEEP, one.services)


async def test_what_is_left_at_the_end_is_brought(shared: Shared) -> None:
    async with fleet_of(shared) as (one, fleet):
        await one.journal.write([row("wf_1-1")])
        await fleet.open()
        assert one.services.tasks[-1] == "bring the journal to the fleet's ledger"
        await fleet.close(5.0)
        assert len((await fleet.ledger.rows(Asked(NOON - 60, NOON + 60))).rows) == 1
        await fleet.shelf.put("threshold", "one", {"a": 1})
        assert await fleet.shelf.get("threshold", "one") == {"a": 1}


async def test_without_the_table_it_does_not_begin_and_says_what_to_do(bare: Shared) -> None:
    async with fleet_of(bare) as (_, fleet):
        with pytest.raises(UnfitTableError, match="run crossfade migrate"):
            await fleet.open()


async def test_a_table_that_cannot_be_reached_holds_nobody_up(shared: Shared) -> None:
    async with fleet_of(shared) as (one, fleet):
        await one.journal.write([row("wf_1-1")])
        shared.server.troubles.append("AccessDeniedException")
        await fleet.open()
        assert len(one.services.logged("ledger_not_checked")) == 1
        shared.server.waits.clear()
        await fleet.close(0.01)
        assert await one.outbox.waiting() == 1
