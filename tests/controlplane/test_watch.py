"""However the file is replaced, the change is noticed once; and nothing ends the watching."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.controlplane.watch import ConfigFingerprint, ConfigWatcher, Ticks, directory_ticks
from tests.controlplane.log_lines import logging_into

DEADLINE = 10.0


class Watched:
    """The real watching of a directory, impatient, with the clock out of the way.

    `armed` is set as soon as the system reports changes: from then on it is the
    event that counts, not the look at the beginning.
    """

    def __init__(self) -> None:
        self.armed = asyncio.Event()

    async def __call__(self, directory: Path, stop: asyncio.Event) -> AsyncIterator[object]:
        source = directory_ticks(directory, stop, quiet=0.01, poll=60.0)
        first = asyncio.ensure_future(anext(source, None))
        await asyncio.sleep(0)
        self.armed.set()
        yield await first
        async for tick in source:
            yield tick


class ByHand:
    """Ticks when the test says so; each returns when it has been looked at."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def __call__(self, _: Path, stop: asyncio.Event) -> AsyncIterator[object]:
        while not stop.is_set():
            looked = await self._asked.get()
            yield None
            looked.set()

    async def tick(self) -> None:
        looked = asyncio.Event()
        self._asked.put_nowait(looked)
        async with asyncio.timeout(DEADLINE):
            await looked.wait()


class Changes:
    """Remembers what the file held at each change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []
        self.broken = False
        self._noticed = asyncio.Event()

    async def __call__(self) -> None:
        self.seen.append(self.path.read_text())
        self._noticed.set()
        if self.broken:
            raise RuntimeError("this reload is broken")

    async def until(self, content: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.seen[-1:] != [content]:
                await self._noticed.wait()
                self._noticed.clear()


@asynccontextmanager
async def watching(changes: Changes, ticks: Ticks | None = None) -> AsyncIterator[None]:
    ticks = ticks or Watched()
    watcher = ConfigWatcher(changes.path, changes, ticks=ticks)
    watcher.start()
    if isinstance(ticks, Watched):
        async with asyncio.timeout(DEADLINE):
            await ticks.armed.wait()
    try:
        yield
    finally:
        closing = asyncio.create_task(watcher.close())
        await asyncio.sleep(0)
        if isinstance(ticks, ByHand):
            await ticks.tick()
        await closing


@pytest.fixture
def changes(tmp_path: Path) -> Changes:
    path = tmp_path / "config.yaml"
    path.write_text("one")
    return Changes(path)


def replace(path: Path, content: str) -> None:
    """What editors do: write beside, rename over."""
    beside = path.with_name(".config.yaml.new")
    beside.write_text(content)
    beside.replace(path)


async def test_a_file_written_in_place_is_noticed(changes: Changes) -> None:
    async with watching(changes):
        changes.path.write_text("two")
        await changes.until("two")
    assert changes.seen[-1] == "two"


async def test_a_file_renamed_over_the_old_one_is_noticed_each_time(changes: Changes) -> None:
    async with watching(changes):
        for content in ("two", "three", "four"):
            replace(changes.path, content)
            await changes.until(content)
    assert changes.seen == ["two", "three", "four"]


async def test_a_swapped_symbolic_link_of_a_mounted_volume_is_noticed(tmp_path: Path) -> None:
    for version, content in (("..v1", "one"), ("..v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "config.yaml").write_text(content)
    (tmp_path / "..data").symlink_to("..v1")
    (tmp_path / "config.yaml").symlink_to("..data/config.yaml")
    changes = Changes(tmp_path / "config.yaml")
    async with watching(changes):
        (tmp_path / "..data.new").symlink_to("..v2")
        (tmp_path / "..data.new").rename(tmp_path / "..data")
        await changes.until("two")
    assert changes.seen == ["two"]


async def test_a_file_deleted_and_made_again_is_noticed(changes: Changes) -> None:
    async with watching(changes):
        changes.path.unlink()
        changes.path.write_text("two")
        await changes.until("two")
    assert changes.seen[-1] == "two"


async def test_a_broken_reload_does_not_end_the_watching(changes: Changes) -> None:
    changes.broken = True
    with logging_into(io.StringIO()) as out:
        async with watching(changes):
            replace(changes.path, "two")
            await changes.until("two")
            changes.broken = False
            replace(changes.path, "three")
            await changes.until("three")
    assert changes.seen == ["two", "three"]
    assert "config_change_failed" in out.getvalue()


async def test_the_same_content_again_is_no_change(changes: Changes) -> None:
    by_hand = ByHand()
    async with watching(changes, by_hand):
        replace(changes.path, "one")
        await by_hand.tick()
        changes.path.touch()
        await by_hand.tick()
    assert changes.seen == []


async def test_a_missing_file_is_no_change_and_is_told_once(changes: Changes) -> None:
    by_hand = ByHand()
    with logging_into(io.StringIO()) as out:
        async with watching(changes, by_hand):
            changes.path.unlink()
            await by_hand.tick()
            await by_hand.tick()
            changes.path.write_text("one")
            await by_hand.tick()
    assert changes.seen == []
    assert out.getvalue().count("config_missing") == 1


async def test_a_change_before_the_watching_began_is_noticed(changes: Changes) -> None:
    seen = ConfigFingerprint.of(changes.path)
    changes.path.write_text("two")
    watcher = ConfigWatcher(changes.path, changes, seen=seen, ticks=Watched())
    watcher.start()
    await changes.until("two")
    await watcher.close()
    assert changes.seen == ["two"]


async def test_a_directory_that_cannot_be_watched_is_looked_at_by_the_clock(
    tmp_path: Path,
) -> None:
    directory = tmp_path / "later"
    changes = Changes(directory / "config.yaml")
    ticked = asyncio.Event()

    async def ticks(watched: Path, stop: asyncio.Event) -> AsyncIterator[object]:
        async for tick in directory_ticks(watched, stop, quiet=0.01, poll=0.01):
            ticked.set()
            yield tick

    with logging_into(io.StringIO()) as out:
        async with watching(changes, ticks):
            async with asyncio.timeout(DEADLINE):
                await ticked.wait()
            directory.mkdir()
            changes.path.write_text("two")
            await changes.until("two")
    assert changes.seen[-1] == "two"
    assert out.getvalue().count("config_watch_failed") == 1


async def test_a_watcher_that_is_closed_sees_nothing_more(changes: Changes) -> None:
    async with watching(changes):
        pass
    replace(changes.path, "two")
    assert changes.seen == []


def test_a_fingerprint_tells_content_and_real_path_apart(tmp_path: Path) -> None:
    one, other, link = tmp_path / "a", tmp_path / "b", tmp_path / "link"
    one.write_text("x")
    other.write_text("x")
    link.symlink_to(one)
    at_one, at_other = ConfigFingerprint.of(one), ConfigFingerprint.of(other)
    assert at_one is not None
    assert at_other is not None
    assert at_one.digest == at_other.digest
    assert at_one != at_other
    assert ConfigFingerprint.of(link) == at_one


def test_what_cannot_be_read_has_no_fingerprint(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert ConfigFingerprint.of(loop) is None
    assert ConfigFingerprint.of(tmp_path) is None
    assert ConfigFingerprint.of(tmp_path / "nothing") is None
