"""Waiting in a test for what threads, sockets and processes do in a time of their own."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tests.kit.wire import DEADLINE

_BREATH = 0.001
"""Seconds between two looks: so much is left to whoever is waited for, at least."""


async def until(
    truth: Callable[[], Any | Awaitable[Any]],
    said: str | Callable[[], str] = "it is so",
    *,
    between: Callable[[], Awaitable[None]] | None = None,
    deadline: float = DEADLINE,
) -> None:
    """Ask again and again until it is true, doing what is to be done `between` two looks.

    Fails with `said` when the deadline passes, in seconds of real time. It is no limit of what is
    tested, only the end of waiting in vain: a slow machine must not come near to it.
    """
    begun = time.monotonic()
    while True:
        found = truth()
        if inspect.isawaitable(found):
            found = await found
        if found:
            return
        if time.monotonic() - begun >= deadline:
            text = said if isinstance(said, str) else said()
            raise AssertionError(f"waited {deadline:g} s in vain until {text}")
        await asyncio.sleep(_BREATH)
        if between is not None:
            await between()
