"""How many replicas there are is known by all of them, and remembered without Redis."""

import pytest

from plugins.rate_limit.counting.replicas import GONE, Replicas
from proxy.api import StoreError
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import redis_server
from tests.plugins.rate_limit.counting.conftest import Connect


async def test_each_counts_all_that_beat(connect: Connect) -> None:
    fleet = [Replicas(connect()) for _ in range(3)]
    for one in (*fleet, *fleet):
        await one.beat()
    assert [one.known for one in fleet] == [3, 3, 3]


async def test_who_leaves_is_gone_at_once_and_who_dies_after_a_while(
    link: RedisLink,
) -> None:
    stays, leaves = Replicas(link), Replicas(link)
    time = await link.call("TIME")
    now = int(time[0]) * 1000
    await link.call("ZADD", link.key("replicas"), now - GONE * 1000 + 5000, "still counts")
    await link.call("ZADD", link.key("replicas"), now - GONE * 1000 - 1, "died")
    await leaves.beat()
    await stays.beat()
    assert stays.known == 3
    await leaves.leave()
    await stays.beat()
    assert stays.known == 2


async def test_without_redis_the_last_number_stands() -> None:
    async with redis_server() as server:
        link = RedisLink(place_of(server.url))
        one, other = Replicas(link, {"replicas": 7}), Replicas(link)
        assert one.known == 7
        await other.beat()
        await one.beat()
        server.stop()
        with pytest.raises(StoreError):
            await one.beat()
        await one.leave()
        assert one.known == 2
        await link.close()
