"""What the host hands to `startup`; the real thing behind `proxy.api.Services`."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.changes import Change, ChangeRefusedError
from proxy.api.events import Alert
from proxy.api.spending import ALLOWED, PlannedSpend, SettledSpend, SpendAnswer
from proxy.api.stores import DynamoTable, RedisScripts, SqliteFile
from proxy.pluginhost.guard import CATCHABLE, Guard
from proxy.pluginhost.metrics import CounterHandle, GaugeHandle, Kind, PluginMetrics, Series
from proxy.pluginhost.offers import Offers
from proxy.pluginhost.stores import NoStores, Opened, PluginStores

__all__ = ["Meters", "PluginServices", "Reconfigure", "Surroundings", "nothing_to_change"]

Reconfigure = Callable[[Sequence[Change], str, str], Awaitable[tuple[Change, ...]]]
"""Changes the configuration: what, by whom and why; see `Services.reconfigure`."""

_Service = TypeVar("_Service")
_Opened = TypeVar("_Opened", bound=Opened)


class Meters(Protocol):
    """Who is asked about calls that are paid for, in the name of all plugins; see `spending`."""

    async def plan(self, attempt: PlannedSpend) -> SpendAnswer:
        """Return whether it may be sent."""

    def settle(self, entry: SettledSpend) -> None:
        """Tell what became of it."""


class _NobodyMeters:
    async def plan(self, _: PlannedSpend) -> SpendAnswer:
        return ALLOWED

    def settle(self, entry: SettledSpend) -> None:
        pass


async def nothing_to_change(*_: object) -> tuple[Change, ...]:
    """Refuse: nobody has said how."""
    raise ChangeRefusedError(["no configuration serves here that could be changed"])


class Surroundings:
    """What the services of all plugins have in common."""

    __slots__ = (
        "alert",
        "clock",
        "metrics",
        "offers",
        "reconfigure",
        "spending",
        "stores",
        "wall_clock",
    )

    def __init__(
        self,
        metrics: PluginMetrics,
        alert: Callable[[Alert], None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        stores: PluginStores | None = None,
        spending: Meters | None = None,
        reconfigure: Reconfigure = nothing_to_change,
    ) -> None:
        """`clock` only goes forward, `wall_clock` is Unix time; both in seconds.

        Without `stores` a plugin that asks for one is told that there are none; without
        `spending` nobody meters.
        """
        self.metrics = metrics
        self.alert = alert
        self.clock = clock
        self.wall_clock = wall_clock
        self.stores = NoStores() if stores is None else stores
        self.spending = _NobodyMeters() if spending is None else spending
        self.reconfigure = reconfigure
        self.offers = Offers()


class PluginServices:
    """The services of one application; `end` ends all that was taken here."""

    def __init__(self, guard: Guard, surroundings: Surroundings) -> None:
        """`guard` is the application's: what background tasks raise is counted there."""
        self._guard = guard
        self._around = surroundings
        self._tasks: set[asyncio.Task[None]] = set()
        self._series: dict[tuple[Kind, str], Series] = {}
        self._opened: list[Opened] = []
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
        try:
            self._check_living(repr(name))
        except RuntimeError:
            work.close()
            raise
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

    async def plan_spend(self, attempt: PlannedSpend) -> SpendAnswer:
        """Ask every plugin that meters whether a call may be sent."""
        return await self._around.spending.plan(attempt)

    def settle_spend(self, entry: SettledSpend) -> None:
        """Tell every plugin that meters what became of a call."""
        self._around.spending.settle(entry)

    async def reconfigure(self, changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        """Change the configuration file, and serve it. Raises ChangeRefusedError."""
        return await self._around.reconfigure(tuple(changes), by, why)

    def share(self, kind: type[_Service], offer: _Service) -> None:
        """Offer a service to other plugins. Raises RuntimeError once the plugin has ended."""
        self._check_living(kind.__name__)
        self._around.offers.share(self, kind, offer)

    def shared(self, kind: type[_Service]) -> _Service | None:
        """Return what was offered last and is still there; None if nothing."""
        return self._around.offers.shared(kind)

    def sqlite(self, path: Path, migrations: Sequence[str]) -> SqliteFile:
        """Return a SQLite file. Raises RuntimeError once the plugin has ended."""
        self._check_living("a store")
        return self._kept(self._around.stores.sqlite(self._guard.plugin, path, migrations))

    def redis(self, url: str) -> RedisScripts:
        """Return a Redis. Raises ValueError, and RuntimeError once the plugin has ended."""
        self._check_living("a store")
        return self._kept(self._around.stores.redis(self._guard.plugin, url))

    def dynamodb(self, table: str, region: str = "", endpoint: str = "") -> DynamoTable:
        """Return a table. Raises RuntimeError once the plugin has ended."""
        self._check_living("a store")
        return self._kept(self._around.stores.dynamodb(table, region, endpoint))

    @property
    def running(self) -> int:
        """Return how many background tasks there are."""
        return len(self._tasks)

    def withdraw(self) -> None:
        """Take back what is offered to other plugins."""
        self._around.offers.withdraw(self)

    async def end(self, seconds: float) -> None:
        """Cancel the background tasks, then close stores: `seconds` each; give metrics back."""
        self._ended = True
        self.withdraw()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # What swallows its cancellation keeps running, but nobody waits for it.
            await asyncio.wait(set(self._tasks), timeout=seconds)
        await self._close_all(seconds)
        for series in self._series.values():
            self._around.metrics.give_back(series)
        self._series.clear()

    async def _close_all(self, seconds: float) -> None:
        closing = {asyncio.ensure_future(opened.close()) for opened in self._opened}
        self._opened.clear()
        if closing:
            closed, late = await asyncio.wait(closing, timeout=seconds)
            for task in late:
                task.cancel()
            for task in closed:
                if (error := task.exception()) is not None:
                    self.log.warning("store_not_closed", reason=str(error))

    def _kept(self, opened: _Opened) -> _Opened:
        self._opened.append(opened)
        return opened

    def _check_living(self, wanted: str) -> None:
        if self._ended:
            raise RuntimeError(f"plugin {self._guard.plugin} has ended: {wanted} cannot begin")

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
