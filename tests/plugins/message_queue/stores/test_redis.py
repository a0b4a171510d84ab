"""The queue in a real Redis: all that a queue promises, and what a fleet adds to that."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from plugins.message_queue.message import Priority
from plugins.message_queue.store import AGING, SWEPT, Filter, QueueStore
from plugins.message_queue.stores.redis import RedisQueue
from proxy.api.stores import StoreError
from proxy.api.testing import FakeServices
from tests.kit.redis import RedisServer, redis_server
from tests.kit.running import wait_until
from tests.plugins.message_queue.stores.behaviour import Behaviour
from tests.plugins.message_queue.stores.bench import (
    LEASE,
    NOW,
    ROOMY,
    Bench,
    Clock,
    Opened,
    message,
    number_of,
)
from tests.plugins.message_queue.stores.machine import play
from tests.plugins.message_queue.stores.on_redis import FOLDED, Stutter, connected, start_again


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


class TestRedisQueue(Behaviour):
    """The same suite as for every other store."""

    times = 15

    @pytest.fixture
    def opened(self, server: RedisServer) -> Opened:
        @asynccontextmanager
        async def opening(now: Callable[[], float], repeats: bool) -> AsyncIterator[QueueStore]:
            server.say("FLUSHALL")
            async with connected(server, now, repeats=repeats) as queue:
                yield queue

        return opening


def test_scripts_that_are_sent_twice_do_what_the_model_does_once(server: RedisServer) -> None:
    @asynccontextmanager
    async def stuttering(now: Callable[[], float], repeats: bool) -> AsyncIterator[QueueStore]:
        server.say("FLUSHALL")
        services = FakeServices()
        yield RedisQueue(Stutter(services.redis(server.url)), now, repeats=repeats)
        await services.close()

    assert play(stuttering, 10, 40, repeating=False) >= 10


@pytest.fixture
async def bench(server: RedisServer) -> AsyncIterator[Bench]:
    server.say("FLUSHALL")
    clock = Clock()
    async with connected(server, clock) as queue:
        yield Bench(queue, clock)


async def live_through(bench: Bench) -> None:
    """Have each script run at least once, and messages come to each end."""
    await bench.several(*"aaaaaa")
    sent, late, dead, lost, *_ = await bench.take()
    store = bench.store
    assert await store.begin(sent.receipt, LEASE)
    assert await store.extend(sent.receipt, LEASE)
    assert await store.sent(sent.receipt, "p-1")
    assert await store.throttle(late.receipt, NOW + 9, "limit", whole_user=NOW + 5)
    assert await store.bury(dead.receipt, "FORBIDDEN", "no")
    assert await store.park(lost.receipt, "TIMEOUT", "no answer")
    assert await store.position("m00002") == 0
    assert await store.cancel("m00002")
    assert await store.pause("priority:medium")
    assert await store.resume("priority:medium")
    assert await store.next_moment() == NOW + LEASE
    bench.clock.at += LEASE
    assert await bench.listed(state="dead", user="a") == [3]
    assert (await store.stats()).rates["sent"] == (0, 1)
    for number, one in zip((5, 6), await bench.take(), strict=True):
        assert number_of(one.record) == number
        assert await store.bury(one.receipt, "FORBIDDEN", "no")
    for state, gone in (("sent", 1), ("cancelled", 1), ("dead", 3), ("uncertain", 1)):
        assert await store.purge(state, bench.clock.at + 1) == gone  # type: ignore[arg-type]


async def nothing_left(queue: RedisQueue) -> bool:
    """Whether all has been removed again, and is counted so."""
    return not any((await queue.stats()).depth.values()) and not await queue.list(Filter(), limit=1)


async def test_it_works_in_a_cluster() -> None:
    async with redis_server("--cluster-enabled", "yes") as server:
        server.say("CLUSTER ADDSLOTSRANGE 0 16383")
        await asyncio.to_thread(
            wait_until, lambda: b"state:ok" in server.say("CLUSTER INFO"), "the cluster is up"
        )
        clock = Clock()
        async with connected(server, clock) as queue:
            await live_through(Bench(queue, clock))
            assert await nothing_left(queue)


async def test_nothing_goes_wrong_where_each_script_is_sent_twice(server: RedisServer) -> None:
    server.say("FLUSHALL")
    services, clock = FakeServices(), Clock()
    stuttering = Stutter(services.redis(server.url))
    queue = RedisQueue(stuttering, clock, repeats=False)
    await live_through(Bench(queue, clock))
    assert await nothing_left(queue)
    await services.close()


async def test_nothing_is_left_of_what_was_removed(server: RedisServer, bench: Bench) -> None:
    await live_through(bench)
    names = [line.split("}:queue:")[1] for line in server.say("KEYS *").decode().split()[2::2]]
    for_a_while = ("answer:", "rates:")
    assert {one for one in names if not one.startswith(for_a_while)} == {"meta", "depth"}
    for name in names:
        left = int(server.say(f"TTL crossfade:{{plugin:test}}:queue:{name}")[1:])
        assert (left > 0) == name.startswith(for_a_while)


async def test_names_are_kept_as_they_are(bench: Bench) -> None:
    users = ("a:b", "a", "b:a}", "0:x", " ", "☂ ü", "*")
    await bench.several(*users)
    assert sorted(await bench.users()) == sorted(users)
    assert await bench.store.pause("user:b:a}")
    await bench.several(*users)
    assert sorted(await bench.users()) == sorted(set(users) - {"b:a}"})


async def test_a_message_that_cannot_be_read_is_in_nobodys_way(
    server: RedisServer, bench: Bench
) -> None:
    await bench.several(*"aaaa")
    server.say("HSET crossfade:{plugin:test}:queue:m:m00001 body {")
    for which in ({}, {"user": "a"}, {"user": "a", "priority": Priority.medium}):
        assert await bench.listed(limit=2, **which) == [2, 3]
        assert await bench.listed(limit=2, after="m00003", **which) == [4]
    with pytest.raises(StoreError, match="cannot be read"):
        await bench.store.get("m00001")
    assert await bench.numbers() == [2, 3, 4]


async def test_of_equal_messages_the_one_with_the_lower_id_goes_first(bench: Bench) -> None:
    await bench.several("a", "a")
    await bench.store.pause("all")
    bench.clock.at += AGING
    assert await bench.take() == ()  # moves them up
    await bench.put(priority=Priority.high)
    await bench.store.resume("all")
    names = ("m00001", "m00002", "m00003")
    assert [await bench.store.position(name) for name in names] == [0, 1, 2]
    assert await bench.numbers() == [1, 2, 3]


async def test_times_are_exact(bench: Bench) -> None:
    at = NOW + 0.123457
    bench.clock.at = at
    new = message(1, enqueued_at=at, due_at=at - 0.000001, expires_at=at + 0.1)
    put = await bench.store.put(new, ROOMY, lease=0.2)
    assert put.claimed
    assert put.claimed.lease_until == at + 0.2
    record = await bench.record()
    assert (record.message, record.due_at, record.changed_at) == (new, new.due_at, at)


# -- many lanes ------------------------------------------------------------------------------------


async def take_all(bench: Bench) -> int:
    """Claim as long as there is something to do now; returns how many it were."""
    found = 0
    for _ in range(20):
        found += len(await bench.take())
        moment = await bench.store.next_moment()
        if moment is None or moment > bench.clock.at:
            return found
    raise AssertionError("there is always something to do")


async def test_a_pause_and_its_end_reach_every_user(bench: Bench) -> None:
    many = SWEPT + 20
    await bench.several(*(f"u{number}" for number in range(many)))
    assert len(await bench.take(5)) == 5
    await bench.store.pause("priority:medium")
    assert await take_all(bench) == 0
    await bench.several(*(f"u{number}" for number in range(many)), due_at=NOW + 1)
    await bench.store.resume("priority:medium")
    assert await take_all(bench) == many - 5
    bench.clock.at += 1
    assert await take_all(bench) == many


async def test_the_end_of_a_pause_reaches_those_who_wait_for_something_later(bench: Bench) -> None:
    users = [f"u{number}" for number in range(SWEPT + 20)]
    await bench.several(*users)
    bench.clock.at += AGING
    await bench.store.pause("all")
    for _ in range(2):
        assert await bench.take() == ()  # moves them up, a hundred at a time
    await bench.several(*users, priority=Priority.high, due_at=bench.clock.at + 9)
    await bench.store.pause("priority:medium")
    await bench.store.resume("all")
    assert await take_all(bench) == 0
    await bench.store.resume("priority:medium")
    assert await take_all(bench) == len(users)


async def test_another_bound_reaches_every_user(bench: Bench) -> None:
    many = SWEPT + 20
    await bench.several(
        *(f"u{number}" for number in range(many)), *(f"u{number}" for number in range(many))
    )
    bench.bounds = ROOMY._replace(in_flight=1)
    assert await take_all(bench) == many
    bench.bounds = ROOMY._replace(in_flight=2)
    assert await take_all(bench) == many


# -- a fleet ---------------------------------------------------------------------------------------


async def test_three_at_once_never_get_the_same(server: RedisServer, bench: Bench) -> None:
    await bench.several(*"abcdefgh" * 15)

    async def work(queue: QueueStore) -> list[int]:
        found: list[int] = []
        while claimed := await queue.claim(ROOMY, most=3, lease=LEASE):
            found += [number_of(one.record) for one in claimed]
            assert all([await queue.begin(one.receipt, LEASE) for one in claimed])
            assert all([await queue.sent(one.receipt, "p") for one in claimed])
        return found

    async with (
        connected(server, bench.clock) as first,
        connected(server, bench.clock) as second,
        connected(server, bench.clock) as third,
    ):
        found = await asyncio.gather(*map(work, (first, second, third)))
    assert sorted(number for one in found for number in one) == list(range(1, 121))
    assert all(found)
    assert (await bench.store.stats()).depth == {("sent", Priority.medium): 120}


async def test_what_was_acknowledged_survives_a_redis_that_is_killed() -> None:
    async with redis_server(*FOLDED) as server, connected(server, Clock()) as queue:
        acknowledged: set[int] = set()

        async def put(number: int) -> None:
            await queue.put(message(number, user=f"u{number % 7}"), ROOMY)
            acknowledged.add(number)
            if len(acknowledged) == 50:
                server.stop()

        puts = await asyncio.gather(*map(put, range(1, 200)), return_exceptions=True)
        assert {isinstance(one, StoreError) for one in puts} == {True, False}
        await asyncio.to_thread(start_again, server)
        claimed = await queue.claim(ROOMY, most=20, lease=LEASE)
        for one in claimed[:10]:
            assert await queue.begin(one.receipt, LEASE)
            assert await queue.sent(one.receipt, "p")
        await asyncio.to_thread(server.stop)
        await asyncio.to_thread(start_again, server)
        again = await queue.claim(ROOMY, most=200, lease=LEASE)
        taken = [number_of(one.record) for one in (*claimed, *again)]
        assert len(set(taken)) == len(taken)
        assert set(taken) >= acknowledged
        depth = (await queue.stats()).depth
        assert depth["sent", Priority.medium] == 10
        assert depth["leased", Priority.medium] == len(taken) - 10
        assert await queue.sent(claimed[10].receipt, "p")


async def test_the_time_is_that_of_the_server(server: RedisServer) -> None:
    def now() -> float:
        seconds, microseconds = server.say("TIME").split()[2::2]
        return int(seconds) + int(microseconds) / 1e6

    server.say("FLUSHALL")
    async with connected(server, None) as queue:
        before = now()
        await queue.put(message(1, due_at=before, expires_at=before + 60), ROOMY)
        (one,) = await queue.claim(ROOMY, most=1, lease=LEASE)
        assert before <= one.record.changed_at <= now()
        assert one.lease_until == pytest.approx(one.record.changed_at + LEASE, abs=1e-6)
