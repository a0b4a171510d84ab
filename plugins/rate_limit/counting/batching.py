"""Many questions of one process go out together: while some are under way, others gather."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from proxy.api import StoreError

__all__ = ["CALLS", "TOGETHER", "Batches", "late"]

TOGETHER: Final = 64
"""So many questions go in one call at most: a server that does them one after the other is not
held up by them for long."""

CALLS: Final = 2
"""So many calls are under way at a time: one is worked on while the other is on its way."""

_GRACE: Final = 0.001
"""Seconds in which an answer is read that was there when this process came to look."""

_Asked = TypeVar("_Asked")
_Answer = TypeVar("_Answer")


def late(url: str, patience: float) -> str:
    """Return what is said of an answer that did not come in `patience` seconds."""
    return f"{url}: did not answer within {patience * 1000:g} ms"


class _Waiting(NamedTuple, Generic[_Asked, _Answer]):
    asked: _Asked
    told: asyncio.Future[_Answer]
    until: float


class Batches(Generic[_Asked, _Answer]):
    """Sends what is asked, in order, and hands each its answer."""

    def __init__(
        self,
        send: Callable[[Sequence[_Asked]], Awaitable[Sequence[_Answer | StoreError]]],
        unheard: Callable[[_Asked, _Answer], None],
        url: str,
        patience: float,
    ) -> None:
        """`send` returns an answer to each, in order; a StoreError is raised where it was asked.

        `unheard` is told of an answer that nobody waits for any longer; `url` is in errors. Who
        asks waits for `patience` seconds, and half as long again where others were before.
        """
        self._send = send
        self._unheard = unheard
        self._url = url
        self._patience = patience
        self._waiting: deque[_Waiting[_Asked, _Answer]] = deque()
        self._calls: set[asyncio.Task[None]] = set()
        self._working = 0

    def ask(self, asked: _Asked) -> asyncio.Future[_Answer]:
        """Return what will be the answer, or raise StoreError: it could not be had, or was late."""
        loop = asyncio.get_running_loop()
        told: asyncio.Future[_Answer] = loop.create_future()
        self._waiting.append(_Waiting(asked, told, loop.time() + self._patience))
        if self._working < CALLS:
            self._working += 1
            call = loop.create_task(self._work(), name="questions to a store")
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        return told

    async def close(self) -> None:
        """End; whoever waits gets a StoreError."""
        calls = tuple(self._calls)
        for call in calls:
            call.cancel()
        if calls:
            await asyncio.wait(calls)
        self._fail(self._waiting, f"{self._url}: was closed")

    async def _work(self) -> None:
        try:
            while batch := self._next():
                await self._answer(batch)
        finally:  # at once: whoever asks from now on is not seen by this call
            self._working -= 1

    async def _answer(self, batch: list[_Waiting[_Asked, _Answer]]) -> None:
        try:
            self._tell(batch, await self._bounded(batch))
        except TimeoutError as error:  # what waits behind it would wait in vain, too
            self._fail(batch, str(error))
            self._fail(self._waiting, str(error))
        except StoreError as error:
            self._fail(batch, str(error))
        except asyncio.CancelledError:
            self._fail(batch, f"{self._url}: was closed")
            raise
        except Exception as error:  # an answer that cannot be read
            self._fail(batch, f"{self._url}: {error!r}")

    def _next(self) -> list[_Waiting[_Asked, _Answer]]:
        """Return the next few; who has gone meanwhile is not asked for."""
        batch: list[_Waiting[_Asked, _Answer]] = []
        while self._waiting and len(batch) < TOGETHER:
            one = self._waiting.popleft()
            if not one.told.done():
                batch.append(one)
        return batch

    async def _bounded(
        self, batch: list[_Waiting[_Asked, _Answer]]
    ) -> Sequence[_Answer | StoreError]:
        """Send a batch. Raises StoreError, and TimeoutError where nothing came in time."""
        call = asyncio.ensure_future(self._send([one.asked for one in batch]))
        clock = asyncio.get_running_loop().time
        began = clock()
        left = max(batch[0].until - began, self._patience / 2)
        try:
            await asyncio.wait((call,), timeout=left)
            if not call.done():  # it is not to blame for what held up this process
                held_up = clock() - began - left
                await asyncio.wait((call,), timeout=max(held_up, _GRACE))
        finally:
            answered = call.done()
            call.cancel()
        if not answered:
            raise TimeoutError(late(self._url, self._patience))
        return call.result()

    def _tell(
        self, batch: list[_Waiting[_Asked, _Answer]], answers: Sequence[_Answer | StoreError]
    ) -> None:
        for one, answer in zip(batch, answers, strict=True):
            if isinstance(answer, StoreError):
                if not one.told.done():
                    one.told.set_exception(answer)
            elif one.told.done():
                self._unheard(one.asked, answer)
            else:
                one.told.set_result(answer)

    @staticmethod
    def _fail(
        those: "deque[_Waiting[_Asked, _Answer]] | list[_Waiting[_Asked, _Answer]]", said: str
    ) -> None:
        for one in those:
            if not one.told.done():
                one.told.set_exception(StoreError(said))
        those.clear()
