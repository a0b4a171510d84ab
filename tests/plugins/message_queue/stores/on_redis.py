"""A queue in a real Redis, connected to anew wherever a test wants that."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from plugins.message_queue.stores.redis import RedisQueue
from proxy.api.stores import RedisScripts
from proxy.api.testing import FakeServices
from tests.kit.redis import RedisServer
from tests.kit.running import wait_until

FOLDED = ("--appendonly", "yes", "--appendfsync", "always")
"""Options of a server that loses nothing."""


@asynccontextmanager
async def connected(
    server: RedisServer, now: Callable[[], float] | None, *, repeats: bool = False
) -> AsyncIterator[RedisQueue]:
    """A connection of its own, to what is there."""
    services = FakeServices()
    queue = RedisQueue(services.redis(server.url), now, repeats=repeats)
    try:
        await queue.open()
        yield queue
    finally:
        await services.close()


class Stutter:
    """A Redis whose first answers are all lost, so that each script is sent twice."""

    def __init__(self, redis: RedisScripts) -> None:
        self._redis = redis
        self.url, self.key = redis.url, redis.key
        self.call, self.listen = redis.call, redis.listen

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        await self._redis.run(script, keys, values)
        return await self._redis.run(script, keys, values)


def start_again(server: RedisServer) -> None:
    """Start one that was stopped, and wait until it has read what it wrote."""
    server.start()
    wait_until(lambda: server.say("PING")[:1] == b"+", "redis-server has read its file")
