"""What has ended reaches the store, each once and in order, however often the store is away."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.budgets import settling
from plugins.cost_meter.budgets.claims import Entry, Reading, Share
from plugins.cost_meter.budgets.memory import MemoryReserving
from plugins.cost_meter.budgets.settling import Settling, spoilt
from proxy.api import StoreError
from tests.kit.properties import examples
from tests.plugins.cost_meter.budgets.any_order import KEEP, START, Clock
from tests.plugins.cost_meter.budgets.behaviour import ended, stands


class Moody(MemoryReserving):
    """A store that fails when a list says so: before it has done anything, or after."""

    def __init__(self, moods: Sequence[str]) -> None:
        super().__init__({}, Clock())
        self.moods = deque(moods)
        self.order: list[str] = []

    async def settle(self, entries: Sequence[Entry]) -> tuple[tuple[Reading, ...], ...]:
        mood = self.moods.popleft() if self.moods else "good"
        if mood == "gone":
            raise StoreError("cannot be reached")
        if any(entry.attempt == "spoilt" for entry in entries):
            raise StoreError("WRONGTYPE Operation against a key")
        told = await super().settle(entries)
        if mood == "late":
            raise StoreError("did not answer in time")
        self.order += [entry.attempt for entry in entries]
        return told


def made(store: Moody, state: dict[str, Any] | None = None) -> tuple[Settling, list[str]]:
    forgotten: list[str] = []
    kept = {} if state is None else state
    return Settling(store, lambda *_: None, lambda: forgotten.append("one"), kept), forgotten


async def pays(queue: Settling) -> None:
    """Pay until nothing is owed."""
    while len(queue):
        try:
            await queue.pay()
        except StoreError:
            continue


@examples(60)
@given(st.lists(st.sampled_from(["good", "gone", "late"]), max_size=12), st.integers(1, 200))
def test_everything_is_counted_once_whatever_the_store_does(moods: list[str], count: int) -> None:
    store = Moody(moods)
    queue, forgotten = made(store)
    for number in range(count):
        queue.add(ended(f"t{number}", 1))
    assert queue.pending("b") == {0: count}
    asyncio.run(pays(queue))
    assert asyncio.run(stands(store))[0] == count
    assert (queue.pending("b"), forgotten) == ({}, [])
    assert store.order == [f"t{number}" for number in range(count)]


async def test_one_that_a_spoilt_bucket_keeps_out_holds_no_other_up() -> None:
    store = Moody([])
    queue, forgotten = made(store)
    for name in ("t1", "spoilt", "t2"):
        queue.add(ended(name, 5))
    await queue.pay()
    assert (await stands(store))[0] == 10
    assert forgotten == ["one"]
    assert queue.pending("b") == {}


async def test_whoever_follows_goes_on_with_what_is_owed() -> None:
    state: dict[str, Any] = {}
    before, _ = made(Moody(["gone"]), state)
    before.add(ended("t1", 7))
    store = Moody([])
    after, _ = made(store, state)
    with pytest.raises(StoreError):
        await before.pay()
    assert after.pending("b") == {0: 7}
    await after.pay()
    assert (await stands(store))[0] == 7
    assert before.pending("b") == {}


async def test_of_too_many_the_oldest_goes_and_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "MOST", 3)
    store = Moody([])
    queue, forgotten = made(store)
    for number in range(5):
        queue.add(ended(f"t{number}", 1))
    await queue.pay()
    assert (store.order, forgotten) == (["t2", "t3", "t4"], ["one", "one"])


def test_what_is_given_back_is_no_money_that_is_owed() -> None:
    queue, _ = made(Moody([]))
    queue.add(Entry("t1", START, (Share("b", 0, 0, KEEP),), None))
    assert queue.pending("b") == {}
    assert len(queue) == 1


def test_only_what_is_in_a_bucket_spoils_it() -> None:
    assert spoilt(StoreError("WRONGTYPE Operation"))
    assert not spoilt(StoreError("READONLY You can't write against a read only replica."))
