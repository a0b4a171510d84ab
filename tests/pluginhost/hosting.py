"""A plugin host over a folder of plugins that the test writes, and what a configuration wants."""

import sys
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from pydantic import ValidationError
from structlog.testing import capture_logs

from proxy.api.settings import Settings
from proxy.pluginhost.host import PluginHost
from proxy.pluginhost.importing import loaded
from proxy.pluginhost.plugin_set import PluginSet
from proxy.pluginhost.wanted import ApplicationWanted, JudgeWanted, UseWanted, Wanted
from proxy.settings.problems import ConfigError, Problem

HEAD = """
from proxy.api import *
"""

WATCHER = """
diary = []

class Watch(Settings):
    name: str = "watch"

class Watcher(Application):
    settings: Watch

    @hook
    async def startup(self, services):
        self.services = services
        diary.append(f"{self.settings.name} begins")

    @hook
    async def shutdown(self):
        diary.append(f"{self.settings.name} ends")
"""

GREETER = """
class Greeting(Settings):
    text: str = "hello"

class Greeter(Use):
    settings: Greeting

    @hook
    def edit_response(self, request, reply):
        return self.settings.text
"""


class At:
    """A `Place`: settings as they would stand in a file."""

    def __init__(self, where: str, raw: Mapping[str, Any] | None = None) -> None:
        self.where = where
        self.raw = dict(raw or {})

    def read(self, model: type[Settings]) -> Settings:
        try:
            return model.model_validate(self.raw)
        except ValidationError as error:
            wrong = [(".".join(map(str, one["loc"])), one["msg"]) for one in error.errors()]
        raise ConfigError(self.problem(key, message) for key, message in wrong)

    def problem(self, said: str, wanted: str, hint: str = "") -> Problem:
        return Problem("config.yaml", 1, 1, self.where, said, wanted, hint)


def use(
    plugin: str,
    route: str = "campaigns",
    *,
    arm: str = "",
    destination: bool = False,
    on_error: str = "",
    **settings: Any,
) -> UseWanted:
    """A plugin on a route."""
    return UseWanted(plugin, route, arm, destination, on_error, At(f"routes.{route}", settings))


def application(plugin: str, **settings: Any) -> ApplicationWanted:
    """A plugin under `plugins:`."""
    return ApplicationWanted(plugin, At(f"plugins.{plugin}", settings))


def judge(plugin: str) -> JudgeWanted:
    """A plugin that the rollout `fade` wants to be judged by."""
    return JudgeWanted(plugin, At("rollouts.fade.rollback.judge"))


class Hosting:
    """A host, the folder that it finds plugins in, a clock that the test sets."""

    def __init__(self, folder: Path, **host: Any) -> None:
        self.folder = folder
        self.now = 1000.0
        self.registry = CollectorRegistry()
        self.host = PluginHost(
            self.registry, lambda: self.now, lambda: self.now + 1_700_000_000, **host
        )

    def write(self, name: str, *texts: str) -> Path:
        """Write a plugin, with everything that it may import from `proxy.api`."""
        path = self.folder / f"{name}.py"
        path.write_text("".join(textwrap.dedent(text) for text in (HEAD, *texts)))
        return path

    def wanted(self, *named: ApplicationWanted | UseWanted | JudgeWanted) -> Wanted:
        """What a configuration with these plugins wants."""
        return Wanted(
            (self.folder,),
            tuple(one for one in named if isinstance(one, ApplicationWanted)),
            tuple(one for one in named if isinstance(one, UseWanted)),
            judges=tuple(one for one in named if isinstance(one, JudgeWanted)),
        )

    async def prepare(
        self, *named: ApplicationWanted | UseWanted, before: PluginSet | None = None
    ) -> PluginSet:
        """The plugin set of such a configuration."""
        return await self.host.prepare(self.wanted(*named), before)

    async def serve(self, *named: ApplicationWanted | UseWanted) -> PluginSet:
        """The same, in force."""
        plugins = await self.prepare(*named)
        self.host.serve(plugins)
        return plugins

    async def refused(
        self, *named: ApplicationWanted | UseWanted, before: PluginSet | None = None
    ) -> list[str]:
        """The problems of a configuration that cannot be used, the folder taken out."""
        try:
            await self.prepare(*named, before=before)
        except ConfigError as error:
            return [str(one).replace(f"{self.folder}/", "") for one in error.problems]
        raise AssertionError("it can be used")

    def modules(self) -> int:
        """How many plugins out of the folder are imported."""
        files = [str(sys.modules[name].__file__) for name in loaded() if name.count(".") == 1]
        return len([file for file in files if file.startswith(str(self.folder))])


def module_of(plugins: PluginSet, name: str) -> dict[str, Any]:
    """The globals of a plugin's module."""
    [code] = [code for code in plugins.instances.codes if code.name == name]
    return vars(sys.modules[code.module])


@contextmanager
def log_lines() -> Iterator[list[dict[str, Any]]]:
    """Every line of the log while this lasts."""
    with capture_logs() as lines:
        yield lines  # type: ignore[misc]
