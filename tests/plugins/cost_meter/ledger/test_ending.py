"""Journals that end, in order or not: what they had under way counts, and counts once."""

import sqlite3
from pathlib import Path

import pytest

from plugins.cost_meter.ledger.journal import SqliteJournal
from proxy.api import StoreError
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.ledger.kept import KEEP, Process, opened, planned
from tests.plugins.cost_meter.rowed import row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


async def test_what_is_under_way_when_a_process_ends_in_order_counts_as_was_planned(
    path: Path,
) -> None:
    async with opened(path) as journal:
        journal.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
        journal.plan(planned(row("b")), row("b"))
        journal.withdraw("b")
    async with opened(path) as journal:
        found = await journal.row("a")
        assert found is not None
        assert (found.failure, found.nano_usd) == ("lost", 9)
        assert (await journal.row("b"), await journal.planned()) == (None, 0)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_an_end_that_could_not_be_written_as_the_process_ended_is_a_row_later(
    path: Path,
) -> None:
    process = Process()
    journal = await process.opened(path)
    journal.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    journal.settle(row("a", nano_usd=NanoUSD(7)))
    await journal.close()
    holding.execute("ROLLBACK")
    holding.close()
    await process.die(journal)
    async with opened(path) as journal:
        assert await journal.row("a") == row("a", nano_usd=NanoUSD(7))


async def test_an_end_that_only_a_closed_journal_was_told_is_written_by_the_last(
    path: Path,
) -> None:
    process = Process()
    before = await process.opened(path)
    before.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
    after = await process.opened(path)
    await before.close()
    before.settle(row("a", nano_usd=NanoUSD(7)))
    await after.close()
    await process.close()
    async with opened(path) as journal:
        assert await journal.row("a") == row("a", nano_usd=NanoUSD(7))


async def test_a_log_that_cannot_be_read_refuses_the_start_and_nobody_waits(path: Path) -> None:
    process = Process()
    before = await process.opened(path)
    before.plan(planned(row("a")), row("a"))
    await before.close()
    before.settle(row("a"))
    log = path.with_name("costs.db-log-another-1")
    log.mkdir()
    refused = SqliteJournal(path, KEEP, process, process.memory)
    with pytest.raises(StoreError, match=r"log-another-1 cannot be read .*look at its rights"):
        await refused.open()
    await refused.close()
    log.rmdir()
    after = await process.opened(path)
    await after.tidy()
    assert await after.row("a") == row("a")
    await after.close()
    await process.close()


async def test_lines_of_something_else_do_not_keep_it_from_starting(path: Path) -> None:
    killed = Process()
    journal = await killed.opened(path)
    journal.plan(planned(row("a")), row("a"))
    (log,) = path.parent.glob("*-log-*")
    with log.open("ab") as more:
        more.write(b'["ended",[1,2]]\n\x00\x00\x00\n["planned",1.0,[]]\n')
    journal.settle(row("a"))
    await killed.die(journal)
    async with opened(path) as journal:
        assert (await journal.row("a"), await journal.planned()) == (row("a"), 0)
