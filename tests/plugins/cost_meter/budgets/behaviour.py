"""What every store of budgets does."""

import asyncio
from typing import NamedTuple

from plugins.cost_meter.budgets.claims import Claim, Correction, Entry, Reserving, Share
from tests.plugins.cost_meter.budgets.any_order import KEEP, START, Clock


class Asked(NamedTuple):
    """A store, and the clock that it goes by."""

    store: Reserving
    clock: Clock


def claim(amount: int, bucket: str = "b", cap: int = 100) -> Claim:
    return Claim(bucket, 0, 0, cap, amount, KEEP)


def share(bucket: str = "b") -> Share:
    return Share(bucket, 0, 0, KEEP)


def ended(attempt: str, spent: int | None, *buckets: str) -> Entry:
    return Entry(attempt, START, tuple(share(one) for one in buckets or ("b",)), spent)


async def takes(store: Reserving, attempt: str, *claims: Claim, seconds: float = 60.0) -> bool:
    return (await store.reserve(attempt, START, claims, seconds)).admitted


async def stands(store: Reserving, bucket: str = "b") -> tuple[int, int, int]:
    """What is spent, what is held back, and for how many."""
    (one,) = await store.read((share(bucket),))
    return one.total, one.reserved, one.leases


class ReservingBehaviour:
    """Inherited by the tests of each store, which have the fixture `asked`."""

    async def test_a_limit_can_be_spent_to_the_last_nano_dollar(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(99))
        assert not await takes(asked.store, "t2", claim(2))
        assert await takes(asked.store, "t3", claim(1))
        assert await stands(asked.store) == (0, 100, 2)

    async def test_everything_fits_or_nothing_is_held_back(self, asked: Asked) -> None:
        full = claim(1, "full", cap=0)
        assert not await takes(asked.store, "t1", claim(10), full, claim(10, "c"))
        assert await stands(asked.store) == (0, 0, 0)
        assert await stands(asked.store, "c") == (0, 0, 0)

    async def test_what_was_not_used_is_free_again(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(100))
        await asked.store.settle([ended("t1", 30)])
        assert await stands(asked.store) == (30, 0, 0)
        assert await takes(asked.store, "t2", claim(70))

    async def test_what_costs_more_than_was_held_back_is_counted_whole(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(50))
        await asked.store.settle([ended("t1", 130)])
        assert await stands(asked.store) == (130, 0, 0)
        assert not await takes(asked.store, "t2", claim(0))

    async def test_what_was_never_sent_costs_nothing(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(50))
        await asked.store.settle([ended("t1", None)])
        assert await stands(asked.store) == (0, 0, 0)

    async def test_an_end_told_again_and_again_counts_once(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(50), claim(50, "c"))
        for spent in (20, 20, 99, None):
            await asked.store.settle([ended("t1", spent, "b", "c")] * 2)
        assert await stands(asked.store) == (20, 0, 0)
        assert await stands(asked.store, "c") == (20, 0, 0)

    async def test_who_died_holds_nothing_back_for_long(self, asked: Asked) -> None:
        for number in range(150):
            assert await takes(asked.store, f"t{number}", claim(1, cap=150), seconds=10)
        asked.clock.now += 9.9
        assert not await takes(asked.store, "early", claim(1, cap=150))
        asked.clock.now += 0.2
        assert await takes(asked.store, "late", claim(150, cap=150))
        assert await stands(asked.store) == (0, 150, 1)

    async def test_an_end_that_comes_after_its_time_is_counted(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(50), seconds=10)
        asked.clock.now += 20
        assert await stands(asked.store) == (0, 0, 0)
        await asked.store.settle([ended("t1", 40)])
        assert await stands(asked.store) == (40, 0, 0)

    async def test_what_nobody_has_planned_is_counted(self, asked: Asked) -> None:
        await asked.store.settle([ended("t1", 40)])
        assert await stands(asked.store) == (40, 0, 0)

    async def test_asked_again_it_says_the_same_and_holds_once(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(60))
        assert await takes(asked.store, "t1", claim(60))
        assert await stands(asked.store) == (0, 60, 1)

    async def test_a_question_that_comes_after_its_end_holds_nothing(self, asked: Asked) -> None:
        await asked.store.settle([ended("t1", None)])
        assert not await takes(asked.store, "t1", claim(60))
        assert await stands(asked.store) == (0, 0, 0)

    async def test_without_a_cap_everything_is_let_through_and_counted(self, asked: Asked) -> None:
        assert await takes(asked.store, "t1", claim(10**15, cap=-1))
        await asked.store.settle([ended("t1", 10**15)])
        assert await stands(asked.store) == (10**15, 0, 0)

    async def test_what_left_a_rolling_window_does_not_count(self, asked: Asked) -> None:
        def rolling(now: int, amount: int) -> Claim:
            return Claim("r", now - 2, now, 100, amount, KEEP)

        for slice_ in (5, 6, 7):
            name = f"t{slice_}"
            assert await takes(asked.store, name, rolling(slice_, 40 if slice_ < 7 else 20))
            entry = Entry(name, START, (Share("r", slice_ - 2, slice_, KEEP),), 40)
            await asked.store.settle([entry])
        assert not await takes(asked.store, "t8", rolling(7, 1))
        assert not await takes(asked.store, "t9", rolling(8, 21))
        assert await takes(asked.store, "t10", rolling(8, 20))
        (seen,) = await asked.store.read((Share("r", 6, 8, KEEP),))
        assert dict(seen.spent) == {6: 40, 7: 40}

    async def test_slices_that_will_never_count_again_are_forgotten(self, asked: Asked) -> None:
        for slice_ in range(150):
            entry = Entry(f"t{slice_}", START, (Share("r", slice_, slice_, KEEP),), 1)
            await asked.store.settle([entry])
        assert await takes(asked.store, "last", Claim("r", 140, 150, 100, 1, KEEP))
        (old,) = await asked.store.read((Share("r", 0, 139, KEEP),))
        (new,) = await asked.store.read((Share("r", 140, 150, KEEP),))
        assert (old.total, new.total) == (0, 10)

    async def test_only_one_of_two_corrects_what_both_have_seen(self, asked: Asked) -> None:
        correction = Correction("b", {0: 30}, 0, KEEP)
        assert await asked.store.correct(correction)
        assert not await asked.store.correct(correction)
        (seen,) = await asked.store.read((share(),))
        assert (seen.total, seen.version) == (30, 1)

    async def test_many_at_once_never_hold_more_than_there_is(self, asked: Asked) -> None:
        told = await asyncio.gather(*(takes(asked.store, f"t{n}", claim(3)) for n in range(100)))
        assert sum(told) == 33
        assert await stands(asked.store) == (0, 99, 33)
