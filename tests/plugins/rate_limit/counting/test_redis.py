"""Counts in a real Redis: what every store does, by many processes at once, in a cluster too."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from redis import Redis

from plugins.rate_limit.claims import EXACT, SECOND, Claim, Counted, Counts, Window
from plugins.rate_limit.counting.batching import TOGETHER
from plugins.rate_limit.counting.redis import Op, RedisCounts
from proxy.api import StoreError
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import RedisServer, redis_server
from tests.kit.running import wait_until
from tests.plugins.rate_limit.counting.any_order import play
from tests.plugins.rate_limit.counting.behaviour import (
    START,
    Asked,
    Clock,
    CountsBehaviour,
    Maker,
    distinct,
    lease,
    level,
    log,
)
from tests.plugins.rate_limit.counting.conftest import Connect
from tests.plugins.rate_limit.counting.recount import Recount
from tests.plugins.rate_limit.counting.watched import Watched

PATIENT = 5.0
HOUR = 3600 * SECOND
MIXED = (
    log((3, HOUR), (50, 2 * HOUR)),
    level((3, HOUR)),
    distinct((3, HOUR)),
    lease((3, HOUR)),
)


class TestRedis(CountsBehaviour):
    @pytest.fixture
    async def asked(self, link: RedisLink) -> AsyncIterator[Asked]:
        clock = Clock()
        counts = RedisCounts(link, clock, PATIENT)
        yield Asked(counts, clock)
        await counts.close()


def in_redis(server: RedisServer) -> Maker:
    @asynccontextmanager
    async def maker(clock: Clock) -> AsyncIterator[Counts]:
        link = RedisLink(place_of(server.url))
        await link.call("FLUSHALL")
        yield RedisCounts(link, clock, PATIENT)
        await link.close()

    return maker


def test_whatever_is_asked_agrees_with_a_recount() -> None:
    with RedisServer() as server:
        assert play(in_redis(server), 20) >= 20


async def test_by_the_servers_time_what_was_taken_is_counted(link: RedisLink) -> None:
    counts = RedisCounts(link, patience=PATIENT)
    await counts.open()
    for number in range(3):
        assert (await counts.take(MIXED[:2], f"t{number}")).admitted
    refused = await counts.take(MIXED[:2], "t3")
    (hour, two_hours), (owed,) = refused.readings
    assert not refused.admitted
    assert (hour.remaining, two_hours.remaining, owed.remaining) == (0, 47, 0)
    assert HOUR - 60 * SECOND < hour.wait == hour.reset <= HOUR
    assert 0 < owed.wait <= HOUR // 3
    (_, at, *_) = await link.call("ZRANGE", link.key("log", "log:b"), 0, 0, "WITHSCORES")
    seconds, _ = await link.call("TIME")
    assert 0 <= int(seconds) - int(at) // SECOND < 60


async def test_a_fleet_takes_exactly_what_there_is(connect: Connect) -> None:
    fleet = [RedisCounts(connect(), patience=PATIENT) for _ in range(3)]
    claims = (log((40, HOUR), (100, 2 * HOUR)), level((35, 9 * HOUR)), lease((50, HOUR)))

    async def take(number: int) -> bool:
        return (await fleet[number % 3].take(claims, f"t{number}")).admitted

    assert sum(await asyncio.gather(*(take(number) for number in range(300)))) == 35
    (left, _), (owed,), (leases,) = (await fleet[0].peek(claims)).readings
    assert (left.remaining, owed.remaining, leases.remaining) == (5, 0, 15)


async def test_what_is_asked_at_once_goes_in_few_calls(link: RedisLink) -> None:
    watched = Watched(link)
    counts = RedisCounts(watched, patience=PATIENT)
    one = log((1000, HOUR))
    said = await asyncio.gather(*(counts.take((one,), f"t{i}") for i in range(3 * TOGETHER)))
    assert watched.sent == [TOGETHER] * 3
    assert sorted(each.readings[0][0].remaining for each in said) == list(range(808, 1000))


async def test_a_call_sent_twice_takes_once_of_all_kinds(link: RedisLink) -> None:
    counts = RedisCounts(Watched(link, times=2), patience=PATIENT)
    said = await counts.take(MIXED, "a")
    assert said.admitted
    assert [each[0].remaining for each in (await counts.peek(MIXED)).readings] == [2] * 4


async def test_a_debit_sent_twice_counts_once_where_a_ticket_is_known(link: RedisLink) -> None:
    counts = RedisCounts(Watched(link, times=2), patience=PATIENT)
    for claims in (MIXED, MIXED[2:3]):
        await counts.debit(claims, "a")
        assert [each[0].remaining for each in (await counts.peek(claims)).readings] == [2] * len(
            claims
        )


async def test_a_server_whose_time_goes_back_lets_nothing_more_through(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    claims = (log((1, 10)), level((1, 10)), distinct((1, 10)), lease((1, 10)))
    assert (await counts.take(claims, "a")).admitted
    clock.now -= 5
    assert (await counts.take((claims[2],), "b")).admitted  # known, and not for a shorter time
    await counts.debit((level((1, 10), cost=0),), "c")
    other = (*claims[:2], claims[2]._replace(member="other"), claims[3])
    waits = [reading.wait for (reading,) in (await counts.peek(other)).readings]
    assert waits == [15, 10, 15, 15]
    await counts.debit((claims[1],), "d")
    clock.now += 15
    assert (await counts.peek((claims[1],))).readings == (((0, 10, 10),),)


async def test_what_does_not_count_any_more_is_not_kept(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    for number in range(30):
        claims = (log((5, 10)), distinct((5, 10), member=f"m{number}"), lease((5, 10)))
        assert (await counts.take(claims, f"t{number}")).admitted
        clock.now += 5
    for key in ("log:log:b", "distinct:distinct:b", "lease:lease:b"):
        assert await link.call("ZCARD", link.key(*key.split(":"))) == 2
    assert await link.call("HLEN", link.key("tickets", "distinct:b")) == 2


async def test_keys_end_with_what_counts_in_them(link: RedisLink) -> None:
    counts = RedisCounts(link, patience=PATIENT)
    claims = (
        log((5, 60 * SECOND), (9, 90 * SECOND)),
        level((10, 60 * SECOND), cost=5),
        distinct((5, 40 * SECOND)),
        lease((5, 20 * SECOND)),
    )
    await counts.take(claims, "a")
    keys = ("log:log:b", "level:level:b", "distinct:distinct:b", "tickets:distinct:b")
    left = [await link.call("PTTL", link.key(*key.split(":"))) for key in (*keys, "lease:lease:b")]
    for milliseconds, seconds in zip(left, (90, 30, 40, 40, 20), strict=True):
        assert seconds * 1000 - 20_000 < milliseconds <= seconds * 1000 + 1000
    await counts.clear(claims)
    assert await link.call("EXISTS", *(link.key(*key.split(":")) for key in keys)) == 0


async def test_numbers_up_to_two_to_the_53rd_keep_their_digits(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    limit, period = 94_906_265, 94_906_266  # their product is the largest that may be
    assert EXACT - limit < limit * period < EXACT
    most, one = level((limit, period), cost=limit - 1), level((limit, period))
    right = Recount(START)
    assert await counts.take((most,), "a") == right.take((most,), "a")
    for passed in (1, 1, period // 2):
        clock.now += passed
        right.now += passed
        assert await counts.peek((most,)) == right.peek((most,))
        assert await counts.take((one,), f"{passed}") == right.take((one,), f"{passed}")


async def test_debt_is_bounded_whatever_it_costs(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    claims = (log((3000, 10), cost=10**12), level((3, 10), cost=10**18))
    await counts.debit(claims, "a")
    assert await link.call("ZCARD", link.key("log", "log:b")) == 3001
    (log_left,), (owed,) = (await counts.peek(claims)).readings
    assert (log_left.remaining, log_left.reset) == (0, 10)
    assert (owed.remaining, owed.reset <= EXACT) == (0, True)
    await counts.refund(claims[:1], "a")
    assert await link.call("EXISTS", link.key("log", "log:b")) == 0


async def test_what_happened_a_while_ago_counts_from_then_on(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    claims = (log((1, 10)), distinct((1, 10)), lease((1, 10)))
    await counts.send([Op("debit", claims, "a", ago=4)])
    other = (claims[0], claims[1]._replace(member="other"), claims[2])
    waits = [reading.wait for (reading,) in (await counts.peek(other)).readings]
    assert waits == [6, 6, 6]


async def test_what_a_level_owed_a_while_ago_has_drained_since(link: RedisLink) -> None:
    clock = Clock()
    counts = RedisCounts(link, clock, PATIENT)
    one = level((4, 40), cost=4)
    await counts.send([Op("debit", (one,), f"t{ago}", ago=ago) for ago in (40, 30, 20, 10)])
    ((now,),) = (await counts.peek((one,))).readings
    assert (now.remaining, now.wait) == (0, 120)  # and not 160, as if all of it were of now
    clock.now += 10
    await counts.send([Op("debit", (one,), "late", ago=30)])  # after what came later
    assert (await counts.peek((one,))).readings[0][0].wait == 150


async def test_under_a_changed_name_or_limit_a_level_owes_the_same(link: RedisLink) -> None:
    counts = RedisCounts(link, Clock(), PATIENT)
    one = level((4, HOUR), cost=4)
    assert (await counts.take((one,), "a")).admitted
    renamed = one._replace(windows=(Window("another", 5, HOUR, 5),), cost=1)
    assert (await counts.peek((renamed,))).readings[0][0].remaining == 1
    shorter = one._replace(windows=(one.windows[0]._replace(period=HOUR // 2),))
    assert (await counts.peek((shorter,))).readings[0][0].remaining == 4


async def test_a_bucket_that_changes_its_kind_begins_anew(link: RedisLink) -> None:
    counts = RedisCounts(link, patience=PATIENT)
    for one in MIXED:
        assert (await counts.take((one._replace(bucket="b"),), "a")).readings[0][0].remaining == 2


async def test_what_is_none_of_ours_spoils_only_who_asks_for_it(link: RedisLink) -> None:
    counts = RedisCounts(link, patience=PATIENT)
    await link.call("SET", link.key("log", "spoilt"), "x")
    period = str(MIXED[1].windows[0].period)
    await link.call("HSET", link.key("level", "spoilt"), period, "x")

    def spoilt(one: Claim) -> Claim:
        return one._replace(bucket="spoilt")

    asked = (MIXED[:1], (MIXED[0], spoilt(MIXED[0])), (spoilt(MIXED[1]),), MIXED[:1])
    said = await asyncio.gather(
        *(counts.take(claims, f"t{number}") for number, claims in enumerate(asked)),
        return_exceptions=True,
    )
    first, wrong_type, wrong_text, last = said
    assert isinstance(wrong_type, StoreError)
    assert wrong_type.code == "WRONGTYPE"
    assert "delete it" in str(wrong_type)
    assert isinstance(wrong_text, StoreError)
    assert wrong_text.code
    left = [each.readings[0][0].remaining for each in (first, last)]  # type: ignore[union-attr]
    assert left == [2, 1]


async def test_a_server_that_may_not_write_has_failed_and_not_a_bucket() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        counts = RedisCounts(link, patience=PATIENT)
        await counts.open()
        assert server.say("REPLICAOF 127.0.0.1 1") == b"+OK\r\n"
        with pytest.raises(StoreError, match="READONLY") as caught:
            await counts.take(MIXED, "a")
        assert caught.value.code == ""
        await counts.close()
        await link.close()


async def test_who_goes_away_while_waiting_gets_back_what_was_taken(link: RedisLink) -> None:
    counts = RedisCounts(link, patience=PATIENT)
    await counts.open()
    gone = counts.do(Op("take", MIXED, "a"))
    stays = counts.do(Op("take", MIXED, "b"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # on its way
    gone.cancel()
    assert (await stays).admitted
    left = (await counts.peek(MIXED)).readings
    assert [each[0].remaining for each in left] == [2, 2, 2, 2]


class AtOnce:
    """A link whose answers are there at once, so that they come at any moment."""

    def __init__(self, link: RedisLink, server: RedisServer) -> None:
        self.url, self.key, self.call, self.listen = link.url, link.key, link.call, link.listen
        self._client = Redis.from_url(server.url)

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        return self._client.eval(script, len(keys), *keys, *values)

    def close(self) -> None:
        self._client.close()


async def test_who_goes_at_any_moment_has_taken_all_or_nothing(
    link: RedisLink, running_redis: RedisServer
) -> None:
    at_once = AtOnce(link, running_redis)
    counts = RedisCounts(at_once, patience=PATIENT)
    many = (log((100, HOUR)), lease((100, HOUR)))
    told = 0
    for moments in range(15):
        taking = asyncio.create_task(counts.take(many, f"t{moments}"))
        for _ in range(moments):
            await asyncio.sleep(0)
        taking.cancel()
        (said,) = await asyncio.gather(taking, return_exceptions=True)
        told += isinstance(said, Counted)
        for _ in range(20):
            await asyncio.sleep(0)
    left = [reading.remaining for (reading,) in (await counts.peek(many)).readings]
    assert left == [100 - told] * 2
    assert 0 < told < 15
    await counts.close()
    at_once.close()


async def test_a_server_that_starts_again_is_told_the_script_again() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        counts = RedisCounts(link, patience=PATIENT)
        assert (await counts.take(MIXED, "a")).admitted
        await asyncio.to_thread(server.restart)
        left = (await counts.take(MIXED, "b")).readings
        assert [each[0].remaining for each in left] == [1, 1, 2, 1]
        await link.close()


async def test_a_server_that_hangs_or_is_gone_is_an_error_and_not_waited_for() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        counts = RedisCounts(link, patience=0.05)
        await counts.open()
        server.pause()
        with pytest.raises(StoreError, match="did not answer within 50 ms"):
            await counts.take(MIXED, "a")
        with pytest.raises(StoreError, match="did not answer within 50 ms"):
            await counts.send([Op("debit", MIXED, "a")])
        server.stop()
        with pytest.raises(StoreError, match=server.url):
            await counts.open()
        await counts.close()
        await link.close()


async def test_a_decision_over_several_scopes_works_in_a_cluster() -> None:
    async with redis_server("--cluster-enabled", "yes") as server:
        assert server.say("CLUSTER ADDSLOTSRANGE 0 16383").startswith(b"+OK")
        link = RedisLink(place_of(server.url))
        counts = RedisCounts(link, patience=PATIENT)
        await asyncio.to_thread(
            wait_until, lambda: b"cluster_state:ok" in server.say("CLUSTER INFO"), "the cluster"
        )
        scopes = tuple(
            one._replace(bucket=f"{one.kind.value}:{scope}") for one in MIXED for scope in "abc"
        )
        assert [(await counts.take(scopes, f"t{i}")).admitted for i in range(4)] == [
            True,
            True,
            True,
            False,
        ]
        await counts.refund(scopes, "t1")
        assert (await counts.take(scopes, "t4")).admitted
        assert await counts.extend(scopes, "t4")
        await counts.clear(scopes)
        assert (await counts.peek(scopes)).readings[0][0].remaining == 3
        await counts.close()
        await link.close()


def test_times_of_this_century_are_exact_in_a_script() -> None:
    assert 2 * START < EXACT
