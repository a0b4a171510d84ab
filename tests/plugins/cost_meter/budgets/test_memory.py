"""Budgets in memory: what every store does, and that it hands on and forgets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from plugins.cost_meter.budgets.claims import Reserving
from plugins.cost_meter.budgets.memory import MemoryReserving
from tests.plugins.cost_meter.budgets.any_order import Clock, play
from tests.plugins.cost_meter.budgets.behaviour import (
    Asked,
    ReservingBehaviour,
    claim,
    ended,
    stands,
    takes,
)


class TestMemory(ReservingBehaviour):
    @pytest.fixture
    def asked(self) -> Asked:
        clock = Clock()
        return Asked(MemoryReserving({}, clock), clock)


@asynccontextmanager
async def in_memory(clock: Clock) -> AsyncIterator[Reserving]:
    yield MemoryReserving({}, clock)


def test_whatever_is_asked_of_memory_agrees_with_a_recount() -> None:
    assert play(in_memory, 70) >= 70


async def test_another_goes_on_with_what_one_has_counted() -> None:
    state: dict[str, Any] = {}
    clock = Clock()
    before = MemoryReserving(state, clock)
    assert await takes(before, "t1", claim(60))
    after = MemoryReserving(state, clock)
    assert not await takes(after, "t2", claim(60))
    await after.settle([ended("t1", 10)])
    assert await stands(after) == (10, 0, 0)


async def test_buckets_of_no_more_use_are_forgotten() -> None:
    clock = Clock()
    store = MemoryReserving({}, clock, most=10)
    for number in range(200):
        await store.settle([ended(f"t{number}", 1, f"b{number}")])
    assert len(store) <= 10


async def test_what_has_something_under_way_stays_however_many_there_are() -> None:
    clock = Clock()
    store = MemoryReserving({}, clock, most=10)
    for number in range(40):
        assert await takes(store, f"t{number}", claim(7, f"b{number}"))
    assert [await stands(store, f"b{number}") for number in range(40)] == [(0, 7, 1)] * 40


async def test_time_that_goes_back_frees_and_takes_nothing() -> None:
    clock = Clock()
    store = MemoryReserving({}, clock)
    assert await takes(store, "t1", claim(60), seconds=10)
    clock.now -= 1000
    assert await takes(store, "t2", claim(40), seconds=10)
    clock.now += 1010.5
    assert await stands(store) == (0, 0, 0)
