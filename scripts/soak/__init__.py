"""Long campaigns, bounded and seeded; the suite has a short version of each."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

_T = TypeVar("_T")


async def within(seconds: float, campaign: Coroutine[Any, Any, _T]) -> _T:
    """Run a campaign. Raises TimeoutError if it takes longer."""
    async with asyncio.timeout(seconds):
        return await campaign


def show(number: int) -> None:
    """Tell a person that so many changes are made."""
    if sys.stderr.isatty():
        print(f"\r{number}", end="", file=sys.stderr, flush=True)
