"""One replica's rollouts on a real store; the test is the clock, the file and the operators."""

from collections.abc import Mapping
from typing import Any

from proxy.api.events import Alert, Move
from proxy.config.models import Config
from proxy.controlplane.rollouts.authority import Actor, Effects, Rollouts
from proxy.core.commands import Command
from proxy.core.rollout_state import RolloutState
from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import RolloutStore
from tests.kit.inside import configuration

NAME = "fade"
NOW = 1_700_000_000.0
OPERATOR = Actor("alice", "operator")
ADMIN = Actor("root", "admin")
BRAKE = Actor("auto_rollback", "automation")
LOST = "redis://127.0.0.1:6379 does not answer"


def declared(*, state: str = "memory://", **rollout: Any) -> Config:
    """A configuration with the rollout `fade`, at 50 % unless told otherwise."""
    return rolled({NAME: {"percentage": 50} | rollout}, state=state)


def rolled(rollouts: Mapping[str, Any], **more: Any) -> Config:
    """A configuration with these rollouts."""
    return configuration(identity={"key": ["cookie:sid"]}, rollouts=dict(rollouts), **more)


class Replica:
    """See the module. What it does to the world around it is kept."""

    def __init__(self, store: RolloutStore, env: Mapping[str, str] | None = None) -> None:
        self.store = store
        self.now = NOW
        self.steered: list[RolloutState] = []
        self.moves: list[Move] = []
        self.alerts: list[Alert] = []
        effects = Effects(self.steered.append, self.moves.append, self.alerts.append)
        self.rollouts = Rollouts(store, effects, env or {}, lambda: self.now)

    async def open(self, config: Config | None = None) -> "Replica":
        """Begin with this configuration, by default `declared()`."""
        await self.rollouts.open(config or declared())
        return self

    async def ask(
        self, command: Command, actor: Actor = OPERATOR, name: str = NAME, **options: Any
    ) -> RolloutState:
        """Ask for a change."""
        return await self.rollouts.change(name, command, actor, "the test wants it", **options)

    @property
    def state(self) -> RolloutState:
        """How `fade` stands here."""
        return self.rollouts.state(NAME)

    @property
    def serves(self) -> float:
        """The share that the hot path gives to new."""
        return self.steered[-1].share

    def told(self) -> list[str]:
        """The names of the alerts so far."""
        return [alert.name for alert in self.alerts]


def beside(replica: Replica) -> Replica:
    """Another replica that shares the store, and whose store is lost by itself."""
    store = memory(replica).another()
    store.shared = True
    return Replica(store)


def memory(replica: Replica) -> MemoryStore:
    """The replica's store, which is in memory."""
    assert isinstance(replica.store, MemoryStore)
    return replica.store


def lose(*replicas: Replica) -> None:
    """Let these replicas lose the store."""
    for replica in replicas:
        memory(replica).lost = LOST


async def heal(*replicas: Replica) -> None:
    """Let these replicas have the store again, and look at it until they agree."""
    for replica in replicas:
        memory(replica).lost = ""
    for _ in range(2):
        for replica in replicas:
            await replica.rollouts.refresh()
