"""The services of a plugin in a test: everything that it does with them can be read."""

import asyncio
import importlib
import math
import re
import tempfile
from collections.abc import Callable, Coroutine, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.changes import Change, ChangeRefusedError
from proxy.api.events import Alert
from proxy.api.services import Counter, Gauge, Services
from proxy.api.spending import ALLOWED, PlannedSpend, SettledSpend, SpendAnswer
from proxy.api.stores import DynamoTable, RedisScripts, SqliteFile
from proxy.api.testing.clock import JumpingClock
from proxy.api.testing.stores import HeldDynamo, HeldRedis, HeldSqlite

__all__ = ["FakeServices"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LABEL = re.compile(r"(?!__)[a-z_][a-z0-9_]{0,31}")
_MOST_LABELS = 8
_Labels = tuple[tuple[str, str], ...]


class _Metric:
    """A counter or a gauge: its labels, and a value for each of their values."""

    kind = "metric"

    def __init__(self, name: str, says: str, labels: tuple[str, ...]) -> None:
        self.name = name
        self.says = says
        self.labels = tuple(labels)
        self.values: dict[_Labels, float] = {}

    def place(self, given: Mapping[str, str]) -> _Labels:
        """Return where the value for these labels is. Raises ValueError for other labels."""
        texts = all(isinstance(value, str) for value in given.values())
        if set(given) != set(self.labels) or not texts:
            raise ValueError(
                f"the labels of the {self.kind} {self.name} are "
                f"{', '.join(self.labels) or 'none'}, all of them text; "
                f"given were {', '.join(given) or 'none'}"
            )
        return tuple(sorted(given.items()))

    def value(self, labels: Mapping[str, str]) -> float:
        """Return what it is for these labels, 0 if nothing was said."""
        return self.values.get(self.place(labels), 0.0)

    def check(self) -> None:
        """Raise ValueError for a name or labels that the proxy's metrics cannot have."""
        if not _NAME.fullmatch(self.name) or self.name.endswith(("_total", "_created")):
            raise ValueError(
                f"{self.name[:80]!r} is no name for a {self.kind}: write lower-case letters, "
                "digits and _, without _total or _created at the end"
            )
        fits = all(_LABEL.fullmatch(label) for label in self.labels)
        if not fits or len(self.labels) > _MOST_LABELS or len(set(self.labels)) < len(self.labels):
            raise ValueError(
                f"a metric has at most {_MOST_LABELS} labels, each once: lower-case letters and _"
            )


class _Counter(_Metric):
    kind = "counter"

    def add(self, amount: float = 1, **labels: str) -> None:
        if not 0 <= amount < math.inf:
            raise ValueError("a counter grows by a finite amount of at least 0")
        place = self.place(labels)
        self.values[place] = self.values.get(place, 0) + amount


class _Gauge(_Metric):
    kind = "gauge"

    def __init__(self, name: str, says: str, labels: tuple[str, ...]) -> None:
        super().__init__(name, says, labels)
        self.functions: dict[_Labels, Callable[[], float]] = {}

    def set(self, value: float, **labels: str) -> None:
        self.values[self.place(labels)] = value

    def set_function(self, value: Callable[[], float], **labels: str) -> None:
        self.functions[self.place(labels)] = value

    def value(self, labels: Mapping[str, str]) -> float:
        function = self.functions.get(self.place(labels))
        return super().value(labels) if function is None else function()


_M = TypeVar("_M", bound=_Metric)
_Store = TypeVar("_Store", HeldSqlite, HeldRedis, HeldDynamo)
_Service = TypeVar("_Service")


class FakeServices(Services):
    """Services whose time jumps and whose effects are kept.

    - `alerts`: what was given to `alert`, in order
    - `planned` and `settled`: what was told of spending; `answer_spend` says what is allowed,
      by default everything
    - `changed`: what was given to `reconfigure`, in order, each as (changes, by, why); with
      problems in `refuse_changes` it is refused
    - `lines`: what was logged, each line a mapping with ``event``, ``level`` and the rest
    - `faults`: what background tasks raised

    Stores are real: SQLite in a temporary folder, Redis and DynamoDB where their URL says. The
    clock is held while one is asked: no time passes between a question and its answer.
    """

    def __init__(self, clock: JumpingClock | None = None, plugin: str = "test") -> None:
        """Tell the time by `clock`; `plugin` is the name in every line of the log."""
        self.jumping = JumpingClock() if clock is None else clock
        self.alerts: list[Alert] = []
        self.planned: list[PlannedSpend] = []
        self.settled: list[SettledSpend] = []
        self.answer_spend: Callable[[PlannedSpend], SpendAnswer] = lambda _: ALLOWED
        self.changed: list[tuple[tuple[Change, ...], str, str]] = []
        self.refuse_changes: tuple[str, ...] = ()
        self.lines: list[dict[str, Any]] = []
        self.faults: list[BaseException] = []
        self._metrics: dict[str, _Metric] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._closed = False
        self._plugin = plugin
        self._offers: list[tuple[type, Any]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._stores: Any = None
        self._opened: list[Any] = []
        self._log: FilteringBoundLogger = structlog.wrap_logger(
            None,
            processors=[structlog.stdlib.add_log_level, self._keep_line],
            wrapper_class=structlog.make_filtering_bound_logger(0),
            plugin=plugin,
        )

    @property
    def log(self) -> FilteringBoundLogger:
        """Return the logger; its lines are in `lines`."""
        return self._log

    def clock(self) -> float:
        """Return the jumping clock's seconds."""
        return self.jumping.clock()

    def now(self) -> float:
        """Return the jumping clock's Unix time."""
        return self.jumping.now()

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has jumped that far."""
        await self.jumping.sleep(seconds)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        """Run `work` until it ends or `close` is called. Raises RuntimeError after that."""
        if self._closed:
            work.close()
            raise RuntimeError(f"the plugin has ended: {name!r} cannot begin")
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks[task] = name
        task.add_done_callback(self._ended)

    def counter(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Counter:
        """Return the counter of this name. Raises ValueError for one made otherwise before."""
        return self._made(_Counter(name, says, labels))

    def gauge(self, name: str, says: str, labels: tuple[str, ...] = ()) -> Gauge:
        """Return the gauge of this name. Raises ValueError for one made otherwise before."""
        return self._made(_Gauge(name, says, labels))

    def alert(self, alert: Alert) -> None:
        """Keep the alert."""
        self.alerts.append(alert)

    async def plan_spend(self, attempt: PlannedSpend) -> SpendAnswer:
        """Keep the attempt, and return what `answer_spend` says."""
        self.planned.append(attempt)
        return self.answer_spend(attempt)

    def settle_spend(self, entry: SettledSpend) -> None:
        """Keep the entry."""
        self.settled.append(entry)

    async def reconfigure(self, changes: Sequence[Change], by: str, why: str) -> tuple[Change, ...]:
        """Keep what was asked; no file is written. Raises ChangeRefusedError if that is wanted."""
        if self.refuse_changes:
            raise ChangeRefusedError(self.refuse_changes)
        self.changed.append((tuple(changes), by, why))
        return tuple(
            Change(one.path, one.before, one.value, one.written) for one in reversed(changes)
        )

    def share(self, kind: type[_Service], offer: _Service) -> None:
        """Offer a service; a test may do so, too, in the name of another plugin."""
        self._offers.append((kind, offer))

    def shared(self, kind: type[_Service]) -> _Service | None:
        """Return what was offered last; None if nothing."""
        found: _Service | None = next(
            (offer for offered, offer in reversed(self._offers) if offered is kind), None
        )
        return found

    def sqlite(self, path: Path, migrations: Sequence[str]) -> SqliteFile:
        """Return a real file, below a temporary folder, that `close` removes."""
        real = self._real.sqlite(self._plugin, path, migrations)
        return self._kept(HeldSqlite(self.jumping, real))

    def redis(self, url: str) -> RedisScripts:
        """Return a real Redis."""
        return self._kept(HeldRedis(self.jumping, self._real.redis(self._plugin, url)))

    def dynamodb(self, table: str, region: str = "", endpoint: str = "") -> DynamoTable:
        """Return a real table, or one of whatever answers at `endpoint`."""
        real = self._real.dynamodb(table, region, endpoint)
        return self._kept(HeldDynamo(self.jumping, real))

    # what a test reads

    @property
    def tasks(self) -> tuple[str, ...]:
        """Return the names of the background tasks that are running."""
        return tuple(self._tasks.values())

    def value(self, name: str, /, **labels: str) -> float:
        """Return the value of the counter or gauge `name` for these labels; 0 if never counted.

        Raises KeyError for a metric that was never made, ValueError for other labels.
        """
        metric = self._metrics.get(name)
        if metric is None:
            made = ", ".join(self._metrics) or "none"
            raise KeyError(f"the plugin made no metric {name!r}; it made: {made}")
        return metric.value(labels)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the log whose event is this."""
        return [line for line in self.lines if line["event"] == event]

    async def close(self) -> None:
        """Cancel the background tasks, wait five seconds at most until they end; close stores."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=5)
            if left:
                names = ", ".join(task.get_name() for task in left)
                raise TimeoutError(f"background tasks do not end when they are cancelled: {names}")
        self._offers.clear()
        while self._opened:
            await self._opened.pop().close()
        if self._folder is not None:
            self._folder.cleanup()

    # inside

    @property
    def _real(self) -> Any:
        """What opens stores in the proxy. By its name, since it stands above what plugins see."""
        if self._closed:
            raise RuntimeError("the plugin has ended: no store can be had")
        if self._stores is None:
            self._folder = tempfile.TemporaryDirectory(prefix="crossfade-plugin-")
            stores = importlib.import_module("proxy.stores.for_plugins")
            self._stores = stores.StoresForPlugins(Path(self._folder.name))
        return self._stores

    def _kept(self, opened: _Store) -> _Store:
        self._opened.append(opened)
        return opened

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.faults.append(error)

    def _made(self, fresh: _M) -> _M:
        fresh.check()
        metric = self._metrics.setdefault(fresh.name, fresh)
        if type(metric) is not type(fresh) or metric.labels != fresh.labels:
            raise ValueError(
                f"the metric {fresh.name} was made before, as a {metric.kind} with the labels "
                f"({', '.join(metric.labels) or 'none'})"
            )
        return metric

    def _keep_line(
        self, _: object, __: str, event: MutableMapping[str, Any]
    ) -> MutableMapping[str, Any]:
        self.lines.append(dict(event))
        raise structlog.DropEvent
