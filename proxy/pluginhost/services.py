"""What the host hands to `startup`; the real thing behind `proxy.api.Services`."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.events import Alert
from proxy.pluginhost.guard import CATCHABLE, Guard
from proxy.pluginhost.metrics import CounterHandle, GaugeHandle, Kind, PluginMetrics, Series

__all__ = ["PluginServices", "Surroundings"]


class Surroundings:
    """What the services of all plugins have in common."""

    __slots__ = ("alert", "clock", "metrics", "wall_clock")

    def __init__(
        self,
        metrics: PluginMetrics,
        alert: Callable[[Alert], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """`clock` only goes forward, `wall_clock` is Unix time; both in seconds."""
        self.metrics = metrics
        self.alert = alert
        self.clock = clock
        self.wall_clock = wall_clock


class PluginServices:
    """The services of one application; `end` ends all that was taken here."""

    def __init__(self, guard: Guard, surroundings: Surroundings) -> None:
        """`guard` is the application's: what background tasks raise is counted there."""
        self._guard = guard
        self._around = surroundings
        self._tasks: set[asyncio.Task[None]] = set()
        self._series: dict[tuple[Kind, str], Series] = {}
        self._ended = False

    @property
    def log(self) -> FilteringBoundLogger:
        """Return the logger; every line names the plugin."""
        # Not bound: so it follows the settings of the log when these are reloaded.
        logger = structlog.get_logger(plugin=self._guard.plugin)
        return cast("FilteringBoundLogger", logger)

    def clock(self) -> float:
        """Return seconds that only go forward."""
        return self._around.clock()

    def now(self) -> float:
        """Return Unix time in seconds."""
        return self._around.wall_clock()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` in the background. Raises RuntimeError once the plugin has ended."""
        if self._ended:
            work.close()
            raise RuntimeError(f"plugin {self._guard.plugin} has ended: {name!r} cannot begin")
        task = asyncio.create_task(self._run(work, name), name=f"{self._guard.plugin}: {name}")
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._over(done, work))

    def counter(self, name: str, says: str, labels: tuple[str, ...] = ()) -> CounterHandle:
        """Return the metric ``crossfade_<plugin>_<name>_total``. Raises ValueError."""
        return CounterHandle(self._take("counter", name, says, labels))

    def gauge(self, name: str, says: str, labels: tuple[str, ...] = ()) -> GaugeHandle:
        """Return the metric ``crossfade_<plugin>_<name>``. Raises ValueError."""
        return GaugeHandle(self._take("gauge", name, says, labels))

    def alert(self, alert: Alert) -> None:
        """Tell every plugin that has the hook `alert_raised`."""
        self._around.alert(alert)

    @property
    def running(self) -> int:
        """Return how many background tasks there are."""
        return len(self._tasks)

    async def end(self, seconds: float) -> None:
        """Cancel the background tasks, wait for them `seconds` at most, give metrics back."""
        self._ended = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # What swallows its cancellation keeps running, but nobody waits for it.
            await asyncio.wait(set(self._tasks), timeout=seconds)
        for series in self._series.values():
            self._around.metrics.give_back(series)
        self._series.clear()

    def _take(self, kind: Kind, name: str, says: str, labels: tuple[str, ...]) -> Series:
        taken = self._series.get((kind, name))
        if taken is None:
            taken = self._around.metrics.take(self._guard.plugin, kind, name, says, tuple(labels))
            self._series[kind, name] = taken
        if taken.labels != tuple(labels):
            raise ValueError(f"the {kind} {name} was made with the labels {taken.labels}")
        return taken

    def _over(self, task: asyncio.Task[None], work: Coroutine[Any, Any, None]) -> None:
        self._tasks.discard(task)
        work.close()  # cancelled before its first step, it would complain of not being awaited

    async def _run(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
            self._guard.calls += 1
        except CATCHABLE as error:
            self._guard.calls += 1
            error.add_note(f"in the background task {name!r}")
            self._guard.fault("background", error)
