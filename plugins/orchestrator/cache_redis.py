"""Answers in a Redis, for a fleet: quick or not at all."""

import asyncio
from typing import Any, Final

from proxy.api import RedisScripts, StoreError

__all__ = ["PATIENCE", "REST", "RedisAnswers"]

PATIENCE: Final = 0.25
"""Seconds that a request waits for Redis; asking a model takes longer, but not without end."""

REST: Final = 5.0
"""Seconds for which a Redis that has failed is not asked."""


class RedisAnswers:
    """Keeps values in Redis, which forgets them by itself; see `cache.Answers`."""

    def __init__(self, redis: RedisScripts, ttl: float) -> None:
        """Keep each value for `ttl` seconds."""
        self._redis = redis
        self._ttl = max(1, round(ttl * 1000))
        self._rests_until = 0.0

    async def get(self, key: str, now: float) -> bytes | None:
        """Return the value of a key. Raises StoreError."""
        found = await self._call(now, "GET", self._redis.key("answer", key))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, now: float) -> None:
        """Keep a value in place of what was there. Raises StoreError."""
        await self._call(now, "SET", self._redis.key("answer", key), value, "PX", self._ttl)

    async def _call(self, now: float, command: str, *values: str | bytes | float) -> Any:
        if now < self._rests_until <= now + REST:
            raise StoreError(f"{self._redis.url}: it has failed, and is asked again soon")
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._redis.call(command, *values)
        except TimeoutError:
            self._rests_until = now + REST
            raise StoreError(f"{self._redis.url}: no answer within {PATIENCE:g} s") from None
        except StoreError:
            self._rests_until = now + REST
            raise
