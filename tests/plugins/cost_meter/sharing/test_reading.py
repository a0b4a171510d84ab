"""The fleet's ledger says what the journals say: the same rows, the same totals."""

import random
from collections.abc import Sequence

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import DIMENSIONS, GRAINS, Dimension, Grain, Row
from plugins.cost_meter.sharing.reading import SharedLedger
from proxy.api import StoreError
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import Replica, replica

DAY = 86400.0


def made(count: int, seed: int = 7) -> list[Row]:
    """Rows of two months, of a few users, models and arms."""
    dice = random.Random(seed)
    return [
        row(
            f"wf_{number:05}-1",
            at=NOON - dice.random() * 40 * DAY,
            user=dice.choice(("anna", "ben", "")),
            route=dice.choice(("campaigns", "messages")),
            arm=dice.choice(("new", "legacy")),
            model=dice.choice(("gpt-4o", "gpt-4o-mini")),
            outcome=dice.choice(("answered", "failed", "unknown")),
            nano_usd=NanoUSD(dice.randrange(10**9)),
        )
        for number in range(count)
    ]


ASKED: list[tuple[Asked, Grain, Sequence[Dimension]]] = [
    (Asked(NOON - 50 * DAY, NOON), "month", ()),
    (Asked(NOON - 30 * DAY, NOON), "day", ("arm", "model")),
    (Asked(NOON - 30 * DAY, NOON - 10 * DAY + 17), "day", ("user",)),
    (Asked(NOON - 9 * DAY, NOON), "hour", ("route",)),
    (Asked(NOON - 50 * DAY, NOON, {"user": "anna"}), "day", ()),
    (Asked(NOON - 20 * DAY, NOON, {"user": "", "arm": "new"}), "hour", ("provider", "intent")),
    (Asked(NOON - DAY, NOON), "minute", DIMENSIONS),
    (Asked(NOON, NOON), "day", ()),
]


async def test_totals_are_those_of_the_journal_whatever_is_asked(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring(made(10))
        for asked, grain, by in ASKED:
            found = await one.ledger.totals(asked, grain, by)
            assert found == await one.journal.totals(asked, grain, by), (asked, grain, by)
        assert {total.begins for total in await one.ledger.totals(*ASKED[0])} == {
            1_746_057_600.0,
            1_748_736_000.0,
        }


async def all_rows(ledger: object, asked: Asked, limit: int) -> list[Row]:
    found: list[Row] = []
    after = ""
    while True:
        page = await ledger.rows(asked, limit=limit, after=after)  # type: ignore[attr-defined]
        found += page.rows
        after = page.after
        if not after:
            return found


async def test_rows_come_by_time_in_pages_and_none_twice(shared: Shared) -> None:
    rows = [one._replace(at=NOON - 7200 + number * 180.0) for number, one in enumerate(made(18))]
    async with replica(shared.table) as one:
        await one.bring(rows)
        for asked in (
            Asked(NOON - 7200, NOON),
            Asked(NOON - 7000, NOON - 4000, {"arm": "new"}),
        ):
            mine = await all_rows(one.ledger, asked, limit=4)
            assert mine == await all_rows(one.journal, asked, limit=50)
        with pytest.raises(StoreError, match="leave out `after`"):
            await one.ledger.rows(Asked(NOON - DAY, NOON), after="nowhere")


async def test_a_row_is_found_by_its_id_also_while_it_is_on_its_way(shared: Shared) -> None:
    other = shared.again()
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring([row("wf_1-1")])
        await one.journal.write([row("wf_2-1")])
        assert await two.ledger.row("wf_1-1") == row("wf_1-1")
        assert await one.ledger.row("wf_2-1") == row("wf_2-1")
        assert await two.ledger.row("wf_2-1") is None
    await other.close()


async def test_a_correction_that_another_replica_has_written_is_not_written_again(
    shared: Shared,
) -> None:
    other = shared.again()
    correction = row("adjust:wf_1-1", kind="adjust", ref="wf_1-1", nano_usd=-500)
    async with replica(shared.table) as one, replica(other) as two:
        await one.bring([row("wf_1-1")])
        assert await one.ledger.write([correction]) == 1
        await one.bring()
        assert await two.ledger.write([correction]) == 0
        await two.bring()
        assert await spent(two) == 39_000
    await other.close()


async def test_what_has_expired_is_passed_over_before_it_is_removed(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring([row("wf_1-1")])
        minutes = Asked(NOON - 60, NOON + 60)
        assert len(await one.ledger.totals(minutes, "minute")) == 1
        later = SharedLedger(shared.table, one.journal, lambda: NOON + 49 * 3600.0)
        assert await later.totals(minutes, "minute") == ()
        assert await spent(one) == 39_500


async def test_the_table_is_asked_a_few_times_for_a_long_time(shared: Shared) -> None:
    async with replica(shared.table) as one:
        await one.bring(made(6))
        shared.server.calls.clear()
        await one.ledger.totals(Asked(NOON - 90 * DAY, NOON), "hour", ("arm",))
        assert len(shared.server.calls) <= 5


async def test_a_length_that_is_none_is_refused(shared: Shared) -> None:
    async with replica(shared.table) as one:
        with pytest.raises(StoreError, match=f"there are {', '.join(GRAINS)}"):
            await one.ledger.totals(Asked(NOON, NOON + 1), "week")  # type: ignore[arg-type]


async def spent(one: Replica) -> int:
    totals = await one.ledger.totals(Asked(NOON - DAY, NOON + DAY), "day")
    return sum(total.sums.nano_usd for total in totals)
