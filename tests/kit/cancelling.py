"""Cancels work at a step of which the number is given: each await of it can be tried."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

_T = TypeVar("_T")


class CancelledAt(Generic[_T]):
    """Awaits `work`, and cancels it the `step`-th time that it waits for something.

    With `done` what it waits for is done by then, and its answer is lost; without, it is still
    under way.
    """

    def __init__(self, work: Coroutine[Any, Any, _T], step: int, *, done: bool) -> None:
        self._work = work
        self._step = step
        self._done = done

    def __await__(self) -> Generator[Any, Any, _T]:
        steps = 0
        cancel = False
        while True:
            try:
                waits = (
                    self._work.throw(asyncio.CancelledError()) if cancel else self._work.send(None)
                )
            except StopIteration as end:
                answer: _T = end.value
                return answer
            steps += 1
            cancel = steps == self._step
            if cancel and not self._done:
                if waits is not None:
                    waits._asyncio_future_blocking = False
                continue
            yield waits
