"""One thread for all who share a file: commits in groups, and nobody's failure is another's."""

import asyncio
import sqlite3
import stat
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.stores import StoreError
from proxy.stores.rollouts import StoreLostError
from proxy.stores.sqlite_file import SqliteDoor, SqliteFile
from tests.kit.properties import examples


def tables(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS t (x INTEGER PRIMARY KEY, y TEXT) STRICT")


def insert(number: int, text: str = "") -> Callable[[sqlite3.Connection], int]:
    def job(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO t VALUES (?, ?)", (number, text))
        return number

    return job


def numbers(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT x FROM t ORDER BY x")]


def committed(path: Path) -> list[int]:
    """What another process would see."""
    connection = sqlite3.connect(path)
    try:
        return numbers(connection)
    finally:
        connection.close()


class Held:
    """Holds up the thread, so that what is asked for meanwhile waits together."""

    _go_on: threading.Event
    _holding: asyncio.Future[None]

    @classmethod
    async def at(cls, door: SqliteDoor) -> Self:
        held = cls()
        held._go_on, begun = threading.Event(), threading.Event()

        def hold(_: sqlite3.Connection) -> None:
            begun.set()
            held._go_on.wait(5)

        held._holding = asyncio.ensure_future(door.ask(hold))
        await asyncio.to_thread(begun.wait, 5)
        return held

    async def release(self) -> None:
        await asyncio.sleep(0)
        self._go_on.set()
        await self._holding


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "x.db"


@pytest.fixture
async def door(path: Path) -> AsyncIterator[SqliteDoor]:
    door = SqliteFile(path).door(tables)
    yield door
    await door.close()


async def together(door: SqliteDoor, *jobs: Callable[[sqlite3.Connection], object]) -> list[object]:
    """Have the jobs written in one transaction; their answers, or what they raised."""
    held = await Held.at(door)
    asked = [asyncio.ensure_future(door.write(job)) for job in jobs]
    await held.release()
    return list(await asyncio.gather(*asked, return_exceptions=True))


async def test_a_file_is_for_its_owner_alone(door: SqliteDoor, path: Path) -> None:
    await door.write(insert(1))
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


async def test_everything_happens_on_one_thread_that_is_not_the_loops(door: SqliteDoor) -> None:
    threads = {await door.ask(lambda _: threading.get_ident()) for _ in range(5)}
    threads |= {await door.write(lambda _: threading.get_ident()) for _ in range(5)}
    assert len(threads) == 1
    assert threading.get_ident() not in threads


async def test_a_write_is_committed_when_it_is_acknowledged(door: SqliteDoor, path: Path) -> None:
    assert await door.write(insert(1)) == 1
    assert committed(path) == [1]


async def test_what_waits_is_committed_together(door: SqliteDoor) -> None:
    commits: list[str] = []
    await door.ask(lambda connection: connection.set_trace_callback(commits.append))
    await together(door, *(insert(number) for number in range(20)))
    assert commits.count("COMMIT") == 1
    assert await door.ask(numbers) == list(range(20))


async def test_one_that_raises_undoes_itself_alone(door: SqliteDoor) -> None:
    def half_done(connection: sqlite3.Connection) -> None:
        insert(2)(connection)
        raise KeyError("no")

    answers = await together(door, insert(1), half_done, insert(1), insert(3))
    assert answers[0] == 1
    assert isinstance(answers[1], KeyError)
    assert isinstance(answers[2], StoreError)
    assert answers[3] == 3
    assert await door.ask(numbers) == [1, 3]


async def test_a_job_that_ends_the_transaction_fails_all_of_it(door: SqliteDoor) -> None:
    answers = await together(door, insert(1), lambda c: c.execute("ROLLBACK"), insert(3))
    assert all(isinstance(answer, StoreError) for answer in answers)
    assert await door.ask(numbers) == []


async def test_what_iterates_too_far_is_told(door: SqliteDoor) -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await door.ask(lambda _: next(iter(())))


async def test_a_read_that_began_a_transaction_leaves_none(door: SqliteDoor) -> None:
    def careless(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN")
        insert(1)(connection)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await door.ask(careless)
    assert await door.write(insert(2)) == 2
    assert await door.ask(numbers) == [2]


async def test_a_full_disk_fails_those_that_wait_and_nothing_afterwards(door: SqliteDoor) -> None:
    await door.write(insert(1))

    def narrow(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    await door.ask(narrow)
    answers = await together(door, insert(2), insert(3, "x" * 100_000))
    assert "the disk is full; make room" in str(answers[1])
    assert await door.write(insert(4, "x" * 100_000)) == 4
    assert set(await door.ask(numbers)) >= {1, 4}


async def test_who_left_is_not_served_later(door: SqliteDoor) -> None:
    await door.write(insert(1))
    held = await Held.at(door)
    leaving = asyncio.ensure_future(door.write(insert(2)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    await held.release()
    assert await door.ask(numbers) == [1]


async def test_what_has_not_begun_in_time_is_not_done(door: SqliteDoor) -> None:
    await door.write(insert(1))
    door.file.patience = 0.02
    held = await Held.at(door)
    with pytest.raises(StoreLostError, match=r"did not answer within 0\.02 s"):
        await door.write(insert(2))
    with pytest.raises(StoreLostError):
        await held.release()
    door.file.patience = 5
    assert await door.ask(numbers) == [1]


async def test_what_waits_is_bounded(door: SqliteDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.stores.sqlite_file._WAITING_MOST", 2)
    held = await Held.at(door)
    asked = [asyncio.ensure_future(door.write(insert(number))) for number in range(3)]
    await held.release()
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert ends[:2] == [0, 1]
    assert "is overloaded" in str(ends[2])


@pytest.fixture
def damaged(path: Path) -> Path:
    path.parent.mkdir()
    path.write_bytes(b"no database, for sure. " * 200)
    return path


async def test_a_damaged_file_is_used_again_when_it_was_moved_away(damaged: Path) -> None:
    path = damaged
    door = SqliteFile(path).door(tables)
    with pytest.raises(StoreLostError, match="no SQLite database"):
        await door.write(insert(1))
    path.rename(path.with_suffix(".bad"))
    assert await door.write(insert(1)) == 1
    await door.close()


# -- several doors --------------------------------------------------------------------------


async def test_a_file_is_closed_with_its_last_door(path: Path) -> None:
    closed: list[int] = []
    file = SqliteFile(path, closed=lambda: closed.append(1))
    first, second = file.door(tables), file.door(tables)
    await first.write(insert(1))
    await first.close()
    await first.close()
    with pytest.raises(StoreLostError, match="is closed"):
        await first.ask(numbers)
    assert closed == []
    assert await second.ask(numbers) == [1]
    await second.close()
    assert closed == [1]
    assert [file.name for file in path.parent.iterdir()] == ["x.db"]


async def test_what_was_asked_for_before_closing_is_done(path: Path) -> None:
    door = SqliteFile(path).door(tables)
    held = await Held.at(door)
    asked = asyncio.ensure_future(door.write(insert(1)))
    await held.release()
    await door.close()
    assert await asked == 1
    assert committed(path) == [1]


async def test_a_file_that_nobody_used_is_never_made(path: Path) -> None:
    await SqliteFile(path).door(tables).close()
    assert not path.parent.exists()


async def test_each_door_has_its_tables_made_once_on_each_connection(path: Path) -> None:
    made: list[str] = []
    file = SqliteFile(path)
    first = file.door(lambda _: made.append("first"))
    second = file.door(lambda _: made.append("second"))
    for _ in range(2):
        await asyncio.gather(first.ask(bool), second.write(bool), first.write(bool))
    assert sorted(made) == ["first", "second"]
    with pytest.raises(StoreLostError):
        await first.ask(lambda connection: connection.execute("no SQL"))
    await second.write(bool)
    assert sorted(made) == ["first", "second", "second"]
    await first.close()
    await second.close()


async def test_a_door_whose_tables_cannot_be_made_fails_alone(path: Path) -> None:
    def refuse(_: sqlite3.Connection) -> None:
        raise StoreLostError("no")

    file = SqliteFile(path)
    good, bad = file.door(tables), file.door(refuse)
    held = await Held.at(good)
    asked = [good.write(insert(1)), bad.write(insert(2)), bad.ask(numbers), good.write(insert(3))]
    waiting = [asyncio.ensure_future(one) for one in asked]
    await held.release()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert (answers[0], answers[3]) == (1, 3)
    assert [str(answers[1]), str(answers[2])] == ["no", "no"]
    assert await good.ask(numbers) == [1, 3]
    await good.close()
    await bad.close()


# -- in memory ------------------------------------------------------------------------------


async def test_what_is_in_memory_survives_errors_and_ends_with_its_door() -> None:
    door = SqliteFile(None).door(tables)
    assert door.url == "memory://"
    await door.write(insert(1))
    with pytest.raises(StoreLostError):
        await door.ask(lambda connection: connection.execute("no SQL"))
    assert await together(door, insert(2), lambda c: c.execute("ROLLBACK")) != [2, None]
    assert await door.ask(numbers) == [1]
    await door.close()
    other = SqliteFile(None).door(tables)
    assert await other.ask(numbers) == []
    await other.close()


# -- anything at all ------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=30))
@examples(30)
def test_what_is_acknowledged_is_there_and_nothing_else(asked: list[tuple[int, bool]]) -> None:
    async def play() -> None:
        door = SqliteFile(None).door(tables)

        def job(number: int, *, fails: bool) -> Callable[[sqlite3.Connection], int]:
            def work(connection: sqlite3.Connection) -> int:
                insert(number)(connection)
                if fails:
                    raise KeyError(number)
                return number

            return work

        jobs = [job(number, fails=fails) for number, fails in asked]
        answers = await together(door, *jobs)
        done = [answer for answer in answers if isinstance(answer, int)]
        assert await door.ask(numbers) == sorted(done)
        assert set(done) == {number for number, fails in asked if not fails}
        await door.close()

    asyncio.run(play())
