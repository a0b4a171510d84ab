"""A link to Redis that can be looked at."""

from collections.abc import Callable, Sequence
from typing import Any

from proxy.stores.redis_link import RedisLink

__all__ = ["Watched"]


class Watched:
    """A link that counts calls, and sends each as often as it is told to."""

    def __init__(self, link: RedisLink, times: int = 1) -> None:
        self.link = link
        self.times = times
        self.sent: list[int] = []
        """How many keys each had."""
        self.then: Callable[[], None] | None = None
        """Called once, when a call was answered."""
        self.url = link.url
        self.key = link.key
        self.call = link.call
        self.listen = link.listen

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        self.sent.append(len(keys))
        for _ in range(self.times):
            answer = await self.link.run(script, keys, values)
        then, self.then = self.then, None
        if then is not None:
            then()
        return answer
