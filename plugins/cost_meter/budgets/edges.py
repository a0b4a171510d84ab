"""Says of an event whether it is the first of its kind: in this process, or over the fleet."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from proxy.api import RedisScripts, StoreError

from ..books import Shelf

__all__ = ["MemoryEdges", "RedisEdges", "ShelfEdges"]

_MOST: Final = 10_000
_KIND: Final = "edge"
_SWEPT: Final = 100
"""After so many the shelf is swept."""

_PATIENCE: Final = 1.0


class MemoryEdges:
    """See `books.Edges`; of this process, while it lives."""

    def __init__(self, state: dict[str, Any], now: Callable[[], float]) -> None:
        """Go on with what `state` holds, plain values only; `now` returns Unix seconds."""
        self._taken: dict[str, float] = state.setdefault("edges", {})
        self._now = now

    async def first(self, key: str, until: float) -> bool:
        """See `books.Edges.first`."""
        return self.first_now(key, until)

    async def forget(self, key: str) -> bool:
        """See `books.Edges.forget`."""
        return self.forget_now(key)

    def first_now(self, key: str, until: float) -> bool:
        """See `books.Edges.first`."""
        now = self._now()
        if self._taken.get(key, now) > now:
            return False
        self._taken.pop(key, None)
        self._taken[key] = until
        if len(self._taken) > _MOST:
            self._make_room(now)
        return True

    def forget_now(self, key: str) -> bool:
        """See `books.Edges.forget`."""
        return self._taken.pop(key, 0.0) > self._now()

    def _make_room(self, now: float) -> None:
        for key in [key for key, until in self._taken.items() if until <= now]:
            del self._taken[key]
        while len(self._taken) > _MOST:
            del self._taken[next(iter(self._taken))]


class ShelfEdges:
    """See `books.Edges`; of one process, and kept over its restarts."""

    def __init__(self, shelf: Shelf, memory: MemoryEdges, now: Callable[[], float]) -> None:
        """`memory` knows what was asked lately, and goes on where the shelf cannot be reached."""
        self._shelf = shelf
        self._memory = memory
        self._now = now
        self._asked = 0

    async def first(self, key: str, until: float) -> bool:
        """See `books.Edges.first`."""
        if not self._memory.first_now(key, until):
            return False
        try:
            kept = await self._shelf.get(_KIND, key)
            if kept is not None and float(kept.get("until", 0)) > self._now():
                return False
            await self._shelf.put(_KIND, key, {"until": until})
            self._asked += 1
            if self._asked % _SWEPT == 0:
                await self.sweep()
        except StoreError:
            return True
        return True

    async def forget(self, key: str) -> bool:
        """See `books.Edges.forget`."""
        known = self._memory.forget_now(key)
        try:
            kept = await self._shelf.get(_KIND, key)
            await self._shelf.delete(_KIND, key)
        except StoreError:
            return known
        return known or (kept is not None and float(kept.get("until", 0)) > self._now())

    async def sweep(self) -> None:
        """Forget what is over. Raises StoreError."""
        for key, kept in (await self._shelf.all(_KIND)).items():
            if float(kept.get("until", 0)) <= self._now():
                await self._shelf.delete(_KIND, key)


class RedisEdges:
    """See `books.Edges`; of a fleet."""

    def __init__(self, redis: RedisScripts, memory: MemoryEdges) -> None:
        """`memory` answers where Redis does not."""
        self._redis = redis
        self._memory = memory

    async def first(self, key: str, until: float) -> bool:
        """See `books.Edges.first`."""
        if not self._memory.first_now(key, until):
            return False
        try:
            async with asyncio.timeout(_PATIENCE):
                name, end = self._redis.key("edge", key), max(1, round(until * 1000))
                return await self._redis.call("SET", name, "1", "NX", "PXAT", end) is not None
        except (StoreError, TimeoutError):
            return True

    async def forget(self, key: str) -> bool:
        """See `books.Edges.forget`."""
        known = self._memory.forget_now(key)
        try:
            async with asyncio.timeout(_PATIENCE):
                return bool(await self._redis.call("DEL", self._redis.key("edge", key)))
        except (StoreError, TimeoutError):
            return known
