"""The running proxy: starts, reloads, tells of itself, drains, ends."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from proxy import __version__
from proxy.api.changes import Change, ChangeRefusedError
from proxy.config import Config, load
from proxy.config.models import Admin
from proxy.config.state import IN_MEMORY
from proxy.controlplane.admin.changes import Changes
from proxy.controlplane.admin.server import AdminServer, start_admin
from proxy.controlplane.draining import Draining
from proxy.controlplane.generations import GenerationBuilder, discard, prepare
from proxy.controlplane.health_checks import HealthChecks
from proxy.controlplane.history import HistoryEntry
from proxy.controlplane.listeners import Listeners, ListenersError
from proxy.controlplane.logs import key_hash, set_up_logs
from proxy.controlplane.material import Material, material_of
from proxy.controlplane.metrics import (
    GenerationFacts,
    MetricSources,
    PluginFacts,
    StateFacts,
    build_registry,
)
from proxy.controlplane.reloading import Parts, Reloader
from proxy.controlplane.rollouts.authority import Rollouts
from proxy.controlplane.rollouts.report import RolloutReport
from proxy.controlplane.rollouts.rollouts_of_process import RolloutsOfProcess
from proxy.controlplane.seen import Seen
from proxy.controlplane.status import ReloadOutcome, RolloutStatus, Status, summarise
from proxy.controlplane.watch import Watcher
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.decided import Decided
from proxy.dataplane.door import Door
from proxy.dataplane.endpoint_snapshot import EndpointSnapshot
from proxy.dataplane.generation import Generation
from proxy.pluginhost.explaining import Explained
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.importing import loaded
from proxy.pluginhost.reports import PluginReport
from proxy.pluginhost.routers import PluginAdmin
from proxy.stores.for_plugins import StoresForPlugins

__all__ = ["ProxyProcess", "StartError"]

_log: FilteringBoundLogger = structlog.get_logger()


async def _start_admin(declared: Admin | None, view: "ProxyProcess") -> AdminServer | None:
    if declared is None:
        return None
    try:
        return await start_admin(declared, view)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ListenersError(
            f"admin.listen {declared.listen}: cannot listen there: {reason}"
        ) from error


class StartError(Exception):
    """The proxy cannot start; the text says why and what to do."""


class ProxyProcess:
    """One proxy on the running loop. Also what the admin listener sees (`AdminView`)."""

    _door: Door
    _listeners: Listeners
    _reloader: Reloader
    _watcher: Watcher

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """Begin with nothing; `start` reads the file at `path`, with variables out of `env`."""
        self._path = path
        self._env = env
        self._loop = asyncio.get_running_loop()
        self._accounting = Accounting()
        self._checks = HealthChecks()
        self._draining: Draining[Generation] = Draining(self._cut)
        self._admin: AdminServer | None = None
        self._admin_declared: Admin | None = None
        self._started = time.monotonic()
        self._state = "starting"
        sources = MetricSources(
            self._facts, self._endpoints, self._rollouts, self._plugin_facts, self._state_facts
        )
        self._registry = build_registry(self._accounting, sources, __version__)
        self._changes = Changes()
        self._host = PluginHost(
            self._registry, stores=StoresForPlugins(path.parent), reconfigure=self._reconfigure
        )
        self._running = RolloutsOfProcess(self._host, self._accounting, env)
        self._builder = GenerationBuilder(
            self._loop.time, key_hash(env), self._running.watch.observers
        )

    # life

    async def start(self) -> None:
        """Read the file, start the plugins, listen, check, watch.

        Raises ConfigError with every problem of the file and its plugins, or StartError
        when something else cannot be had, such as an address; nothing goes on then.
        """
        try:
            await self._start()
        except BaseException:
            await self._host.close()
            raise
        self._watcher.start()
        self._running.start()
        self._state = "serving"
        config = self._door.generation.config
        _log.info(
            "serving",
            listen=self._listeners.addresses,
            admin=None if config.admin is None else str(config.admin.listen),
            routes=len(config.routes),
            plugins=[report.name for report in self.plugins()],
            config=str(self._path),
        )
        if config.rollouts and config.state == IN_MEMORY:
            says = "a restart forgets ramps and rollbacks; name a store, as state: sqlite:state.db"
            _log.warning("state_in_memory", says=says)

    async def _start(self) -> None:
        seen = Seen.at(self._path)
        config = load(self._path, self._env)
        set_up_logs(config.log)
        seen = seen.beside(config.plugins.path)
        material = material_of(config)
        await self._running.open(config)
        try:
            await self._serve(seen, material)
        except BaseException:
            await self._running.close()
            raise

    async def _serve(self, seen: Seen, material: Material) -> None:
        try:
            generation = await prepare(
                self._builder, self._host, material, None, self.rollouts.states()
            )
        except (OSError, ValueError) as error:
            raise StartError(str(error)) from error
        self._door = Door(generation, self._accounting, self._loop)
        self._listeners = Listeners(self._door.protocol)
        self._watcher = Watcher(seen, self._reload_if_changed)
        parts = Parts(
            self._builder,
            self._host,
            self._door,
            self._draining,
            self._take_over,
            self._watcher.follow,
            self.rollouts,
        )
        self._reloader = Reloader(parts, self._env, seen, material)
        try:
            await self._take_over(generation)
        except BaseException as error:
            await discard(generation)
            self._door.close()
            if isinstance(error, ListenersError):
                raise StartError(str(error)) from error
            raise

    async def drain(self) -> None:
        """Take no more, finish what is under way (at most `limits.drain`), cut the rest."""
        limit = self._door.generation.limits.drain
        self._state = "draining"
        # A reload under way would open the listeners again.
        await self._reloader.stop()
        await self._watcher.close()
        await self._running.stop()
        self._listeners.close()
        self._door.drain()
        _log.info("draining", connections=len(self._door.connections), limit=limit)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._door.empty.wait(), limit)
        left = len(self._door.connections) + len(self._door.tunnels)
        self._door.cut()
        await self._checks.close()
        for upstream in self._door.generation.upstreams.values():
            upstream.retire()
        if self._admin is not None:
            await self._admin.close()
        self._draining.retire(self._door.generation)
        await self._draining.close()
        await self._running.close()
        await self._host.close()
        self._door.close()
        _log.info("stopped", cut=left)

    async def _take_over(self, generation: Generation) -> None:
        """Put `generation` in force. Raises ListenersError; nothing is changed then."""
        await self._change_listeners(generation.config)
        self._running.serve(generation)
        self._door.generation = generation
        set_up_logs(generation.config.log)
        self._checks.follow(generation)
        if generation.plugins is not None:
            self._host.serve(generation.plugins)

    async def _change_listeners(self, config: Config) -> None:
        """Listen where `config` says, for clients and for the admin; all of it or nothing."""
        change = await self._listeners.change(config.listen)
        old, before, declared = self._admin, self._admin_declared, config.admin
        moves = declared is None or before is None or declared.listen != before.listen
        try:
            new = await _start_admin(declared, self) if moves else old
        except ListenersError:
            change.undo()
            raise
        change.make()
        self._admin, self._admin_declared = new, declared
        if not moves and new is not None and declared is not None:
            new.allow(declared.tokens)
        elif moves and old is not None:
            await old.retire()

    def _cut(self, generation: Generation) -> None:
        self._door.cut_generation(generation)

    # what the admin listener asks for

    async def reload(
        self, *, dry_run: bool = False, release: bool = True, file: str = ""
    ) -> ReloadOutcome:
        """Read the file and the plugins now; serve them if they have no problem."""
        return await self._reloader.reload(dry_run=dry_run, release=release, file=file)

    async def _reload_if_changed(self) -> None:
        await self.reload(release=False)

    async def rollback(self, number: int, *, by: str = "operator") -> ReloadOutcome:
        """Serve again what generation `number` was made of, as a new generation."""
        return await self._reloader.rollback(number, by)

    async def _reconfigure(
        self, changes: Sequence[Change], by: str, why: str
    ) -> tuple[Change, ...]:
        """Change the configuration in the name of a plugin; begun, it is also finished."""
        if self._state == "starting":
            raise ChangeRefusedError(["Crossfade is starting; ask when it serves"])
        change = self._reloader.reconfigure(changes, by, why)
        return await self._changes.finish(change, "reconfigure")

    def release_quarantine(self, plugin: str | None = None) -> tuple[str, ...]:
        """Let the quarantined uses of a plugin, or of all plugins, serve again."""
        return self._reloader.release_quarantine(plugin)

    # what the admin listener sees

    @property
    def registry(self) -> CollectorRegistry:
        """Where the metrics are collected."""
        return self._registry

    def ready(self) -> tuple[bool, str]:
        """Whether new requests are welcome, and the word for it."""
        ready = self._state == "serving"
        if ready and self.rollouts.degraded:
            return True, f"serving, but the store of the rollouts is lost: {self.rollouts.degraded}"
        return ready, self._state

    def status(self) -> Status:
        """The state of this moment."""
        ready, reason = self.ready()
        return Status(
            version=__version__,
            ready=ready,
            reason=reason,
            generation=self._door.generation.number,
            uptime_seconds=round(time.monotonic() - self._started, 3),
            config=self._reloader.status,
            listeners=self._listeners.addresses,
            requests=summarise(self._accounting),
            rollouts=tuple(self._rollouts()),
            endpoints=tuple(self._endpoints()),
            draining=self._draining.statuses(),
            history=self.history(),
            plugins=self.plugins(),
            degraded=self.rollouts.degraded,
        )

    def history(self) -> tuple[HistoryEntry, ...]:
        """The generations that can be brought back, the oldest first."""
        return self._reloader.history.entries()

    def plugins(self) -> tuple[PluginReport, ...]:
        """What is to be known of each plugin that serves."""
        plugins = self._door.generation.plugins
        return () if plugins is None else plugins.reports()

    def plugin_admin(self) -> tuple[PluginAdmin, ...]:
        """What plugins answer on the admin listener."""
        plugins = self._door.generation.plugins
        return () if plugins is None else plugins.admin

    @property
    def config(self) -> Config:
        """The configuration that serves."""
        return self._door.generation.config

    @property
    def generation(self) -> Generation:
        """The generation that serves."""
        return self._door.generation

    @property
    def decided(self) -> Sequence[Decided]:
        """The last decisions of rollouts, the oldest first."""
        return self._door.decided

    async def explain(self, request_id: str) -> tuple[Explained, ...]:
        """What the plugins know of a request."""
        return await self._host.explain(request_id)

    @property
    def rollouts(self) -> Rollouts:
        """How the rollouts stand, and the way to change them."""
        return self._running.rollouts

    def standing(self, name: str) -> RolloutReport:
        """What is known of a rollout at this moment beside its state."""
        return self._running.loop.report(name)

    def _facts(self) -> GenerationFacts:
        status, draining = self._reloader.status, len(self._draining.statuses())
        number = self._door.generation.number
        return GenerationFacts(number, status.stale, status.loaded_at, draining)

    def _plugin_facts(self) -> PluginFacts:
        uses = ((plugin.name, use) for plugin in self.plugins() for use in plugin.uses)
        return PluginFacts(
            self._host.faults.counts(),
            self._host.faults.slow_counts(),
            [(name, use.route, bool(use.quarantined)) for name, use in uses],
            len(loaded()),
        )

    def _endpoints(self) -> list[EndpointSnapshot]:
        now = self._door.clock()
        upstreams = self._door.generation.upstreams.values()
        return [state for upstream in upstreams for state in upstream.states(now)]

    def _state_facts(self) -> StateFacts:
        return StateFacts(bool(self.rollouts.degraded), self._running.loop.leads)

    def _rollouts(self) -> list[RolloutStatus]:
        config = self._door.generation.config
        states = self.rollouts.states_of(config)
        return [
            RolloutStatus(
                name=name,
                enabled=rollout.enabled,
                percentage=states[name].percentage,
                routes=tuple(r.name for r in config.routes if r.rollout == name),
                standing=states[name].standing.value,
                version=states[name].version,
            )
            for name, rollout in config.rollouts.items()
        ]
