"""One Redis for all tests of the stores; each test has a prefix of its own in it."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from proxy.stores.memory import MemoryStore
from proxy.stores.opening import store_for
from proxy.stores.rollouts import RolloutStore
from proxy.stores.sqlite import SqliteStore
from tests.kit.redis import RedisServer
from tests.stores.written import NOW


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(running_redis: RedisServer) -> str:
    """Keys that no other test has."""
    return f"{running_redis.url}?prefix={uuid.uuid4().hex}"


Door = Callable[[], RolloutStore]


def doors_of(kind: str, folder: Path, redis_url: str) -> Door:
    """Return what opens the store `kind` once more: each time another door to the same contents."""
    if kind == "redis":
        return lambda: store_for(redis_url)
    if kind == "sqlite":
        return lambda: SqliteStore(folder / "state.db", lambda: NOW)
    return MemoryStore(lambda: NOW).another


@asynccontextmanager
async def two_doors(door: Door) -> AsyncIterator[tuple[RolloutStore, RolloutStore]]:
    both = door(), door()
    for store in both:
        await store.open()
    yield both
    for store in both:
        await store.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
async def doors(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str
) -> AsyncIterator[tuple[RolloutStore, RolloutStore]]:
    """Two doors to the same contents, of each kind."""
    async with two_doors(doors_of(request.param, tmp_path, redis_url)) as both:
        yield both


@pytest.fixture(params=["sqlite", "redis"])
async def kept(
    request: pytest.FixtureRequest, tmp_path: Path, redis_url: str
) -> AsyncIterator[tuple[RolloutStore, RolloutStore]]:
    """Two doors to the same contents, of each kind that keeps states as text."""
    async with two_doors(doors_of(request.param, tmp_path, redis_url)) as both:
        yield both


@pytest.fixture
def store(doors: tuple[RolloutStore, RolloutStore]) -> RolloutStore:
    return doors[0]
