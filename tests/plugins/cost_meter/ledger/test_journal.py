"""The journal from its beginning to its end."""

import sqlite3
from pathlib import Path

import pytest

from plugins.cost_meter.books import Asked
from plugins.cost_meter.ledger import under_way
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.row import sums_of
from proxy.api import StoreError
from proxy.api.spending import NanoUSD, Usage
from tests.plugins.cost_meter.ledger.kept import Process, opened, planned
from tests.plugins.cost_meter.ledger.machine import played
from tests.plugins.cost_meter.rowed import NOON, row

ALL = Asked(0, 2 * NOON)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "costs.db"


async def spent(journal: SqliteJournal) -> int:
    return sum(one.sums.nano_usd for one in await journal.totals(ALL, "day"))


async def test_a_planned_attempt_is_on_the_disk_when_plan_returns(path: Path) -> None:
    async with opened(path) as journal:
        journal.plan(planned(row("a")), row("a"))
        async with opened(path) as other:
            assert await other.planned() == 1


async def test_a_settled_attempt_is_a_row_and_no_intent_any_more(path: Path) -> None:
    async with opened(path) as journal:
        journal.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
        journal.settle(row("a", nano_usd=NanoUSD(7)))
        await journal.flush()
        assert await journal.planned() == 0
        assert await journal.row("a") == row("a", nano_usd=NanoUSD(7))
        assert await spent(journal) == 7


async def test_an_attempt_that_is_settled_twice_counts_once(path: Path) -> None:
    async with opened(path) as journal:
        for nano in (7, 8, 9):
            journal.settle(row("a", nano_usd=NanoUSD(nano)))
            journal.settle(row("a", nano_usd=NanoUSD(nano + 10)))
            await journal.flush()
        assert await spent(journal) == 7


async def test_an_attempt_that_nobody_planned_here_is_booked(path: Path) -> None:
    async with opened(path) as journal:
        journal.settle(row("a"))
        await journal.flush()
        assert await journal.row("a") == row("a")


async def test_a_plan_that_is_withdrawn_leaves_nothing(path: Path) -> None:
    async with opened(path) as journal:
        journal.plan(planned(row("a")), row("a"))
        journal.withdraw("a")
        await journal.flush()
        assert (await journal.planned(), await spent(journal)) == (0, 0)


async def test_closing_writes_what_was_taken_in(path: Path) -> None:
    async with opened(path) as journal:
        journal.settle(row("a"))
    async with opened(path) as journal:
        assert await journal.row("a") == row("a")


async def test_what_a_killed_process_had_under_way_counts_as_was_planned(path: Path) -> None:
    killed = Process()
    journal = await killed.opened(path)
    journal.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
    await killed.die(journal)
    async with opened(path, at=NOON + 5) as journal:
        found = await journal.row("a")
        assert found is not None
        assert (found.outcome, found.failure, found.usage_source) == ("unknown", "lost", "estimate")
        assert (found.estimated, found.nano_usd, found.settled) == (True, 9, NOON + 5)
        assert await journal.planned() == 0
        assert await spent(journal) == 9


async def test_what_a_living_process_has_under_way_is_left_alone(path: Path) -> None:
    living = Process()
    theirs = await living.opened(path)
    theirs.plan(planned(row("a")), row("a"))
    async with opened(path) as journal:
        assert (await journal.row("a"), await journal.planned()) == (None, 1)
    theirs.settle(row("a"))
    await theirs.close()
    await living.close()
    async with opened(path) as journal:
        assert await journal.row("a") == row("a")


async def test_a_reload_leaves_alone_what_is_under_way(path: Path) -> None:
    process = Process()
    before = await process.opened(path)
    before.plan(planned(row("a")), row("a"))
    after = await process.opened(path)
    await before.close()
    third = await process.opened(path)
    assert await third.planned() == 1
    after.settle(row("a"))
    await after.close()
    await third.close()
    await process.close()
    async with opened(path) as journal:
        assert await journal.row("a") == row("a")


async def test_however_its_path_is_spelled_a_journal_is_the_same(path: Path) -> None:
    process = Process()
    before = await process.opened(path)
    before.plan(planned(row("a")), row("a"))
    after = await process.opened(path.parent / "." / ".." / path.parent.name / path.name)
    assert await after.planned() == 1
    await before.close()
    await after.close()
    await process.close()


async def test_an_end_told_after_it_was_given_up_is_set_right(path: Path) -> None:
    killed = Process()
    journal = await killed.opened(path)
    journal.plan(planned(row("a")), row("a", nano_usd=NanoUSD(9)))
    await killed.die(journal)
    async with opened(path) as journal:
        for _ in range(2):
            journal.settle(row("a", nano_usd=NanoUSD(4)))
            await journal.flush()
        late = await journal.row("a:late")
        assert late is not None
        assert (late.kind, late.ref, late.nano_usd) == ("adjust", "a", -5)
        assert await spent(journal) == 4
        assert await journal.differences() == ()


async def test_a_process_takes_its_lock_away_when_it_ends(path: Path) -> None:
    async with opened(path):
        assert [one.name for one in path.parent.glob("*-run-*")] != []
    assert [one.name for one in path.parent.glob("*-run-*")] == []


async def test_a_correction_counts_once_however_often_it_is_written(path: Path) -> None:
    async with opened(path) as journal:
        await journal.write([row("a", nano_usd=NanoUSD(9))])
        correction = row("a:x", kind="adjust", ref="a", nano_usd=NanoUSD(-2), note="the bill")
        written = [await journal.write([correction]) for _ in range(3)]
        assert written == [1, 0, 0]
        (total,) = await journal.totals(ALL, "month")
        assert (total.sums.nano_usd, total.sums.adjusted_nano_usd) == (7, -2)
        assert total.sums.attempts == 1


async def test_odd_rows_are_refused_where_they_are_written(path: Path) -> None:
    async with opened(path) as journal:
        with pytest.raises(ValueError, match="usage below zero"):
            await journal.write([row("a", usage=Usage(-1))])
        with pytest.raises(ValueError, match="at most 9007199254740992 are believed"):
            await journal.write([row("a", nano_usd=NanoUSD(2**53 + 1))])
        assert await journal.write([]) == 0


async def test_an_odd_end_is_told_and_the_intent_stays(path: Path) -> None:
    process = Process()
    journal = await process.opened(path)
    journal.plan(planned(row("a")), row("a"))
    journal.settle(row("a", nano_usd=NanoUSD(2**60)))
    journal.settle(row("b", user="\ud800"))
    journal.settle(row("c"))
    await journal.flush()
    assert process.value("journal_lost") == 2
    assert [one["attempt_id"] for one in process.logged("row_is_odd")] == ["a", "b"]
    assert (await journal.row("c"), await journal.planned()) == (row("c"), 1)
    await journal.close()
    await process.close()


async def test_very_many_attempts_under_way_all_come_to_rows(path: Path) -> None:
    async with opened(path) as journal:
        rows = [row(f"a{n}") for n in range(300)]
        for one in rows:
            journal.plan(planned(one), one)
        assert await journal.planned() == 300
        for one in rows:
            journal.settle(one)
        (total,) = await journal.totals(ALL, "minute")
        assert (total.sums.attempts, await journal.planned()) == (300, 0)


async def test_who_asks_sees_what_was_told_before(path: Path) -> None:
    async with opened(path) as journal:
        journal.settle(row("a"))
        assert await journal.row("a") == row("a")
        journal.settle(row("b", request_id="r"))
        assert await journal.rows_of_request("r") == (row("b", request_id="r"),)
        journal.settle(row("c"))
        assert [one.id for one in (await journal.rows(ALL)).rows] == ["a", "b", "c"]
        journal.settle(row("d"))
        (total,) = await journal.totals(ALL, "day")
        assert total.sums.attempts == 4


async def test_while_the_tables_cannot_be_written_ends_are_kept(path: Path) -> None:
    process = Process()
    journal = await process.opened(path)
    journal.plan(planned(row("a")), row("a"))
    # Another program holds the lock of the file.
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    journal.settle(row("a"))
    with pytest.raises(StoreError):
        await journal.flush()
    assert "cannot be written" in journal.health()
    journal.plan(planned(row("b")), row("b"))
    holding.execute("ROLLBACK")
    holding.close()
    await journal.flush()
    assert (await journal.row("a"), await journal.planned()) == (row("a"), 1)
    assert journal.health() == ""
    await journal.close()
    await process.close()


async def test_ends_that_a_kill_kept_from_the_tables_are_rows_at_the_next_start(
    path: Path,
) -> None:
    killed = Process()
    journal = await killed.opened(path)
    for name in "ab":
        journal.plan(planned(row(name)), row(name, nano_usd=NanoUSD(9)))
        journal.settle(row(name, nano_usd=NanoUSD(7)))
    journal.plan(planned(row("c")), row("c"))
    journal.withdraw("c")
    await killed.die(journal)
    async with opened(path) as journal:
        assert (await spent(journal), await journal.planned()) == (14, 0)
        assert await journal.row("a") == row("a", nano_usd=NanoUSD(7))
    assert [one.name for one in path.parent.iterdir()] == [path.name]


async def test_ends_that_a_closed_journal_could_not_write_are_written_by_the_next(
    path: Path,
) -> None:
    process = Process()
    before = await process.opened(path)
    holding = sqlite3.connect(path, isolation_level=None)
    holding.execute("BEGIN IMMEDIATE")
    before.settle(row("a"))
    await before.close()
    holding.execute("ROLLBACK")
    holding.close()
    after = await process.opened(path)
    await after.tidy()
    assert await after.row("a") == row("a")
    assert len([*path.parent.glob("*-log-*")]) == 1
    await after.close()
    await process.close()


async def test_an_attempt_whose_end_is_overdue_is_given_up(path: Path) -> None:
    process = Process()
    journal = await process.opened(path)
    journal.plan(planned(row("a"), until=60), row("a", nano_usd=NanoUSD(9)))
    await journal.tidy()
    assert await journal.planned() == 1
    process.at += 60 + 3601
    await journal.tidy()
    assert (await journal.planned(), await spent(journal)) == (0, 9)
    assert process.value("orphans") == 1
    await journal.close()
    await process.close()


async def test_too_many_users_are_counted_together_and_told_of(path: Path) -> None:
    process = Process()
    journal = await process.opened(path, most_users=3)
    await journal.write([row(f"a{n}", user=f"user-{n}", nano_usd=NanoUSD(1)) for n in range(5)])
    await journal.write([row("b", user="user-0", nano_usd=NanoUSD(1)), row("c", user="")])
    totals = await journal.totals(ALL, "day", ("user",))
    counted = {one.by["user"]: one.sums.attempts for one in totals}
    assert counted == {"": 1, "(others)": 2, "user-0": 2, "user-1": 1, "user-2": 1}
    found = await journal.rows(Asked(0, 2 * NOON, {"user": "user-4"}))
    assert [one.id for one in found.rows] == ["a4"]
    assert [alert.name for alert in process.alerts] == ["too_many_users"]
    assert await journal.differences() == ()
    await journal.close()
    await process.close()


async def test_in_memory_it_says_that_it_forgets() -> None:
    async with opened(Path(":memory:")) as journal:
        journal.plan(planned(row("a")), row("a"))
        journal.settle(row("a"))
        await journal.flush()
        assert await journal.row("a") == row("a")
        assert "in memory" in journal.health()


async def test_a_file_keeps_its_name(path: Path) -> None:
    async with opened(path) as journal:
        name = journal.replica
    async with opened(path) as journal:
        assert (journal.replica, len(name)) == (name, 16)


async def test_what_a_row_counts_for_is_what_totals_tell(path: Path) -> None:
    async with opened(path) as journal:
        await journal.write([row("a", seconds=1.25, estimated=True, again="hedge")])
        (total,) = await journal.totals(ALL, "hour", ("user", "model"))
        assert total.by == {"user": "anna", "model": "gpt-4o-mini"}
        assert total.sums == sums_of(row("a", seconds=1.25, estimated=True, again="hedge"))


@pytest.mark.parametrize("large", [600, 8 << 20], ids=["short logs", "long logs"])
def test_whatever_is_done_to_it_a_journal_says_what_the_model_says(
    large: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(under_way, "_LARGE", large)
    assert played(times=15, steps=30) >= 15
