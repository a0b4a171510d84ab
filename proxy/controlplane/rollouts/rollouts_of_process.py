"""The rollouts of a running proxy: their store, what observes them, and the loop over them."""

import asyncio
import time
from collections.abc import Callable, Mapping
from uuid import uuid4

from proxy.config.models import Config
from proxy.controlplane.rollouts.authority import Effects, Rollouts
from proxy.controlplane.rollouts.loop import RampLoop
from proxy.controlplane.rollouts.observing import Watch
from proxy.controlplane.rollouts.polling import Polling
from proxy.controlplane.rollouts.surroundings import Surroundings
from proxy.controlplane.rollouts.traffic import callers, legacy_up
from proxy.core.rollout_state import RolloutState
from proxy.dataplane.accounting import Accounting
from proxy.dataplane.generation import Generation
from proxy.pluginhost.host import PluginHost
from proxy.stores.opening import fleet_of, store_for

__all__ = ["RolloutsOfProcess"]


class RolloutsOfProcess:
    """See the module. `rollouts` and `loop` are there once it is opened."""

    rollouts: Rollouts
    loop: RampLoop
    _polling: Polling

    def __init__(self, host: PluginHost, accounting: Accounting, env: Mapping[str, str]) -> None:
        """`host` has the judges; `accounting` counts the requests of all generations."""
        self.watch = Watch()
        self._host = host
        self._accounting = accounting
        self._env = env
        self._generation: Generation | None = None
        self._clock: Callable[[], float] = asyncio.get_running_loop().time

    async def open(self, config: Config) -> None:
        """Open the store that `config` names, and find how the rollouts stand.

        Raises ConfigError for a split that would change.
        """
        store = store_for(config.state)
        effects = Effects(self._steer, self._host.moved, self._host.alert)
        self.rollouts = Rollouts(store, effects, self._env, time.time)
        self._polling = Polling(self.rollouts.refresh)
        self.rollouts.on_hint(self._polling.hint)
        surroundings = Surroundings(
            rollouts=self.rollouts,
            fleet=fleet_of(store),
            watch=self.watch,
            judge=self._host.judge,
            config=lambda: self._serving.config,
            legacy_up=lambda name: legacy_up(self._serving, name, self._clock()),
            callers=lambda name: callers(self._accounting, self._serving.config, name),
            alert=self._host.alert,
        )
        self.loop = RampLoop(surroundings, uuid4().hex, self.rollouts.now)
        try:
            await self.rollouts.open(config)
        except BaseException:
            await self.rollouts.close()
            raise

    def serve(self, generation: Generation) -> None:
        """Note that `generation` serves now, by how the rollouts stand at this moment.

        It was built some time ago: what was braked since counts here, too.
        """
        for name, state in self.rollouts.states_of(generation.config).items():
            if generation.learned.get(name) != state:
                generation.steer(state)
        self._generation = generation
        self.watch.serve(generation.config)

    def start(self) -> None:
        """Look at the store, and walk the ramps, from now on."""
        self._polling.start()
        self.loop.start()

    async def stop(self) -> None:
        """Walk no more, let others lead; the rollouts can still be changed."""
        await self.loop.close()
        await self._polling.close()

    async def close(self) -> None:
        """Store what is left to store, and let go of the store."""
        await self.rollouts.close()

    @property
    def _serving(self) -> Generation:
        assert self._generation is not None  # noqa: S101 - the loop starts after `serve`
        return self._generation

    def _steer(self, state: RolloutState) -> None:
        if self._generation is not None:
            self._generation.steer(state)
