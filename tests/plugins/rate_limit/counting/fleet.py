"""One replica of three, with the Redis that they share, which can be lost and found."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from plugins.rate_limit.claims import SECOND, Claim, Counted
from plugins.rate_limit.counting.fallback import Fallback
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.counting.redis import RedisCounts
from plugins.rate_limit.counting.replicas import Replicas
from proxy.api.testing import FakeServices
from proxy.stores.redis_link import RedisLink, place_of
from tests.kit.redis import RedisServer, redis_server
from tests.plugins.rate_limit.counting.behaviour import log
from tests.plugins.rate_limit.counting.watched import Watched

__all__ = ["HASTY", "HOUR", "LOCAL", "OWED_MOST", "PATIENT", "Replica", "one_of_three"]

PATIENT = 5.0
HASTY = 0.05
OWED_MOST = 400
HOUR = 3600 * SECOND
LOCAL = log((9, HOUR))


class Replica:
    """One of three, with the Redis that they share."""

    def __init__(self, server: RedisServer, patience: float) -> None:
        self.server = server
        self.services = FakeServices()
        self.told: list[str] = []
        self.back = asyncio.Event()
        self.link = RedisLink(place_of(server.url))
        self.watched = Watched(self.link)
        self.others = [Replicas(self.link) for _ in range(2)]
        self.shared = RedisCounts(self.watched, patience=patience)
        self.state: dict[str, Any] = {}
        self.local = MemoryCounts({}, lambda: round(self.services.now() * SECOND))
        self.counts = self.another()
        self._number = 0

    def another(self) -> Fallback:
        """What goes on in its place after a reload."""
        replicas = Replicas(self.link, self.state)
        return Fallback(
            self.shared, self.local, replicas, self.services, self.hear, self.state, OWED_MOST
        )

    def hear(self, what: str) -> None:
        self.told.append(what)
        if what == "back":
            self.back.set()

    async def open(self) -> None:
        for other in self.others:
            await other.beat()
        await self.counts.open()

    async def take(self, *claims: Claim, ticket: str = "") -> Counted:
        self._number += 1
        return await self.counts.take(claims, ticket or f"t{self._number}")

    async def took(self, *claims: Claim) -> int:
        """Take until nothing is left; how often it went."""
        for number in range(100):
            if not (await self.take(*claims)).admitted:
                return number
        raise AssertionError("there is no limit")

    async def left(self, *claims: Claim) -> list[int]:
        """What is left of the claims' first windows, by Redis itself."""
        counted = await RedisCounts(self.link, patience=PATIENT).peek(claims)
        return [readings[0].remaining for readings in counted.readings]

    async def lose(self) -> None:
        """Stop Redis, and notice it."""
        self.server.stop()
        await self.counts.peek((LOCAL,))
        assert self.told == ["lost", "local"]
        self.told.clear()

    async def find(self) -> None:
        """Let time go on until Redis is noticed to be there."""
        self.back.clear()
        async with asyncio.timeout(20):
            while not self.back.is_set():
                await self.services.jumping.jump(6)
                with suppress(
                    TimeoutError
                ):  # on a busy machine it may seem slow, and be tried again
                    await asyncio.wait_for(self.back.wait(), 2)

    async def close(self) -> None:
        await self.counts.close()
        await self.services.close()
        await self.link.close()
        assert self.services.faults == []


@asynccontextmanager
async def one_of_three(patience: float = PATIENT) -> AsyncIterator[Replica]:
    async with redis_server() as server:
        replica = Replica(server, patience)
        await replica.open()
        yield replica
        await replica.close()
