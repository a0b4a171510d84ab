"""Attempts that ask at the same time go out together: others gather while some are on their way."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Final

from proxy.api import StoreError

from .claims import Answer, Ask
from .settling import spoilt

__all__ = ["Gathering"]

_TOGETHER: Final = 32
"""So many go in one call at most: the server does them one after the other, and nothing else."""

_CALLS: Final = 2
"""So many calls are under way: one is worked on while the other is on its way."""

_GRACE: Final = 0.005
"""Seconds in which an answer is read that was there when this process came to look."""

_Waiting = tuple[Ask, "asyncio.Future[Answer]"]


class Gathering:
    """Sends what is asked, in order, and hands each its answer."""

    def __init__(
        self, send: Callable[[Sequence[Ask]], Awaitable[Sequence[Answer]]], patience: float
    ) -> None:
        """`send` raises StoreError; a call may take `patience` seconds."""
        self._send = send
        self._patience = patience
        self._waiting: deque[_Waiting] = deque()
        self._calls: set[asyncio.Task[None]] = set()

    async def ask(self, ask: Ask) -> Answer:
        """Return the answer. Raises StoreError: it could not be had, or was late.

        Who is cancelled meanwhile does not know whether anything is held back for them.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Future[Answer] = loop.create_future()
        self._waiting.append((ask, told))
        if len(self._calls) < _CALLS:
            call = loop.create_task(self._work(), name="questions to the shared budgets")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return await told

    async def close(self) -> None:
        """End; whoever waits gets a StoreError."""
        calls = tuple(self._calls)
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls)
        self._fail(self._waiting, StoreError("the plugin ends"))
        self._waiting.clear()

    async def _work(self) -> None:
        while self._waiting:
            count = min(_TOGETHER, len(self._waiting))
            batch = [self._waiting.popleft() for _ in range(count)]
            wanted = [(ask, told) for ask, told in batch if not told.done()]
            try:
                await self._answer(wanted)
            except StoreError as error:
                self._fail(wanted, error)
                self._fail(self._waiting, error)  # they would wait in vain, too
                self._waiting.clear()
            except BaseException:
                self._fail(wanted, StoreError("the question was given up"))
                raise

    async def _answer(self, batch: Sequence[_Waiting]) -> None:
        try:
            answers = await self._bounded([ask for ask, _ in batch])
        except StoreError as error:
            if not spoilt(error):
                raise
            if len(batch) == 1:  # a bucket of this one holds what is none of ours
                self._fail(batch, error)
                return
            for one in batch:
                await self._answer((one,))
            return
        for (_, told), answer in zip(batch, answers, strict=True):
            if not told.done():
                told.set_result(answer)

    async def _bounded(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        """Send, and wait as long as patience lasts: less what held up this process itself."""
        if not asks:
            return ()
        call = asyncio.ensure_future(self._send(asks))
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            await asyncio.wait((call,), timeout=self._patience)
            if not call.done():
                held_up = clock() - began - self._patience
                await asyncio.wait((call,), timeout=max(held_up, _GRACE))
        finally:
            answered = call.done()
            call.cancel()
        if not answered:
            raise StoreError(f"did not answer within {self._patience:g} s")
        return call.result()

    @staticmethod
    def _fail(those: Collection[_Waiting], error: StoreError) -> None:
        for _, told in those:
            if not told.done():
                told.set_exception(error)
