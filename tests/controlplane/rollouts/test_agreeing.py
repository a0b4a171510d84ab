"""Whatever replicas lose and find again, in the end they agree, and no brake is undone."""

import asyncio
import io
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError
from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import ConflictError, StoreLostError
from tests.controlplane.log_lines import logging_into
from tests.controlplane.rollouts.replica import ADMIN, BRAKE, NOW, OPERATOR, Replica

REPLICAS = 3


@dataclass(frozen=True)
class Turn:
    """What happens at one replica."""

    replica: int
    what: str
    percentage: float = 0.0


TURNS = st.builds(
    Turn,
    st.integers(0, REPLICAS - 1),
    st.sampled_from(
        ["cut", "heal", "poll", "brake", "kill", "set", "set", "pause", "start", "again", "forget"]
    ),
    st.sampled_from([0.0, 5.0, 20.0, 50.0, 80.0, 100.0]),
)


class Fleet:
    """Some replicas with one store that each of them may lose."""

    def __init__(self) -> None:
        self.now = NOW
        self.stores = [MemoryStore(lambda: self.now)]
        self.stores += [self.stores[0].another() for _ in range(1, REPLICAS)]
        for store in self.stores:
            store.shared = True
        self.replicas = [Replica(store) for store in self.stores]
        self.lifted = True
        """Whether somebody has lifted what braked, since."""

    async def play(self, turns: list[Turn]) -> None:
        for replica in self.replicas:
            await replica.open()
        for turn in turns:
            self.now += 1
            for replica in self.replicas:
                replica.now = self.now
            await self._play(turn)
            replica = self.replicas[turn.replica]
            assert replica.serves == replica.state.share

    async def _play(self, turn: Turn) -> None:
        replica, store = self.replicas[turn.replica], self.stores[turn.replica]
        if turn.what in ("cut", "heal"):
            store.lost = "no way there" if turn.what == "cut" else ""
        elif turn.what == "poll":
            await replica.rollouts.refresh()
        elif turn.what == "forget":
            # Versions cannot tell what a store has lost that only a lost replica still knows.
            if any(each.lost for each in self.stores):
                return
            store._kept.states.clear()
            for each in (replica, *self.replicas):
                await each.rollouts.refresh()
        else:
            before = replica.state
            try:
                await self._ask(replica, turn)
            except (NotAllowedError, ConflictError):
                return
            except StoreLostError:
                assert store.lost or replica.rollouts.degraded or before == replica.state
                return
            if store.lost:
                assert replica.serves <= before.share, "nothing goes up without a store"

    async def _ask(self, replica: Replica, turn: Turn) -> None:
        if turn.what == "brake":
            if replica.state.rolled_back is None:  # else it has not heard yet of what was lifted
                self.lifted = False
            await replica.ask(ask.Brake(), BRAKE)
        elif turn.what == "kill":
            await replica.ask(ask.Kill())
        elif turn.what == "pause":
            await replica.ask(ask.Pause())
        elif turn.what == "set":
            await replica.ask(ask.SetPercentage(turn.percentage), OPERATOR)
        elif turn.what == "start":
            await replica.ask(ask.Start(insist=True), ADMIN)
            self.lifted = True
        elif replica.state.killed:
            await replica.ask(ask.Unkill(), ADMIN)
        else:
            await replica.ask(ask.Acknowledge(), ADMIN)
            self.lifted = True

    async def settle(self) -> None:
        for store in self.stores:
            store.lost = ""
        for _ in range(2):
            for replica in self.replicas:
                await replica.rollouts.refresh()


@settings(max_examples=120, deadline=None)
@given(st.lists(TURNS, max_size=25))
def test_after_an_outage_all_agree_and_no_brake_is_undone(turns: list[Turn]) -> None:
    async def story() -> None:
        fleet = Fleet()
        await fleet.play(turns)
        await fleet.settle()
        first = fleet.replicas[0]
        for replica in fleet.replicas:
            assert replica.rollouts.degraded == ""
            assert replica.state == first.state
            assert replica.serves == first.serves == first.state.share
        assert (await fleet.stores[0].load())[first.state.name] == first.state
        if not fleet.lifted:
            assert first.serves == 0, "it was braked, and nobody has lifted that"

    with logging_into(io.StringIO()):
        asyncio.run(story())
