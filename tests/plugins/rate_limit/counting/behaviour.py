"""What every store of counts does: cases for a class of tests to inherit.

A test file says how its store is made, and has both the cases and `any_order.play`::

    class TestMemory(CountsBehaviour):
        maker = staticmethod(in_memory)

A test may also have a fixture `asked` of its own, which yields an `Asked`.
"""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from itertools import count
from typing import Any

import pytest

from plugins.rate_limit.claims import NEVER, SECOND, Claim, Counted, Counts, Kind, Window
from tests.plugins.rate_limit.counting.claimed import (
    START,
    Clock,
    Maker,
    claim,
    distinct,
    lease,
    level,
    log,
)

__all__ = [
    "START",
    "Asked",
    "Clock",
    "CountsBehaviour",
    "Maker",
    "claim",
    "distinct",
    "lease",
    "level",
    "log",
]


class Asked:
    """A store, its clock, and a new ticket for each decision that names none."""

    def __init__(self, counts: Counts, clock: Clock) -> None:
        self.counts = counts
        self.clock = clock
        self._numbers = count(1)

    async def take(self, *claims: Claim, ticket: str = "") -> Counted:
        return await self.counts.take(claims, ticket or f"t{next(self._numbers)}")

    async def peek(self, *claims: Claim) -> Counted:
        return await self.counts.peek(claims)

    async def took(self, *claims: Claim, ticket: str = "") -> bool:
        return (await self.take(*claims, ticket=ticket)).admitted

    async def reading(self, one: Claim) -> tuple[int, int, int]:
        """Return how the first window of a claim stands."""
        return tuple((await self.peek(one)).readings[0][0])  # type: ignore[return-value]


ALL_KINDS = {
    "log": log((2, 10)),
    "level": level((2, 10)),
    "distinct": distinct((2, 10)),
    "lease": lease((2, 10)),
}

WAITS: dict[str, tuple[list[tuple[int, Claim]], Claim, int]] = {
    "a log opens when its oldest unit is a period old": (
        [(0, log((2, 10))), (3, log((2, 10)))],
        log((2, 10)),
        7,
    ),
    "a log waits for as many units as are asked for": (
        [(0, log((3, 10))), (3, log((3, 10))), (1, log((3, 10)))],
        log((3, 10), cost=2),
        9,
    ),
    "of several windows the longest closed one decides": (
        [(0, log((2, 10), (3, 40)))] * 2 + [(15, log((2, 10), (3, 40)))],
        log((2, 10), (3, 40)),
        25,
    ),
    "a level opens when one unit has drained": (
        [(0, level((2, 9), cost=2))],
        level((2, 9)),
        5,
    ),
    "a level with a burst of its own": (
        [(0, level((2, 9, 5), cost=5)), (5, level((2, 9, 5)))],
        level((2, 9, 5), cost=3),
        13,
    ),
    "of distinct members the one not seen for longest leaves": (
        [
            (0, distinct((2, 10), member="a")),
            (2, distinct((2, 10), member="b")),
            (2, distinct((2, 10), member="a")),
        ],
        distinct((2, 10), member="c"),
        8,
    ),
    "a lease ends by itself": ([(0, lease((1, 10)))], lease((1, 10)), 10),
}


class CountsBehaviour:
    """The cases. Whoever inherits says how a store is made: ``maker = staticmethod(…)``."""

    maker: Any
    """A `Maker`."""

    @pytest.fixture
    async def asked(self) -> AsyncIterator[Asked]:
        clock = Clock()
        made: AbstractAsyncContextManager[Counts] = self.maker(clock)
        async with made as counts:
            yield Asked(counts, clock)

    async def test_a_log_admits_exactly_its_limit_in_any_window(self, asked: Asked) -> None:
        one = log((3, 10))
        assert [await asked.took(one) for _ in range(5)] == [True] * 3 + [False] * 2
        asked.clock.now += 9
        assert not await asked.took(one)
        asked.clock.now += 1  # exactly a period later the first are out
        assert [await asked.took(one) for _ in range(4)] == [True] * 3 + [False]

    async def test_a_window_that_slides_never_holds_more_than_the_limit(self, asked: Asked) -> None:
        one, taken = log((3, 10)), []
        for _ in range(60):
            if await asked.took(one):
                taken.append(asked.clock.now)
            asked.clock.now += 1
        for at in taken:
            assert sum(at - 10 < other <= at for other in taken) <= 3
        assert len(taken) == 18

    async def test_refused_units_do_not_count(self, asked: Asked) -> None:
        one = log((1, 10))
        assert await asked.took(one)
        for _ in range(9):
            asked.clock.now += 1
            assert not await asked.took(one)
        asked.clock.now += 1
        assert await asked.took(one)

    async def test_a_cost_of_three_is_three_units(self, asked: Asked) -> None:
        assert await asked.took(log((4, 10), cost=3))
        assert not await asked.took(log((4, 10), cost=2))
        assert await asked.took(log((4, 10), cost=1))

    async def test_nothing_costs_nothing(self, asked: Asked) -> None:
        for one in (log((1, 10), cost=0), level((1, 10), cost=0), lease((1, 10), cost=0)):
            assert [await asked.took(one) for _ in range(3)] == [True] * 3
            assert await asked.reading(one) == (1, 0, 0)
        assert await asked.counts.extend((lease((1, 10), cost=0),), "t1")

    async def test_a_level_admits_its_burst_and_then_at_its_rate(self, asked: Asked) -> None:
        one = level((2, 10, 3))
        assert [await asked.took(one) for _ in range(4)] == [True] * 3 + [False]
        asked.clock.now += 5
        assert [await asked.took(one) for _ in range(2)] == [True, False]
        asked.clock.now += 100
        assert [await asked.took(one) for _ in range(4)] == [True] * 3 + [False]

    async def test_a_level_is_exact_where_its_rate_does_not_divide(self, asked: Asked) -> None:
        one, taken = level((7, 3 * SECOND, 2)), 0
        while asked.clock.now <= START + 15 * SECOND:
            taken += await asked.took(one)
            asked.clock.now += (await asked.reading(one))[2]
        assert taken == 2 + 7 * 5

    async def test_large_numbers_lose_no_digit(self, asked: Asked) -> None:
        one = level((90_000_001, 60 * SECOND), cost=90_000_000)
        assert await asked.took(one)
        assert await asked.reading(one) == (1, 1, 59_999_999)

    async def test_a_known_member_costs_nothing(self, asked: Asked) -> None:
        a, b, c = (distinct((2, 10), member=name) for name in "abc")
        assert [await asked.took(one) for one in (a, b, a, b, c)] == [True] * 4 + [False]
        asked.clock.now += 9
        assert await asked.took(a)  # and is known from now on
        asked.clock.now += 1
        assert [await asked.took(one) for one in (c, b, a)] == [True, False, True]

    async def test_leases_are_given_back_extended_and_end_by_themselves(self, asked: Asked) -> None:
        one = lease((2, 10))
        assert [await asked.took(one, ticket=name) for name in "abc"] == [True, True, False]
        await asked.counts.refund((one,), "a")
        assert await asked.took(one, ticket="c")
        asked.clock.now += 9
        assert await asked.counts.extend((one,), "b")
        asked.clock.now += 1
        assert not await asked.counts.extend((one,), "c")
        assert [await asked.took(one, ticket=name) for name in "de"] == [True, False]
        asked.clock.now += 9
        assert await asked.took(one, ticket="f")

    async def test_what_was_given_back_or_never_was_cannot_be_extended(self, asked: Asked) -> None:
        one = lease((2, 10))
        assert not await asked.counts.extend((one,), "never")
        assert await asked.took(one, ticket="a")
        await asked.counts.refund((one,), "a")
        assert not await asked.counts.extend((one,), "a")
        assert await asked.reading(one) == (2, 0, 0)

    async def test_all_or_nothing_over_claims_of_all_kinds(self, asked: Asked) -> None:
        claims = tuple(ALL_KINDS.values())
        full = log((1, 50), bucket="full")
        assert await asked.took(full)
        for order in ((*claims, full), (full, *claims)):
            said = await asked.take(*order)
            assert not said.admitted
            assert [reading.wait for each in said.readings for reading in each].count(50) == 1
        assert await asked.peek(*claims) == (True, ((((2, 0, 0)),),) * 4, "")

    async def test_readings_are_in_the_order_of_claims_and_windows(self, asked: Asked) -> None:
        said = await asked.take(log((9, 30), (5, 10), cost=2), level((8, 16), (4, 4)))
        assert said == (True, (((7, 30, 0), (3, 10, 0)), ((7, 2, 0), (3, 1, 0))), "")

    async def test_a_peek_says_what_take_would_and_changes_nothing(self, asked: Asked) -> None:
        for one in ALL_KINDS.values():
            before = await asked.peek(one)
            assert before == (True, ((((2, 0, 0)),),), "")
            assert await asked.peek(one) == before
            assert (await asked.take(one, ticket="first")).readings[0][0].remaining == 1
            again = one._replace(cost=2) if one.kind is not Kind.DISTINCT else one
            assert (await asked.peek(again)).admitted == (one.kind is Kind.DISTINCT)

    async def test_what_costs_more_than_there_ever_is_never_fits(self, asked: Asked) -> None:
        for one in (log((2, 10), cost=3), level((2, 10), cost=3), lease((2, 10), cost=3)):
            said = await asked.take(one)
            assert not said.admitted
            assert said.readings == (((2, 0, NEVER),),)

    async def test_two_buckets_know_nothing_of_each_other(self, asked: Asked) -> None:
        for one in ALL_KINDS.values():
            other = one._replace(bucket=f"{one.bucket}:other")
            assert await asked.took(one)
            assert await asked.reading(other) == (2, 0, 0)

    @pytest.mark.parametrize("kind", ALL_KINDS)
    async def test_what_was_given_back_can_be_taken_again(self, asked: Asked, kind: str) -> None:
        one = ALL_KINDS[kind]
        assert await asked.took(one, ticket="a")
        asked.clock.now += 1
        await asked.counts.refund((one,), "a")
        assert await asked.reading(one) == (2, 0, 0)

    @pytest.mark.parametrize("kind", ALL_KINDS)
    async def test_what_is_given_back_late_changes_nothing(self, asked: Asked, kind: str) -> None:
        one = ALL_KINDS[kind]
        assert await asked.took(one, ticket="a")
        asked.clock.now += 10
        await asked.counts.refund((one,), "a")
        assert await asked.reading(one) == (2, 0, 0)

    @pytest.mark.parametrize("kind", ["log", "distinct", "lease"])
    async def test_a_ticket_that_took_nothing_gives_nothing_back(
        self, asked: Asked, kind: str
    ) -> None:
        one = ALL_KINDS[kind]
        assert await asked.took(one, ticket="a")
        await asked.counts.refund((one,), "b")
        assert (await asked.reading(one))[0] == 1

    async def test_a_refund_gives_back_all_units_of_its_ticket_alone(self, asked: Asked) -> None:
        one = log((9, 10), cost=3)
        assert await asked.took(one, ticket="a")
        assert await asked.took(one, ticket="ab")
        await asked.counts.refund((one,), "a")
        await asked.counts.refund((one,), "a")
        assert (await asked.reading(one))[0] == 6

    async def test_a_refund_restores_when_a_member_was_seen_before(self, asked: Asked) -> None:
        one = distinct((1, 10))
        assert await asked.took(one, ticket="a")
        asked.clock.now += 4
        assert await asked.took(one, ticket="b")
        await asked.counts.refund((one,), "b")
        assert await asked.reading(distinct((1, 10), member="other")) == (0, 6, 6)

    async def test_a_member_restored_among_others_leaves_in_its_turn(self, asked: Asked) -> None:
        a, b, c = (distinct((2, 10), (9, 20), member=name) for name in "abc")
        for one, ticket in ((a, "1"), (b, "2"), (a, "3")):
            assert await asked.took(one, ticket=ticket)
            asked.clock.now += 2
        await asked.counts.refund((a,), "3")
        assert await asked.reading(c) == (0, 4, 4)
        asked.clock.now += 4
        assert await asked.took(c)
        assert await asked.reading(a) == (0, 2, 2)
        asked.clock.now += 12
        assert await asked.took(b)
        asked.clock.now += 3
        assert await asked.took(a)
        assert (await asked.peek(c)).readings == (((0, 7, 7), (6, 5, 0)),)

    @pytest.mark.parametrize("kind", ALL_KINDS)
    async def test_a_debit_counts_whatever_the_limit_and_is_worked_off(
        self, asked: Asked, kind: str
    ) -> None:
        one = ALL_KINDS[kind]
        for number in range(3):
            named = one._replace(member=f"m{number}") if one.member else one
            await asked.counts.debit((named,), f"d{number}")
        new = one._replace(member="new") if one.member else one
        remaining, _, wait = await asked.reading(new)
        assert (remaining, wait) == (0, 10)
        asked.clock.now += 9
        assert not await asked.took(new)
        asked.clock.now += 1
        assert await asked.took(new)

    @pytest.mark.parametrize("kind", ALL_KINDS)
    async def test_what_is_cleared_is_forgotten(self, asked: Asked, kind: str) -> None:
        one = ALL_KINDS[kind]
        assert await asked.took(one)
        await asked.counts.clear((one, one._replace(bucket="unknown")))
        assert await asked.reading(one) == (2, 0, 0)

    @pytest.mark.parametrize("kind", ["log", "distinct", "lease"])
    async def test_the_same_take_sent_twice_takes_once(self, asked: Asked, kind: str) -> None:
        one = ALL_KINDS[kind]._replace(windows=(Window("w0", 1, 10, 1),))
        first = await asked.take(one, ticket="a")
        assert first == (True, (((0, 10, 0),),), "")
        assert await asked.take(one, ticket="a") == first
        await asked.counts.refund((one,), "a")
        assert await asked.reading(one) == (1, 0, 0)

    @pytest.mark.parametrize("kind", ["log", "distinct", "lease"])
    async def test_the_same_debit_sent_twice_counts_once(self, asked: Asked, kind: str) -> None:
        one = ALL_KINDS[kind]
        for _ in range(2):
            await asked.counts.debit((one,), "a")
        assert (await asked.reading(one))[0] == 1
        await asked.counts.refund((one,), "a")
        assert (await asked.reading(one))[0] == 2

    @pytest.mark.parametrize("kind", ["log", "distinct", "lease"])
    async def test_a_ticket_whose_units_have_left_takes_again(
        self, asked: Asked, kind: str
    ) -> None:
        one = ALL_KINDS[kind]
        for _ in range(3):
            assert (await asked.take(one, ticket="a")).readings == (((1, 10, 0),),)
            asked.clock.now += 10

    @pytest.mark.parametrize("case", WAITS)
    async def test_after_the_wait_it_fits_and_not_a_microsecond_before(
        self, asked: Asked, case: str
    ) -> None:
        before, one, right = WAITS[case]
        for passed, earlier in before:
            asked.clock.now += passed
            assert await asked.took(earlier)
        waits = [reading.wait for reading in (await asked.take(one)).readings[0]]
        assert max(waits) == right
        asked.clock.now += right - 1
        assert not await asked.took(one)
        asked.clock.now += 1
        assert await asked.took(one)

    @pytest.mark.parametrize("kind", ALL_KINDS)
    async def test_after_the_reset_there_is_more_and_not_a_microsecond_before(
        self, asked: Asked, kind: str
    ) -> None:
        one = ALL_KINDS[kind]
        assert await asked.took(one)
        remaining, reset, _ = await asked.reading(one)
        asked.clock.now += reset - 1
        assert (await asked.reading(one))[:2] == (remaining, 1)
        asked.clock.now += 1
        assert (await asked.reading(one))[:2] == (2, 0)
