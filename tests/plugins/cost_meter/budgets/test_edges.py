"""Whoever is first is told so, and nobody else: in memory, on a shelf, over a fleet."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from plugins.cost_meter.books import Edges
from plugins.cost_meter.budgets.edges import MemoryEdges, RedisEdges, ShelfEdges
from proxy.api import StoreError
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import redis_server
from tests.plugins.cost_meter.budgets.any_order import Clock
from tests.plugins.cost_meter.budgets.conftest import Connect

DAY = 86_400.0


class DictShelf:
    """A shelf that is a dict, and can be out of reach."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.gone = False

    async def put(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        self._there()
        self.kept[kind, key] = document

    async def get(self, kind: str, key: str) -> Mapping[str, Any] | None:
        self._there()
        return self.kept.get((kind, key))

    async def all(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        self._there()
        return {key: one for (of, key), one in self.kept.items() if of == kind}

    async def delete(self, kind: str, key: str) -> bool:
        self._there()
        return self.kept.pop((kind, key), None) is not None

    def _there(self) -> None:
        if self.gone:
            raise StoreError("the shelf cannot be reached")


class EdgesBehaviour:
    """Inherited for each; `another` makes one of another process, or of the same one restarted."""

    async def test_only_the_first_is_told_so(self, another: Callable[[], Edges]) -> None:
        one, other = another(), another()
        until = 4_000_000_000.0
        told = await asyncio.gather(
            *(each.first("key", until) for each in (one, other) for _ in range(5))
        )
        assert sum(told) == 1
        assert await other.first("another key", until)

    async def test_what_is_forgotten_can_be_first_again(self, another: Callable[[], Edges]) -> None:
        one, until = another(), 4_000_000_000.0
        assert not await one.forget("key")
        assert await one.first("key", until)
        assert await one.forget("key")
        assert not await one.forget("key")
        assert await one.first("key", until)


class TestShelf(EdgesBehaviour):
    @pytest.fixture
    def another(self) -> Callable[[], Edges]:
        clock, shelf = Clock(), DictShelf()
        return lambda: ShelfEdges(shelf, MemoryEdges({}, clock), clock)


class TestRedis(EdgesBehaviour):
    @pytest.fixture
    def another(self, connect: Connect) -> Callable[[], Edges]:
        clock = Clock()
        return lambda: RedisEdges(connect(), MemoryEdges({}, clock))


class TestMemory(EdgesBehaviour):
    @pytest.fixture
    def another(self) -> Callable[[], Edges]:
        clock, state = Clock(), dict[str, Any]()
        return lambda: MemoryEdges(state, clock)


async def test_in_a_new_period_somebody_is_first_again() -> None:
    clock, shelf = Clock(), DictShelf()
    edges = ShelfEdges(shelf, MemoryEdges({}, clock), clock)
    assert await edges.first("key", clock.now + DAY)
    clock.now += DAY
    assert await edges.first("key", clock.now + DAY)
    clock.now += DAY
    assert not await edges.forget("key")


async def test_what_is_over_is_swept_from_the_shelf() -> None:
    clock, shelf = Clock(), DictShelf()
    edges = ShelfEdges(shelf, MemoryEdges({}, clock), clock)
    await edges.first("old", clock.now + 1)
    await edges.first("new", clock.now + DAY)
    clock.now += 2
    await edges.sweep()
    assert list(await shelf.all("edge")) == ["new"]


async def test_a_shelf_does_not_fill_with_what_is_over() -> None:
    clock, shelf = Clock(), DictShelf()
    edges = ShelfEdges(shelf, MemoryEdges({}, clock), clock)
    for number in range(1000):
        assert await edges.first(f"key-{number}", clock.now + 10)
        clock.now += 1
    assert len(shelf.kept) <= 111


async def test_without_its_shelf_each_process_is_asked_by_itself() -> None:
    clock, shelf = Clock(), DictShelf()
    edges = ShelfEdges(shelf, MemoryEdges({}, clock), clock)
    shelf.gone = True
    assert await edges.first("key", clock.now + DAY)
    assert not await edges.first("key", clock.now + DAY)
    assert await edges.forget("key")


async def test_without_redis_each_process_is_asked_by_itself() -> None:
    clock = Clock()
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        edges = RedisEdges(link, MemoryEdges({}, clock))
        server.stop()
        assert await edges.first("key", clock.now + DAY)
        assert not await edges.first("key", clock.now + DAY)
        assert await edges.forget("key")
        await link.close()


async def test_only_so_many_are_remembered() -> None:
    clock, state = Clock(), dict[str, Any]()
    edges = MemoryEdges(state, clock)
    for number in range(10_500):
        edges.first_now(f"key-{number}", clock.now + (1 if number < 300 else DAY))
    assert len(state["edges"]) <= 10_000
    assert not edges.first_now("key-10499", clock.now + DAY)
