"""The authority on a real Redis: replicas agree through it, and outlive its end."""

import asyncio
import io
from collections.abc import Iterator

import pytest

from proxy.core import commands as ask
from proxy.stores.opening import fleet_of, store_for
from proxy.stores.rollouts import FencedError, StoreLostError
from tests.controlplane.log_lines import logging_into
from tests.controlplane.rollouts.replica import BRAKE, Replica
from tests.kit.redis import redis_server


@pytest.fixture(autouse=True)
def _log() -> Iterator[None]:
    with logging_into(io.StringIO()):
        yield


async def test_replicas_agree_through_redis_and_over_its_outage() -> None:
    async with redis_server() as redis:
        one = await Replica(store_for(redis.url)).open()
        two = await Replica(store_for(redis.url)).open()
        hinted = asyncio.Event()
        two.rollouts.on_hint(hinted.set)
        await two.rollouts.refresh()
        while not hinted.is_set():  # the first messages may be missed: it subscribes meanwhile
            await one.ask(ask.SetPercentage(60))
            await one.ask(ask.SetPercentage(70))
            await asyncio.sleep(0.01)
        await two.rollouts.refresh()
        assert two.state == one.state
        await asyncio.to_thread(redis.save)
        await asyncio.to_thread(redis.stop)
        await one.ask(ask.Brake(), BRAKE)
        assert (one.serves, bool(one.rollouts.degraded)) == (0, True)
        with pytest.raises(StoreLostError):
            await two.ask(ask.SetPercentage(80))
        await asyncio.to_thread(redis.start)
        for replica in (one, two, one):
            await replica.rollouts.refresh()
        for replica in (one, two):
            assert replica.rollouts.degraded == ""
        await two.rollouts.refresh()
        assert two.state == one.state
        assert two.state.rolled_back
        await one.rollouts.close()
        await two.rollouts.close()


async def test_what_a_leader_braked_without_the_store_counts_when_another_leads() -> None:
    async with redis_server() as redis:
        store = store_for(redis.url)
        one = await Replica(store).open()
        fleet = fleet_of(store)
        assert fleet is not None
        token = await fleet.lead("a")
        await fleet.leave("a")
        assert await fleet.lead("b") > token
        await asyncio.to_thread(redis.save)
        await asyncio.to_thread(redis.stop)
        await one.ask(ask.Brake(), BRAKE, fence=token)
        await asyncio.to_thread(redis.start)
        await one.rollouts.refresh()
        assert one.rollouts.degraded == ""
        assert (await store.load())["fade"].rolled_back
        await one.rollouts.close()


async def test_a_leader_that_is_none_any_more_changes_nothing() -> None:
    async with redis_server() as redis:
        store = store_for(redis.url)
        one = await Replica(store).open()
        await one.ask(ask.Start())
        fleet = fleet_of(store)
        assert fleet is not None
        first = await fleet.lead("a")
        await fleet.leave("a")
        second = await fleet.lead("b")
        assert second > first > 0
        for command in (ask.Settled(), ask.Brake()):
            before = one.state
            with pytest.raises(FencedError):
                await one.ask(command, BRAKE, fence=first)
            assert (one.state, one.serves) == (before, before.share)
        await one.ask(ask.Brake(), BRAKE, fence=second)
        assert one.serves == 0
        await one.rollouts.close()


async def test_a_store_that_can_only_be_read_is_lost_once_until_it_takes_something() -> None:
    async with redis_server("--maxmemory-policy", "noeviction") as redis:
        one = await Replica(store_for(redis.url)).open()
        await asyncio.to_thread(redis.say, "CONFIG SET maxmemory 1")
        for _ in range(3):
            with pytest.raises(StoreLostError):
                await one.ask(ask.SetPercentage(60))
            await one.rollouts.refresh()
        assert one.told() == ["state_store_lost"]
        await asyncio.to_thread(redis.say, "CONFIG SET maxmemory 0")
        await one.rollouts.refresh()
        assert one.told() == ["state_store_lost", "state_store_found"]
        await one.ask(ask.SetPercentage(60))
        assert one.serves == 60
        await one.rollouts.close()


async def test_two_replicas_that_brake_for_the_same_reason_are_one_change() -> None:
    async with redis_server() as redis:
        one = await Replica(store_for(redis.url)).open()
        two = await Replica(store_for(redis.url)).open()
        await two.rollouts.refresh()
        for replica in (one, two):  # the second has not read what the first did
            await replica.ask(ask.Brake(), BRAKE)
            assert replica.serves == 0
        actions = [entry.action for entry in await one.rollouts.audit()]
        assert actions == ["brake", "declare"]
        assert (len(two.state.braked), two.state.latched) == (1, False)
        await one.rollouts.close()
        await two.rollouts.close()
