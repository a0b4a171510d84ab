"""How many processes share the counts: each tells Redis that it is alive."""

import uuid
from contextlib import suppress
from typing import Any, Final

from proxy.api import RedisScripts, StoreError

from .scripts import script

__all__ = ["EVERY", "GONE", "Replicas"]

EVERY: Final = 5.0
"""Seconds between two beats."""

GONE: Final = 15.0
"""Seconds after which one that has not beaten does not count any more."""


class Replicas:
    """One of a fleet: this process."""

    def __init__(self, redis: RedisScripts, state: dict[str, Any] | None = None) -> None:
        """Go on with `state`: what the one before knew, until Redis says how many there are."""
        self._redis = redis
        self._key = redis.key("replicas")
        self._own = uuid.uuid4().hex
        self._state = {} if state is None else state

    @property
    def known(self) -> int:
        """How many there are, this one among them; where Redis is gone, how many there were."""
        return int(self._state.get("replicas", 1))

    async def beat(self) -> None:
        """Say that this one is alive, and count. Raises StoreError."""
        found = await self._redis.run(script("beat"), (self._key,), (self._own, round(GONE * 1000)))
        self._state["replicas"] = max(1, int(found))

    async def leave(self) -> None:
        """Say that this one ends; where nobody hears it, it is forgotten after `GONE`."""
        with suppress(StoreError):
            await self._redis.call("ZREM", self._key, self._own)
