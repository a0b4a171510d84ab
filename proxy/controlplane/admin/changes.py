"""What an operator has begun is finished, even when he leaves before the answer."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiohttp import web

__all__ = ["CHANGES", "Changes", "changes_of"]

Result = TypeVar("Result")


class Changes:
    """The changes under way."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[Any]] = set()

    async def finish(self, change: Coroutine[Any, Any, Result], name: str) -> Result:
        """Return what `change` comes to; it goes on in a task `name` if the caller is ended."""
        # A task of its own: what ends this request must not leave half a change behind.
        task = asyncio.create_task(change, name=name)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)


CHANGES = web.AppKey("changes", Changes)
"""Where an application keeps the changes that were begun through it."""


def changes_of(request: web.Request) -> Changes:
    """Return what finishes the change that is asked for."""
    return request.app[CHANGES]
