"""A journal is brought to the table of the fleet: all of it, once, whatever fails on the way."""

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.shipping import EVERY
from proxy.api import StoreError
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import Replica, replica

TODAY = Asked(NOON - 3600, NOON + 3600)


async def ids(one: Replica) -> list[str]:
    return [found.id for found in (await one.ledger.rows(TODAY, limit=1000)).rows]


async def spent(one: Replica) -> int:
    return sum(total.sums.nano_usd for total in await one.ledger.totals(TODAY, "day"))


def some(count: int, first: int = 0) -> list[Row]:
    return [row(f"wf_{number:04}-1", at=NOON + number / 100) for number in range(first, count)]


async def test_rows_and_totals_arrive_and_nothing_is_left_waiting(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring(some(30))
        assert await ids(one) == [found.id for found in some(30)]
        assert await spent(one) == 30 * 39_500
        assert one.services.value("ledger_waiting") == 0
        assert one.services.value("ledger_brought", kind="rows") == 30
        assert one.shipping.health() == ""


async def test_what_was_brought_and_not_noted_is_brought_again_and_counts_once(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.journal.write(some(30))
        await one.shipping._owning.hold()
        await one.shipping._bring_rows(await one.outbox.rows(200))  # and then a crash
        await one.bring()
        assert len(await ids(one)) == 30
        assert await spent(one) == 30 * 39_500
        assert one.services.value("ledger_conflicts") == 0


async def test_totals_of_several_replicas_add_up(shared: Shared) -> None:
    other = shared.again()
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring(some(3))
        await two.bring(some(8, first=3))
        await one.bring(some(10, first=8))
        assert await spent(one) == await spent(two) == 10 * 39_500
        assert len(await ids(two)) == 10
    await other.close()


async def test_an_older_total_never_replaces_a_newer_one(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring(some(2))
        await one.journal.write(some(3, first=2))
        await one.outbox.brought(await one.outbox.rows(9))
        old = await one.outbox.totals(99)
        await one.bring(some(4, first=3))
        await one.shipping._bring_totals(old)  # one that was late
        assert await spent(one) == 4 * 39_500


async def test_the_first_row_of_an_id_stays_and_another_one_is_told(shared: Shared) -> None:
    other = shared.again()
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring([row("wf_1-1")])
        await two.bring([row("wf_1-1", nano_usd=7)])
        found = await two.ledger.row("wf_1-1")
        assert found is not None
        assert found.nano_usd == 39_500
        assert two.services.value("ledger_conflicts") == 1
        assert two.services.logged("ledger_conflict")[0]["row"] == "wf_1-1"
    await other.close()


async def test_a_correction_that_two_replicas_write_counts_once(shared: Shared) -> None:
    other = shared.again()
    (first,) = some(1)
    written = [first._replace(id="adjust-1", kind="adjust", replica=name) for name in "ab"]
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring(written[:1])
        await two.bring([written[1], *some(3, first=1)])
        await two.bring(some(5, first=3))
        assert await spent(one) == await spent(two) == 5 * 39_500
        assert len(await ids(two)) == 5
        assert two.services.value("ledger_conflicts") == 0
    await other.close()


async def test_what_arrived_before_the_table_went_away_is_not_brought_again(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.journal.write(some(60))
        shared.server.troubles.extend(["", "", "", "", "AccessDeniedException"])
        with pytest.raises(StoreError):
            await one.shipping.bring()
        assert await one.outbox.waiting() == 10
        await one.bring()
        assert await spent(one) == 60 * 39_500


async def test_while_the_table_is_away_rows_wait_and_somebody_is_told_once(
    shared: Shared,
) -> None:
    async with replica(shared.table) as one:
        await one.journal.write(some(5))
        shared.server.troubles.extend(["AccessDeniedException"] * 2)
        assert await one.shipping.look(3.0) == 6.0  # seconds until the next look
        assert "grant them dynamodb:GetItem" in one.shipping.health()
        assert one.services.alerts == []
        await one.services.jumping.jump(601.0)
        assert await one.shipping.look(40.0) == 60.0
        assert [alert.name for alert in one.services.alerts] == ["cost_ledger_lost"]
        assert await one.shipping.look(60.0) == EVERY
        assert await spent(one) == 5 * 39_500
        assert [alert.resolves for alert in one.services.alerts] == [False, True]
        assert one.shipping.health() == ""


async def test_what_does_not_arrive_is_told_to_who_asks(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.journal.write(some(1))
        shared.server.troubles.extend(["AccessDeniedException"] * 4)
        with pytest.raises(StoreError, match="GetItem"):
            await one.shipping.bring()
        assert await one.outbox.waiting() == 1


def test_the_pause_between_two_looks_is_short_beside_what_people_wait_for() -> None:
    assert 0 < EVERY <= 5.0
