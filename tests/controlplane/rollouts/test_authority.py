"""A change is stored and in force, or neither; toward legacy it is in force whatever happens."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from proxy.config import ConfigError
from proxy.controlplane.rollouts.authority import UnknownRolloutError
from proxy.core import commands as ask
from proxy.core.ramp import NotAllowedError
from proxy.core.rollout_state import Standing
from proxy.stores.memory import MemoryStore
from proxy.stores.opening import store_for
from proxy.stores.rollouts import ConflictError
from tests.controlplane.rollouts.replica import (
    ADMIN,
    BRAKE,
    LOST,
    NAME,
    NOW,
    OPERATOR,
    Replica,
    beside,
    declared,
    heal,
    lose,
    rolled,
)

# the beginning


async def test_a_rollout_begins_with_what_is_declared(one: Replica) -> None:
    assert (one.state.percentage, one.state.version, one.serves) == (50, 1, 50)
    [entry] = await one.rollouts.audit()
    assert (entry.actor, entry.role, entry.action) == ("configuration", "configuration", "declare")
    assert entry.after["percentage"] == 50
    assert one.moves == [] or one.moves[0].by == "configuration"


async def test_a_restart_moves_nobody(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path}/state.db"
    first = await Replica(store_for(url)).open(declared(state=url))
    await first.ask(ask.SetPercentage(7))
    await first.rollouts.close()
    second = await Replica(store_for(url)).open(declared(state=url))
    assert (second.state.percentage, second.state.version) == (7, 2)
    assert second.moves == []
    assert len(await second.rollouts.audit()) == 2
    await second.rollouts.close()


async def test_another_percentage_in_the_file_is_taken_over_at_the_next_start(
    memory_store: MemoryStore, one: Replica
) -> None:
    await one.ask(ask.SetPercentage(7))
    again = await Replica(memory_store).open(declared(percentage=20))
    assert again.state.percentage == 20


async def test_another_salt_at_the_start_is_refused_while_callers_are_split(
    memory_store: MemoryStore, one: Replica
) -> None:
    with pytest.raises(ConfigError) as refused:
        await Replica(memory_store).open(declared(salt="pepper"))
    [problem] = refused.value.problems
    assert problem.where == "rollouts.fade.salt"
    assert "about 25 % of all keys would go from new back to legacy" in problem.hint
    again = await Replica(memory_store).open(declared(salt="pepper", rebucket=True))
    entry = (await again.rollouts.audit())[0]
    assert entry.evidence == {"rebucketed": True, "predicted_to_legacy": 25.0}
    await Replica(memory_store).open(declared(salt="pepper"))


async def test_another_salt_moves_nobody_where_all_are_on_one_side(
    memory_store: MemoryStore,
) -> None:
    await Replica(memory_store).open(declared(percentage=100))
    again = await Replica(memory_store).open(declared(percentage=100, salt="pepper"))
    assert again.state.percentage == 100


# changes


async def test_a_change_is_stored_audited_in_force_and_told(one: Replica) -> None:
    events = one.rollouts.listen()
    state = await one.ask(ask.SetPercentage(60))
    assert (state.percentage, state.version, one.serves) == (60, 2, 60)
    assert one.moves[-1] == (NAME, 50, 60, "alice", "the test wants it")
    entry = (await one.rollouts.audit(limit=1))[0]
    assert (entry.actor, entry.role, entry.action) == ("alice", "operator", "set_percentage")
    assert (entry.before["percentage"], entry.after["percentage"]) == (50, 60)
    assert (entry.version, entry.reason, entry.at) == (2, "the test wants it", NOW)
    event = await anext(events)
    assert (event.kind, event.data["rollout"], event.data["version"]) == (
        "rollout_changed",
        NAME,
        2,
    )


async def test_an_unknown_rollout_is_named_with_those_there_are(one: Replica) -> None:
    with pytest.raises(UnknownRolloutError) as unknown:
        await one.ask(ask.Kill(), name="fad")
    assert (unknown.value.name, unknown.value.known) == ("fad", (NAME,))
    with pytest.raises(UnknownRolloutError):
        one.rollouts.state("fad")


async def test_what_changes_nothing_leaves_no_trace(one: Replica) -> None:
    await one.ask(ask.SetPercentage(50))
    assert one.state.version == 1
    assert len(await one.rollouts.audit()) == 1


async def test_what_is_not_allowed_changes_nothing(one: Replica) -> None:
    await one.ask(ask.Kill())
    with pytest.raises(NotAllowedError):
        await one.ask(ask.SetPercentage(60))
    assert (one.state.percentage, one.state.standing) == (50, Standing.KILLED)


@pytest.mark.parametrize("percentage", [60, 40])
async def test_a_stale_version_is_a_conflict_before_anything_happens(
    one: Replica, percentage: float
) -> None:
    await one.ask(ask.SetPercentage(45))
    steered = len(one.steered)
    with pytest.raises(ConflictError) as conflict:
        await one.ask(ask.SetPercentage(percentage), expected=1)
    assert (conflict.value.current.version, one.state.percentage) == (2, 45)
    assert len(one.steered) == steered
    assert (await one.ask(ask.SetPercentage(percentage), expected=2)).version == 3


async def test_a_version_that_another_replica_made_is_looked_up(one: Replica) -> None:
    other = await beside(one).open()
    await one.ask(ask.SetPercentage(45))
    assert other.state.version == 1
    assert (await other.ask(ask.SetPercentage(60), expected=2)).version == 3
    lose(one)
    await heal(one)
    assert one.state.percentage == 60


async def test_two_writers_with_one_version_one_succeeds(one: Replica) -> None:
    other = await beside(one).open()
    found = await asyncio.gather(
        one.ask(ask.SetPercentage(60), expected=1),
        other.ask(ask.SetPercentage(70), expected=1),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in found].count("ConflictError") == 1


async def test_without_a_version_the_last_word_counts(one: Replica) -> None:
    other = await beside(one).open()
    await one.ask(ask.SetPercentage(60))
    assert (await other.ask(ask.SetPercentage(70))).version == 3


async def test_automation_does_not_repeat_what_was_founded_on_another_state(one: Replica) -> None:
    other = await beside(one).open(declared(percentage=50))
    await other.ask(ask.Start())
    await one.rollouts.refresh()
    await one.ask(ask.Pause())
    with pytest.raises(ConflictError):
        await other.ask(ask.Settled(), BRAKE)
    assert other.state.standing is Standing.PAUSED


async def test_what_is_done_already_here_is_looked_up_before_it_is_believed(one: Replica) -> None:
    other = await beside(one).open()
    await one.ask(ask.Kill())
    await other.rollouts.refresh()
    await one.ask(ask.Unkill(), ADMIN)
    assert other.state.killed, "it has not heard of it yet"
    assert (await other.ask(ask.Kill())).killed
    await one.rollouts.refresh()
    assert one.state.killed


async def test_what_is_not_allowed_here_is_looked_up_before_it_is_refused(one: Replica) -> None:
    other = await beside(one).open()
    await one.ask(ask.Kill())
    await other.rollouts.refresh()
    await one.ask(ask.Unkill(), ADMIN)
    assert (await other.ask(ask.SetPercentage(60))).percentage == 60


async def test_the_seconds_of_a_bake_are_stored_without_an_entry(one: Replica) -> None:
    await one.ask(ask.Start())
    await one.ask(ask.Settled(), BRAKE)
    count, version = len(await one.rollouts.audit()), one.state.version
    await one.ask(ask.Observe(10), BRAKE)
    assert (one.state.healthy, one.state.version) == (10, version)
    assert len(await one.rollouts.audit()) == count
    assert (await one.store.load())[NAME].healthy == 10


# idempotency


async def test_the_same_key_again_does_nothing(one: Replica) -> None:
    await one.ask(ask.Kill(), idempotency_key="k1")
    await one.ask(ask.Unkill(), ADMIN)
    assert (await one.ask(ask.Kill(), idempotency_key="k1")).killed is None
    other = await beside(one).open()
    await other.ask(ask.Kill(), idempotency_key="k1")
    assert other.state.killed is None, "another replica finds it in the store"
    assert other.steered[-1].killed is None
    assert len(await one.rollouts.audit()) == 3


async def test_the_same_key_for_something_away_from_legacy_does_nothing_elsewhere(
    one: Replica,
) -> None:
    other = await beside(one).open()
    await one.ask(ask.SetPercentage(60), idempotency_key="k1")
    await one.ask(ask.SetPercentage(50))
    assert (await other.ask(ask.SetPercentage(60), idempotency_key="k1")).percentage == 50


async def test_a_key_of_another_rollout_is_refused(memory_store: MemoryStore) -> None:
    config = rolled({NAME: {}, "other": {}})
    one = await Replica(memory_store).open(config)
    await one.ask(ask.Kill(), idempotency_key="k1")
    for replica in (one, await beside(one).open(config)):
        with pytest.raises(NotAllowedError, match=r"used for a change of fade"):
            await replica.ask(ask.Kill(), name="other", idempotency_key="k1")
        assert replica.rollouts.state("other").killed is None


# others' changes


async def test_what_another_replica_has_stored_is_taken_over_and_told(one: Replica) -> None:
    other = await beside(one).open()
    events = other.rollouts.listen()
    await one.ask(ask.SetPercentage(60))
    await one.ask(ask.SetPercentage(70))
    await other.rollouts.refresh()
    assert (other.state.percentage, other.serves) == (70, 70)
    assert other.moves[-1] == (NAME, 50, 70, "alice", "the test wants it")
    assert [(await anext(events)).data["version"] for _ in range(2)] == [2, 3]
    moves = len(other.moves)
    await other.rollouts.refresh()
    assert len(other.moves) == moves


async def test_of_what_others_did_meanwhile_a_hundred_changes_are_told(one: Replica) -> None:
    other = await beside(one).open()
    events = other.rollouts.listen()
    for number in range(120):
        await one.ask(ask.SetPercentage(number / 2))
    await other.rollouts.refresh()
    await other.rollouts.close()
    told = [event.data["version"] async for event in events]
    assert told == list(range(22, 122)), "the newest of them, the oldest first"


async def test_a_hint_comes_when_another_replica_has_stored_something(one: Replica) -> None:
    hinted = asyncio.Event()
    one.rollouts.on_hint(hinted.set)
    other = await beside(one).open()
    await other.ask(ask.Kill())
    async with asyncio.timeout(20):
        await hinted.wait()
    await one.rollouts.refresh()
    assert one.state.killed


async def test_two_replicas_that_reload_the_same_file_make_one_change(one: Replica) -> None:
    other = await beside(one).open()
    config = declared(percentage=20)
    await asyncio.gather(
        *(each.rollouts.declare(config, "the configuration was changed") for each in (one, other))
    )
    assert (one.serves, other.serves) == (20, 20)
    await other.rollouts.refresh()
    assert other.state == one.state
    assert one.state.version == 2


# the configuration


async def test_a_declaration_that_raises_waits_for_the_store(one: Replica) -> None:
    lose(one)
    config = declared(percentage=80, blacklist=["b"])
    await one.rollouts.declare(config, "the configuration was changed")
    assert (one.state.percentage, one.state.blacklist) == (50, frozenset("b")), "legacy at once"
    await heal(one)
    assert (one.state.percentage, one.state.blacklist) == (80, frozenset("b"))
    assert (await one.store.load())[NAME] == one.state


async def test_a_declaration_that_lowers_needs_no_store(one: Replica) -> None:
    lose(one)
    await one.rollouts.declare(declared(percentage=10), "the configuration was changed")
    assert one.serves == 10
    await heal(one)
    assert (await one.store.load())[NAME].percentage == 10


async def test_a_rollout_that_vanishes_keeps_what_was_learned(one: Replica) -> None:
    await one.ask(ask.SetPercentage(60))
    await one.rollouts.declare(rolled({"other": {}}), "the configuration was changed")
    assert one.moves[-1] == (NAME, 60, 0, "configuration", "the configuration was changed")
    assert list(one.rollouts.states()) == ["other"]
    await one.rollouts.declare(declared(), "the configuration was changed")
    assert one.state.percentage == 60
    assert one.moves[-1][1:3] == (0, 60)


async def test_a_disabled_rollout_gives_nothing_and_is_told_so(one: Replica) -> None:
    await one.rollouts.declare(declared(enabled=False), "the configuration was changed")
    assert one.moves[-1][1:4] == (50, 0, "configuration")
    assert one.state.percentage == 50


async def test_a_list_that_the_file_and_an_operator_disagree_about_stops_no_reload(
    one: Replica,
) -> None:
    await one.ask(ask.EditLists(blacklist=frozenset({"u"})))
    await one.rollouts.declare(declared(whitelist=["u"]), "the configuration was changed")
    assert (one.state.whitelist, one.state.blacklist) == (frozenset(), frozenset("u"))


# alerts


async def test_automation_is_alerted_and_operators_are_not(one: Replica) -> None:
    await one.ask(ask.Rollback())
    assert one.told() == []
    await one.ask(ask.Resume())
    await one.ask(ask.SetPercentage(30))
    await one.ask(ask.Brake(), BRAKE)
    assert one.told() == ["rollout_rolled_back"]
    assert "the test wants it" in one.alerts[0].text
    await one.ask(ask.Acknowledge(), ADMIN)
    await one.ask(ask.SetPercentage(30))
    await one.ask(ask.Brake(), BRAKE)
    assert one.told()[1:] == ["rollout_rolled_back", "rollout_latched"]


@pytest.mark.parametrize(
    ("command", "name"), [(ask.Hold(), "rollout_held"), (ask.Freeze(), "rollout_frozen")]
)
async def test_what_stops_a_ramp_is_alerted_once(one: Replica, command: Any, name: str) -> None:
    await one.ask(ask.Start())
    for _ in range(2):
        await one.ask(command, BRAKE)
    assert one.told() == [name]


# the end


async def test_what_is_left_is_stored_at_the_end(memory_store: MemoryStore, one: Replica) -> None:
    lose(one)
    await one.ask(ask.Kill())
    memory_store.lost = ""
    listener = one.rollouts.listen()
    await one.rollouts.close()
    assert (await memory_store.load())[NAME].killed
    async with asyncio.timeout(20):
        assert [event.kind async for event in listener][-1:] in ([], ["rollout_changed"])


async def test_the_end_without_the_store_is_an_end(one: Replica, log: io.StringIO) -> None:
    lose(one)
    await one.ask(ask.Kill(), OPERATOR)
    await one.rollouts.close()
    assert "changes_not_stored" in log.getvalue()
    await one.rollouts.refresh()
    assert one.rollouts.degraded == LOST
