"""Watching the configuration file and the plugins, however they are replaced.

Directories are watched, not files: editors rename a new file over the old one, and
Kubernetes swaps a symbolic link beside it. Any event there, and every few seconds
none at all (network file systems report nothing), leads to the same question: is what
the paths lead to now something else than last time?
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import structlog
import watchfiles
from structlog.typing import FilteringBoundLogger

from proxy.controlplane.seen import Folder, Seen, folders

__all__ = ["POLL_SECONDS", "QUIET_SECONDS", "Ticks", "Watcher", "directory_ticks"]

_log: FilteringBoundLogger = structlog.get_logger()

QUIET_SECONDS = 0.2
"""How long a directory must be quiet before its change is looked at."""

POLL_SECONDS = 5.0
"""How often everything is looked at without an event."""

Ticks = Callable[[frozenset[Path], asyncio.Event], AsyncGenerator[object, None]]
"""Yields as soon as it watches the directories, and whenever one of them is worth a look.

Ends when the event is set.
"""


class Watcher:
    """Calls `on_change` each time the paths lead to something else than before.

    `seen` is what the serving generation was read from; a change between that
    reading and `start` is then noticed too. `on_change` is awaited, one call at a
    time; what it raises is logged and the watching goes on. A configuration file that
    is gone is no change: what serves goes on serving.
    """

    def __init__(
        self,
        seen: Seen,
        on_change: Callable[[], Awaitable[object]],
        *,
        ticks: Ticks | None = None,
    ) -> None:
        self._seen = seen
        self._on_change = on_change
        self._ticks = ticks or directory_ticks
        self._missing = False
        self._stop = asyncio.Event()
        self._elsewhere = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, as a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name="watcher")

    def follow(self, seen: Seen) -> None:
        """Watch these paths from now on; only what differs from `seen` is a change."""
        if seen.plugins.keys() != self._seen.plugins.keys():
            self._elsewhere.set()
        self._seen = seen

    async def close(self) -> None:
        """Stop watching; an `on_change` under way is waited for."""
        self._stop.set()
        self._elsewhere.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while not self._stop.is_set():
            self._elsewhere = elsewhere = asyncio.Event()
            watched = await asyncio.to_thread(folders, self._seen)
            await self._watch(watched, elsewhere)

    async def _watch(self, watched: frozenset[Folder], elsewhere: asyncio.Event) -> None:
        """Look at each tick, until there is something else to watch."""
        if elsewhere.is_set():
            return
        paths = frozenset(folder.path for folder in watched)
        async with aclosing(self._ticks(paths, elsewhere)) as ticks:
            async for _ in ticks:
                await self._look()
                if elsewhere.is_set() or await asyncio.to_thread(folders, self._seen) != watched:
                    return

    async def _look(self) -> None:
        before = found = None
        while before is not self._seen:  # a reload in between: compare with what it has read
            before = self._seen
            # Reading may block for long on a network file system: not on the loop.
            found = await asyncio.to_thread(before.again)
        if found is None or self._stop.is_set():
            return
        self._note_missing(missing=found.file is None)
        if found.file is None or found == before:
            return
        self._seen = found
        try:
            await self._on_change()
        except Exception:
            _log.exception("config_change_failed", file=str(found.path))

    def _note_missing(self, *, missing: bool) -> None:
        if missing and not self._missing:
            _log.warning(
                "config_missing",
                file=str(self._seen.path),
                hint="The file cannot be read; the old configuration goes on serving.",
            )
        self._missing = missing


async def directory_ticks(
    directories: frozenset[Path],
    stop: asyncio.Event,
    *,
    quiet: float = QUIET_SECONDS,
    poll: float = POLL_SECONDS,
) -> AsyncGenerator[object, None]:
    """Yield at once, after each change in the directories, and every `poll` seconds.

    Nothing that changes after the first of these is missed. Ends when `stop` is set.
    Where the system refuses to watch (too many watches, a directory that has just gone)
    it says so once and yields by the clock alone, trying again each time.
    """
    told = False
    while not stop.is_set():
        try:
            watching = _watch(directories, stop, quiet, poll)
            async with aclosing(watching), aclosing(_armed(watching)) as groups:
                async for changes in groups:
                    told = False
                    yield changes
        except Exception as error:  # whatever it is, the clock goes on
            if not told:
                _log.warning(
                    "config_watch_failed",
                    directories=sorted(map(str, directories)),
                    error=str(error),
                    hint=f"The files are looked at every {poll:g} seconds instead.",
                )
            told = True
        if not stop.is_set():
            await _pause(stop, poll)
            yield None


def _watch(
    directories: frozenset[Path], stop: asyncio.Event, quiet: float, poll: float
) -> AsyncGenerator[object, None]:
    # `step` is the quiet time that ends a group of changes, `debounce` the most
    # that a group may last when the directories never get quiet.
    return watchfiles.awatch(
        *directories,
        watch_filter=None,
        step=round(quiet * 1000),
        debounce=round(quiet * 5000),
        rust_timeout=round(poll * 1000),
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )


async def _armed(groups: AsyncGenerator[object, None]) -> AsyncGenerator[object, None]:
    """Yield once when the system has begun to report changes, then each group of them."""
    first = asyncio.ensure_future(anext(groups, None))
    try:
        await asyncio.sleep(0)  # its first step is to ask the system
        if not first.done():
            yield None
        changes = await first
    finally:
        if first.cancel():
            await asyncio.wait({first})
    while changes is not None:
        yield changes
        changes = await anext(groups, None)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
