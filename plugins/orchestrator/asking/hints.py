"""Replicas tell each other of breakers that have opened.

What another has seen is a hint and no truth: where it comes from, the network may be broken, or a
credential be another one. So a hint only halves, for half a minute, the calls that a breaker
wants to see before it opens by itself. Nothing waits for Redis, and without it nothing is lost.
"""

import uuid
from collections.abc import Callable, Collection
from typing import Final

from proxy.api import RedisScripts, Services, StoreError

__all__ = ["SUSPECTED", "Hints"]

SUSPECTED: Final = 30.0
"""For so many seconds a hint counts."""

_LONGEST = 200


class Hints:
    """One for the application; `listen` runs as long as it does."""

    def __init__(
        self,
        redis: RedisScripts,
        deployments: Collection[str],
        suspect: Callable[[str], None],
        services: Services,
    ) -> None:
        """`suspect` is told of a deployment that has failed elsewhere."""
        self._redis = redis
        self._channel = redis.key("breakers")
        self._deployments = frozenset(deployments)
        self._suspect = suspect
        self._services = services
        self._own = uuid.uuid4().hex
        self._came = services.counter("hints", "Breakers that opened in other replicas.")

    def opened(self, deployment: str) -> None:
        """Tell the others; nobody waits for it."""
        self._services.spawn(self._publish(deployment), "tell of a breaker")

    async def listen(self) -> None:
        """Listen until cancelled."""
        await self._redis.listen(self._channel, self._told)

    async def _publish(self, deployment: str) -> None:
        try:
            await self._redis.call("PUBLISH", self._channel, f"{self._own} {deployment}")
        except StoreError as error:
            self._services.log.warning("hint_not_sent", reason=str(error))

    def _told(self, message: bytes) -> None:
        writer, _, deployment = message[:_LONGEST].decode("utf-8", "replace").partition(" ")
        if writer != self._own and deployment in self._deployments:
            self._came.add()
            self._suspect(deployment)
