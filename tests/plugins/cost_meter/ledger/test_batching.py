"""What waits is written in turn, together, and again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from plugins.cost_meter.ledger import batching
from plugins.cost_meter.ledger.batching import Batching
from plugins.cost_meter.ledger.writing import Batch, Intent
from plugins.cost_meter.row import Row
from proxy.api import StoreError
from tests.plugins.cost_meter.rowed import NOON, row


class Disk:
    """Takes batches, or fails as it is told; `odd` ones cannot be written at all."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.fails: list[Exception] = []
        self.odd: set[str] = set()
        self.told: list[str] = []
        self.dropped: list[str] = []
        self.has_rows = asyncio.Event()
        self.batching = Batching(self._write, self._odd, lambda one: self.dropped.append(one.id))

    async def _write(self, batch: Batch) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise self.fails.pop(0)
        if self.odd & {one.id for one in batch.rows}:
            raise TypeError("no text")
        self.batches.append(batch)
        if batch.rows:
            self.has_rows.set()

    def _odd(self, rows: Sequence[Row], _: Exception) -> None:
        self.told += [one.id for one in rows]

    @property
    def rows(self) -> list[str]:
        return [one.id for batch in self.batches for one in batch.rows]


@asynccontextmanager
async def writing() -> AsyncIterator[Disk]:
    disk = Disk()
    task = asyncio.create_task(disk.batching.run())
    yield disk
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def intent(name: str) -> Intent:
    return Intent(row(name), NOON + 60)


async def test_what_comes_in_one_turn_is_one_batch() -> None:
    async with writing() as disk:
        await asyncio.gather(*(disk.batching.plan(intent(f"p{n}")) for n in range(5)))
        assert [len(batch.intents) for batch in disk.batches] == [5]
        for name in "abc":
            disk.batching.add(row(name))
        await disk.batching.flush()
        assert [len(batch.rows) for batch in disk.batches] == [0, 3]


async def test_rows_wait_for_each_other_and_an_intent_does_not_wait_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PAUSE", 3600.0)
    async with writing() as disk:
        await asyncio.sleep(0)  # it begins
        disk.batching.add(row("a"))
        await disk.batching.plan(intent("p"))
        disk.batching.add(row("b"))
        await disk.batching.plan(intent("q"))
        assert (disk.rows, len(disk.batching)) == ([], 2)
        await disk.batching.flush()
        assert [len(batch.rows) for batch in disk.batches] == [0, 0, 2]


async def test_rows_are_written_by_themselves_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PAUSE", 0.0)
    async with writing() as disk:
        await asyncio.sleep(0)  # it begins
        disk.batching.add(row("a"))
        async with asyncio.timeout(10):
            await disk.has_rows.wait()
        assert disk.rows == ["a"]


async def test_rows_that_are_many_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "PAUSE", 3600.0)
    async with writing() as disk:
        await asyncio.sleep(0)  # it begins
        for number in range(64):
            disk.batching.add(row(f"a{number}"))
        async with asyncio.timeout(10):
            await disk.has_rows.wait()
        assert len(disk.rows) == 64


async def test_what_comes_while_one_is_written_is_the_next() -> None:
    async with writing() as disk:
        first = asyncio.create_task(disk.batching.plan(intent("a")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.gather(first, *(disk.batching.plan(intent(f"p{n}")) for n in range(5)))
        assert [len(batch.intents) for batch in disk.batches] == [1, 5]


async def test_what_failed_is_written_later_but_for_intents_which_are_taken_away() -> None:
    async with writing() as disk:
        disk.fails = [StoreError("full"), StoreError("still full")]
        disk.batching.add(row("a"))
        disk.batching.withdraw("w")
        with pytest.raises(StoreError, match="full"):
            await disk.batching.plan(intent("p"))
        assert disk.batching.trouble == "full"
        with pytest.raises(StoreError, match="still full"):
            await disk.batching.flush()
        await disk.batching.flush()
        (batch,) = disk.batches
        assert (batch.intents, [one.id for one in batch.rows]) == ([], ["a"])
        assert batch.withdrawn == ["w", "p"]
        assert disk.batching.trouble == ""


async def test_a_row_that_cannot_be_written_holds_up_no_other() -> None:
    async with writing() as disk:
        disk.odd = {"b"}
        for name in "abc":
            disk.batching.add(row(name))
        with pytest.raises(StoreError, match="no text"):
            await disk.batching.flush()
        await disk.batching.flush()
        assert (disk.rows, disk.told) == (["a", "c"], ["b"])


async def test_a_disk_that_fails_while_odd_rows_are_looked_for_loses_none() -> None:
    async with writing() as disk:
        disk.odd = {"b"}
        disk.fails = [TypeError("no text"), StoreError("full")]
        for name in "abc":
            disk.batching.add(row(name))
        with pytest.raises(StoreError):
            await disk.batching.flush()
        await disk.batching.flush()
        assert (sorted(disk.rows), disk.told) == (["a", "c"], ["b"])


async def test_very_many_rows_are_written_in_steps() -> None:
    async with writing() as disk:
        for number in range(4001):
            disk.batching.add(row(f"a{number}"))
        await disk.batching.plan(intent("p"))
        assert len(disk.batches) == 1
        await disk.batching.flush()
        assert [len(batch.rows) for batch in disk.batches] == [2000, 2000, 1]


async def test_there_is_room_for_so_many_and_the_rest_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "KEPT_MOST", 3)
    disk = Disk()
    for number in range(5):
        disk.batching.add(row(f"a{number}"))
    assert (len(disk.batching), disk.dropped) == (3, ["a3", "a4"])


async def test_who_gave_up_waiting_disturbs_nobody() -> None:
    async with writing() as disk:
        given_up = asyncio.create_task(disk.batching.plan(intent("a")))
        await asyncio.sleep(0)
        given_up.cancel()
        await disk.batching.plan(intent("b"))
        assert given_up.cancelled()
        assert sum(len(batch.intents) for batch in disk.batches) == 2


async def test_who_waits_when_it_ends_is_told() -> None:
    disk = Disk()
    task = asyncio.create_task(disk.batching.run())
    waiting = asyncio.create_task(disk.batching.plan(intent("a")))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(StoreError, match="is closed"):
        await waiting
    assert task.cancelled() or task.cancelling()


async def test_who_comes_once_it_is_closed_is_told_and_does_not_wait() -> None:
    disk = Disk()
    waiting = asyncio.create_task(disk.batching.plan(intent("a")))
    await asyncio.sleep(0)
    disk.batching.close()
    with pytest.raises(StoreError, match="is closed"):
        await waiting
    with pytest.raises(StoreError, match="is closed"):
        await disk.batching.plan(intent("b"))
