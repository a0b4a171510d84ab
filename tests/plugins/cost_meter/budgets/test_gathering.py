"""Questions of many go out together, each gets its own answer, and a store that hangs is left."""

import asyncio
from collections.abc import Sequence

import pytest

from plugins.cost_meter.budgets.claims import Answer, Ask
from plugins.cost_meter.budgets.gathering import Gathering
from plugins.cost_meter.budgets.memory import MemoryReserving
from proxy.api import StoreError
from tests.plugins.cost_meter.budgets.any_order import START, Clock
from tests.plugins.cost_meter.budgets.behaviour import claim


class Remembering:
    """A store in memory that notes how many came in each call."""

    def __init__(self) -> None:
        self.memory = MemoryReserving({}, Clock())
        self.calls: list[int] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def reserve_all(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        self.calls.append(len(asks))
        await self.goes_on.wait()
        await asyncio.sleep(0)
        if any(ask.attempt.startswith("spoilt") for ask in asks):
            raise StoreError("WRONGTYPE Operation against a key")
        return [self.memory.reserve_now(ask.attempt, ask.claims, ask.seconds) for ask in asks]


def ask(attempt: str, amount: int = 1) -> Ask:
    return Ask(attempt, START, (claim(amount),), 60.0)


async def test_what_is_asked_at_once_goes_in_few_calls_and_each_is_told_its_own() -> None:
    store = Remembering()
    gathering = Gathering(store.reserve_all, 5.0)
    told = await asyncio.gather(*(gathering.ask(ask(f"t{n}")) for n in range(160)))
    assert sum(one.admitted for one in told) == 100
    assert [one.readings[0].reserved for one in told[:3]] == [0, 1, 2]
    assert sum(store.calls) == 160
    assert max(store.calls) == 32
    assert len(store.calls) <= 7


async def test_a_spoilt_bucket_fails_only_who_asks_for_it() -> None:
    store = Remembering()
    gathering = Gathering(store.reserve_all, 5.0)
    names = ("t1", "spoilt", "t2", "t3")
    told = await asyncio.gather(
        *(gathering.ask(ask(name)) for name in names), return_exceptions=True
    )
    assert [isinstance(one, StoreError) for one in told] == [False, True, False, False]


async def test_a_store_that_hangs_is_waited_for_once_and_not_by_each() -> None:
    store = Remembering()
    store.goes_on.clear()
    gathering = Gathering(store.reserve_all, 0.02)
    told = await asyncio.gather(
        *(gathering.ask(ask(f"t{n}")) for n in range(200)), return_exceptions=True
    )
    assert all(isinstance(one, StoreError) for one in told)
    assert len(store.calls) <= 2
    store.goes_on.set()
    assert (await gathering.ask(ask("later"))).admitted


async def test_who_has_gone_meanwhile_is_not_asked_for() -> None:
    store = Remembering()
    store.goes_on.clear()
    gathering = Gathering(store.reserve_all, 5.0)
    first = [asyncio.ensure_future(gathering.ask(ask(f"t{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    gone = asyncio.ensure_future(gathering.ask(ask("gone", 100)))
    await asyncio.sleep(0)
    gone.cancel()
    store.goes_on.set()
    await asyncio.gather(*first)
    assert (await gathering.ask(ask("last", 97))).admitted


async def test_at_the_end_nobody_is_left_waiting() -> None:
    store = Remembering()
    store.goes_on.clear()
    gathering = Gathering(store.reserve_all, 5.0)
    waiting = [asyncio.ensure_future(gathering.ask(ask(f"t{n}"))) for n in range(80)]
    await asyncio.sleep(0)
    await gathering.close()
    for one in waiting:
        with pytest.raises(StoreError):
            await one
    assert len(waiting) == 80
