"""Rollouts for tests of what is answered about them."""

from collections.abc import AsyncIterator

import pytest

from proxy.controlplane.rollouts.authority import Effects, Rollouts
from proxy.core.rollout_state import RolloutState
from proxy.stores.memory import MemoryStore
from tests.controlplane.admin_view import NOW, InForce, View


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(lambda: NOW)


@pytest.fixture
def in_force() -> InForce:
    return InForce()


@pytest.fixture
async def rollouts(view: View, store: MemoryStore, in_force: InForce) -> AsyncIterator[Rollouts]:
    """The rollouts `hybrid` (5 per cent, on two routes) and `sleeping`, of the view."""

    def steer(state: RolloutState) -> None:
        in_force.steer(state)
        view.generation.steer(state)

    effects = Effects(steer, lambda _: None, lambda _: None)
    found = Rollouts(store, effects, {}, lambda: NOW)
    await found.open(view.config)
    view.opened = found
    yield found
    await found.close()
