"""Several proxies on one Redis, each by a link of its own that can be cut."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.kit.link import Link
from tests.kit.redis import RedisServer
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.operator import Admin
from tests.story.steering import serving, steered


@dataclass
class Fleet:
    """Replicas, the Redis that they share, and the links that lead to it."""

    redis: RedisServer
    proxies: list[RunningProxy]
    links: list[Link]

    @property
    def admins(self) -> list[Admin]:
        """What operators ask, one for each proxy."""
        return [Admin(proxy) for proxy in self.proxies]

    def agree(self, key: str, value: object) -> bool:
        """Whether a rollout stands so everywhere."""
        return all(admin.rollout("fade")[key] == value for admin in self.admins)


@asynccontextmanager
async def fleet(replicas: int, **rollout: object) -> AsyncIterator[Fleet]:
    """Run so many, of one rollout, `fade`."""
    with RedisServer() as redis:
        async with EchoUpstream("legacy") as legacy, EchoUpstream("new") as new:
            links = [Link(redis.port) for _ in range(replicas)]
            for link in links:
                await link.__aenter__()
            configs = [
                steered((legacy, new), f"redis://127.0.0.1:{link.port}/0", **rollout)
                for link in links
            ]
            try:
                async with serving(*configs) as proxies:
                    yield Fleet(redis, proxies, links)
            finally:
                for link in links:
                    await link.__aexit__(None, None, None)
