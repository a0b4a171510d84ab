"""However a file is replaced, the change is noticed once; and nothing ends the watching."""

import asyncio
import io
import shutil
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from proxy.controlplane.seen import Seen
from proxy.controlplane.watch import Ticks, Watcher, directory_ticks
from tests.controlplane.log_lines import logging_into

DEADLINE = 20.0


class Watched:
    """The real watching of directories, impatient, with the clock out of the way.

    `armed` are those of which the system reports changes: from then on it is the event
    that counts, not the look at the beginning.
    """

    def __init__(self) -> None:
        self.armed: frozenset[Path] = frozenset()
        self._rearmed = asyncio.Event()

    async def __call__(
        self, directories: frozenset[Path], stop: asyncio.Event
    ) -> AsyncGenerator[object, None]:
        async with aclosing(directory_ticks(directories, stop, quiet=0.01, poll=60.0)) as source:
            async for tick in source:
                yield tick
                self.armed = directories
                self._rearmed.set()

    async def until(self, directory: Path) -> None:
        """Wait until changes in this directory are reported."""
        async with asyncio.timeout(DEADLINE):
            while directory not in self.armed:
                await self._rearmed.wait()
                self._rearmed.clear()


class ByHand:
    """Ticks when the test says so; each returns when it has been looked at."""

    def __init__(self) -> None:
        self._asked: asyncio.Queue[asyncio.Event] = asyncio.Queue()

    async def __call__(
        self, _: frozenset[Path], stop: asyncio.Event
    ) -> AsyncGenerator[object, None]:
        while not stop.is_set():
            looked = await self._asked.get()
            try:
                yield None
            finally:
                looked.set()

    async def tick(self) -> None:
        looked = asyncio.Event()
        self._asked.put_nowait(looked)
        async with asyncio.timeout(DEADLINE):
            await looked.wait()


class Changes:
    """Remembers what there was at each change: the file's text, and that of each plugin."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen: list[str] = []
        self.broken = False
        self._noticed = asyncio.Event()
        self.plugins = path.parent / "plugins"

    async def __call__(self) -> None:
        found = sorted(self.plugins.rglob("*.py")) if self.plugins.is_dir() else []
        self.seen.append(" ".join(path.read_text() for path in (self.path, *found)))
        self._noticed.set()
        if self.broken:
            raise RuntimeError("this reload is broken")

    async def until(self, content: str) -> None:
        async with asyncio.timeout(DEADLINE):
            while self.seen[-1:] != [content]:
                await self._noticed.wait()
                self._noticed.clear()


@asynccontextmanager
async def watching(
    changes: Changes, ticks: Ticks | None = None, plugins: Iterable[Path] = ()
) -> AsyncIterator[Watcher]:
    ticks = ticks or Watched()
    watcher = Watcher(Seen.at(changes.path, plugins), changes, ticks=ticks)
    watcher.start()
    if isinstance(ticks, Watched):
        await ticks.until(changes.path.parent)
    try:
        yield watcher
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
    beside = path.with_name(f".{path.name}.new")
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
    seen = Seen.at(changes.path)
    changes.path.write_text("two")
    watcher = Watcher(seen, changes, ticks=Watched())
    watcher.start()
    await changes.until("two")
    await watcher.close()
    assert changes.seen == ["two"]


async def test_a_change_that_a_reload_has_read_already_is_none(changes: Changes) -> None:
    by_hand = ByHand()
    async with watching(changes, by_hand) as watcher:
        changes.path.write_text("two")
        watcher.follow(Seen.at(changes.path))
        await by_hand.tick()
    assert changes.seen == []


async def test_a_folder_that_is_not_there_yet_is_awaited(tmp_path: Path) -> None:
    changes = Changes(tmp_path / "later" / "config.yaml")
    ticks = Watched()
    watcher = Watcher(Seen.at(changes.path), changes, ticks=ticks)
    with logging_into(io.StringIO()):
        watcher.start()
        await ticks.until(tmp_path)
        changes.path.parent.mkdir()
        changes.path.write_text("two")
        await changes.until("two")
        await watcher.close()
    assert changes.seen == ["two"]


async def test_what_cannot_be_watched_is_looked_at_by_the_clock(tmp_path: Path) -> None:
    stop = asyncio.Event()
    missing = frozenset([tmp_path / "missing"])
    with logging_into(io.StringIO()) as out:
        async with asyncio.timeout(DEADLINE):
            ticks = directory_ticks(missing, stop, quiet=0.01, poll=0.01)
            assert [await anext(ticks) for _ in range(3)] == [None, None, None]
            await ticks.aclose()
    assert out.getvalue().count("config_watch_failed") == 1


async def test_a_watcher_that_is_closed_sees_nothing_more(changes: Changes) -> None:
    async with watching(changes):
        pass
    replace(changes.path, "two")
    assert changes.seen == []


# plugins


@pytest.fixture
def plugins(changes: Changes) -> Path:
    folder = changes.plugins
    (folder / "packed").mkdir(parents=True)
    (folder / "packed" / "__init__.py").write_text("packed")
    (folder / "hello.py").write_text("hello")
    return folder


async def test_a_saved_plugin_is_noticed_however_the_editor_does_it(
    changes: Changes, plugins: Path
) -> None:
    async with watching(changes, plugins=[plugins]):
        replace(plugins / "hello.py", "bye")
        await changes.until("one bye packed")
        (plugins / "hello.py").write_text("again")
        await changes.until("one again packed")
    assert changes.seen[0] == "one bye packed"


async def test_a_file_inside_of_a_package_is_noticed(changes: Changes, plugins: Path) -> None:
    ticks = Watched()
    async with watching(changes, ticks, [plugins]):
        (plugins / "packed" / "inner").mkdir()
        (plugins / "packed" / "inner" / "deep.py").write_text("deep")
        await changes.until("one hello packed deep")
        await ticks.until(plugins / "packed" / "inner")
        replace(plugins / "packed" / "inner" / "deep.py", "deeper")
        await changes.until("one hello packed deeper")
    assert changes.seen[-1] == "one hello packed deeper"


async def test_a_new_plugin_and_a_removed_one_are_noticed(changes: Changes, plugins: Path) -> None:
    async with watching(changes, plugins=[plugins]):
        (plugins / "more.py").write_text("more")
        await changes.until("one hello more packed")
        (plugins / "hello.py").unlink()
        await changes.until("one more packed")
    assert changes.seen[-1] == "one more packed"


async def test_what_editors_leave_beside_a_plugin_is_no_change(
    changes: Changes, plugins: Path
) -> None:
    by_hand = ByHand()
    async with watching(changes, by_hand, [plugins]):
        for name in (".hello.py.swp", "hello.py~", "notes.txt", "#hello.py#"):
            (plugins / name).write_text("litter")
        (plugins / "__pycache__").mkdir()
        (plugins / "packed" / "__pycache__").mkdir()
        (plugins / "packed" / "__pycache__" / "x.pyc").write_text("litter")
        await by_hand.tick()
    assert changes.seen == []


def write_again(file: Path, content: str) -> None:
    file.parent.mkdir()
    file.write_text(content)


async def test_a_folder_of_plugins_deleted_and_made_again_is_noticed(
    changes: Changes, plugins: Path
) -> None:
    ticks = Watched()
    async with watching(changes, ticks, [plugins]):
        shutil.rmtree(plugins)
        await changes.until("one")
        write_again(plugins / "hello.py", "back")
        await changes.until("one back")
        await ticks.until(plugins)
        replace(plugins / "hello.py", "and again")
        await changes.until("one and again")
    assert changes.seen[-1] == "one and again"


async def test_plugins_of_a_mounted_volume_are_followed_through_its_swaps(
    changes: Changes,
) -> None:
    volume = changes.plugins
    for version, content in (("..v1", "old"), ("..v2", "new"), ("..v3", "newest")):
        (volume / version).mkdir(parents=True)
        (volume / version / "hello.py").write_text(content)
    (volume / "..data").symlink_to("..v1")
    (volume / "hello.py").symlink_to("..data/hello.py")
    seen: list[str] = []
    noticed = asyncio.Event()

    async def note() -> None:
        seen.append((volume / "hello.py").read_text())
        noticed.set()

    ticks = Watched()
    watcher = Watcher(Seen.at(changes.path, [volume]), note, ticks=ticks)
    watcher.start()
    await ticks.until(volume)
    for version in ("..v2", "..v3"):
        (volume / "..data_tmp").symlink_to(version)
        (volume / "..data_tmp").rename(volume / "..data")
        async with asyncio.timeout(DEADLINE):
            await noticed.wait()
        noticed.clear()
    await watcher.close()
    assert seen == ["new", "newest"]


async def test_the_folders_of_another_configuration_are_watched_from_then_on(
    changes: Changes, plugins: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    ticks = Watched()
    async with watching(changes, ticks) as watcher:
        (plugins / "hello.py").write_text("nobody looks")
        (other / "plugins").mkdir(parents=True)
        watcher.follow(Seen.at(changes.path, [other / "plugins"]))
        await ticks.until(other / "plugins")
        (other / "plugins" / "new.py").write_text("new")
        await changes.until("one nobody looks packed")
    assert len(changes.seen) == 1
