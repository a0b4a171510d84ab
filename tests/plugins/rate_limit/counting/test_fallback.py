"""A fleet's counts with Redis, without it, and when it is back: stopped, hanging, started again."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from plugins.rate_limit.claims import SECOND, Kind
from plugins.rate_limit.counting.fallback import Fallback
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.counting.redis import RedisCounts
from plugins.rate_limit.counting.replicas import EVERY, Replicas
from proxy.api.testing import FakeServices
from proxy.stores.redis_link import RedisLink
from tests.kit.redis import redis_server
from tests.kit.waiting import until
from tests.plugins.rate_limit.counting.behaviour import (
    Asked,
    Clock,
    CountsBehaviour,
    distinct,
    lease,
    level,
    log,
)
from tests.plugins.rate_limit.counting.fleet import (
    HASTY,
    HOUR,
    LOCAL,
    OWED_MOST,
    PATIENT,
    Replica,
    one_of_three,
)

OPEN = log((9, HOUR), bucket="open", on_store_error="open")
CLOSED = log((9, HOUR), bucket="closed", on_store_error="closed")
ALL_KINDS = (LOCAL, level((9, HOUR)), distinct((9, HOUR)), lease((9, HOUR)))


@pytest.fixture
async def replica() -> AsyncIterator[Replica]:
    async with one_of_three() as replica:
        yield replica


class TestWithRedis(CountsBehaviour):
    """While Redis answers, it decides alone."""

    @pytest.fixture
    async def asked(self, link: RedisLink) -> AsyncIterator[Asked]:
        clock, services = Clock(), FakeServices()
        shared = RedisCounts(link, clock, PATIENT)
        counts = Fallback(shared, MemoryCounts({}, clock), Replicas(link), services)
        await counts.open()
        yield Asked(counts, clock)
        assert counts.health() == ""
        await counts.close()
        await services.close()


async def test_without_redis_each_replica_has_its_share(replica: Replica) -> None:
    replica.server.stop()
    assert await replica.took(LOCAL) == 3
    refused = await replica.take(LOCAL)
    assert refused.degraded == "local"
    assert 0 < refused.readings[0][0].wait <= HOUR
    assert replica.told == ["lost"] + ["local"] * 5
    (line,) = replica.services.logged("limits_store_lost")
    assert replica.server.url in line["reason"]


async def test_a_share_counts_what_this_replica_took_through_redis(replica: Replica) -> None:
    assert [(await replica.take(LOCAL)).degraded for _ in range(2)] == ["", ""]
    await replica.lose()
    assert await replica.took(LOCAL) == 1


async def test_a_share_of_nothing_is_nothing(replica: Replica) -> None:
    few = log((2, HOUR))
    await replica.lose()
    said = await replica.take(LOCAL, few)
    assert (said.admitted, said.degraded) == (False, "local")
    assert said.readings[0][0].remaining == 3
    assert said.readings[1][0].wait >= SECOND


async def test_each_claim_goes_the_way_of_its_rule_and_the_strictest_decides(
    replica: Replica,
) -> None:
    await replica.lose()
    assert [(await replica.take(OPEN)).admitted for _ in range(12)] == [True] * 12
    closed = await replica.take(LOCAL, OPEN, CLOSED)
    assert (closed.admitted, closed.degraded) == (False, "closed")
    assert SECOND <= closed.readings[2][0].wait <= 6 * SECOND
    assert [reading.wait for (reading,) in closed.readings[:2]] == [0, 0]
    assert (await replica.counts.peek((LOCAL, CLOSED))).degraded == "closed"
    mixed = await replica.take(LOCAL, OPEN)
    assert (mixed.admitted, mixed.degraded) == (True, "local")
    assert mixed.readings[0][0].remaining == 2
    assert replica.told == ["open"] * 12 + ["closed"] * 2 + ["local"]


async def test_health_says_what_is_wrong_and_since_when_not(replica: Replica) -> None:
    assert replica.counts.health() == ""
    await replica.lose()
    said = replica.counts.health()
    assert replica.server.url in said
    assert "one of 3" in said
    replica.server.start()
    await replica.find()
    assert replica.counts.health() == ""


async def test_redis_learns_of_all_that_was_taken_before_anybody_asks_it(replica: Replica) -> None:
    await replica.lose()
    for _ in range(2):
        assert (await replica.take(*ALL_KINDS)).admitted
    assert (await replica.take(OPEN)).admitted
    replica.server.start()
    sent = len(replica.watched.sent)
    await replica.find()
    assert await replica.left(*ALL_KINDS, OPEN) == [7, 7, 8, 7, 8]
    assert len(replica.watched.sent) == sent + 2  # one to make ready, one to tell of it
    assert (await replica.take(LOCAL)).degraded == ""
    assert replica.told == ["local"] * 2 + ["open", "back"]
    assert replica.services.logged("limits_store_back")


async def test_what_was_taken_meanwhile_counts_from_when_it_was(replica: Replica) -> None:
    short = log((9, 20 * SECOND), bucket="short")
    await replica.lose()
    assert (await replica.take(short)).admitted
    await replica.services.jumping.jump(15)
    assert (await replica.take(short)).admitted
    replica.server.start()
    await replica.find()
    counted = await replica.counts.peek((short._replace(cost=9),))
    assert counted.readings[0][0].remaining == 8  # 21 seconds after the first


async def test_more_than_one_call_of_debts_is_told_in_order(replica: Replica) -> None:
    many = log((10_000, HOUR))
    await replica.lose()
    for _ in range(300):
        assert (await replica.take(many)).admitted
    await replica.counts.refund((many,), "t300")
    replica.server.start()
    await replica.find()
    assert await replica.left(many) == [10_000 - 299]


async def test_what_redis_is_not_told_of_any_more_is_the_oldest(replica: Replica) -> None:
    one = log((1000, HOUR), on_store_error="closed")
    await replica.lose()
    for number in range(OWED_MOST + 2):
        await replica.counts.debit((one,), f"d{number}")
    assert replica.told == ["forgotten"] * 2
    replica.server.start()
    await replica.find()
    assert await replica.left(one) == [1000 - OWED_MOST]


async def test_what_is_given_back_during_an_outage_is_given_back_in_redis(
    replica: Replica,
) -> None:
    await replica.take(*ALL_KINDS, CLOSED, ticket="a")
    await asyncio.to_thread(replica.server.save)
    await replica.lose()
    await replica.counts.refund((*ALL_KINDS, CLOSED), "a")
    assert await replica.took(*ALL_KINDS) == 3
    replica.server.start()
    await replica.find()
    # A level does not know its tickets: what it is told twice it would give back twice.
    assert await replica.left(*ALL_KINDS, CLOSED) == [6, 5, 8, 6, 9]


async def test_leases_last_on_and_buckets_are_cleared_during_an_outage(replica: Replica) -> None:
    one = lease((9, 20 * SECOND))
    shut = lease((9, 20 * SECOND), bucket="shut", on_store_error="closed")
    await replica.take(one, shut, LOCAL, ticket="a")
    await asyncio.to_thread(replica.server.save)
    await replica.lose()
    assert await replica.counts.extend((one, shut), "a")
    assert await replica.counts.extend((shut,), "a")
    assert not await replica.counts.extend((one,), "b")
    await replica.counts.clear((LOCAL,))
    assert await replica.took(LOCAL) == 3
    replica.server.start()
    await replica.find()
    assert await replica.left(one, shut, LOCAL) == [8, 8, 6]


async def test_a_hang_costs_the_requests_under_way_their_patience_and_no_other() -> None:
    async with one_of_three(HASTY) as replica:
        sent = len(replica.watched.sent)
        replica.server.pause()
        said = await asyncio.gather(*(replica.take(LOCAL) for _ in range(20)))
        assert sum(each.admitted for each in said) == 3
        assert {each.degraded for each in said} == {"local"}
        assert len(replica.watched.sent) == sent + 1
        for _ in range(20):
            assert (await replica.take(LOCAL, CLOSED)).degraded == "closed"
        assert len(replica.watched.sent) == sent + 1
        replica.server.resume()


async def test_what_was_on_its_way_to_a_redis_that_hung_counts_once_or_not_at_all() -> None:
    async with one_of_three(HASTY) as replica:
        replica.server.pause()
        admitted, refused = await asyncio.gather(replica.take(LOCAL), replica.take(LOCAL, CLOSED))
        assert (admitted.admitted, refused.admitted) == (True, False)
        replica.server.resume()
        await replica.find()
        assert await replica.left(LOCAL, CLOSED) == [8, 9]


async def test_a_redis_that_is_still_too_slow_is_not_back() -> None:
    async with one_of_three(HASTY) as replica:
        replica.server.pause()
        assert (await replica.take(LOCAL)).degraded == "local"
        await replica.services.jumping.jump(6)
        assert (await replica.take(LOCAL)).degraded == "local"
        assert "back" not in replica.told
        replica.server.resume()
        await replica.find()
        assert replica.told.count("lost") == 1
        assert await replica.left(LOCAL) == [7]


async def test_a_redis_that_goes_while_it_is_told_is_told_again(replica: Replica) -> None:
    await replica.lose()
    assert (await replica.take(LOCAL)).degraded == "local"
    replica.server.start()
    replica.watched.then = replica.server.stop
    await replica.services.jumping.jump(6)
    await until(lambda: replica.watched.then is None and "half open" not in replica.counts.health())
    assert (await replica.take(LOCAL)).degraded == "local"
    replica.server.start()
    await replica.find()
    assert await replica.left(LOCAL) == [7]


async def test_after_the_end_of_the_plugin_nobody_looks_for_redis(replica: Replica) -> None:
    await replica.services.close()
    replica.server.stop()
    assert (await replica.take(LOCAL)).degraded == "local"
    assert replica.services.tasks == ()


async def test_a_start_without_redis_goes_on_alone_until_it_is_there() -> None:
    async with redis_server() as server:
        server.stop()
        replica = Replica(server, PATIENT)
        await replica.counts.open()
        assert replica.told == ["lost"]
        assert await replica.took(LOCAL) == 9
        server.start()
        await replica.find()
        assert await replica.left(LOCAL) == [0]
        await replica.close()


async def test_a_bucket_that_cannot_be_read_is_decided_alone_and_redis_stays(
    replica: Replica,
) -> None:
    await replica.link.call("SET", replica.link.key("log", CLOSED.bucket), "x")
    spoilt = await replica.take(LOCAL, CLOSED)
    assert (spoilt.admitted, spoilt.degraded) == (False, "closed")
    assert (await replica.take(LOCAL)).degraded == ""
    assert replica.told == ["closed"]
    assert replica.services.logged("limits_bucket_unreadable")
    assert replica.counts.health() == ""


async def test_replicas_beat_and_leave(replica: Replica) -> None:
    key = replica.link.key("replicas")
    assert await replica.link.call("ZCARD", key) == 3
    await replica.link.call("DEL", key)
    beats = len(replica.watched.sent)
    await replica.services.jumping.jump(EVERY)
    await until(lambda: replica.server.say(f"ZCARD {key}") == b":1\r\n")
    assert len(replica.watched.sent) == beats
    await replica.counts.close()
    assert await replica.link.call("ZCARD", key) == 0


async def test_a_beat_that_nobody_hears_is_no_fault(replica: Replica) -> None:
    await replica.lose()
    await replica.services.jumping.jump(EVERY)
    await until(lambda: bool(replica.services.logged("limits_beat_not_heard")))
    assert replica.services.faults == []


def test_all_kinds_are_here() -> None:
    assert {claim.kind for claim in ALL_KINDS} == set(Kind)
