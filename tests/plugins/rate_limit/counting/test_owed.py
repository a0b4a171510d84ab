"""What Redis has missed is told to it once: after a long outage, and over a reload."""

import asyncio
from collections import deque

from plugins.rate_limit.claims import SECOND, Claim
from plugins.rate_limit.counting.batching import TOGETHER
from plugins.rate_limit.counting.owed import Owed
from plugins.rate_limit.counting.redis import Op
from plugins.rate_limit.counting.replicas import EVERY
from tests.plugins.rate_limit.counting.behaviour import distinct, lease, level, log
from tests.plugins.rate_limit.counting.fleet import HOUR, LOCAL, OWED_MOST, Replica, one_of_three

ALL_KINDS = (LOCAL, level((9, HOUR, 12)), distinct((9, HOUR)), lease((9, HOUR)))


def test_it_is_kept_as_plain_values_in_order_and_the_oldest_goes() -> None:
    state: dict[str, deque[object]] = {}
    owed = Owed(state, most=2)
    ops = [Op("debit", ALL_KINDS, f"t{number}") for number in range(3)]
    assert [owed.add(op, at) for at, op in enumerate(ops)] == [True, True, False]
    assert "Kind" not in repr(state)
    assert "Window" not in repr(state)
    after = Owed(state, most=2)
    taken = after.taken(5)
    assert len(after) == 0
    after.put_back(taken)
    assert len(after) == 2
    assert after.told(after.taken(5), 2.5) == [
        ops[1]._replace(ago=1_500_000),
        ops[2]._replace(ago=500_000),
    ]


async def comes(replica: Replica, one: Claim, left: int) -> None:
    """Wait until Redis has been told of what is on its way."""
    async with asyncio.timeout(20):
        while await replica.left(one) != [left]:  # noqa: ASYNC110 - Redis has no event for it
            await asyncio.sleep(0)


async def test_a_reload_in_an_outage_forgets_neither_what_is_owed_nor_the_others() -> None:
    async with one_of_three() as replica:
        await replica.lose()
        assert (await replica.take(*ALL_KINDS)).admitted
        before, replica.counts = replica.counts, replica.another()
        await replica.counts.open()
        assert await replica.took(LOCAL) == 2
        replica.told.clear()
        replica.server.start()
        await replica.find()
        assert await replica.left(*ALL_KINDS) == [6, 11, 8, 8]
        assert before.health() == ""


async def test_what_is_owed_is_told_by_who_comes_after_before_anybody_asks() -> None:
    async with one_of_three() as replica:
        await replica.lose()
        assert (await replica.take(LOCAL)).admitted
        replica.server.start()
        replica.counts = replica.another()
        await replica.counts.open()
        assert (await replica.take(LOCAL)).readings[0][0].remaining == 7


async def test_what_one_before_still_owes_is_told_at_the_next_beat() -> None:
    async with one_of_three() as replica:
        before, replica.counts = replica.counts, replica.another()
        await replica.counts.open()
        replica.server.stop()
        assert (await before.take((LOCAL,), "late")).degraded == "local"
        await asyncio.to_thread(replica.server.start)
        await replica.services.jumping.jump(EVERY)
        await comes(replica, LOCAL, 8)
        assert replica.counts.health() == ""


async def test_a_level_has_drained_during_the_outage_as_well() -> None:
    async with one_of_three() as replica:
        short = level((9, 9 * SECOND))
        await replica.lose()
        for _ in range(12):
            assert (await replica.take(short._replace(cost=3))).admitted
            await replica.services.jumping.jump(9)
        replica.server.start()
        await replica.find()
        assert await replica.left(short) == [9]


async def test_a_share_of_a_level_is_not_spent_by_what_redis_allowed_long_ago() -> None:
    async with one_of_three() as replica:
        short = level((9, 9 * SECOND))
        for number in range(20):
            await replica.counts.debit((short._replace(cost=9),), f"d{number}")
            await replica.services.jumping.jump(9)
        await replica.lose()
        await replica.services.jumping.jump(3 * 9)
        assert await replica.took(short) == 3


async def test_leases_that_last_on_in_a_long_outage_push_nothing_out() -> None:
    one = lease((10_000, HOUR))
    async with one_of_three() as replica:
        await replica.lose()
        assert (await replica.take(LOCAL)).admitted
        for number in range(OWED_MOST):
            await replica.counts.extend((one,), f"t{number}")
        assert "forgotten" not in replica.told


async def test_back_is_back_though_more_is_owed_all_the_time() -> None:
    async with one_of_three() as replica:
        many = log((100_000, HOUR), on_store_error="closed")
        await replica.lose()
        owes = 0

        def more() -> None:
            """Owe more during each call."""
            nonlocal owes
            replica.watched.then = more
            if "back" not in replica.told:
                replica.counts._owe(Op("debit", (many,), f"more{owes}"))
                owes += 1

        replica.watched.then = more
        replica.server.start()
        await replica.find()
        assert owes < TOGETHER
        await comes(replica, many, 100_000 - owes)
