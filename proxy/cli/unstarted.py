"""The plugins of a configuration, constructed and never started: for commands.

A command has no running proxy. What plugins can say without having been started they
say here: which commands they have, and which arm a request would be pinned to.
"""

import time

from proxy.config import Config, ConfigError, Problem
from proxy.controlplane.material import material_of
from proxy.pluginhost.codes import gather
from proxy.pluginhost.fitting import fit
from proxy.pluginhost.guard import Guard
from proxy.pluginhost.instances import Instances, Known, Maker

__all__ = ["unstarted"]


def unstarted(config: Config) -> Instances:
    """Load, verify and construct what the configuration names. Raises ConfigError.

    The code stays loaded: the process ends with the command.
    """
    wanted = material_of(config).wanted
    gathered = gather(wanted, {})
    fitting = fit(wanted, gathered.codes)
    _raise_any(*gathered.problems, *fitting.problems)
    made = Maker(_Unwatched(), time.monotonic, traced=False).make(fitting, Known({}, {}))
    _raise_any(*made.problems)
    return made


class _Unwatched:
    """Takes note of no faults: nobody is served here."""

    def fault(self, guard: Guard, hook: str, error: BaseException, *, told: bool) -> None:
        """Let it pass."""

    def quarantined(self, guard: Guard) -> None:
        """Let it pass."""

    def slow(self, hook: str, guards: tuple[Guard, ...], seconds: float) -> None:
        """Let it pass."""


def _raise_any(*problems: Problem) -> None:
    if problems:
        raise ConfigError(problems)
