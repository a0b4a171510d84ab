"""One Redis for all tests that import these fixtures; each test has keys of its own."""

import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import pytest

from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import RedisServer

__all__ = ["Connect", "connect", "link", "running_redis"]

Connect = Callable[[], RedisLink]


@pytest.fixture(scope="session")
def running_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def connect(running_redis: RedisServer) -> AsyncIterator[Connect]:
    """What opens another link to the same keys, which no other test has."""
    place = place_of(f"{running_redis.url}?prefix={uuid.uuid4().hex}")
    links: list[RedisLink] = []

    def another() -> RedisLink:
        links.append(RedisLink(place))
        return links[-1]

    yield another
    for link in links:
        await link.close()


@pytest.fixture
def link(connect: Connect) -> RedisLink:
    return connect()
