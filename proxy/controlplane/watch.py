"""Watching the configuration file, however it is replaced.

The directory is watched, not the file: editors rename a new file over the old
one, and Kubernetes swaps a symbolic link beside it. Any event there, and every
few seconds none at all (network file systems report nothing), leads to the same
question: is what the path leads to now something else than last time?
"""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
import watchfiles
from structlog.typing import FilteringBoundLogger

_log: FilteringBoundLogger = structlog.get_logger()

QUIET_SECONDS = 0.2
"""How long a directory must be quiet before its change is looked at."""

POLL_SECONDS = 5.0
"""How often the file is looked at without an event."""


@dataclass(frozen=True, slots=True)
class ConfigFingerprint:
    """What a path leads to: the file's real path, and the SHA-256 of its content in hex."""

    real_path: str
    digest: str

    @classmethod
    def of(cls, path: Path) -> "ConfigFingerprint | None":
        """Look at a path; None when no file can be read there."""
        try:
            real = path.resolve(strict=True)
            return cls(str(real), hashlib.sha256(real.read_bytes()).hexdigest())
        except (OSError, RuntimeError):  # RuntimeError: a loop of symbolic links
            return None


Ticks = Callable[[Path, asyncio.Event], AsyncIterator[object]]
"""Yields whenever the directory is worth a look, and ends when the event is set."""


class ConfigWatcher:
    """Calls `on_change` each time the path leads to something else than before.

    `seen` is what the serving configuration was read from; a change between
    that reading and `start` is then noticed too. `on_change` is awaited, one
    call at a time; what it raises is logged and the watching goes on. A file
    that is gone is no change: what serves goes on serving.
    """

    def __init__(
        self,
        path: Path,
        on_change: Callable[[], Awaitable[object]],
        *,
        seen: ConfigFingerprint | None = None,
        ticks: Ticks | None = None,
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._seen = seen or ConfigFingerprint.of(path)
        self._ticks = ticks or directory_ticks
        self._missing = False
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch, as a task of the running loop."""
        self._task = asyncio.create_task(self._run(), name="config-watcher")

    async def close(self) -> None:
        """Stop watching; an `on_change` under way is waited for."""
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        directory = self._path.absolute().parent
        await self._look()
        async for _ in self._ticks(directory, self._stop):
            await self._look()

    async def _look(self) -> None:
        # Reading may block for long on a network file system: not on the loop.
        found = await asyncio.to_thread(ConfigFingerprint.of, self._path)
        self._note_missing(missing=found is None)
        if found is None or found == self._seen or self._stop.is_set():
            return
        self._seen = found
        try:
            await self._on_change()
        except Exception:
            _log.exception("config_change_failed", file=str(self._path))

    def _note_missing(self, *, missing: bool) -> None:
        if missing and not self._missing:
            _log.warning(
                "config_missing",
                file=str(self._path),
                hint="The file cannot be read; the old configuration goes on serving.",
            )
        self._missing = missing


async def directory_ticks(
    directory: Path,
    stop: asyncio.Event,
    *,
    quiet: float = QUIET_SECONDS,
    poll: float = POLL_SECONDS,
) -> AsyncIterator[object]:
    """Yield after each change in a directory and every `poll` seconds, until `stop` is set.

    Where the system refuses to watch (no such directory, too many watches) it
    says so once and yields by the clock alone, trying again each time.
    """
    told = False
    while not stop.is_set():
        try:
            async for changes in _watch(directory, stop, quiet, poll):
                told = False
                yield changes
        except Exception as error:  # whatever it is, the clock goes on
            if not told:
                _log.warning(
                    "config_watch_failed",
                    directory=str(directory),
                    error=str(error),
                    hint=f"The file is looked at every {poll:g} seconds instead.",
                )
            told = True
        if not stop.is_set():
            await _pause(stop, poll)
            yield None


def _watch(
    directory: Path, stop: asyncio.Event, quiet: float, poll: float
) -> AsyncIterator[object]:
    # `step` is the quiet time that ends a group of changes, `debounce` the most
    # that a group may last when the directory never gets quiet.
    return watchfiles.awatch(
        directory,
        watch_filter=None,
        step=round(quiet * 1000),
        debounce=round(quiet * 5000),
        rust_timeout=round(poll * 1000),
        yield_on_timeout=True,
        recursive=False,
        stop_event=stop,
    )


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
