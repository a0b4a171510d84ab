"""Work under way in this process: each workflow in a task of its own, joined by who waits for it.

A client that leaves does not take its workflow along where that should be finished: what
was sent to a provider is paid for, and whoever sends an Idempotency-Key comes back for it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from proxy.api import WorkflowResult

__all__ = ["DRAINS_MOST", "DRAIN_SECONDS", "Flight", "Flights"]

DRAINS_MOST = 32
"""So many workflows are finished at a time for which nobody waits."""

DRAIN_SECONDS = 60.0
"""So long one of them may take."""


class Flight:
    """One workflow under way; `waiting` counts those who wait for it."""

    def __init__(
        self, name: str, task: "asyncio.Task[WorkflowResult]", stays: Callable[[], bool]
    ) -> None:
        self.name = name
        self.task = task
        self.stays = stays
        self.waiting = 0
        self.alone_until = 0.0
        """When it is ended though it stays, on the loop's clock; 0: nobody has left it yet."""


class Flights:
    """All of them, by workflow id, or by what makes intents equal where these share answers."""

    def __init__(self, drained: Callable[[str], None]) -> None:
        """`drained` is told of each that is left alone: ``drained`` or ``aborted``."""
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[WorkflowResult]] = set()
        self._alone = 0
        self._drained = drained
        self.closing = False
        """Whether nothing is to be begun any more."""

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self,
        name: str,
        work: Coroutine[Any, Any, WorkflowResult],
        stays: Callable[[], bool],
    ) -> Flight:
        """Begin to work; `stays` says, when all have left, whether it is finished all the same."""
        task = asyncio.create_task(work, name=f"workflow {name}")
        flight = self._flights[name] = Flight(name, task, stays)
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._over(flight))
        return flight

    def find(self, name: str) -> Flight | None:
        """Return the work of this name, if it is under way here."""
        return self._flights.get(name)

    async def wait(self, flight: Flight) -> WorkflowResult:
        """Wait for what comes of it; raises what it raises. The last who leaves may end it."""
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._leave(flight)

    def _leave(self, flight: Flight) -> None:
        loop = asyncio.get_running_loop()
        if flight.alone_until:  # not for the first time
            if loop.time() >= flight.alone_until:
                self._end(flight)
            return
        if self.closing or self._alone >= DRAINS_MOST or not flight.stays():
            self._drained("aborted")
            self._end(flight)
            return
        self._alone += 1
        self._drained("drained")
        flight.alone_until = loop.time() + DRAIN_SECONDS
        timer = loop.call_at(flight.alone_until, self._end, flight)

        def done(_: object) -> None:
            self._alone -= 1
            timer.cancel()

        flight.task.add_done_callback(done)

    def _end(self, flight: Flight) -> None:
        """Cancel it, unless somebody has come back for it; nobody joins it from now on."""
        if not flight.waiting:
            self._forget(flight)
            flight.task.cancel()

    async def close(self, seconds: float) -> None:
        """Take no more drains, and end what is under way; waits at most so long for it."""
        self.closing = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=seconds)

    def _forget(self, flight: Flight) -> None:
        if self._flights.get(flight.name) is flight:
            del self._flights[flight.name]

    def _over(self, flight: Flight) -> None:
        self._forget(flight)
        self._tasks.discard(flight.task)
        if not flight.task.cancelled():
            flight.task.exception()  # looked at: perhaps nobody waits for it any more
