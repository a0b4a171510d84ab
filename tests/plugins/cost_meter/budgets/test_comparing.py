"""What is counted is held against the ledger, and set right without counting anything twice."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets import comparing
from plugins.cost_meter.budgets.claims import Correction
from plugins.cost_meter.budgets.comparing import Comparing, _outside
from plugins.cost_meter.budgets.counting import Alone
from plugins.cost_meter.budgets.matching import Budget
from plugins.cost_meter.budgets.memory import MemoryReserving
from plugins.cost_meter.budgets.recounting import Recounting
from proxy.api.testing import FakeServices
from tests.kit.properties import examples
from tests.plugins.cost_meter.budgets.spending import ListedLedger, budget, planned, row

DELTAS = st.dictionaries(st.integers(0, 3), st.integers(-5, 5))


class Compared:
    """A process that is alone, whose ledger is that of a fleet or its own."""

    def __init__(self, *, whole: bool, keeps: bool = False) -> None:
        self.written = 0
        self.services = FakeServices()
        self.ledger = ListedLedger()
        self.store = MemoryReserving({}, self.services.now)
        self.drifted: list[tuple[str, int]] = []
        self.comparing = Comparing(
            Alone(self.store, lambda *_: None),
            Recounting(self.ledger),
            self.services,
            None if whole else self._written,
            lambda name, off: self.drifted.append((name, off)),
            keeps=keeps,
        )
        self.budget: Budget = budget()
        self.place = self.budget.place("", self.services.now())

    async def _written(self) -> None:
        self.written += 1
        await self.ledger.written()

    def in_ledger(self, nano: int) -> None:
        self.ledger.lines.append(row(planned(self.services.now()), nano))

    async def counted(self, nano: int) -> None:
        share = self.place.share
        (seen,) = await self.store.read((share,))
        correction = (share.bucket, {0: nano}, seen.version, share.keep)
        assert await self.store.correct(Correction(*correction))

    async def total(self) -> int:
        (seen,) = await self.store.read((self.place.share,))
        return seen.total


async def test_many_who_ask_at_once_compare_once() -> None:
    one = Compared(whole=False)
    one.in_ledger(700)
    await asyncio.gather(*(one.comparing.prepare((one.place,)) for _ in range(50)))
    assert await one.total() == 700
    assert one.ledger.asked < 10
    assert one.drifted == []


async def test_a_ledger_that_hangs_holds_up_nobody_for_long_and_counts_when_it_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(comparing, "_PATIENCE", 0.01)
    one = Compared(whole=True)
    one.in_ledger(700)
    one.ledger.answers.clear()
    await one.comparing.prepare((one.place,))
    await one.comparing.prepare((one.place,))
    assert await one.total() == 0
    one.ledger.answers.set()
    async with asyncio.timeout(5):
        await asyncio.gather(*(work for work, _ in one.comparing._under_way.values()))
    assert await one.total() == 700


async def test_its_own_journal_is_believed_at_once_both_ways() -> None:
    one = Compared(whole=False)
    await one.comparing.prepare((one.place,))
    one.in_ledger(700)
    await one.comparing.look()
    assert await one.total() == 700
    one.in_ledger(-300)
    await one.comparing.look()
    assert await one.total() == 400
    assert one.drifted == [("one", 700), ("one", 300)]


async def test_where_nothing_is_counted_the_journal_is_not_hurried() -> None:
    one = Compared(whole=False, keeps=True)
    one.in_ledger(700)
    await one.comparing.prepare((one.place,))
    assert (one.written, await one.total()) == (0, 700)
    await one.comparing.look()
    assert (one.written, await one.total()) == (1, 700)
    forgetful = Compared(whole=False, keeps=False)
    await forgetful.comparing.prepare((forgetful.place,))
    assert forgetful.written == 1


async def test_a_fleets_ledger_is_believed_downwards_only_after_five_looks() -> None:
    one = Compared(whole=True)
    await one.comparing.prepare((one.place,))
    one.in_ledger(1000)
    await one.comparing.look()
    assert await one.total() == 1000
    await one.counted(500)  # which others have not brought yet, or never will
    for more in (0, 0, 200, 0):
        one.in_ledger(more)
        await one.comparing.look()
        assert await one.total() == 1500
    await one.comparing.look()
    assert await one.total() == 1200


async def test_a_small_difference_is_left_alone() -> None:
    one = Compared(whole=False)
    one.in_ledger(1_000_000)
    await one.comparing.prepare((one.place,))
    one.in_ledger(1000)
    await one.comparing.look()
    assert await one.total() == 1_000_000
    one.in_ledger(100)
    await one.comparing.look()
    assert await one.total() == 1_001_100


async def test_what_is_doubted_is_compared_before_it_is_used() -> None:
    one = Compared(whole=False)
    one.in_ledger(700)
    await one.comparing.prepare((one.place,))
    one.store = MemoryReserving({}, one.services.now)
    one.comparing._counting = Alone(one.store, lambda *_: None)
    one.comparing.doubt(one.place)
    await one.comparing.prepare((one.place,))
    assert await one.total() == 700


@examples(300)
@given(DELTAS, DELTAS, DELTAS)
def test_a_difference_brings_what_is_outside_to_the_nearest_bound(
    right: dict[int, int], one: dict[int, int], other: dict[int, int]
) -> None:
    deltas = _outside(right, one, other)
    for at in {*right, *one, *other}:
        low, high = sorted((one.get(at, 0), other.get(at, 0)))
        found = right.get(at, 0)
        assert low <= found - deltas.get(at, 0) <= high
        assert abs(deltas.get(at, 0)) == max(0, low - found, found - high)
