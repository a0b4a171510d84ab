"""A proxy reduced to what the admin listener sees of it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from proxy.api import Handler
from proxy.config.models import Admin, Config
from proxy.controlplane.admin.server import start_admin
from proxy.controlplane.draining import DrainingStatus
from proxy.controlplane.generations import GenerationBuilder
from proxy.controlplane.history import HistoryEntry
from proxy.controlplane.metrics import GenerationFacts, MetricSources, PluginFacts, build_registry
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.controlplane.status import (
    ConfigStatus,
    ReloadOutcome,
    RolloutStatus,
    Status,
    summarise,
)
from proxy.core.reason import Reason
from proxy.core.rollout_state import RolloutState
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.decided import Decided
from proxy.dataplane.endpoint_snapshot import EndpointSnapshot
from proxy.dataplane.generation import Generation
from proxy.pluginhost.chains import Step
from proxy.pluginhost.explaining import Explained
from proxy.pluginhost.faults import FaultKey, SlowKey
from proxy.pluginhost.guard import APPLICATION, Guard
from proxy.pluginhost.reports import PluginReport, UseReport
from proxy.pluginhost.routers import PluginAdmin

NOW = 1_700_000_000.0
"""When everything happens, in Unix seconds."""

ENDPOINTS = (
    EndpointSnapshot("legacy", "http://127.0.0.1:3000", "up", 3, 2, 0, 17, 0),
    EndpointSnapshot("new", "http://127.0.0.1:4000", "ejected", 0, 0, 1, 5, 2),
)
ROLLOUTS = (
    RolloutStatus("hybrid", enabled=True, percentage=12.5, routes=("campaigns",)),
    RolloutStatus("sleeping", enabled=False, percentage=50.0),
)
PLUGGED = PluginFacts(
    faults={FaultKey("headers", "campaigns", "edit_request"): 4},
    slow={SlowKey("campaigns", "edit_request"): 2},
    quarantined=(
        ("headers", "campaigns", True),
        ("headers", "campaigns", False),
        ("statsd", "", False),
    ),
    modules=7,
)
CONFIG = {
    "listen": "127.0.0.1:0",
    "upstreams": {
        "legacy": {"url": "http://127.0.0.1:3000"},
        "new": {"url": "http://127.0.0.1:4000"},
    },
    "identity": {"key": ["header:X-User-Id"]},
    "rollouts": {
        "hybrid": {
            "percentage": 5,
            "cohort": "tenant",
            "whitelist": ["ann"],
            "ramp": {
                "steps": [5, {"percentage": 25, "gates": {"approval": True}}, 50, 100],
                "gates": {"webhook": {"url": "http://127.0.0.1:7000/gate"}},
            },
        },
        "sleeping": {"enabled": False, "percentage": 50},
    },
    "routes": [
        {
            "name": name,
            "match": {"path": f"/{name}"},
            "rollout": "hybrid",
            "arms": {"legacy": {"upstream": "legacy"}, "new": {"upstream": "new"}},
        }
        for name in ("campaigns", "messages")
    ],
}
HISTORY = (
    HistoryEntry(2, "cd" * 32, 1700000000.0, "Crossfade started"),
    HistoryEntry(3, "ab" * 32, 1700000060.0, "the plugin headers changed"),
)


def headers_report(quarantined: str = "") -> PluginReport:
    """What is told of a plugin without an application that is used twice."""
    return PluginReport(
        name="headers",
        version="2.1",
        kind="installed",
        place="plugins/headers/__init__.py",
        digest="ef" * 32,
        module="plugins.headers",
        hooks=("edit_request", "edit_response"),
        settings=None,
        health="",
        background_tasks=0,
        faults=0,
        last_fault="",
        quarantined="",
        uses=(
            UseReport("campaigns", "", False, "refuse", {"set": {"A": "b"}}, 7, 0, "", ""),
            UseReport("campaigns", "new", True, "", {}, 5, 4, "dispatch: KeyError", quarantined),
        ),
    )


def statsd_report(health: str = "", quarantined: str = "") -> PluginReport:
    """What is told of a plugin that only has an application."""
    return PluginReport(
        name="statsd",
        version="",
        kind="directory",
        place="plugins/statsd.py",
        digest="12" * 32,
        module="crossfade_plugins.statsd_12",
        hooks=("finished", "health"),
        settings={"host": "127.0.0.1"},
        health=health,
        background_tasks=1,
        faults=2,
        last_fault="finished: OSError",
        quarantined=quarantined,
        uses=(),
    )


class InForce:
    """What was put in force on the hot path, by rollout."""

    def __init__(self) -> None:
        self.states: dict[str, RolloutState] = {}

    def steer(self, state: RolloutState) -> None:
        self.states[state.name] = state


class Faulty:
    """Takes note of the faults of plugins: `faults` are pairs of hook and exception."""

    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []

    def fault(self, guard: Guard, hook: str, error: BaseException, *, told: bool) -> None:
        self.faults.append((hook, type(error).__name__))

    def quarantined(self, guard: Guard) -> None:
        pass

    def slow(self, hook: str, guards: tuple[Guard, ...], seconds: float) -> None:
        pass


class View:
    """The state is plain attributes, for a test to set."""

    def __init__(self) -> None:
        self.accounting = Accounting()
        self.is_ready = (True, "serving")
        self.outcome = ReloadOutcome(done=True, changed=True, generation=4)
        self.problems: tuple[str, ...] = ()
        self.broken = False
        self.reloads = 0
        self.asked: list[dict[str, object]] = []
        self.rollbacks: list[tuple[int, str]] = []
        self.reports: tuple[PluginReport, ...] = (headers_report(), statsd_report())
        self.draining: tuple[DrainingStatus, ...] = ()
        self.brought_back = False
        self.released: list[str | None] = []
        self.watch = Faulty()
        self.answers: list[PluginAdmin] = []
        self.opened: Rollouts | None = None
        self.built: Generation | None = None
        self.decided: list[Decided] = []
        self.explained: dict[str, tuple[Explained, ...]] = {}
        self.config: Config = Config.model_validate(CONFIG)
        self.standings: dict[str, RolloutReport] = {}
        sources = MetricSources(
            lambda: GenerationFacts(3, bool(self.problems), 1700000000.0, draining=2),
            lambda: ENDPOINTS,
            lambda: ROLLOUTS,
            lambda: PLUGGED,
        )
        self._registry = build_registry(self.accounting, sources, "1.2.3")

    @property
    def registry(self) -> CollectorRegistry:
        return self._registry

    @property
    def rollouts(self) -> Rollouts:
        assert self.opened is not None, "begin the test with the fixture `rollouts`"
        return self.opened

    def standing(self, name: str) -> RolloutReport:
        return self.standings.get(name, RolloutReport())

    @property
    def generation(self) -> Generation:
        if self.built is None:
            self.built = GenerationBuilder(lambda: 0.0, KeyHash(b"test")).build(self.config)
        return self.built

    async def explain(self, request_id: str) -> tuple[Explained, ...]:
        return self.explained.get(request_id, ())

    def ready(self) -> tuple[bool, str]:
        return self.is_ready

    def status(self) -> Status:
        ready, reason = self.is_ready
        return Status(
            version="1.2.3",
            ready=ready,
            reason=reason,
            generation=3,
            uptime_seconds=93784.0,
            config=ConfigStatus(
                "config.yaml",
                "ab" * 32,
                1700000000.0,
                bool(self.problems),
                self.problems,
                self.brought_back,
            ),
            listeners=("127.0.0.1:8080",),
            requests=summarise(self.accounting),
            rollouts=ROLLOUTS,
            endpoints=ENDPOINTS,
            draining=self.draining,
            history=HISTORY,
            plugins=self.reports,
        )

    async def reload(
        self, *, dry_run: bool = False, release: bool = True, file: str = ""
    ) -> ReloadOutcome:
        await asyncio.sleep(0)
        self.asked.append({"dry_run": dry_run, "release": release, "file": file})
        if self.broken:
            raise RuntimeError("a fault of ours, with hunter2 in it")
        self.reloads += 1
        return self.outcome

    async def rollback(self, number: int, *, by: str = "operator") -> ReloadOutcome:
        await asyncio.sleep(0)
        self.rollbacks.append((number, by))
        return self.outcome

    def history(self) -> tuple[HistoryEntry, ...]:
        return HISTORY

    def plugins(self) -> tuple[PluginReport, ...]:
        return self.reports

    def release_quarantine(self, plugin: str | None = None) -> tuple[str, ...]:
        self.released.append(plugin)
        return ("headers on route campaigns",) if plugin in (None, "headers") else ()

    def plugin_admin(self) -> tuple[PluginAdmin, ...]:
        return tuple(self.answers)

    def add_answer(self, method: str, path: str, handler: Handler, role: str = "operator") -> Guard:
        """Have the plugin `echo` answer; returns the watch over it."""
        guard = Guard("echo", APPLICATION, "", self.watch)
        step = Step(handler, guard, "refuse", waits=True)
        self.answers.append(PluginAdmin("echo", method, path, role, step))
        return guard


def serve_some(accounting: Accounting) -> None:
    """Count a little of everything."""
    for arm, status, reason in (
        ("new", 200, Reason.PERCENTAGE),
        ("new", 503, Reason.PERCENTAGE),
        ("legacy", 502, Reason.UPSTREAM_REFUSED),
        ("legacy", 0, Reason.CLIENT_LEFT),
    ):
        accounting.started()
        accounting.finished("campaigns", arm, status, reason, 0.02, 10, 100)
    accounting.refused(Reason.BAD_REQUEST, 400)
    accounting.connection_opened()
    accounting.retried("legacy")
    accounting.rescued("campaigns")


@asynccontextmanager
async def admin_serving(view: View, tokens: Sequence[object] = ()) -> AsyncIterator[str]:
    """Run the real listener on a free port; gives its URL."""
    settings = Admin.model_validate({"listen": "127.0.0.1:0", "tokens": list(tokens)})
    server = await start_admin(settings, view)
    try:
        yield "http://{}:{}".format(*server.addresses[0])
    finally:
        await server.close()
