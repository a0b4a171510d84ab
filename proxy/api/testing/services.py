"""The services of a plugin in a test: everything that it does with them can be read."""

import asyncio
import math
import re
from collections.abc import Coroutine, Mapping, MutableMapping
from typing import Any, TypeVar

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.api.events import Alert
from proxy.api.services import Counter, Gauge, Services
from proxy.api.testing.clock import JumpingClock

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

    def set(self, value: float, **labels: str) -> None:
        self.values[self.place(labels)] = value


_M = TypeVar("_M", bound=_Metric)


class FakeServices(Services):
    """Services whose time jumps and whose effects are kept.

    - `alerts`: what was given to `alert`, in order
    - `lines`: what was logged, each line a mapping with ``event``, ``level`` and the rest
    - `faults`: what background tasks raised
    """

    def __init__(self, clock: JumpingClock | None = None, plugin: str = "test") -> None:
        """Tell the time by `clock`; `plugin` is the name in every line of the log."""
        self.jumping = JumpingClock() if clock is None else clock
        self.alerts: list[Alert] = []
        self.lines: list[dict[str, Any]] = []
        self.faults: list[BaseException] = []
        self._metrics: dict[str, _Metric] = {}
        self._tasks: dict[asyncio.Task[None], str] = {}
        self._closed = False
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
        return metric.values.get(metric.place(labels), 0.0)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of the log whose event is this."""
        return [line for line in self.lines if line["event"] == event]

    async def close(self) -> None:
        """Cancel the background tasks, and wait at most five seconds until they have ended."""
        self._closed = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=5)
            if left:
                names = ", ".join(task.get_name() for task in left)
                raise TimeoutError(f"background tasks do not end when they are cancelled: {names}")

    # inside

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
