"""What the environment lays over the states of rollouts. Nothing of it is ever stored."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.overrides import KILL, Override, overrides, variable
from proxy.core.position import under_way
from proxy.core.rollout_state import Mark, RolloutState

__all__ = ["ENVIRONMENT", "Overlay"]

ENVIRONMENT = "environment"
"""Who put the marks of an overlay."""

_log: FilteringBoundLogger = structlog.get_logger()


class Overlay:
    """What is said by the environment of a process; it does not change while that runs.

    An override by `<NAME>_ENABLED=false` or `CROSSFADE_KILL` is shown as a kill, one by
    `<NAME>_PERCENTAGE` as that percentage with the ramp paused; neither takes off what
    keeps callers on legacy.
    """

    def __init__(self, env: Mapping[str, str], since: float) -> None:
        """`since` is when the marks were put: the start of the process, in Unix seconds."""
        self._env = env
        self._since = since
        self._told: set[str] = set()
        self._kill = False
        self._rollouts: Mapping[str, Override] = {}

    def read(self, names: Iterable[str]) -> None:
        """Find what is said of the rollouts of these names; what cannot be read is logged once."""
        said = overrides(self._env, names)
        self._kill, self._rollouts = said.kill, said.rollouts
        for problem in said.problems:
            if problem not in self._told:
                self._told.add(problem)
                _log.warning("environment_not_understood", problem=problem)

    def said(self, name: str) -> str:
        """Return in words what is set that overrides this rollout; empty if nothing is."""
        if self._kill:
            return f"{KILL} is set"
        override = self._rollouts.get(name, Override())
        if override.enabled is False:
            return f"{variable(name)}_ENABLED=false is set"
        if override.percentage is not None:
            return f"{variable(name)}_PERCENTAGE={override.percentage:g} is set"
        return ""

    def on(self, state: RolloutState) -> RolloutState:
        """Return the state as it is in force in this process."""
        why = self.said(state.name)
        if not why:
            return state
        mark = Mark(ENVIRONMENT, why, self._since)
        override = self._rollouts.get(state.name, Override())
        if self._kill or override.enabled is False:
            return replace(state, killed=state.killed or mark)
        if override.percentage is None:
            return state
        paused = state.paused or (mark if under_way(state) else None)
        over = replace(state, percentage=override.percentage, paused=paused)
        # A rollout that has never moved has no segment, and the brake would have no evidence.
        return over if state.segment else replace(over, segment=1, segment_since=self._since)
