"""What `/status` says about a running proxy, and where the admin listener learns it."""

from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry

from proxy.dataplane.accounting import Accounting, EndpointSnapshot


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """The configuration that serves.

    `stale` is true when the file holds something newer that was refused;
    `problems` then says why, one text per problem. `loaded_at` in unix seconds.
    """

    file: str
    digest: str
    loaded_at: float
    stale: bool = False
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """One rollout: `percentage` (0..100) is what it gives to `new` when `enabled`."""

    name: str
    enabled: bool
    percentage: float
    routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """Requests of one arm of a route; `errors` are answers from 500 up, times in milliseconds."""

    route: str
    arm: str
    requests: int
    errors: int
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class RequestSummary:
    """The counters since the start of the process, shortened for a reader."""

    total: int
    in_flight: int
    connections_open: int
    tunnels_open: int
    faults: dict[str, int]
    routes: tuple[RouteSummary, ...]


@dataclass(frozen=True, slots=True)
class Status:
    """Everything that `/status` says; it is sent as JSON in this shape."""

    version: str
    ready: bool
    reason: str
    generation: int
    uptime_seconds: float
    config: ConfigStatus
    listeners: tuple[str, ...]
    requests: RequestSummary
    rollouts: tuple[RolloutStatus, ...] = ()
    endpoints: tuple[EndpointSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What came of a reload.

    `done` tells whether the file now serves, `changed` whether that made a new
    generation; `problems` says why it does not serve, one text per problem.
    """

    done: bool
    changed: bool
    generation: int
    problems: tuple[str, ...] = ()


class AdminView(Protocol):
    """What the admin listener needs of the running proxy."""

    @property
    def registry(self) -> CollectorRegistry:
        """Return where the metrics are collected."""

    def ready(self) -> tuple[bool, str]:
        """Return whether new requests are welcome, and in one word or sentence why (not)."""

    def status(self) -> Status:
        """Return the state of this moment."""

    async def reload(self) -> ReloadOutcome:
        """Read the configuration file now and serve it if it has no problem.

        Two reloads at the same time are the implementer's to put in a row.
        """


def summarise(accounting: Accounting) -> RequestSummary:
    """Shorten the counters to what a person reads."""
    requests: dict[tuple[str, str], int] = {}
    errors: dict[tuple[str, str], int] = {}
    for key, count in accounting.series():
        side = (key.route, key.arm)
        requests[side] = requests.get(side, 0) + count
        if key.status_class >= 5:
            errors[side] = errors.get(side, 0) + count
    times = {
        (route, arm): (_ms(histogram.quantile(0.5)), _ms(histogram.quantile(0.99)))
        for route, arm, histogram in accounting.latencies()
    }
    return RequestSummary(
        total=sum(requests.values()),
        in_flight=accounting.in_flight,
        connections_open=accounting.connections_open,
        tunnels_open=accounting.tunnels_open,
        faults={reason.value: count for reason, count in accounting.faults().items()},
        routes=tuple(
            RouteSummary(*side, count, errors.get(side, 0), *times.get(side, (None, None)))
            for side, count in sorted(requests.items())
        ),
    )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 2)
