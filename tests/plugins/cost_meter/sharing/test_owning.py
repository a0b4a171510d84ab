"""Of two files with one name, one goes on under another; nothing is lost or counts twice."""

import random
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.owning import Owning, TakenError
from tests.plugins.cost_meter.rowed import NOON, row
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import Replica, replica

TODAY = Asked(NOON - 3600, NOON + 3600)
COST = 39_500


def copied(one: Path, other: Path) -> Path:
    """Copy a journal, as an image of its disk does."""
    with sqlite3.connect(one) as there, sqlite3.connect(other) as here:
        there.backup(here)
    return other


def some(count: int, first: int = 0) -> list[Row]:
    return [row(f"wf_{number:04}-1", at=NOON + number) for number in range(first, first + count)]


@asynccontextmanager
async def journal(shared: Shared, path: Path) -> AsyncIterator[Replica]:
    """A replica with this file, and a client of its own."""
    table = shared.again()
    async with replica(table, path) as one:
        yield one
    await table.close()


async def spent(one: Replica) -> int:
    return sum(total.sums.nano_usd for total in await one.ledger.totals(TODAY, "day"))


def alerts(one: Replica) -> list[str]:
    return [alert.name for alert in one.services.alerts]


async def test_a_copy_that_is_behind_goes_on_under_another_name(
    shared: Shared, tmp_path: Path
) -> None:
    async with journal(shared, tmp_path / "one.db") as one:
        await one.bring(some(3))
        copy = copied(tmp_path / "one.db", tmp_path / "two.db")
        await one.bring(some(3, first=3))
        async with journal(shared, copy) as two:
            await two.bring(some(3, first=6))
            assert alerts(two) == ["journal_copied"]
            assert alerts(one) == []
            assert two.shipping.name != one.shipping.name
            assert f"goes on as {two.shipping.name}" in two.services.alerts[0].text
            assert "the file of the journal was copied" in two.shipping.health()
            await one.bring(some(2, first=9))
            assert await spent(one) == await spent(two) == 11 * COST
            two.shipping._copied = two.services.clock() - 86_401.0
            assert two.shipping.health() == ""


async def test_whoever_loses_the_name_while_it_runs_goes_on_under_another(
    shared: Shared, tmp_path: Path
) -> None:
    async with journal(shared, tmp_path / "one.db") as one:
        await one.bring(some(3))
        await one.journal.write(some(2, first=3))  # both have these, and nobody has brought them
        copy = copied(tmp_path / "one.db", tmp_path / "two.db")
        async with journal(shared, copy) as two:
            await two.bring(some(2, first=5))
            assert alerts(two) == []  # for all it knows it has only moved
            await one.bring(some(2, first=7))
            assert alerts(one) == ["journal_copied"]
            assert await spent(one) == 9 * COST
            await two.bring(some(1, first=9))
            assert alerts(two) == []
            assert await spent(two) == 10 * COST


async def test_a_file_that_moves_or_begins_again_keeps_its_name(
    shared: Shared, tmp_path: Path
) -> None:
    async with journal(shared, tmp_path / "one.db") as one:
        await one.bring(some(3))
        name = one.shipping.name
    async with journal(shared, tmp_path / "one.db") as again:
        await again.bring(some(2, first=3))
        assert again.shipping.name == name
    moved = copied(tmp_path / "one.db", tmp_path / "elsewhere.db")
    async with journal(shared, moved) as there:
        await there.bring(some(2, first=5))
        assert there.shipping.name == name
        assert alerts(there) == []
        assert await spent(there) == 7 * COST


async def test_an_old_copy_that_was_put_back_does_not_take_back_what_is_counted(
    shared: Shared, tmp_path: Path
) -> None:
    path = tmp_path / "one.db"
    async with journal(shared, path) as one:
        await one.bring(some(3))
        old = copied(path, tmp_path / "old.db")
        await one.bring(some(3, first=3))
    copied(old, path)  # into the same file
    async with journal(shared, path) as again:
        await again.bring(some(1, first=6))
        assert alerts(again) == ["journal_copied"]
        assert await spent(again) == 7 * COST


async def test_two_processes_on_one_file_share_its_name(shared: Shared, tmp_path: Path) -> None:
    async with (
        journal(shared, tmp_path / "one.db") as one,
        journal(shared, tmp_path / "one.db") as two,
    ):
        for number in range(4):
            await (one, two)[number % 2].bring(some(2, first=2 * number))
        assert one.shipping.name == two.shipping.name
        assert alerts(one) == alerts(two) == []
        assert await spent(one) == 8 * COST


async def test_who_has_lost_its_name_writes_nothing_more_under_it(
    shared: Shared, tmp_path: Path
) -> None:
    async with journal(shared, tmp_path / "one.db") as one:
        await one.bring(some(1))
        copy = copied(tmp_path / "one.db", tmp_path / "two.db")
        async with journal(shared, copy) as two:
            await Owning(shared.table, two.branch).hold()
            await one.journal.write(some(1, first=1))
            before = shared.server.items(shared.table.name)
            with pytest.raises(TakenError, match="another file writes"):
                await one.shipping._bring()
            assert shared.server.items(shared.table.name) == before


@pytest.mark.parametrize("seed", range(3))
async def test_however_often_files_are_copied_each_row_counts_once(
    shared: Shared, tmp_path: Path, seed: int
) -> None:
    chance, numbers, paths = random.Random(seed), count(), [tmp_path / "0.db"]
    written = 0
    async with AsyncExitStack() as held:
        living = [await held.enter_async_context(journal(shared, paths[0]))]
        for step in range(14):
            one = chance.choice(living)
            fresh = some(chance.randrange(4), first=next(numbers) * 4)
            written += await one.journal.write(fresh)
            what = chance.random()
            if what < 0.5:
                await one.shipping.bring()
            elif what < 0.75 and len(living) < 4:
                paths.append(copied(paths[living.index(one)], tmp_path / f"{step + 1}.db"))
                living.append(await held.enter_async_context(journal(shared, paths[-1])))
        for one in (*living, *living):
            await one.bring()
        found = (await living[0].ledger.rows(TODAY, limit=1000)).rows
        assert len(found) == written
        assert await spent(living[0]) == written * COST
        assert len({one.shipping.name for one in living}) == len(living)
