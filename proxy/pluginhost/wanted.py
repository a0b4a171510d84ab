"""What a configuration wants of the plugins, as the host is told it: values only.

The host does not know the configuration; a `Place` is the thread back to where something
stands in it, for reading settings and for telling problems.
"""

from pathlib import Path
from typing import NamedTuple, Protocol

from proxy.api.settings import Settings
from proxy.pluginhost.sources import Catalogue
from proxy.settings.problems import Problem

__all__ = ["ApplicationWanted", "JudgeWanted", "Place", "UseWanted", "Wanted"]


class Place(Protocol):
    """Where the settings of a use or of an application stand in the configuration."""

    def read(self, model: type[Settings]) -> Settings:
        """Read the settings that stand here. Raises ConfigError with all that is wrong."""

    def problem(self, said: str, wanted: str, hint: str = "") -> Problem:
        """Return a problem that points here."""


class ApplicationWanted(NamedTuple):
    """A plugin that is named under `plugins:` with its application-scope settings."""

    plugin: str
    place: Place


class JudgeWanted(NamedTuple):
    """A plugin that a rollout's `rollback` names; its settings are those under `plugins:`."""

    plugin: str
    place: Place


class UseWanted(NamedTuple):
    """A plugin that is named on a route."""

    plugin: str
    route: str
    """The route's name."""
    arm: str
    """``legacy`` or ``new`` for the destination of an arm, else empty."""
    destination: bool
    """Whether it answers in place of an upstream."""
    on_error: str
    """``skip``, ``refuse``, or empty for what each hook does by itself."""
    place: Place


class Wanted(NamedTuple):
    """All plugins of a configuration, in its order."""

    paths: tuple[Path, ...] = ()
    """The directories in which plugins are looked for, besides the installed ones."""
    applications: tuple[ApplicationWanted, ...] = ()
    uses: tuple[UseWanted, ...] = ()
    found: Catalogue | None = None
    """What was found in `paths` and installed; None: look now."""
    judges: tuple[JudgeWanted, ...] = ()

    @property
    def named(self) -> "tuple[ApplicationWanted | UseWanted | JudgeWanted, ...]":
        """Return everything that names a plugin."""
        return (*self.applications, *self.uses, *self.judges)

    @property
    def plugins(self) -> frozenset[str]:
        """Return the names of all plugins that are wanted."""
        return frozenset(one.plugin for one in self.named)
