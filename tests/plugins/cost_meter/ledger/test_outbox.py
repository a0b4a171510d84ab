"""What a journal has to bring to the ledger of a fleet: each row once, and totals of those rows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.outbox import SqliteOutbox
from plugins.cost_meter.row import DIMENSIONS, Row, Sums, plus, sums_of
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.rowed import NOON, row, rows

LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=8)


@asynccontextmanager
async def kept() -> AsyncIterator[tuple[SqliteJournal, SqliteOutbox]]:
    """A journal in a file, and its outbox."""
    services = FakeServices()
    journal = SqliteJournal(Path("c.db"), Keep(400 * 86400.0, 172800.0, 90 * 86400.0), services)
    await journal.open()
    try:
        yield journal, SqliteOutbox(journal.file, lambda: journal.horizons)
    finally:
        await journal.close()
        await services.close()


def of_everybody(found: list[Row]) -> Sums:
    total = Sums()
    for one in found:
        total = plus(total, sums_of(one))
    return total


async def test_rows_are_brought_in_the_order_in_which_they_were_written() -> None:
    async with kept() as (journal, outbox):
        written = [row(f"a{number}", at=NOON - number) for number in range(5)]
        for one in written:
            await journal.write([one])
        assert await outbox.waiting() == 5
        first = await outbox.rows(2)
        assert [one for _, one in first] == written[:2]
        await outbox.brought(first)
        assert [one for _, one in await outbox.rows(9)] == written[2:]
        assert await outbox.waiting() == 3


async def test_totals_are_owed_for_what_was_brought_and_for_nothing_else() -> None:
    async with kept() as (journal, outbox):
        await journal.write([row("a")])
        await journal.write([row("b", user="ben")])
        assert await outbox.totals(99) == ()
        await outbox.brought(await outbox.rows(1))
        owed = await outbox.totals(99)
        assert {one.sums for one in owed} == {sums_of(row("a"))}
        assert sorted((one.grain, one.by.get("user", "*")) for one in owed) == sorted(
            (grain, user) for grain in ("minute", "hour", "day", "month") for user in ("anna", "*")
        )


async def test_what_two_bring_at_once_counts_once() -> None:
    async with kept() as (journal, outbox):
        await journal.write([row("a"), row("b")])
        both = await outbox.rows(9)
        await outbox.brought(both[:1])
        await outbox.brought(both)
        await outbox.brought(both)
        (day,) = [one for one in await outbox.totals(99) if one.grain == "day" and "user" in one.by]
        assert day.sums.attempts == 2


async def test_a_total_that_has_grown_since_is_still_owed() -> None:
    async with kept() as (journal, outbox):
        await journal.write([row("a")])
        await outbox.brought(await outbox.rows(9))
        before = await outbox.totals(99)
        await journal.write([row("b")])
        await outbox.brought(await outbox.rows(9))
        await outbox.paid(before)
        after = await outbox.totals(99)
        assert {one.sums.attempts for one in after} == {2}
        assert min(one.seq for one in after) > max(one.seq for one in before)
        await outbox.paid(after)
        assert await outbox.totals(99) == ()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(rows(st.floats(NOON - 90_000, NOON)), max_size=30, unique_by=lambda one: one.id),
    LENGTHS,
)
def test_however_it_is_cut_the_totals_are_the_sums_of_the_rows(
    found: list[Row], lengths: list[int]
) -> None:
    async def cut() -> None:
        async with kept() as (journal, outbox):
            await journal.write(found)
            turns = lengths * (len(found) + 1)
            while batch := await outbox.rows(turns.pop()):
                await outbox.brought(batch)
            owed = await outbox.totals(9999)
            for grain in ("hour", "day", "month"):
                mine = [one for one in owed if one.grain == grain and "user" in one.by]
                everybody = [one for one in owed if one.grain == grain and "user" not in one.by]
                for some in (mine, everybody):
                    total = Sums()
                    for one in some:
                        total = plus(total, one.sums)
                    assert total == of_everybody(found)
            names = {tuple(one.by) for one in owed}
            assert names <= {DIMENSIONS, DIMENSIONS[1:]}

    asyncio.run(cut())
    assert lengths
