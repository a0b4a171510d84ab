"""What the configuration declares, taken over into the states at the start and by each reload."""

from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.config.declared import declared_of
from proxy.config.models import Config
from proxy.controlplane.rollouts.change_request import Actor, ChangeRequest
from proxy.controlplane.rollouts.declaring import restrained, splits
from proxy.controlplane.rollouts.direction import restrains
from proxy.controlplane.rollouts.effects import Telling
from proxy.controlplane.rollouts.force import Force
from proxy.controlplane.rollouts.states import States
from proxy.core.commands import Declare
from proxy.core.ramp import NotAllowedError, apply
from proxy.core.rollout_state import Declared, Mark
from proxy.settings.problems import ConfigError, Problem
from proxy.stores.rollouts import ConflictError, StoreLostError

__all__ = ["CONFIGURATION", "Declarations"]

CONFIGURATION = "configuration"
"""Who declares, unless an operator has brought an older generation back."""

_CAUGHT_UP = "what the configuration says"
_log: FilteringBoundLogger = structlog.get_logger()


class Declarations:
    """See the module. What cannot be taken over at once is taken over when the store is back."""

    behind = False
    """Whether something is still to be taken over."""

    def __init__(
        self,
        states: States,
        force: Force,
        telling: Telling,
        now: Callable[[], float],
        change: Callable[[ChangeRequest], Awaitable[None]],
    ) -> None:
        """`change` makes a change as anybody's is made; `now` gives Unix seconds."""
        self._states = states
        self._force = force
        self._telling = telling
        self._now = now
        self._change = change

    def check(self, config: Config) -> None:
        """Raise ConfigError where `config` wants another store or another split than there is."""
        problems: list[Problem] = []
        if config.state != self._force.config.state:
            problems.append(
                config.problem(
                    ("state",),
                    "another store than the one that is open",
                    "the same store while Crossfade runs",
                    "restart Crossfade to use another store",
                )
            )
        problems += splits(config, self._states.stored)
        if problems:
            raise ConfigError(problems)

    async def take_over(self, config: Config, why: str, by: str) -> None:
        """Go by `config` from now on; never fails."""
        self._force.follow(config)
        for name in config.rollouts:
            await self._declare(name, why, by)
            self._force.put(name, again=True)
            self._force.tell_move(name, by, why)
        self._telling.vanished(config.rollouts, by, why)

    async def catch_up(self) -> None:
        """Take over what could not be taken over before."""
        if self.behind:
            self.behind = False
            for name in self._force.config.rollouts:
                await self._declare(name, _CAUGHT_UP, CONFIGURATION)

    async def _declare(self, name: str, why: str, by: str) -> None:
        declared = declared_of(self._force.config, name)
        actor = Actor(by, CONFIGURATION if by == CONFIGURATION else "operator")
        mark = Mark(by, why, self._now())
        try:
            await self._change(ChangeRequest(name, Declare(declared), actor, mark))
        except NotAllowedError as error:
            _log.warning("declaration_not_taken_over", rollout=name, reason=str(error))
        except ConflictError as error:
            self.behind = True
            _log.warning("declaration_not_taken_over_yet", rollout=name, reason=str(error))
        except StoreLostError as error:
            self.behind = True
            _log.warning("declaration_not_taken_over_yet", rollout=name, reason=str(error))
            await self._declare_part(name, declared, actor, mark)

    async def _declare_part(self, name: str, declared: Declared, actor: Actor, mark: Mark) -> None:
        """Take over what leads toward legacy: no store is needed for that."""
        state = self._states.state(name)
        part = Declare(restrained(state.declared, declared))
        with suppress(NotAllowedError):
            if self._states.known(name) and restrains(state, apply(state, part, mark)):
                await self._change(ChangeRequest(name, part, actor, mark))
