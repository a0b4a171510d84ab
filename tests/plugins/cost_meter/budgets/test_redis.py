"""Budgets in a real Redis: what every store does, by many processes at once, in a cluster too."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from plugins.cost_meter.budgets.claims import Claim, Correction, Entry, Reserving, Share
from plugins.cost_meter.budgets.redis import RedisReserving
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import RedisServer, redis_server
from tests.kit.running import wait_until
from tests.plugins.cost_meter.budgets.any_order import KEEP, START, Clock, Maker, play
from tests.plugins.cost_meter.budgets.behaviour import (
    Asked,
    ReservingBehaviour,
    claim,
    ended,
    share,
    stands,
    takes,
)
from tests.plugins.cost_meter.budgets.conftest import Connect


class TestRedis(ReservingBehaviour):
    @pytest.fixture
    def asked(self, link: RedisLink) -> Asked:
        clock = Clock()
        return Asked(RedisReserving(link, "me", clock), clock)


def in_redis(server: RedisServer) -> Maker:
    @asynccontextmanager
    async def maker(clock: Clock) -> AsyncIterator[Reserving]:
        link = RedisLink(place_of(server.url))
        await link.call("FLUSHALL")
        yield RedisReserving(link, "me", clock)
        await link.close()

    return maker


def test_whatever_is_asked_of_redis_agrees_with_a_recount() -> None:
    with RedisServer() as server:
        assert play(in_redis(server), 25) >= 25


async def test_a_fleet_never_holds_more_than_there_is(connect: Connect) -> None:
    fleet = [RedisReserving(connect(), str(number)) for number in range(3)]
    claims = (claim(7, "all", 1000), claim(7, "user", 500))

    async def attempt(number: int) -> bool:
        return await takes(fleet[number % 3], f"t{number}", *claims)

    assert sum(await asyncio.gather(*(attempt(number) for number in range(300)))) == 71
    assert await stands(fleet[0], "user") == (0, 497, 71)


async def test_by_the_servers_time_leases_end(link: RedisLink) -> None:
    store = RedisReserving(link)
    assert await takes(store, "t1", claim(100), seconds=600)
    seconds, _ = await link.call("TIME")
    (_, end) = await link.call("ZRANGE", link.key("ends", "b"), 0, 0, "WITHSCORES")
    assert 500 < int(end) / 1000 - int(seconds) <= 601


async def test_bookings_of_each_are_told_apart(connect: Connect) -> None:
    one, other = RedisReserving(connect(), "one"), RedisReserving(connect(), "other")
    await one.settle([ended("t1", 5)])
    await other.settle([ended("t2", 7)])
    await other.correct(Correction("b", {0: 2}, 0, KEEP))
    (by_one,), (by_other,) = await one.read((share(),)), await other.read((share(),))
    assert (by_one.total, dict(by_one.booked), by_one.version) == (14, {0: 5}, 0)
    assert (by_other.total, dict(by_other.booked), by_other.version) == (14, {0: 9}, 1)


async def test_large_amounts_keep_their_last_digit(link: RedisLink) -> None:
    store = RedisReserving(link)
    most = 2**53 - 1
    await store.settle([Entry("t1", START, (share(),), 2**53 + 1)])
    await store.settle([Entry("t2", START, (share(),), 2)])
    assert (await stands(store))[0] == 2**53 + 3
    assert not await takes(store, "t3", claim(0, cap=most))
    assert await takes(store, "t4", claim(most - 1, "c", cap=most))
    assert await takes(store, "t5", claim(1, "c", cap=most))
    assert not await takes(store, "t6", claim(1, "c", cap=most))


async def test_all_keys_end_by_themselves(link: RedisLink) -> None:
    store = RedisReserving(link)
    assert await takes(store, "t1", claim(1))
    await store.settle([ended("t2", 1)])
    keys = [link.key("budget", "b"), link.key("ends", "b"), link.key("spent", "b")]
    keys.append(link.key("ended", str(int(START // 60))))
    left = [await link.call("PTTL", key) for key in keys]
    assert all(0 < one <= 48 * 3600 * 1000 for one in left)
    assert len(left) == 4


class Twice:
    """A link that sends each script twice, as one whose connection has died."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self.url, self.key, self.call, self.listen = link.url, link.key, link.call, link.listen

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        await self._link.run(script, keys, values)
        return await self._link.run(script, keys, values)


async def test_a_call_that_is_sent_twice_counts_once(link: RedisLink) -> None:
    store = RedisReserving(Twice(link))
    assert await takes(store, "t1", claim(60))
    assert await stands(store) == (0, 60, 1)
    await store.settle([ended("t1", 10)])
    assert await stands(store) == (10, 0, 0)


async def test_a_decision_over_several_budgets_works_in_a_cluster() -> None:
    async with redis_server("--cluster-enabled", "yes") as server:
        assert server.say("CLUSTER ADDSLOTSRANGE 0 16383").startswith(b"+OK")
        link = RedisLink(place_of(server.url))
        store = RedisReserving(link)
        await asyncio.to_thread(
            wait_until, lambda: b"cluster_state:ok" in server.say("CLUSTER INFO"), "the cluster"
        )
        wanted: list[Claim] = [claim(1, name) for name in "abc"]
        assert await takes(store, "t1", *wanted)
        await store.settle([ended("t1", 1, *"abc"), ended("t2", 1, *"abc")])
        assert [await stands(store, name) for name in "abc"] == [(2, 0, 0)] * 3
        shares = [Share(name, 0, 0, KEEP) for name in "abc"]
        assert [one.total for one in await store.read(shares)] == [2, 2, 2]
        await link.close()
