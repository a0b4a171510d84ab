"""A proxy reduced to what a change goes through: file, plugins, host, door; no listeners."""

import asyncio
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry

from proxy.config import load
from proxy.controlplane.draining import Draining
from proxy.controlplane.generations import GenerationBuilder, prepare
from proxy.controlplane.listeners import ListenersError
from proxy.controlplane.material import material_of
from proxy.controlplane.reloading import Parts, Reloader
from proxy.controlplane.rollouts.authority import Effects, Rollouts
from proxy.controlplane.seen import Seen
from proxy.controlplane.status import ReloadOutcome
from proxy.core.rollout_state import RolloutState
from proxy.dataplane.access_log import KeyHash
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.door import Door
from proxy.dataplane.generation import Generation
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.importing import loaded
from proxy.pluginhost.plugin_set import PluginSet
from proxy.stores.memory import MemoryStore

HELLO = """
from proxy.api import Application, Settings, Use, hook
from tests.controlplane import changing

version = "{version}"
diary = []

class Hello(Use):
    @hook
    def edit_response(self, request, reply):
        pass

class Watcher(Application):
    @hook
    async def startup(self):
        changing.on_startup()
        {startup}

    @hook
    def rollout_moved(self, move):
        diary.append(tuple(move))

    @hook
    def alert_raised(self, alert):
        diary.append(tuple(alert))
"""

on_startup: Callable[[], object] = bool
"""Called by each plugin that starts."""

CONFIG: dict[str, Any] = {
    "listen": "127.0.0.1:0",
    "upstreams": {"legacy": {"url": "http://127.0.0.1:3000"}},
    "identity": {"key": ["cookie:sid"]},
    "rollouts": {"fade": {"percentage": 50}},
    "plugins": {"path": ["plugins"]},
    "routes": [{"name": "all", "match": {}, "upstream": "legacy", "plugins": ["hello"]}],
}


class Changing:
    """See the module."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "config.yaml"
        self.plugins = folder / "plugins"
        self.followed: list[Seen] = []
        self.no_listener = False
        self.accounting = Accounting()
        self.host = PluginHost(CollectorRegistry())
        self.door: Door
        self.draining: Draining[Generation]
        self.reloader: Reloader
        self.store = MemoryStore()
        effects = Effects(self._steer, self.host.moved, self.host.alert)
        self.rollouts = Rollouts(self.store, effects, {}, time.time)
        self.plugins.mkdir()
        self.write()
        self.write_plugin("1")

    def write(self, **sections: Any) -> None:
        """Write the file with these sections in place of the usual ones."""
        self.file.write_text(yaml.safe_dump(CONFIG | sections))

    def write_rollout(self, **rollout: Any) -> None:
        """Write the file with this rollout."""
        self.write(rollouts={"fade": rollout})

    def write_plugin(self, version: str, name: str = "hello", startup: str = "pass") -> None:
        """Write a plugin that has a version and keeps a diary."""
        text = HELLO.format(version=version, startup=startup)
        (self.plugins / f"{name}.py").write_text(textwrap.dedent(text))

    async def start(self) -> None:
        """Serve what the file holds."""
        loop = asyncio.get_running_loop()
        config = load(self.file, {})
        seen = Seen.at(self.file, config.plugins.path)
        material = material_of(config)
        builder = GenerationBuilder(loop.time, KeyHash(b"test"))
        await self.rollouts.open(config)
        generation = await prepare(builder, self.host, material, None, self.rollouts.states())
        self.door = Door(generation, self.accounting, loop)
        self.draining = Draining(self.door.cut_generation)
        await self._take_over(generation)
        parts = Parts(
            builder,
            self.host,
            self.door,
            self.draining,
            self._take_over,
            self.followed.append,
            self.rollouts,
        )
        self.reloader = Reloader(parts, {}, seen, material)

    def _steer(self, state: RolloutState) -> None:
        if hasattr(self, "door"):
            self.door.generation.steer(state)

    async def _take_over(self, generation: Generation) -> None:
        if self.no_listener:
            raise ListenersError("listen 127.0.0.1:1: cannot listen there: taken")
        self.door.generation = generation
        self.host.serve(self.serving)

    async def close(self) -> None:
        """End everything and see that nothing is left."""
        await self.reloader.stop()
        self.draining.retire(self.door.generation)
        await self.draining.close()
        await self.rollouts.close()
        await self.host.close()
        self.door.close()
        assert self.host.sets == 0
        assert self.host.codes == 0

    async def reload(self, *, dry_run: bool = False, release: bool = True) -> ReloadOutcome:
        """Ask for a reload."""
        return await self.reloader.reload(dry_run=dry_run, release=release)

    async def event(self) -> ReloadOutcome:
        """What the watcher does."""
        return await self.reload(release=False)

    async def changed(self, **sections: Any) -> ReloadOutcome:
        """Write another file and have it served."""
        self.write(**sections)
        outcome = await self.reload()
        assert outcome.done, outcome.problems
        assert outcome.changed
        return outcome

    @property
    def number(self) -> int:
        """The number of the generation that serves."""
        return self.door.generation.number

    @property
    def serving(self) -> PluginSet:
        """The plugins that serve."""
        plugins = self.door.generation.plugins
        assert plugins is not None
        return plugins

    @property
    def version(self) -> str:
        """The version of the plugin that serves."""
        return str(self._module.version)

    @property
    def diary(self) -> list[tuple[Any, ...]]:
        """What the plugin that serves was told."""
        told: list[tuple[Any, ...]] = self._module.diary
        return told

    @property
    def _module(self) -> Any:
        [report] = [one for one in self.serving.reports() if one.name == "hello"]
        return sys.modules[report.module]


def modules() -> int:
    """How many versions of plugins are loaded."""
    return len(loaded())


@asynccontextmanager
async def changing(folder: Path) -> AsyncIterator[Changing]:
    """One that serves its first generation; it is ended in the end."""
    found = Changing(folder)
    await found.start()
    try:
        yield found
    finally:
        await found.close()
