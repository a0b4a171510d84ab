"""Generations that serve no new requests: each ends with the last request that met it.

A generation's plugins may still be needed by requests that are under way (others do not
hold it up, however long they take). They are released once those are over, in a task of
its own that is awaited at the latest when the process ends. There are never more than
`MOST` such generations: a reload that would add another one waits for the oldest, and in
the end cuts its requests.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

__all__ = ["MOST", "Draining", "DrainingStatus", "Releasable", "Retiring"]

_log: FilteringBoundLogger = structlog.get_logger()

MOST = 3
"""The most generations that drain at the same time."""


class Releasable(Protocol):
    """The plugins of a generation, as far as they matter here."""

    async def release(self) -> None:
        """End what no other generation holds."""


class Retiring(Protocol):
    """A generation, as far as it matters here."""

    number: int
    in_flight: int
    retired: bool
    on_drained: Callable[[], None] | None

    @property
    def plugins(self) -> Releasable | None:
        """Return what is released in the end."""

    async def close(self) -> None:
        """Close what else it has, after its plugins."""


@dataclass(frozen=True, slots=True)
class DrainingStatus:
    """A generation that takes no new requests; `since` in unix seconds."""

    number: int
    in_flight: int
    since: float


_Generation = TypeVar("_Generation", bound=Retiring)


class _Leaving(Generic[_Generation]):
    """One generation on its way out."""

    def __init__(self, generation: _Generation, since: float) -> None:
        self.generation = generation
        self.since = since
        self.drained = asyncio.Event()


class Draining(Generic[_Generation]):
    """The generations on their way out, the oldest first."""

    def __init__(
        self, cut: Callable[[_Generation], None], clock: Callable[[], float] = time.time
    ) -> None:
        """`cut` ends the requests of a generation; `clock` gives unix seconds."""
        self._cut = cut
        self._clock = clock
        self._leaving: list[_Leaving[_Generation]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def retire(self, generation: _Generation) -> None:
        """See a generation off that another one has replaced."""
        leaving = _Leaving(generation, self._clock())
        self._leaving.append(leaving)
        generation.on_drained = lambda: self._drained(leaving)
        generation.retired = True
        if not generation.in_flight:
            self._drained(leaving)

    def statuses(self) -> tuple[DrainingStatus, ...]:
        """Return who is still draining."""
        return tuple(
            DrainingStatus(one.generation.number, one.generation.in_flight, one.since)
            for one in self._leaving
        )

    async def make_room(self, seconds: float) -> None:
        """Return once one more generation may be retired.

        Waits at most `seconds` for the oldest if there are too many, then cuts it.
        """
        if len(self._leaving) < MOST:
            return
        oldest = self._leaving[0]
        _log.warning(
            "drain_awaited",
            generation=oldest.generation.number,
            requests=oldest.generation.in_flight,
            limit=seconds,
        )
        try:
            async with asyncio.timeout(seconds):
                await oldest.drained.wait()
        except TimeoutError:
            self._end(oldest)

    async def close(self) -> None:
        """End every generation now and wait until its plugins are released."""
        for leaving in tuple(self._leaving):
            self._end(leaving)
        while self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def _end(self, leaving: _Leaving[_Generation]) -> None:
        generation = leaving.generation
        if generation.in_flight:
            _log.warning("drain_cut", generation=generation.number, requests=generation.in_flight)
            self._cut(generation)
        # A cut ends each request at once; whatever did not end is not waited for.
        self._drained(leaving)

    def _drained(self, leaving: _Leaving[_Generation]) -> None:
        if leaving.drained.is_set():
            return
        leaving.drained.set()
        leaving.generation.on_drained = None
        self._leaving.remove(leaving)
        task = asyncio.get_running_loop().create_task(
            _release(leaving.generation), name=f"release-generation-{leaving.generation.number}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _release(generation: Retiring) -> None:
    try:
        try:
            if generation.plugins is not None:
                await generation.plugins.release()
        finally:
            await generation.close()
    except Exception:  # a plugin's fault must not end the proxy's own work
        _log.exception("release_failed", generation=generation.number)
    _log.info("drained", generation=generation.number)
