"""The Prometheus metrics: declared once as data, collected when somebody asks.

Nothing is copied on the hot path: the collector reads the counters of
`Accounting` and the snapshots it is given at the moment of the scrape, on the
loop's own thread. `proxy.controlplane.metric_specs` is the list that the documentation prints.
"""

import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.controlplane.metric_specs import ENDPOINT_STATES, METRICS, MetricSpec
from proxy.controlplane.status import RolloutStatus
from proxy.core.histogram import BOUNDS
from proxy.core.reason import FAULTS
from proxy.core.rollout_state import Standing
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.endpoint_snapshot import EndpointSnapshot
from proxy.pluginhost.faults import FaultKey, SlowKey

__all__ = [
    "METRICS",
    "CrossfadeCollector",
    "GenerationFacts",
    "MetricSources",
    "PluginFacts",
    "StateFacts",
    "build_registry",
    "metrics_page",
]

Row = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class GenerationFacts:
    """What serves: number of the generation, whether the file is ahead of it, load time (unix).

    `draining` counts the generations before it that still have requests.
    """

    number: int
    stale: bool
    loaded_at: float
    draining: int = 0


class PluginFacts(NamedTuple):
    """What plugins did: faults by plugin, route and hook, slow hooks by route and hook.

    `quarantined` holds every use as plugin, route and whether it is quarantined.
    """

    faults: Mapping[FaultKey, int] = {}
    slow: Mapping[SlowKey, int] = {}
    quarantined: Iterable[tuple[str, str, bool]] = ()
    modules: int = 0


class StateFacts(NamedTuple):
    """Whether the store of the rollouts is lost, and whether this replica leads."""

    degraded: bool = False
    leader: bool = True


@dataclass(frozen=True, slots=True)
class MetricSources:
    """Where the gauges come from; each is called once per scrape, on the loop's thread."""

    generation: Callable[[], GenerationFacts]
    endpoints: Callable[[], Iterable[EndpointSnapshot]]
    rollouts: Callable[[], Iterable[RolloutStatus]]
    plugins: Callable[[], PluginFacts] = PluginFacts
    state: Callable[[], StateFacts] = StateFacts


class CrossfadeCollector(Collector):
    """Turns counters and snapshots into the metric families of `METRICS`."""

    def __init__(self, accounting: Accounting, sources: MetricSources, version: str) -> None:
        self._accounting = accounting
        self._sources = sources
        self._version = version

    def describe(self) -> Iterator[Metric]:
        """Yield every family without samples; the registry checks names with it."""
        for spec in METRICS:
            yield _family(spec)

    def collect(self) -> Iterator[Metric]:
        """Yield every family with what it says now."""
        rows = self._counted() | self._learned() | self._served() | self._plugged()
        rows |= self._rolled_out()
        for spec in METRICS:
            family = _family(spec)
            if isinstance(family, HistogramMetricFamily):
                self._fill_histogram(family)
            else:
                for labels, value in rows[spec.name]:
                    family.add_metric(labels, value)
            yield family

    def _fill_histogram(self, family: HistogramMetricFamily) -> None:
        for route, arm, histogram in self._accounting.latencies():
            buckets = list(zip(_EDGES, histogram.cumulative(), strict=True))
            family.add_metric((route, arm), buckets, histogram.total)

    def _counted(self) -> dict[str, list[Row]]:
        counters = self._accounting
        return {
            "crossfade_requests_total": [
                ((key.route, key.arm, _status(key.status_class), key.reason.value), count)
                for key, count in counters.series()
            ],
            "crossfade_requests_in_flight": [((), counters.in_flight)],
            "crossfade_faults_total": [
                ((reason.value, FAULTS[reason].blame), count)
                for reason, count in counters.faults().items()
            ],
            "crossfade_bytes_total": [
                (("in",), counters.bytes_in),
                (("out",), counters.bytes_out),
            ],
            "crossfade_connections_open": [((), counters.connections_open)],
            "crossfade_connections_total": [
                (("accepted",), counters.connections_accepted),
                (("refused",), counters.connections_refused),
            ],
            "crossfade_tunnels_open": [((), counters.tunnels_open)],
            "crossfade_upstream_retries_total": [
                ((upstream,), count) for upstream, count in counters.retries.items()
            ],
            "crossfade_rollout_rescues_total": [
                ((route,), count) for route, count in counters.rescues.items()
            ],
            "crossfade_reloads_total": [
                (("done",), counters.reloads_done),
                (("failed",), counters.reloads_failed),
            ],
        }

    def _learned(self) -> dict[str, list[Row]]:
        endpoints = [((one.upstream, one.endpoint), one) for one in self._sources.endpoints()]
        return {
            "crossfade_upstream_endpoint_state": [
                ((*labels, state), float(one.state == state))
                for labels, one in endpoints
                for state in ENDPOINT_STATES
            ],
            "crossfade_upstream_requests_outstanding": [
                (labels, one.outstanding) for labels, one in endpoints
            ],
            "crossfade_upstream_requests_waiting": [
                (labels, one.waiting) for labels, one in endpoints
            ],
            "crossfade_upstream_connections_idle": [
                (labels, one.idle) for labels, one in endpoints
            ],
            "crossfade_upstream_connects_total": [
                (labels, one.connects) for labels, one in endpoints
            ],
            "crossfade_upstream_ejections_total": [
                (labels, one.ejections) for labels, one in endpoints
            ],
        }

    def _served(self) -> dict[str, list[Row]]:
        generation = self._sources.generation()
        return {
            "crossfade_generation": [((), generation.number)],
            "crossfade_generations_draining": [((), generation.draining)],
            "crossfade_config_stale": [((), float(generation.stale))],
            "crossfade_config_last_reload_success_timestamp_seconds": [((), generation.loaded_at)],
            "crossfade_build_info": [((self._version, platform.python_version()), 1.0)],
        }

    def _rolled_out(self) -> dict[str, list[Row]]:
        rollouts, state = list(self._sources.rollouts()), self._sources.state()
        return {
            "crossfade_rollout_percentage": [((one.name,), one.share) for one in rollouts],
            "crossfade_rollout_standing": [
                ((one.name, standing.value), float(one.standing == standing))
                for one in rollouts
                for standing in Standing
            ],
            "crossfade_rollout_version": [((one.name,), one.version) for one in rollouts],
            "crossfade_state_degraded": [((), float(state.degraded))],
            "crossfade_state_leader": [((), float(state.leader))],
        }

    def _plugged(self) -> dict[str, list[Row]]:
        plugins = self._sources.plugins()
        states: dict[tuple[str, ...], float] = {}
        for plugin, route, quarantined in plugins.quarantined:
            # A plugin can be used twice on a route: one use is enough to be told of.
            states[plugin, route] = max(states.get((plugin, route), 0.0), float(quarantined))
        return {
            "crossfade_plugin_faults_total": list(plugins.faults.items()),
            "crossfade_plugin_quarantined": list(states.items()),
            "crossfade_plugin_slow_total": list(plugins.slow.items()),
            "crossfade_plugin_modules": [((), plugins.modules)],
        }


_EDGES = (*(str(bound) for bound in BOUNDS), "+Inf")


def build_registry(
    accounting: Accounting, sources: MetricSources, version: str
) -> CollectorRegistry:
    """Make a registry of its own (never the library's global one) that collects all of it."""
    registry = CollectorRegistry()
    registry.register(CrossfadeCollector(accounting, sources, version))
    ProcessCollector(registry=registry)
    return registry


def metrics_page() -> str:
    """Return the reference page of the metrics, in Markdown."""
    lines = [
        "# Metrics",
        "",
        "`GET /metrics` on the admin listener, in the Prometheus text format or, when the",
        "`Accept` field asks for it, OpenMetrics. Counters count since the start of the",
        "process; a reload sets none of them back.",
        "",
        "| metric | type | labels | what it says |",
        "|---|---|---|---|",
    ]
    for spec in METRICS:
        labels = ", ".join(f"`{label}`" for label in spec.labels)
        lines.append(f"| `{spec.name}` | {spec.type} | {labels} | {spec.help} |")
    bounds = ", ".join(f"{bound:g}" for bound in BOUNDS)
    lines += [
        "",
        f"The histogram's bounds are {bounds} seconds.",
        "",
        "The values of `reason` are a closed list, see [reasons](reasons.md). Next to these",
        "stand those that plugins declare, `crossfade_<plugin>_<name>`, and the usual `process_*`",
        "metrics (CPU seconds, resident memory, open files, start time) where the system has",
        "`/proc`.",
        "",
    ]
    return "\n".join(lines)


def _status(status_class: int) -> str:
    return f"{status_class}xx" if status_class else "none"


def _family(
    spec: MetricSpec,
) -> CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily:
    if spec.type == "counter":
        return CounterMetricFamily(spec.name, spec.help, labels=spec.labels)
    if spec.type == "histogram":
        return HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
    return GaugeMetricFamily(spec.name, spec.help, labels=spec.labels)


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
