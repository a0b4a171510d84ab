"""Counts in this process: what every store does, and what a reload hands on."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from plugins.rate_limit.claims import Counts
from plugins.rate_limit.counting.memory import MemoryCounts
from tests.plugins.rate_limit.counting.any_order import play
from tests.plugins.rate_limit.counting.behaviour import (
    ALL_KINDS,
    Clock,
    CountsBehaviour,
    log,
)


@asynccontextmanager
async def in_memory(clock: Clock) -> AsyncIterator[Counts]:
    counts = MemoryCounts({}, clock)
    await counts.open()
    yield counts
    await counts.close()


class TestMemory(CountsBehaviour):
    maker = staticmethod(in_memory)


def test_whatever_is_asked_agrees_with_a_recount() -> None:
    assert play(in_memory, 60) >= 60


def test_a_reload_goes_on_with_what_was_counted() -> None:
    clock, state = Clock(), dict[str, Any]()
    claims = tuple(ALL_KINDS.values())
    assert MemoryCounts(state, clock).take_now(claims, "t").admitted
    after = MemoryCounts(state, clock)
    assert after.peek_now(claims).readings[0][0].remaining == 1
    after.refund_now(claims, "t")
    assert after.peek_now(claims) == (True, (((2, 0, 0),),) * 4, "")


def test_what_is_handed_on_are_plain_values() -> None:
    state: dict[str, Any] = {}
    MemoryCounts(state, Clock()).take_now(tuple(ALL_KINDS.values()), "t")
    assert set(json.loads(json.dumps(state))) == {"buckets", "queues", "latest"}


def test_a_clock_that_goes_back_stands_still_also_over_a_reload() -> None:
    clock, state = Clock(), dict[str, Any]()
    counts = MemoryCounts(state, clock)
    assert counts.take_now((log((1, 10)),), "t").admitted
    clock.now -= 1_000
    for each in (counts, MemoryCounts(state, clock)):
        assert each.peek_now((log((1, 10)),)).readings == (((0, 10, 10),),)
    clock.now += 1_005
    assert counts.peek_now((log((1, 10)),)).readings == (((0, 5, 5),),)
