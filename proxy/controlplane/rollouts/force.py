"""The states in force: what is learned, under what the environment says, on the hot path."""

from collections.abc import Callable, Mapping

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Config
from proxy.controlplane.rollouts.effects import Telling
from proxy.controlplane.rollouts.overlay import Overlay
from proxy.controlplane.rollouts.states import States
from proxy.core.rollout_state import RolloutState, share_of
from proxy.stores.rollouts import StoreLostError

__all__ = ["Force"]

_ELSEWHERE = "another replica"
_log: FilteringBoundLogger = structlog.get_logger()


class Force:
    """See the module. `config` is the configuration whose rollouts these are."""

    config: Config

    def __init__(
        self, states: States, overlay: Overlay, telling: Telling, now: Callable[[], float]
    ) -> None:
        """Begin with nothing in force."""
        self._states = states
        self._overlay = overlay
        self._telling = telling
        self._now = now
        self._steered: dict[str, RolloutState] = {}

    def follow(self, config: Config) -> None:
        """Go by another configuration from now on."""
        self.config = config
        self._overlay.read(config.rollouts)

    def state(self, name: str) -> RolloutState:
        """Return how a rollout stands here, with the environment's overrides."""
        return self._overlay.on(self._states.in_force(name, self._now()))

    def states_of(self, config: Config) -> Mapping[str, RolloutState]:
        """Return how the rollouts of `config` stand; a new one is at its beginning."""
        return {name: self.state(name) for name in config.rollouts}

    def share(self, name: str) -> float:
        """Return what a rollout gives to new in fact, in per cent."""
        state, enabled = self.state(name), self.config.rollouts[name].enabled
        return share_of(state.percentage, state.standing, enabled=enabled)

    def put(self, name: str, *, again: bool = False) -> None:
        """Put a rollout's state on the hot path, if it is another one or `again`."""
        if name not in self.config.rollouts:
            return
        state = self.state(name)
        if again or self._steered.get(name) != state:
            self._steered[name] = state
            self._telling.steer(state)

    def begin(self) -> None:
        """Take what is in force as told already."""
        for name in self.config.rollouts:
            self._telling.settle(name, self.share(name))

    def tell_move(self, name: str, by: str, why: str) -> None:
        """Tell plugins that a rollout's share is another one, if it is."""
        if name in self.config.rollouts:
            self._telling.move(name, self.share(name), by, why)

    async def tell(self, name: str, by: str = _ELSEWHERE, why: str = "") -> None:
        """Tell what was stored of a rollout, and its move; `by` and `why` if nobody knows."""
        entry = None
        try:
            entry = await self._telling.news(self._states.base(name))
        except StoreLostError as error:
            _log.warning("changes_not_told_yet", rollout=name, reason=str(error))
        if entry is not None:
            by, why = entry.actor, entry.reason
        self.tell_move(name, by, why)
