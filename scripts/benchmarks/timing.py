"""How long coroutines take together."""

import asyncio
import time
from collections.abc import Coroutine, Iterable
from typing import Any


async def timed(work: Iterable[Coroutine[Any, Any, None]]) -> float:
    """Return how many seconds it takes until all of them are done."""
    begun = time.perf_counter()
    await asyncio.gather(*work)
    return time.perf_counter() - begun
