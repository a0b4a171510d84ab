"""Counts in a file: what every store does, and that nothing admitted is ever forgotten."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis.stateful import rule

from plugins.rate_limit.claims import Counts
from plugins.rate_limit.counting.kept import MIGRATIONS, KeptCounts
from plugins.rate_limit.counting.memory import MemoryCounts
from proxy.api import SqliteFile, StoreError
from proxy.api.testing import FakeServices
from tests.kit.running import ROOT
from tests.plugins.rate_limit.counting.any_order import Decisions, play
from tests.plugins.rate_limit.counting.behaviour import (
    ALL_KINDS,
    START,
    Clock,
    CountsBehaviour,
    lease,
    level,
    log,
)
from tests.plugins.rate_limit.counting.killed import MANY, TASKS, at_rest

EACH = tuple(ALL_KINDS.values())


async def started(
    file: SqliteFile, clock: Clock, state: dict[str, Any] | None = None
) -> KeptCounts:
    """What a new process has, or with `state` a reload."""
    counts = KeptCounts(file, MemoryCounts({} if state is None else state, clock))
    await counts.open()
    return counts


@asynccontextmanager
async def in_a_file(clock: Clock) -> AsyncIterator[Counts]:
    services = FakeServices()
    counts = await started(services.sqlite(Path(":memory:"), MIGRATIONS), clock)
    yield counts
    await counts.close()
    await services.close()


class TestKept(CountsBehaviour):
    maker = staticmethod(in_a_file)


class Restarting(Decisions):
    """Now and then another process goes on."""

    @rule()
    def restart(self) -> None:
        assert isinstance(self.counts, KeptCounts)
        self.counts = self.run(started(self.counts._file, self.clock))
        self.last.clear()  # when a member was seen before its last time is not kept


def test_whatever_is_asked_agrees_with_a_recount_also_over_restarts() -> None:
    assert play(in_a_file, 40, machine=Restarting) >= 40


@pytest.fixture
async def file() -> AsyncIterator[SqliteFile]:
    services = FakeServices()
    yield services.sqlite(Path("counts.db"), MIGRATIONS)
    await services.close()


async def rows(file: SqliteFile) -> list[tuple[Any, ...]]:
    return await file.ask(lambda c: c.execute("SELECT * FROM limit_counts ORDER BY at").fetchall())


def tickets_said(path: Path, name: str) -> set[str]:
    """What a process says to have taken, that is killed when it has taken fifty."""
    command = [sys.executable, "-m", "tests.plugins.rate_limit.counting.killed", str(path), name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as running:
        assert running.stdout is not None
        said = [running.stdout.readline() for _ in range(50)]
        running.kill()
        said += running.stdout.read().splitlines(keepends=True)
    return {line.strip() for line in said if line.endswith("\n")}


async def test_no_admitted_unit_is_forgotten_by_who_is_killed(tmp_path: Path) -> None:
    path, said = tmp_path / "counts.db", set[str]()
    for name in "abc":
        said |= await asyncio.to_thread(tickets_said, path, name)
    assert len(said) >= 150
    services = FakeServices(plugin="rate_limit")
    file = services.sqlite(path, MIGRATIONS)
    memory = MemoryCounts({}, at_rest)
    await KeptCounts(file, memory).open()
    used = MANY.windows[0].limit - memory.peek_now((MANY,)).readings[0][0].remaining
    assert len(said) <= used <= len(said) + 3 * TASKS  # what was taken and not said yet
    assert said <= {row[2] for row in await rows(file)}
    await services.close()


async def test_what_could_not_be_written_is_given_back(file: SqliteFile) -> None:
    counts = await started(file, Clock())
    await file.ask(lambda c: c.execute("PRAGMA max_page_count = 1").close())  # the disk is full
    claims, numbers = (log((9_999, 10)), level((9_999, 10))), iter(range(9_999))

    async def take_all() -> None:
        for number in numbers:
            await counts.take(claims, f"a ticket of some length {number}")

    with pytest.raises(StoreError, match="the disk is full"):
        await take_all()
    left = 9_999 - next(numbers) + 1
    assert [each[0].remaining for each in (await counts.peek(claims)).readings] == [left] * 2
    after = await counts.take(claims, "when there is room again")
    assert [each[0].remaining for each in after.readings] == [left - 1] * 2


async def test_who_stopped_waiting_has_taken_nothing(file: SqliteFile) -> None:
    counts = await started(file, Clock())
    taking = asyncio.ensure_future(counts.take(EACH, "t"))
    await asyncio.sleep(0)
    assert (await counts.peek(EACH)).readings[0][0].remaining == 1
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert (await counts.peek(EACH)).readings == (((2, 0, 0),),) * 4


async def test_a_reload_reads_nothing_twice(file: SqliteFile) -> None:
    clock, state = Clock(), dict[str, Any]()
    counts = await started(file, clock, state)
    await counts.take(EACH, "a")
    await counts.refund(EACH[:1], "a")
    again = await started(file, clock, state)
    remaining = [each[0].remaining for each in (await again.peek(EACH)).readings]
    assert remaining == [2, 1, 1, 1]


async def test_what_was_counted_before_the_file_was_read_stands(file: SqliteFile) -> None:
    clock, state = Clock(), dict[str, Any]()
    await (await started(file, clock)).take(EACH, "a")
    clock.now += 5
    twice = tuple(one._replace(cost=1 if one.member else 2) for one in EACH)
    assert MemoryCounts(state, clock).take_now(twice, "b").admitted
    counts = await started(file, clock, state)
    resets = [each[0].reset for each in (await counts.peek(EACH)).readings]
    assert resets == [10, 5, 10, 10]
    assert (await counts.take(EACH, "a")).admitted  # of the file


async def test_a_bucket_that_memory_had_no_room_for_is_there_after_a_restart(
    file: SqliteFile,
) -> None:
    clock = Clock()
    counts = KeptCounts(file, MemoryCounts({}, clock, most=1))
    for name in "ab":
        await counts.take((log((1, 10), bucket=name),), "t")
    both = tuple(log((1, 10), bucket=name) for name in "ab")
    assert (await counts.peek(both)).readings == (((1, 0, 0),), ((0, 10, 10),))
    after = await started(file, clock)
    assert (await after.peek(both)).readings == (((0, 10, 10),), ((0, 10, 10),))


async def test_where_not_all_have_room_those_used_last_are_read(file: SqliteFile) -> None:
    clock = Clock()
    counts = await started(file, clock)
    for name in "zya":
        await counts.take((log((1, 10), bucket=name),), "t")
        clock.now += 1
    few = MemoryCounts({}, clock, most=2)
    await KeptCounts(file, few).open()
    there = few.peek_now(tuple(log((1, 10), bucket=name) for name in "zya"))
    assert [each[0].remaining for each in there.readings] == [1, 0, 0]


async def test_what_was_taken_in_the_future_was_taken_now(file: SqliteFile) -> None:
    clock = Clock(START + 1_000_000)
    await (await started(file, clock)).take(EACH, "t")
    clock.now = START
    for _ in range(2):  # and stays so
        counts = await started(file, clock)
        for reading in (await counts.peek(EACH)).readings:
            assert reading[0][0] == 1
        assert {row[3] for row in await rows(file)} == {START}
    clock.now += 10
    assert (await (await started(file, clock)).peek(EACH)).readings == (((2, 0, 0),),) * 4


async def test_rows_that_say_nothing_any_more_are_dropped_as_it_goes(file: SqliteFile) -> None:
    clock = Clock()
    counts = await started(file, clock)
    short, long = log((99, 10), bucket="short"), log((99, 10_000), bucket="long")
    for number in range(50):
        await counts.take((short, long), f"t{number}")
    clock.now += 10
    for number in range(3):
        await counts.take((long,), f"u{number}")
    assert {row[0] for row in await rows(file)} == {"long"}
    assert len(await rows(file)) == 53


async def test_a_lease_that_was_extended_lasts_over_a_restart(file: SqliteFile) -> None:
    clock, one = Clock(), (lease((2, 10)),)
    counts = await started(file, clock)
    await counts.take(one, "a")
    clock.now += 9
    assert await counts.extend(one, "a")
    clock.now += 9
    again = await started(file, clock)
    assert (await again.peek(one)).readings == (((1, 1, 0),),)
    assert not await again.extend(one, "b")


async def test_what_was_given_back_or_cleared_is_so_in_the_file(file: SqliteFile) -> None:
    counts = await started(file, Clock())
    await counts.take(EACH, "a")
    assert len(await rows(file)) == 4
    await counts.refund(EACH, "a")
    assert await rows(file) == []
    await counts.debit(EACH, "b")
    await counts.clear(EACH)
    assert await rows(file) == []


async def test_no_statement_reads_the_whole_file(file: SqliteFile) -> None:
    asked: list[str] = []
    counts = await started(file, Clock())
    await file.ask(lambda c: c.set_trace_callback(asked.append))
    await counts.take(EACH, "a")
    await counts.refund(EACH, "a")
    await counts.clear(EACH)
    queries = {text for text in asked if "limit_counts" in text}
    assert len(queries) >= 9
    for query in queries:
        steps = await file.ask(
            lambda c, query=query: c.execute(f"EXPLAIN QUERY PLAN {query}").fetchall()  # type: ignore[misc]
        )
        assert not [step for step in steps if step[3].startswith("SCAN")], query
