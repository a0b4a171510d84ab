"""Replicas agree: one leads, by what all of them see; alone, each of them only goes back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from proxy.api.judging import Scope, Verdict
from proxy.config.models import Config
from proxy.controlplane.rollouts.fleet import LEADERLESS, Fleet
from proxy.core.commands import Brake, Pause
from proxy.core.rollout_state import Standing
from proxy.stores.opening import fleet_of, store_for
from proxy.stores.redis import RedisStore
from proxy.stores.rollouts import FencedError
from tests.controlplane.rollouts.looped import RAMP, Clock, Looped, declared, looped
from tests.kit.redis import RedisServer

FAIL = [Verdict("fail", "new fails more often")]
AGO = 600
"""Slices of the future are nobody's: the tests' clock begins in the past."""


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as started:
        yield started


@pytest.fixture
def url(server: RedisServer, request: pytest.FixtureRequest) -> str:
    """The server, with a part of it for this test alone."""
    return f"{server.url}?prefix=t{abs(hash(request.node.name))}"


class Replicas:
    """Some replicas on one store; each second goes by for all of them."""

    def __init__(self, *replicas: Looped) -> None:
        self.replicas = replicas
        self.clock = replicas[0].clock

    async def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.clock.now += 1
            for one in self.replicas:
                one.observe()
                await one.look()

    async def run_until(self, standing: Standing, most: int = 60) -> None:
        for _ in range(most):
            if self.leader.state.standing is standing:
                return
            await self.run(1)
        raise AssertionError(f"{self.leader.state}, waits for {self.leader.report.waiting_for}")

    @property
    def leader(self) -> Looped:
        leaders = [one for one in self.replicas if one.loop.leads]
        assert len(leaders) == 1, leaders
        return leaders[0]


@asynccontextmanager
async def replicas(url: str, *configs: Config) -> AsyncIterator[Replicas]:
    """As many replicas as configurations."""
    clock = Clock(float(int(time.time()) - AGO))
    async with AsyncExitStack() as stack:
        made = [
            await stack.enter_async_context(
                looped(config, store=store_for(url), clock=clock, replica=f"replica-{number}")
            )
            for number, config in enumerate(configs)
        ]
        for one in made:
            await one.look()
        yield Replicas(*made)


async def leave(url: str, replica: str) -> None:
    """Take the lease from a replica, as if it had run out."""
    store = store_for(url)
    fleet = fleet_of(store)
    assert fleet is not None
    await fleet.leave(replica)
    await store.close()


async def test_one_replica_leads_and_walks_the_ramp_of_all(url: str) -> None:
    ramp = RAMP | {"steps": [5, 100], "bake": "10s", "soak": "10s", "min_requests": 150}
    async with replicas(url, declared(ramp=ramp), declared(ramp=ramp)) as fleet:
        one, two = fleet.replicas
        assert (one.report.leader, two.report.leader) == (True, False)
        await one.start()
        await fleet.run_until(Standing.COMPLETE)
        assert [state.percentage for state in (one.state, two.state)] == [100, 100]
        assert two.judge.asked == []
        moves = [(move.before, move.after) for move in two.moves]
        assert moves == [(0, 5), (5, 100)]


async def test_the_leader_judges_by_what_all_replicas_saw(url: str) -> None:
    config = declared(ramp=RAMP | {"bake": "1h"})
    async with replicas(url, config, config) as fleet:
        one, two = fleet.replicas
        one.new, two.new = (0, 0), (7, 3)
        await one.start()
        await fleet.run_until(Standing.BAKE)
        await fleet.run(20)
        seen = one.judge.asked[-1].observed[Scope()]
        # Each replica begins the segment with its next look, and what the second saw last is
        # on its way when the first one looks.
        assert (seen.segment[1].requests, seen.segment[1].errors) == (19 * 7, 19 * 3)
        assert seen.segment[0].requests == 2 * 19 * 10
        # Both replicas serve the same callers in this test.
        assert seen.evidence[1].keys["errors"] == 19 * 3
        assert two.loop.report("hybrid").observed[Scope()].segment[1].requests >= 14 * 7


async def test_a_step_settles_only_when_all_replicas_have_taken_it_over(url: str) -> None:
    async with replicas(url, declared(), declared()) as fleet:
        one, two = fleet.replicas
        await one.start()
        for _ in range(20):
            fleet.clock.now += 1
            await one.look()
            await two.loop.tick(fleet.clock.now)  # without having looked at the store
        assert one.state.standing is Standing.SETTLE
        version = one.state.version
        assert one.report.waiting_for == (f"1 of 2 replicas are not at version {version}",)
        await fleet.run(6)
        assert [one.state.standing] == [Standing.BAKE]


async def test_a_replica_with_another_configuration_blocks_the_ramp_of_all(url: str) -> None:
    async with replicas(url, declared(), declared(missing_key="reject")) as fleet:
        one, two = fleet.replicas
        await one.start()
        await fleet.run(25)
        assert (one.state.percentage, one.state.standing) == (5, Standing.BAKE)
        assert one.report.waiting_for == ("1 of 2 replicas serve another configuration",)
        two.config = declared()
        two.watch.serve(two.config)
        await two.rollouts.declare(two.config, "now it is the same")
        await fleet.run(20)
        assert one.state.percentage == 25


async def test_what_another_window_saw_is_added_to_what_the_one_before_did(url: str) -> None:
    ramp = RAMP | {"bake": "1h"}
    async with replicas(url, declared(ramp=ramp)) as fleet:
        [one] = fleet.replicas
        await one.start()
        await fleet.run_until(Standing.BAKE)
        await fleet.run(20)
        before = one.loop.report("hybrid").observed[Scope()].segment[1].requests
        one.config = declared(ramp=ramp, cohort="tier")
        one.watch.serve(one.config)
        await fleet.run(11)
        seen = one.loop.report("hybrid").observed[Scope()].segment[1]
        assert seen.requests == before + 10 * 10


async def test_when_the_leader_leaves_another_goes_on_where_the_ramp_was(url: str) -> None:
    config = declared(ramp=RAMP | {"bake": "40s"})
    async with replicas(url, config, config) as fleet:
        one, two = fleet.replicas
        await one.start()
        await fleet.run_until(Standing.BAKE)
        await fleet.run(16)
        await one.loop.close()
        rest = Replicas(two)
        await rest.run(1)
        assert two.loop.leads
        assert two.state.healthy == 16
        await rest.run(27)
        assert two.state.percentage == 25


async def test_whoever_has_lost_the_lease_changes_nothing_any_more(url: str) -> None:
    async with replicas(url, declared(), declared()) as fleet:
        one, two = fleet.replicas
        await one.start()
        await fleet.run(2)
        await leave(url, "replica-0")
        await two.look()
        assert two.loop.leads
        # The first one does not know yet: as after a long pause in the middle of a look.
        held = one.loop._fleet
        assert held is not None
        assert held.token > 0
        one.judge.brake = FAIL
        before = one.state.version
        await one.loop._safely(
            "hybrid", one.loop._change, one.state, Pause(), "auto_rollback", "it is late"
        )
        await two.rollouts.refresh()
        assert (one.loop.leads, two.state.version, two.state.paused) == (False, before, None)


async def test_without_the_store_each_replica_brakes_for_itself_and_none_goes_up() -> None:
    with RedisServer() as own:
        async with replicas(own.url, declared(), declared()) as fleet:
            one, two = fleet.replicas
            await one.start()
            await fleet.run_until(Standing.BAKE)
            await asyncio.to_thread(own.stop)
            await fleet.run(2)
            assert (one.loop.leads, two.loop.leads) == (False, False)
            assert (one.report.stale, two.report.stale) == (True, True)
            await fleet.run(20)
            assert [state.percentage for state in (one.state, two.state)] == [5, 5]
            question = two.judge.asked[-1]
            assert question.local
            assert question.observed[Scope()].recent[1].requests > 0
            two.judge.brake = [Verdict("freeze", "legacy fails too")]
            await fleet.run(1)
            assert two.state.standing is Standing.BAKE
            two.judge.brake = FAIL
            await fleet.run(1)
            assert (one.state.share, two.state.share) == (5, 0)
            await asyncio.to_thread(own.start)
            await fleet.run(3)
            assert (one.state.share, two.state.share) == (0, 0)
            assert fleet.leader in fleet.replicas


async def test_a_store_that_is_lost_and_found_is_told_once_each_way(url: str) -> None:
    store = store_for("redis://127.0.0.1:1/0")
    fleet_store = fleet_of(store)
    assert fleet_store is not None
    fleet = Fleet(fleet_store, "a", 0)
    await fleet.look("digest", {})
    assert fleet.lost
    assert (fleet.token, fleet.beats) == (0, ())
    await fleet.leave()
    await store.close()


async def silence(url: str, leader: str, seconds: float) -> None:
    """Let the store be as if the leader had been silent for so long."""
    store = store_for(url)
    assert isinstance(store, RedisStore)
    link, key = store.link, store.link.place.key
    await link.call("PEXPIRE", key("lease"), int((10 - seconds) * 1000))
    await link.call("ZINCRBY", key("beats"), -1000 * seconds, leader)
    await store.close()


async def test_while_the_leader_is_silent_another_one_brakes_and_does_nothing_else(
    url: str,
) -> None:
    config = declared(ramp=RAMP | {"bake": "1h"})
    async with replicas(url, config, config) as fleet:
        one, two = fleet.replicas
        await one.start()
        await fleet.run_until(Standing.BAKE)
        two.judge.brake = FAIL
        await two.look()
        assert two.state.share == 5
        await silence(url, "replica-0", LEADERLESS + 0.5)
        two.judge.brake = [Verdict("freeze", "legacy fails too")]
        await two.look()
        assert two.judge.asked
        assert not two.judge.asked[-1].local
        assert (two.loop.leads, two.state.frozen) == (False, None)
        two.judge.brake = FAIL
        await two.look()
        assert two.state.share == 0
        one.judge.brake = FAIL
        await one.loop.tick(one.clock.now)  # it wakes, and has not looked at the store yet
        await one.rollouts.refresh()
        assert one.state == two.state
        assert [entry.action for entry in await one.audit()] == ["settled", "brake"]


async def test_one_replica_alone_stands_in_for_a_silent_leader(url: str) -> None:
    config = declared()
    async with replicas(url, config, config, config) as fleet:
        one, two, three = fleet.replicas
        assert one.loop.leads
        standing_in = []
        for seconds in (LEADERLESS - 0.5, LEADERLESS + 0.5):
            await silence(url, "replica-0", seconds)
            for follower in (three, two):
                await follower.look()
                found = follower.loop._fleet
                assert found is not None
                standing_in.append(found.stands_in)
        assert standing_in == [False, False, False, True]
        await one.look()
        await two.look()
        assert two.loop._fleet is not None
        assert not two.loop._fleet.stands_in


async def test_a_leader_that_learns_in_a_look_that_it_is_none_changes_nothing(url: str) -> None:
    async with replicas(url, declared(), declared()) as fleet:
        one, _ = fleet.replicas
        await one.start()
        held = one.loop._fleet
        assert held is not None
        held.follow()
        with pytest.raises(FencedError):
            await one.loop._change(one.state, Pause(), "ramp", "it is late")
        await one.loop._change(one.state, Brake(), "auto_rollback", "new fails")
        assert one.state.share == 0
