"""A workflow whose text is passed on while it is generated, as server-sent events.

What the provider sends is passed on byte for byte, from the first event with content on;
until then a failure is nobody's business but ours. Afterwards it is told by an event
``error``, and there is no ``[DONE]``. The last event before ``[DONE]`` is ``workflow``, with the
result. A client that leaves in the middle does not stop what is paid for: where the
provider's `on_leave` says so, the rest is read to its end, for its usage.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from structlog.typing import FilteringBoundLogger

from proxy.api import Reply

from .calls import CallFailedError
from .flights import DRAIN_SECONDS, DRAINS_MOST
from .keeping import Kept
from .replies import served
from .running import ChainFailedError, StreamAnswered
from .working import Prepared, Worker

__all__ = ["EventStream", "Streams"]

_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
_DONE = b"data: [DONE]\n\n"


class Streams:
    """All streams of the process."""

    def __init__(self, worker: Worker, log: FilteringBoundLogger) -> None:
        self._worker = worker
        self._log = log
        self._drains: set[asyncio.Task[None]] = set()

    async def begin(self, kept: Kept, asks: Prepared, seconds: float) -> Reply:
        """Return the answer as soon as there is content, which takes at most `seconds`.

        Raises TakenError, StoreError. What fails before is answered like any failure.
        """
        worker, started = self._worker, self._worker.parts.now()
        task = worker.task(kept, asks, seconds)
        stack = AsyncExitStack()
        try:
            answered = await stack.enter_async_context(worker.parts.runner.stream(task, kept))
        except ChainFailedError as failed:
            return served(await worker.without_content(kept, asks, failed, started))
        except asyncio.CancelledError:
            await worker.cancelled(kept)
            raise
        return Reply(200, _HEADERS, EventStream(self, worker, kept, asks, stack, answered, started))

    def drain(self, stream: "EventStream") -> bool:
        """Read a stream that nobody listens to any more to its end, if there is room for it."""
        if len(self._drains) >= DRAINS_MOST:
            return False
        task = asyncio.create_task(self._drained(stream))
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)
        return True

    async def _drained(self, stream: "EventStream") -> None:
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for _ in stream:
                    pass
        except TimeoutError:
            self._log.warning("drain_too_long", workflow_id=stream.kept.now.id)
        finally:
            await stream.abort()

    async def close(self, seconds: float) -> None:
        """End all drains."""
        for task in self._drains:
            task.cancel()
        if self._drains:
            await asyncio.wait(self._drains, timeout=seconds)


class EventStream(AsyncIterator[bytes]):
    """The body of one answer.

    An object: a generator would be at its end when a client leaves while it waits, and could
    not be read on; one that was never begun would never be ended.
    """

    def __init__(
        self,
        streams: Streams,
        worker: Worker,
        kept: Kept,
        asks: Prepared,
        stack: AsyncExitStack,
        answered: StreamAnswered,
        started: float,
    ) -> None:
        self.kept = kept
        self._streams = streams
        self._worker = worker
        self._asks = asks
        self._stack = stack
        self._answered = answered
        self._started = started
        self._parts = answered.parts()
        self._ready = deque((answered.first,))
        self._over = False

    async def __anext__(self) -> bytes:
        if self._ready:
            return self._ready.popleft()
        if self._over:
            raise StopAsyncIteration
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self._ready.extend(await self._finished())
        except CallFailedError:
            self._ready.append(await self._failed())
        return self._ready.popleft()

    async def _finished(self) -> tuple[bytes, ...]:
        self._over = True
        await self._stack.aclose()
        try:
            result = await self._worker.answered(
                self.kept, self._asks, self._answered.answered(), self._started
            )
        except ValueError:  # nothing but white space
            return (await self._failed(),)
        last = _event("workflow", result.model_dump_json(by_alias=True, exclude_none=True))
        return (last, _DONE) if result.error is None else (last,)

    async def _failed(self) -> bytes:
        self._over = True
        await self._stack.aclose()
        says = "The provider stopped in the middle of its answer."
        result = await self._worker.failed(self.kept, "provider_unavailable", says, self._started)
        return _event("error", result.model_dump_json(by_alias=True, exclude_none=True))

    async def aclose(self) -> None:
        """Stop listening: the client has left, or all has been said."""
        if self._over:
            return
        if not (self._answered.drains and self._streams.drain(self)):
            await self.abort()

    async def abort(self) -> None:
        """End it where it is."""
        if self._over:
            return
        self._over = True
        await self._stack.aclose()
        await self._worker.cancelled(self.kept)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
