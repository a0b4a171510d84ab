"""What a configuration wants of the plugins, told to a host that knows no configuration."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from proxy.api.settings import Settings
from proxy.config import Config
from proxy.config.models import PluginUse, Route
from proxy.pluginhost.wanted import ApplicationWanted, JudgeWanted, UseWanted, Wanted
from proxy.settings.problems import Loc, Problem

__all__ = ["wanted"]


class _Place(NamedTuple):
    """Where settings stand in a configuration."""

    config: Config
    loc: Loc
    raw: Mapping[str, Any]

    def read(self, model: type[Settings]) -> Settings:
        """Read what stands here. Raises ConfigError with all that is wrong."""
        return self.config.read_settings(model, self.loc, self.raw)

    def problem(self, said: str, wanted: str, hint: str = "") -> Problem:
        """Return a problem that points here."""
        return self.config.problem(self.loc, said, wanted, hint, at_key=True)


def wanted(config: Config) -> Wanted:
    """Return the plugins of a configuration: all of them, in its order."""
    plugins = config.plugins
    applications = tuple(
        ApplicationWanted(name, _Place(config, ("plugins", name), settings))
        for name, settings in plugins.applications.items()
    )
    uses = tuple(use for route in config.routes for use in _uses(config, route))
    return Wanted(plugins.path, applications, uses, judges=tuple(_judges(config)))


def _judges(config: Config) -> Iterator[JudgeWanted]:
    """The plugin that may roll back each rollout that some route uses."""
    used = {route.rollout for route in config.routes if route.arms is not None}
    for name, rollout in config.rollouts.items():
        if name in used and rollout.rollback.enabled:
            loc: Loc = ("rollouts", name, "rollback", "judge")
            yield JudgeWanted(rollout.rollback.judge, _Place(config, loc, {}))


def _uses(config: Config, route: Route) -> Iterator[UseWanted]:
    for use in route.plugins:
        yield _use(config, route, use)
    if route.plugin is not None:
        yield _use(config, route, route.plugin, destination=True)
    if route.arms is not None:
        for name, arm in (("legacy", route.arms.legacy), ("new", route.arms.new)):
            if arm.plugin is not None:
                yield _use(config, route, arm.plugin, name, destination=True)


def _use(
    config: Config, route: Route, use: PluginUse, arm: str = "", *, destination: bool = False
) -> UseWanted:
    place = _Place(config, use.loc, use.settings)
    return UseWanted(use.plugin, route.name, arm, destination, use.on_error, place)
