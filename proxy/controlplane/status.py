"""What `/status` says about a running proxy, and where the admin listener learns it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from prometheus_client import CollectorRegistry

from proxy.config.models import Config
from proxy.controlplane.draining import DrainingStatus
from proxy.controlplane.history import HistoryEntry
from proxy.controlplane.preview import RolloutPreview
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.core.rollout_state import Standing, share_of
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.decided import Decided
from proxy.dataplane.endpoint_snapshot import EndpointSnapshot
from proxy.dataplane.generation import Generation
from proxy.pluginhost.explaining import Explained
from proxy.pluginhost.reports import PluginReport
from proxy.pluginhost.routers import PluginAdmin


@dataclass(frozen=True, slots=True)
class ConfigStatus:
    """The configuration that serves.

    `digest` covers it and the plugins that it uses. `stale` is true when the file holds
    something else that does not serve, because it was refused or because an operator has
    `brought_back` an older generation; `problems` then says why, one text per problem.
    `loaded_at` in unix seconds.
    """

    file: str
    digest: str
    loaded_at: float
    stale: bool = False
    problems: tuple[str, ...] = ()
    brought_back: bool = False


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """One rollout: `percentage` (0..100) is what it gives to `new` when `enabled`.

    `standing` says in a word how it stands; killed and rolled back, everybody is on legacy.
    `version` is that of its state.
    """

    name: str
    enabled: bool
    percentage: float
    routes: tuple[str, ...] = ()
    standing: str = Standing.DRAFT.value
    version: int = 0

    @property
    def share(self) -> float:
        """Return what it gives to `new` in fact, 0..100."""
        return share_of(self.percentage, Standing(self.standing), enabled=self.enabled)


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
    """Everything that `/status` says; it is sent as JSON in this shape.

    `draining` are the generations before with requests still under way, `history` those
    that can be brought back, both the oldest first. `degraded` says why the store of the
    rollouts cannot be used, and is empty while it can.
    """

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
    draining: tuple[DrainingStatus, ...] = ()
    history: tuple[HistoryEntry, ...] = ()
    plugins: tuple[PluginReport, ...] = ()
    degraded: str = ""


@dataclass(frozen=True, slots=True)
class ReloadOutcome:
    """What came of a reload, or would come of it when it was only tried (`dry_run`).

    `done` tells whether the file now serves, `changed` whether that made a new
    generation; `generation` is the one that serves; `problems` says why the file does not
    serve, one text per problem. `moves` tells for each rollout what the change means for
    its last callers, `released` the plugins that were let out of quarantine.
    """

    done: bool
    changed: bool
    generation: int
    problems: tuple[str, ...] = ()
    moves: tuple[RolloutPreview, ...] = ()
    released: tuple[str, ...] = ()
    dry_run: bool = False


class AdminView(Protocol):
    """What the admin listener needs of the running proxy."""

    @property
    def registry(self) -> CollectorRegistry:
        """Return where the metrics are collected."""

    def ready(self) -> tuple[bool, str]:
        """Return whether new requests are welcome, and in one word or sentence why (not)."""

    def status(self) -> Status:
        """Return the state of this moment."""

    async def reload(
        self, *, dry_run: bool = False, release: bool = True, file: str = ""
    ) -> ReloadOutcome:
        """Read the configuration file and the plugins now; serve them if they have no problem.

        With `dry_run` everything is done but the last step, and nothing changes; `file` then
        names another file, in the folder of the one that serves. With
        `release` the quarantined plugins serve again if nothing has changed.
        Two reloads at the same time are the implementer's to put in a row.
        """

    async def rollback(self, number: int, *, by: str = "operator") -> ReloadOutcome:
        """Serve again what that generation was made of, as a new generation.

        `by` is the operator's name. The file stays as it is, and the configuration
        counts as stale until it is read again.
        """

    def history(self) -> tuple[HistoryEntry, ...]:
        """Return the generations that can be brought back, the oldest first."""

    def plugins(self) -> tuple[PluginReport, ...]:
        """Return what is to be known of each plugin that serves."""

    def release_quarantine(self, plugin: str | None = None) -> tuple[str, ...]:
        """Let the quarantined uses of a plugin serve again, or those of all; returns the names."""

    def plugin_admin(self) -> tuple[PluginAdmin, ...]:
        """Return what plugins answer on the admin listener."""

    @property
    def config(self) -> Config:
        """Return the configuration that serves."""

    @property
    def generation(self) -> Generation:
        """Return the generation that serves."""

    @property
    def decided(self) -> Sequence[Decided]:
        """Return the last decisions of rollouts, the oldest first."""

    async def explain(self, request_id: str) -> tuple[Explained, ...]:
        """Return what plugins know of a request; takes a few seconds at most."""

    @property
    def rollouts(self) -> Rollouts:
        """Return how the rollouts stand, and the way to change them."""

    def standing(self, name: str) -> RolloutReport:
        """Return what is known of a rollout at this moment beside its state."""


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
