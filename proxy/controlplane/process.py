"""The running proxy: starts, reloads, tells of itself, drains, ends."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog
from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from proxy import __version__
from proxy.config import Config, ConfigError, load
from proxy.config.models import Admin
from proxy.controlplane.admin import AdminServer, start_admin
from proxy.controlplane.generations import GenerationBuilder, retire
from proxy.controlplane.health_checks import HealthChecks
from proxy.controlplane.listeners import Listeners, ListenersError
from proxy.controlplane.logs import key_hash, set_up_logs
from proxy.controlplane.metrics import GenerationFacts, MetricSources, build_registry
from proxy.controlplane.status import (
    ConfigStatus,
    ReloadOutcome,
    RolloutStatus,
    Status,
    summarise,
)
from proxy.controlplane.watch import ConfigFingerprint, ConfigWatcher
from proxy.dataplane.accounting import Accounting, EndpointSnapshot
from proxy.dataplane.door import Door

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

    def __init__(self, path: Path, env: Mapping[str, str]) -> None:
        """Read the file. Raises ConfigError with every problem of it, or StartError."""
        self._path = path
        self._env = env
        loop = asyncio.get_running_loop()
        self._seen = ConfigFingerprint.of(path)
        config = load(path, env)
        set_up_logs(config.log)
        self._builder = GenerationBuilder(loop.time, key_hash(env))
        self._accounting = Accounting()
        try:
            generation = self._builder.build(config)
        except (OSError, ssl.SSLError, ValueError) as error:
            raise StartError(str(error)) from error
        self._door = Door(generation, self._accounting, loop)
        self._listeners = Listeners(self._door.protocol)
        self._checks = HealthChecks()
        self._admin: AdminServer | None = None
        self._admin_declared: Admin | None = None
        self._watcher: ConfigWatcher | None = None
        self._reloading = asyncio.Lock()
        self._started = time.monotonic()
        self._config_status = ConfigStatus(str(path), config.digest, time.time())
        self._state = "starting"
        sources = MetricSources(self._facts, self._endpoints, self._rollouts)
        self._registry = build_registry(self._accounting, sources, __version__)

    # life

    async def start(self) -> None:
        """Listen, check, watch. Raises StartError when an address cannot be had."""
        config = self._door.generation.config
        try:
            await self._change_listeners(config)
        except ListenersError as error:
            raise StartError(str(error)) from error
        self._checks.follow(self._door.generation)
        self._watcher = ConfigWatcher(self._path, self.reload, seen=self._seen)
        self._watcher.start()
        self._state = "serving"
        _log.info(
            "serving",
            listen=self._listeners.addresses,
            admin=None if config.admin is None else str(config.admin.listen),
            routes=len(config.routes),
            config=str(self._path),
        )

    async def drain(self) -> None:
        """Take no more, finish what is under way (at most `limits.drain`), cut the rest."""
        limit = self._door.generation.limits.drain
        self._state = "draining"
        if self._watcher is not None:
            await self._watcher.close()
        async with self._reloading:  # a reload under way would open the listeners again
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
        self._door.close()
        _log.info("stopped", cut=left)

    async def reload(self) -> ReloadOutcome:
        """Read the file now; serve it if it has no problem, else go on as before."""
        async with self._reloading:
            if self._state == "draining":
                return self._refused(("Crossfade is stopping; nothing is reloaded any more.",))
            try:
                # Reading and checking may take a while: not on the loop.
                config = await asyncio.to_thread(load, self._path, self._env)
                changed = config.digest != self._config_status.digest
                if changed:
                    await self._swap(config)
            except ConfigError as error:
                return self._refused(tuple(str(problem) for problem in error.problems))
            except (ListenersError, OSError, ssl.SSLError, ValueError) as error:
                return self._refused((str(error),))
            self._accounting.reloaded(done=True)
            now = time.time() if changed else self._config_status.loaded_at
            self._config_status = ConfigStatus(str(self._path), config.digest, now)
            number = self._door.generation.number
            _log.info("reloaded", generation=number, changed=changed)
            return ReloadOutcome(done=True, changed=changed, generation=number)

    async def _swap(self, config: Config) -> None:
        before = self._door.generation
        after = self._builder.build(config, before)
        await self._change_listeners(config)
        self._door.generation = after
        set_up_logs(config.log)
        self._checks.follow(after)
        retire(before, after)

    def _refused(self, problems: tuple[str, ...]) -> ReloadOutcome:
        self._accounting.reloaded(done=False)
        self._config_status = replace(self._config_status, stale=True, problems=problems)
        number = self._door.generation.number
        _log.error("reload_refused", generation=number, problems=problems)
        return ReloadOutcome(done=False, changed=False, generation=number, problems=problems)

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

    # what the admin listener sees

    @property
    def registry(self) -> CollectorRegistry:
        """Where the metrics are collected."""
        return self._registry

    def ready(self) -> tuple[bool, str]:
        """Whether new requests are welcome, and the word for it."""
        return self._state == "serving", self._state

    def status(self) -> Status:
        """The state of this moment."""
        ready, reason = self.ready()
        return Status(
            version=__version__,
            ready=ready,
            reason=reason,
            generation=self._door.generation.number,
            uptime_seconds=round(time.monotonic() - self._started, 3),
            config=self._config_status,
            listeners=self._listeners.addresses,
            requests=summarise(self._accounting),
            rollouts=tuple(self._rollouts()),
            endpoints=tuple(self._endpoints()),
        )

    def _facts(self) -> GenerationFacts:
        status = self._config_status
        return GenerationFacts(self._door.generation.number, status.stale, status.loaded_at)

    def _endpoints(self) -> list[EndpointSnapshot]:
        now = self._door.clock()
        upstreams = self._door.generation.upstreams.values()
        return [state for upstream in upstreams for state in upstream.states(now)]

    def _rollouts(self) -> list[RolloutStatus]:
        config = self._door.generation.config
        return [
            RolloutStatus(
                name=name,
                enabled=rollout.enabled,
                percentage=rollout.percentage,
                routes=tuple(r.name for r in config.routes if r.rollout == name),
            )
            for name, rollout in config.rollouts.items()
        ]
