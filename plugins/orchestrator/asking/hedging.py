"""A second attempt beside a slow first one: whoever answers first has answered."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..deciding.calls import CallFailedError

__all__ = ["race"]

_Answer = TypeVar("_Answer")


async def race(
    first: Coroutine[Any, Any, _Answer],
    after: float,
    second: Callable[[], Coroutine[Any, Any, _Answer] | None],
) -> _Answer:
    """Return the first answer of `first` and, if that takes longer than `after` seconds, `second`.

    `second` may be None when it comes to that. The one that has lost is cancelled, and has ended
    when this returns. Raises CallFailedError where both fail, and whatever else either
    raises, at once.
    """
    tasks = [asyncio.ensure_future(first)]
    try:
        await asyncio.wait(tasks, timeout=after)
        if not tasks[0].done() and (another := second()) is not None:
            tasks.append(asyncio.ensure_future(another))
        return await _first_answer(tasks)
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
        for task in tasks:
            if not task.cancelled():
                task.exception()  # looked at: what has lost may have failed, too


async def _first_answer(tasks: "list[asyncio.Task[_Answer]]") -> _Answer:
    left = list(tasks)
    while True:
        await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
        for task in [one for one in left if one.done()]:
            left.remove(task)
            try:
                return task.result()
            except CallFailedError:
                if not left:
                    raise
