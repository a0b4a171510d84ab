"""Looks at the store every two seconds, and sooner when it is told of a change."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

__all__ = ["Polling"]


class Polling:
    """Calls `refresh` again and again, one after the other."""

    def __init__(self, refresh: Callable[[], Awaitable[None]], interval: float = 2.0) -> None:
        """`refresh` never raises; `interval` in seconds."""
        self._refresh = refresh
        self._interval = interval
        self._hinted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; the first look comes after one interval."""
        self._task = asyncio.create_task(self._run())

    def hint(self) -> None:
        """Look as soon as possible."""
        self._hinted.set()

    async def close(self) -> None:
        """Look no more."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._hinted.wait(), self._interval)
            self._hinted.clear()
            await self._refresh()
