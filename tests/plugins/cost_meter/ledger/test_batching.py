"""What waits is written in turn, together, and again."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress

import pytest

from plugins.cost_meter.ledger import batching
from plugins.cost_meter.ledger.batching import Batching
from plugins.cost_meter.row import Row
from proxy.api import StoreError
from tests.plugins.cost_meter.rowed import row


class Disk:
    """Takes batches, or fails as it is told; `odd` ones cannot be written at all."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.fails: list[Exception] = []
        self.odd: set[str] = set()
        self.told: list[str] = []
        self.written = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.batching = Batching(self._write, lambda one, _: self.told.append(one.id))

    async def _write(self, rows: Sequence[Row]) -> None:
        await self.goes_on.wait()
        if self.fails:
            raise self.fails.pop(0)
        names = [one.id for one in rows]
        if self.odd & set(names):
            raise TypeError("no text")
        self.batches.append(names)
        self.written.set()

    def add(self, names: Sequence[str]) -> None:
        for name in names:
            self.batching.add(row(name))

    @property
    def rows(self) -> list[str]:
        return [name for batch in self.batches for name in batch]


@pytest.fixture(autouse=True)
def nobody_is_in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "PAUSE", 3600.0)


@asynccontextmanager
async def writing() -> AsyncIterator[Disk]:
    disk = Disk()
    task = asyncio.create_task(disk.batching.run())
    await asyncio.sleep(0)  # it begins
    yield disk
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_rows_wait_for_each_other_until_they_are_asked_for() -> None:
    async with writing() as disk:
        disk.add("abc")
        assert (disk.rows, len(disk.batching)) == ([], 3)
        await disk.batching.flush()
        assert (disk.batches, len(disk.batching)) == ([["a", "b", "c"]], 0)


async def test_rows_are_written_by_themselves_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batching, "PAUSE", 0.0)
    async with writing() as disk:
        disk.add("a")
        async with asyncio.timeout(10):
            await disk.written.wait()
        assert disk.rows == ["a"]


async def test_rows_that_are_many_do_not_wait() -> None:
    async with writing() as disk:
        disk.add([f"a{number}" for number in range(256)])
        async with asyncio.timeout(10):
            await disk.written.wait()
        assert len(disk.rows) == 256


async def test_what_comes_while_one_is_written_is_the_next_after_a_pause(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with writing() as disk:
        disk.goes_on.clear()
        disk.add([f"a{number}" for number in range(256)])
        await asyncio.sleep(0)
        disk.add("b")
        monkeypatch.setattr(batching, "PAUSE", 0.0)
        disk.goes_on.set()
        await disk.batching.flush()
        assert disk.batches[1:] == [["b"]]


async def test_asked_for_while_some_are_written_those_are_waited_for_too() -> None:
    async with writing() as disk:
        disk.goes_on.clear()
        disk.add([f"a{number}" for number in range(256)])
        await asyncio.sleep(0)
        disk.fails = [StoreError("full")]
        flushing = asyncio.create_task(disk.batching.flush())
        await asyncio.sleep(0)
        disk.goes_on.set()
        await flushing
        assert len(disk.rows) == 256


async def test_what_failed_is_written_later() -> None:
    async with writing() as disk:
        disk.fails = [StoreError("full"), StoreError("still full")]
        disk.add("a")
        for said in ("full", "still full"):
            with pytest.raises(StoreError, match=said):
                await disk.batching.flush()
            assert disk.batching.trouble == said
        await disk.batching.flush()
        assert (disk.rows, disk.batching.trouble) == (["a"], "")


async def test_a_row_that_cannot_be_written_holds_up_no_other() -> None:
    async with writing() as disk:
        disk.odd = {"b"}
        disk.add("abc")
        with pytest.raises(StoreError, match="no text"):
            await disk.batching.flush()
        await disk.batching.flush()
        assert (disk.rows, disk.told) == (["a", "c"], ["b"])


async def test_a_disk_that_fails_while_odd_rows_are_looked_for_loses_none() -> None:
    async with writing() as disk:
        disk.odd = {"b"}
        disk.fails = [TypeError("no text"), StoreError("full")]
        disk.add("abc")
        with pytest.raises(StoreError):
            await disk.batching.flush()
        await disk.batching.flush()
        assert (sorted(disk.rows), disk.told) == (["a", "c"], ["b"])


async def test_very_many_rows_are_written_in_steps() -> None:
    async with writing() as disk:
        disk.add([f"a{number}" for number in range(600)])
        await disk.batching.flush()
        assert [len(batch) for batch in disk.batches] == [256, 256, 88]


async def test_where_nothing_waits_there_is_nothing_to_wait_for() -> None:
    disk = Disk()  # that nobody writes to yet
    async with asyncio.timeout(10):
        await disk.batching.flush()
    assert disk.batches == []


async def test_who_gave_up_waiting_disturbs_nobody() -> None:
    async with writing() as disk:
        disk.goes_on.clear()
        disk.add("a")
        given_up = asyncio.create_task(disk.batching.flush())
        await asyncio.sleep(0)
        given_up.cancel()
        disk.goes_on.set()
        await disk.batching.flush()
        assert given_up.cancelled()
        assert disk.rows == ["a"]


async def test_who_waits_when_it_ends_is_told_and_rows_stay() -> None:
    disk = Disk()
    disk.goes_on.clear()
    task = asyncio.create_task(disk.batching.run())
    disk.add("a")
    waiting = asyncio.create_task(disk.batching.flush())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(StoreError, match="is closed"):
        await waiting
    assert len(disk.batching) == 1


async def test_who_comes_once_it_is_closed_is_told_and_does_not_wait() -> None:
    disk = Disk()
    disk.add("a")
    waiting = asyncio.create_task(disk.batching.flush())
    await asyncio.sleep(0)
    disk.batching.close()
    with pytest.raises(StoreError, match="is closed"):
        await waiting
    with pytest.raises(StoreError, match="is closed"):
        await disk.batching.flush()
