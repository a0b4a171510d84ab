"""The plugin host: makes the plugin set of each generation and ends it when it is over.

The life of a plugin: discovered, loaded, verified, settings read, constructed, started;
then it serves; when no set holds it any more: shut down, forgotten. Whatever fails before it serves
is undone and leaves everything as it was.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

from prometheus_client import CollectorRegistry

from proxy.api.events import Alert, Move
from proxy.api.judging import Question, Verdict
from proxy.pluginhost import tracing
from proxy.pluginhost.alerts import Alerts
from proxy.pluginhost.codes import Gathered, LiveCodes, gather
from proxy.pluginhost.explaining import Explained, explained
from proxy.pluginhost.faults import FaultLog, release_hint
from proxy.pluginhost.fitting import fit
from proxy.pluginhost.guard import Guard
from proxy.pluginhost.instances import ApplicationInstance, Instances, Known, Maker
from proxy.pluginhost.judges import verdicts
from proxy.pluginhost.lifecycle import SHUTDOWN_SECONDS, STARTUP_SECONDS, start, stop
from proxy.pluginhost.metrics import PluginMetrics
from proxy.pluginhost.plugin_set import PluginSet
from proxy.pluginhost.routers import provide
from proxy.pluginhost.running import in_thread
from proxy.pluginhost.services import Reconfigure, Surroundings, nothing_to_change
from proxy.pluginhost.spending import Spending
from proxy.pluginhost.stores import PluginStores
from proxy.pluginhost.wanted import Wanted
from proxy.settings.problems import ConfigError, Problem

__all__ = ["IMPORT_SECONDS", "PluginHost"]

IMPORT_SECONDS = 60.0
"""So long reading and importing the code of all new plugins may take."""

_NOTHING = Known({}, {})


class PluginHost:
    """One for the whole process. Everything happens on one loop, imports in a thread beside it."""

    def __init__(
        self,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        *,
        stores: PluginStores | None = None,
        reconfigure: Reconfigure = nothing_to_change,
        trace_hooks: bool | None = None,
        startup_seconds: float = STARTUP_SECONDS,
        shutdown_seconds: float = SHUTDOWN_SECONDS,
        import_seconds: float = IMPORT_SECONDS,
    ) -> None:
        """`stores` gives plugins theirs; without it there are none.

        `reconfigure` changes the configuration for them.
        `trace_hooks` is what CROSSFADE_TRACE_HOOKS says, unless it is given.
        """
        traced = tracing.wanted() if trace_hooks is None else trace_hooks
        self.faults = FaultLog(self._quarantined, clock)
        """What the plugins' faults come to, over all reloads."""
        self._alerts = Alerts(self._told)
        self._spending = Spending(self._metering)
        self._around = Surroundings(
            PluginMetrics(registry),
            self.alert,
            clock,
            wall_clock,
            stores,
            self._spending,
            reconfigure,
        )
        self._codes = LiveCodes()
        self._maker = Maker(self.faults, clock, traced=traced)
        self._startup_seconds = startup_seconds
        self._shutdown_seconds = shutdown_seconds
        self._import_seconds = import_seconds
        self._sets: list[PluginSet] = []
        self._serving: PluginSet | None = None
        self._served: PluginSet | None = None
        self._endings: set[asyncio.Task[None]] = set()

    async def prepare(self, wanted: Wanted, before: PluginSet | None = None) -> PluginSet:
        """Make the set for a configuration; `before` gives what may be carried over.

        Raises ConfigError with all that is wrong; everything is then as it was. One at a
        time. New applications are started one after another; one that holds up the loop
        without waiting holds up every request, and there is no remedy for that.
        """
        try:
            return await self._prepare(wanted, before)
        except ConfigError as error:
            problems = error.problems
        # Out here, so that no traceback hangs on it, and with that what was undone: errors
        # are kept for whoever asks for the status.
        raise ConfigError(problems)

    async def _prepare(self, wanted: Wanted, before: PluginSet | None) -> PluginSet:
        with self._codes.settling():
            gathered = await self._gather(wanted)
            self._codes.add(gathered.fresh)
            known = _NOTHING if before is None or before not in self._sets else before.known
            instances = self._make(wanted, gathered, known)
            self._hold(instances)
            try:
                await self._start(instances)
                plugins = self._finish(instances, gathered)
            except BaseException:
                await self._owned(self._let_go(instances))
                raise
            self._sets.append(plugins)
            return plugins

    def rehearse(self, wanted: Wanted) -> None:
        """Do all that `prepare` does before it starts anything, then undo it; needs no loop.

        Raises ConfigError with all that is wrong.
        """
        with self._codes.settling():
            gathered = gather(wanted, self._codes.known())
            self._codes.add(gathered.fresh)
            self._make(wanted, gathered, _NOTHING)

    def serve(self, plugins: PluginSet) -> None:
        """Let alerts, moves and spending go to the applications of this set: it is in force."""
        self._serving = self._served = plugins
        self._spending.serves()

    def moved(self, move: Move) -> None:
        """Tell the applications that a rollout has changed who goes where."""
        for one in self._told():
            one.tell("rollout_moved", move)

    def alert(self, alert: Alert) -> None:
        """Tell the applications of something that a person should know."""
        self._alerts.tell(alert)

    def judge(self, question: Question) -> list[Verdict]:
        """Ask every application that judges; a fault, or a quarantine, is a ``hold``."""
        return verdicts(self._told(), question)

    async def explain(self, request_id: str) -> tuple[Explained, ...]:
        """Ask every application what it knows of a request; see `Explained`."""
        return await explained(self._told(), request_id)

    async def close(self) -> None:
        """End all sets, whoever uses them; the process ends."""
        for plugins in reversed(self._sets.copy()):
            await self.end(plugins)
        while self._endings:
            await asyncio.wait(self._endings.copy())

    async def end(self, plugins: PluginSet) -> None:
        """End what only this set holds; see `PluginSet.release`."""
        if plugins in self._sets:
            self._sets.remove(plugins)
            if self._serving is plugins:
                self._serving = None
            await self._owned(self._let_go(plugins.instances))
            if self._served is plugins:
                self._served = None

    def changed(self, guard: Guard) -> None:
        """Make all chains anew in which a use has a part that is quarantined or released."""
        for plugins in self._sets:
            plugins.rebuild(guard)

    @property
    def sets(self) -> int:
        """Return how many sets there are: the one that serves, and those that drain."""
        return len(self._sets)

    @property
    def codes(self) -> int:
        """Return how many plugins' code is loaded."""
        return len(self._codes)

    async def _gather(self, wanted: Wanted) -> Gathered:
        known = self._codes.known()
        try:
            return await in_thread(
                self._import_seconds, lambda: gather(wanted, known), self._codes.add_late
            )
        except TimeoutError:
            raise ConfigError([_slow_import(wanted, self._import_seconds)]) from None

    def _make(self, wanted: Wanted, gathered: Gathered, known: Known) -> Instances:
        fitting = fit(wanted, gathered.codes)
        _raise_any(*gathered.problems, *fitting.problems)
        instances = self._maker.make(fitting, known)
        _raise_any(*instances.problems)
        return instances

    def _hold(self, instances: Instances) -> None:
        self._codes.hold(instances.codes)
        for one in instances.applications:
            one.holders += 1

    async def _start(self, instances: Instances) -> None:
        for one in instances.applications:
            if one.services is None:
                await start(one, self._around, self._startup_seconds)

    def _finish(self, instances: Instances, gathered: Gathered) -> PluginSet:
        provided = provide(instances.applications)
        _raise_any(*provided.problems)
        in_use = sorted(f"{code.name} {code.source.digest}" for code in instances.codes)
        said = repr((gathered.catalogue.digest, in_use))
        return PluginSet(instances, provided, self, hashlib.sha256(said.encode()).hexdigest())

    async def _let_go(self, instances: Instances) -> None:
        """Hold them no longer, and end what nobody holds: last started, first ended."""
        ended: list[ApplicationInstance] = []
        for one in reversed(instances.applications):
            one.holders -= 1
            if one.holders == 0 and one.services is not None:
                ended.append(one)
        # Who meters ends last: the others may still tell what their last calls have used.
        ended.sort(key=lambda one: "spend_settled" in one.calls)
        try:
            await stop(ended, self._shutdown_seconds)
        finally:
            self._codes.drop(instances.codes)

    async def _owned(self, ending: Coroutine[Any, Any, None]) -> None:
        """Await an ending that goes on to its end even if nobody waits for it any more."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        await asyncio.shield(task)

    def _told(self) -> Iterable[ApplicationInstance]:
        return () if self._serving is None else self._serving.applications

    def _metering(self) -> Iterable[ApplicationInstance] | None:
        """Return those of the set in force, or of the last one while the process ends."""
        return None if self._served is None else self._served.applications

    def _quarantined(self, guard: Guard) -> None:
        self.changed(guard)
        route = f" on route {guard.route}" if guard.route else ""
        text = f"{guard.plugin}{route} is quarantined ({guard.quarantined}); {release_hint(guard)}"
        self.alert(Alert("plugin_quarantined", guard.plugin, text, "critical"))


def _raise_any(*problems: Problem) -> None:
    if problems:
        raise ConfigError(problems)


def _slow_import(wanted: Wanted, seconds: float) -> Problem:
    names = ", ".join(sorted(wanted.plugins)[:20])
    return Problem(
        "plugins",
        1,
        1,
        f"plugins {names}",
        f"code that is not read and imported within {seconds:g} s",
        "modules that are imported in time",
        "do in startup what takes long, and nothing while a module is imported",
    )
