"""The metrics of plugins: kept across reloads, bounded, dropped with their last holder.

A metric belongs to the plugin's name and not to one instance of it: the new instance of
a reload takes it before the old one gives it back, and so it goes on counting. A new
version may take it with other labels; both kinds of samples are then shown until the
old version is gone.
"""

import math
import re
from collections.abc import Callable, Iterator
from typing import Literal

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

__all__ = ["MOST_SERIES", "CounterHandle", "GaugeHandle", "PluginMetrics", "Series"]

MOST_SERIES = 1000
"""So many sets of label values a metric may have; what comes on top is counted as ``other``."""

Kind = Literal["counter", "gauge"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LABEL = re.compile(r"(?!__)[a-z_][a-z0-9_]{0,31}")
_MOST_LABELS = 8
_LONGEST_VALUE = 128
_OTHER = "other"


class Series:
    """The samples of one metric with one set of label names."""

    __slots__ = ("functions", "holders", "labels", "values")

    def __init__(self, labels: tuple[str, ...]) -> None:
        self.labels = labels
        self.holders = 0
        self.values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}
        self.functions: dict[tuple[str, ...], Callable[[], float]] = {}
        """Called in place of a value."""

    def key(self, given: dict[str, str]) -> tuple[str, ...]:
        """Return the sample's key for these labels. Raises ValueError for wrong ones."""
        try:
            key = tuple([given[label] for label in self.labels])
        except KeyError:
            raise self._wrong(given) from None
        if key in self.values and len(given) == len(key):
            return key
        return self._new_key(key, given)

    def samples(self) -> Iterator[tuple[dict[str, str], float]]:
        """Yield labels and values as they are now."""
        for key, value in self.values.items():
            function = self.functions.get(key)
            labels = dict(zip(self.labels, key, strict=True))
            yield labels, value if function is None else _called(function)

    def _new_key(self, key: tuple[str, ...], given: dict[str, str]) -> tuple[str, ...]:
        if len(given) != len(key) or not all(isinstance(value, str) for value in key):
            raise self._wrong(given)
        key = tuple(value[:_LONGEST_VALUE] for value in key)
        if key not in self.values and len(self.values) >= MOST_SERIES:
            key = (_OTHER,) * len(key)
        self.values.setdefault(key, 0.0)
        return key

    def _wrong(self, given: dict[str, str]) -> ValueError:
        wanted = ", ".join(self.labels) or "none"
        said = ", ".join(sorted(given)[: 2 * _MOST_LABELS]) or "none"
        return ValueError(f"the metric's labels are {wanted}, all of them text; given were {said}")


class CounterHandle:
    """Implements `proxy.api.Counter`."""

    __slots__ = ("_series",)

    def __init__(self, series: Series) -> None:
        self._series = series

    def add(self, amount: float = 1, **labels: str) -> None:
        """Count. Raises ValueError for wrong labels and for an amount below 0."""
        if not 0 <= amount < math.inf:
            raise ValueError("a counter grows by a finite amount of at least 0")
        key = self._series.key(labels)
        self._series.values[key] += amount


class GaugeHandle:
    """Implements `proxy.api.Gauge`."""

    __slots__ = ("_series",)

    def __init__(self, series: Series) -> None:
        self._series = series

    def set(self, value: float, **labels: str) -> None:
        """Say what it is now. Raises ValueError for wrong labels."""
        key = self._series.key(labels)
        self._series.values[key] = float(value)
        if self._series.functions:
            self._series.functions.pop(key, None)

    def set_function(self, value: Callable[[], float], **labels: str) -> None:
        """Have it called when the metrics are read. Raises ValueError for wrong labels."""
        self._series.functions[self._series.key(labels)] = value


class _Family(Collector):
    """One metric as the registry sees it."""

    def __init__(self, plugin: str, name: str, kind: Kind, says: str) -> None:
        self.plugin = plugin
        self.name = name
        self.kind = kind
        self.says = says
        self.series: dict[tuple[str, ...], Series] = {}

    def describe(self) -> Iterator[Metric]:
        """Yield the metric without samples; the registry checks its name with it."""
        yield Metric(self.name, self.says, self.kind)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric with what it says now."""
        metric = Metric(self.name, self.says, self.kind)
        sample = f"{self.name}_total" if self.kind == "counter" else self.name
        for series in self.series.values():
            for labels, value in series.samples():
                metric.add_sample(sample, labels, value)
        yield metric


def _called(function: Callable[[], float]) -> float:
    try:
        return float(function())
    except Exception:  # one plugin's fault is no reason to show nobody's metrics
        return math.nan


class PluginMetrics:
    """All metrics of all plugins, on one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._families: dict[str, _Family] = {}

    def take(
        self, plugin: str, kind: Kind, name: str, says: str, labels: tuple[str, ...]
    ) -> Series:
        """Return the metric's series, made if there is none; `give_back` it.

        Raises ValueError for a name or labels that cannot be, and where another metric is
        called like this.
        """
        _check(kind, name, labels)
        full = f"crossfade_{re.sub('[^a-z0-9_]', '_', plugin.lower())}_{name}"
        family = self._families.get(full)
        if family is None:
            family = self._register(_Family(plugin, full, kind, says))
        if family.kind != kind or family.plugin != plugin:
            raise ValueError(f"{full} is a {family.kind} of plugin {family.plugin} already")
        family.says = says
        series = family.series.setdefault(labels, Series(labels))
        series.holders += 1
        return series

    def give_back(self, series: Series) -> None:
        """Drop the series if nobody holds it any more."""
        series.holders -= 1
        if series.holders:
            return
        for name, family in list(self._families.items()):
            if family.series.get(series.labels) is series:
                del family.series[series.labels]
            if not family.series:
                self._registry.unregister(family)
                del self._families[name]

    def _register(self, family: _Family) -> _Family:
        try:
            self._registry.register(family)
        except ValueError:
            raise ValueError(
                f"there is a metric {family.name} already; choose another name"
            ) from None
        self._families[family.name] = family
        return family


def _check(kind: Kind, name: str, labels: tuple[str, ...]) -> None:
    if _NAME.fullmatch(name) is None or name.endswith(("_total", "_created")):
        raise ValueError(
            f"{name[:80]!r} is no name for a {kind}: write lower-case letters, digits and _, "
            "without _total or _created at the end"
        )
    if len(labels) > _MOST_LABELS or len(set(labels)) != len(labels):
        raise ValueError(f"a metric has at most {_MOST_LABELS} labels, each once")
    for label in labels:
        if _LABEL.fullmatch(label) is None:
            raise ValueError(f"{label[:80]!r} is no name for a label: lower-case letters and _")
