"""Without the store: toward legacy goes on, all else waits, and in the end nothing is lost."""

import asyncio
import io
from typing import Any

import pytest

from proxy.core import commands as ask
from proxy.core.rollout_state import RolloutState, ScopedHold, Standing
from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import AuditEntry, StoreLostError
from tests.controlplane.rollouts.replica import (
    BRAKE,
    LOST,
    NAME,
    NOW,
    Replica,
    beside,
    declared,
    heal,
    lose,
    memory,
)

TOWARD_LEGACY = (
    ask.SetPercentage(10),
    ask.SetPercentage(0),
    ask.Pause(),
    ask.Rollback(),
    ask.Rollback(ScopedHold(mark=None, route="all")),  # type: ignore[arg-type]
    ask.Kill(),
    ask.EditLists(blacklist=frozenset("u")),
    ask.EditLists(unwhitelist=frozenset("w")),
)
AWAY_FROM_LEGACY = (
    ask.SetPercentage(60),
    ask.Start(),
    ask.EditLists(whitelist=frozenset({"v"})),
    ask.EditLists(blacklist=frozenset("u"), whitelist=frozenset({"v"})),
    ask.OverrideSafety(60),
)


@pytest.mark.parametrize("command", TOWARD_LEGACY, ids=str)
@pytest.mark.parametrize("known", [True, False], ids=["known lost", "just lost"])
async def test_what_leads_toward_legacy_needs_no_store(
    memory_store: MemoryStore, command: Any, known: bool
) -> None:
    one = await Replica(memory_store).open(declared(whitelist=["w"]))
    lose(one)
    if known:
        await one.rollouts.refresh()
        assert one.rollouts.degraded == LOST
    before = one.state
    after = await one.ask(command, idempotency_key="k")
    assert after != before
    assert one.steered[-1] == after
    assert one.rollouts.degraded == LOST
    await heal(one)
    stored = (await memory_store.load())[NAME]
    assert stored == one.state
    assert stored.version == 2
    assert stored.share == after.share
    entry = (await one.rollouts.audit(limit=1))[0]
    assert (entry.actor, entry.at) == ("alice", NOW)
    assert entry.reason == "the test wants it (made while the store was lost)"
    assert entry.idempotency_key == "k"


@pytest.mark.parametrize("command", AWAY_FROM_LEGACY, ids=str)
async def test_what_leads_away_from_legacy_waits_for_the_store(one: Replica, command: Any) -> None:
    lose(one)
    for _ in range(2):
        before = one.state
        with pytest.raises(StoreLostError, match="does not answer"):
            await one.ask(command)
        assert one.state == before
    await heal(one)
    assert one.state.version == 1


async def test_a_restraint_with_a_version_holds_without_the_store(one: Replica) -> None:
    lose(one)
    await one.ask(ask.SetPercentage(10), expected=1)
    assert one.serves == 10
    await one.ask(ask.SetPercentage(5), expected=1)
    await heal(one)
    assert (await one.store.load())[NAME].percentage == 5
    assert len(await one.rollouts.audit()) == 3


async def test_each_change_of_an_outage_is_stored_by_itself(one: Replica) -> None:
    lose(one)
    await one.ask(ask.SetPercentage(10))
    one.now += 60
    await one.ask(ask.Brake(evidence={"errors": 3}), BRAKE)
    await heal(one)
    newest, older, _ = await one.rollouts.audit()
    assert (older.actor, older.after["percentage"]) == ("alice", 10)
    assert (newest.actor, newest.at, newest.evidence) == ("auto_rollback", NOW + 60, {"errors": 3})


async def test_a_hundred_changes_of_an_outage_are_kept_and_the_last_of_more(one: Replica) -> None:
    lose(one)
    for number in range(150):
        await one.ask(ask.SetPercentage(49 - number / 10))
    assert one.serves == 34.1
    await heal(one)
    assert (await one.store.load())[NAME].percentage == 34.1
    assert len(await one.rollouts.audit(limit=1000)) == 1 + 100


class Deaf(MemoryStore):
    """Stores what it is given, and cannot say so."""

    deaf = False

    async def save(
        self, state: RolloutState, expected: int, entry: AuditEntry | None, fence: int = 0
    ) -> RolloutState:
        stored = await super().save(state, expected, entry, fence)
        if self.deaf:
            raise StoreLostError(LOST)
        return stored


async def test_a_change_whose_answer_was_lost_is_stored_once(log: io.StringIO) -> None:
    store = Deaf(lambda: NOW)
    one = await Replica(store).open()
    store.deaf = True
    await one.ask(ask.Kill())
    assert one.rollouts.degraded
    store.deaf = False
    await heal(one)
    assert one.state.killed
    assert [entry.action for entry in await one.rollouts.audit()] == ["kill", "declare"]


class Slow(MemoryStore):
    """Lets the test decide when something is stored, and when a look comes back."""

    def __init__(self) -> None:
        super().__init__(lambda: NOW + 100)
        self.open_ = asyncio.Event()
        self.open_.set()
        self.reached = asyncio.Event()

    async def save(
        self, state: RolloutState, expected: int, entry: AuditEntry | None, fence: int = 0
    ) -> RolloutState:
        self.reached.set()
        await self.open_.wait()
        return await super().save(state, expected, entry, fence)


class SlowToLoad(Slow):
    """Reads at once, and answers when the test says."""

    async def load(self) -> dict[str, RolloutState]:
        found = await super().load()
        self.reached.set()
        await self.open_.wait()
        return found

    async def save(
        self, state: RolloutState, expected: int, entry: AuditEntry | None, fence: int = 0
    ) -> RolloutState:
        return await MemoryStore.save(self, state, expected, entry, fence)


async def test_a_kill_waits_for_no_store(log: io.StringIO) -> None:
    store = Slow()
    one = await Replica(store).open()
    store.reached.clear()
    store.open_.clear()
    raising = asyncio.ensure_future(one.ask(ask.SetPercentage(60)))
    await store.reached.wait()
    killing = asyncio.ensure_future(one.ask(ask.Kill()))
    await asyncio.sleep(0)
    assert (one.serves, one.moves[-1].after) == (0, 0)
    assert not killing.done()
    store.open_.set()
    await asyncio.gather(raising, killing)
    assert one.serves == 0
    assert (await store.load())[NAME].killed


async def test_a_look_that_comes_back_late_undoes_nothing(log: io.StringIO) -> None:
    store = SlowToLoad()
    one = await Replica(store).open()
    store.reached.clear()
    store.open_.clear()
    looking = asyncio.ensure_future(one.rollouts.refresh())
    await store.reached.wait()
    await one.ask(ask.SetPercentage(60))
    store.open_.set()
    await looking
    assert (one.serves, one.state.version) == (60, 2)
    assert [entry.action for entry in await one.rollouts.audit()] == ["set_percentage", "declare"]


async def test_times_are_by_the_clock_of_the_store(log: io.StringIO) -> None:
    one = await Replica(Slow()).open()
    await one.ask(ask.Kill())
    assert one.rollouts.now() == NOW + 100
    assert (await one.rollouts.audit(limit=1))[0].at == NOW + 100


async def test_what_was_declared_meanwhile_is_what_is_declared_afterwards(one: Replica) -> None:
    other = await beside(one).open()
    lose(other)
    await other.rollouts.refresh()
    await other.rollouts.declare(declared(percentage=10), "the configuration was changed")
    for percentage in (60, 70):
        await one.ask(ask.SetPercentage(percentage))
    await heal(other, one)
    assert (one.state.percentage, one.state.declared.percentage) == (10, 10)
    assert other.state == one.state


async def test_nothing_goes_up_before_what_others_did_is_known(one: Replica) -> None:
    lose(one)
    await one.rollouts.refresh()
    memory(one).lost = ""
    with pytest.raises(StoreLostError):
        await one.ask(ask.SetPercentage(60))
    await one.rollouts.refresh()
    assert (await one.ask(ask.SetPercentage(60))).percentage == 60


async def test_loss_and_return_of_the_store_are_told_once(one: Replica, log: io.StringIO) -> None:
    events = one.rollouts.listen()
    lose(one)
    for _ in range(3):
        await one.rollouts.refresh()
    await heal(one)
    assert one.told() == ["state_store_lost", "state_store_found"]
    kinds = [(await anext(events)).kind for _ in range(4)]
    assert kinds == ["alert", "store_lost", "alert", "store_found"]
    assert log.getvalue().count('"state_store_lost"') == 1
    assert one.rollouts.degraded == ""


async def test_while_one_store_is_lost_the_others_go_on_and_meet_on_the_lower_side(
    one: Replica,
) -> None:
    other = await beside(one).open()
    lose(other)
    await one.ask(ask.SetPercentage(60))
    await other.ask(ask.SetPercentage(20))
    assert (one.serves, other.serves) == (60, 20)
    await heal(other, one)
    assert (one.state, one.serves, other.serves) == (other.state, 20, 20)


async def test_replicas_that_braked_apart_agree(one: Replica) -> None:
    other = await beside(one).open()
    lose(one, other)
    await one.ask(ask.Brake(), BRAKE)
    other.now += 5
    await other.ask(ask.Brake(), BRAKE)
    await heal(one, other)
    assert one.state == other.state
    assert one.state.rolled_back
    assert len(one.state.braked) == 2


async def test_a_store_that_comes_back_empty_is_filled_again(
    memory_store: MemoryStore, one: Replica
) -> None:
    await one.ask(ask.SetPercentage(60))
    await one.ask(ask.EditLists(whitelist=frozenset("w")))
    other = await beside(one).open()
    memory_store._kept.states.clear()
    memory_store._kept.audit.clear()
    await one.rollouts.refresh()
    await other.rollouts.refresh()
    assert (one.state.percentage, one.state.whitelist, one.state.version) == (60, frozenset("w"), 4)
    assert other.state == one.state
    [entry] = await one.rollouts.audit()
    assert (entry.action, entry.role) == ("restore", "automation")


async def test_a_change_that_meets_an_empty_store_first_is_made_on_what_is_known(
    memory_store: MemoryStore, one: Replica
) -> None:
    await one.ask(ask.EditLists(whitelist=frozenset("w")))
    memory_store._kept.states.clear()
    await one.ask(ask.SetPercentage(60))
    assert (one.state.percentage, one.state.whitelist) == (60, frozenset("w"))
    await heal(one)
    assert (await memory_store.load())[NAME] == one.state


async def test_an_older_state_in_the_store_lifts_nothing_that_is_known_here(
    memory_store: MemoryStore, one: Replica
) -> None:
    old = (await memory_store.load())[NAME]
    await one.ask(ask.Kill())
    memory_store._kept.states[NAME] = old
    await one.rollouts.refresh()
    assert one.state.killed
    assert (await memory_store.load())[NAME].killed


# the start without the store


async def test_a_start_without_the_store_keeps_everybody_on_legacy(
    memory_store: MemoryStore, one: Replica
) -> None:
    await one.ask(ask.SetPercentage(30))
    late = beside(one)
    lose(late)
    await late.open(declared(whitelist=["w"], blacklist=["b"], percentage=50))
    assert (late.state.standing, late.serves) == (Standing.KILLED, 0)
    assert late.state.killed is not None
    assert late.state.killed.by == "crossfade"
    with pytest.raises(StoreLostError):
        await late.rollouts.audit()
    await heal(late)
    assert (late.state.percentage, late.state.whitelist, late.serves) == (30, frozenset("w"), 30)
    assert [move[1:3] for move in late.moves] == [(0, 30)]
    assert [entry.action for entry in await late.rollouts.audit()] == [
        "declare",
        "set_percentage",
        "declare",
    ]


async def test_what_is_braked_before_anything_is_known_is_put_on_what_was_learned(
    one: Replica,
) -> None:
    await one.ask(ask.SetPercentage(30))
    late = beside(one)
    lose(late)
    await late.open()
    await late.ask(ask.Kill())
    await heal(late)
    assert late.state.killed is not None
    assert (late.state.killed.by, late.state.percentage) == ("alice", 30)
