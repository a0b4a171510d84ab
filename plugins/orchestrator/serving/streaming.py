"""A workflow whose text is passed on while it is generated, as server-sent events.

What the provider sends is passed on byte for byte, from the first event with content on;
until then a failure is nobody's business but ours. Afterwards it is told by an event
``error``, and there is no ``[DONE]``. The last event before ``[DONE]`` is ``workflow``, with the
result. A client that leaves in the middle does not stop what is paid for: where the
provider's `on_leave` says so, the rest is read to its end, for its usage.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, suppress
from typing import Any, TypeVar
from weakref import WeakSet

from proxy.api import Reply, WorkflowResult

from ..asking.running import ChainFailedError, StreamAnswered
from ..deciding.calls import CallFailedError
from ..workflows.record import UNFINISHED, Workflow
from .flights import DRAIN_SECONDS, DRAINS_MOST
from .keeping import Kept, LostError
from .replies import Told, served, warned
from .working import Prepared, Worker

__all__ = ["EventStream", "Streams"]

_HEADERS = {"Content-Type": "text/event-stream", "Cache-Control": "no-store"}
_DONE = b"data: [DONE]\n\n"

_T = TypeVar("_T")


class Streams:
    """All streams of the process."""

    def __init__(self, worker: Worker, lease: Callable[[float], float]) -> None:
        """`lease` returns until when nobody else may work on what takes so many seconds."""
        self._worker = worker
        self._lease = lease
        self._drains: set[asyncio.Task[None]] = set()
        self._endings: set[asyncio.Task[Any]] = set()
        self._closing = False
        self.live: WeakSet[EventStream] = WeakSet()
        """Those that have begun, and have no end yet."""

    async def begin(self, kept: Kept, asks: Prepared, seconds: float) -> Reply:
        """Return the answer as soon as there is content, which takes at most `seconds`.

        Raises TakenError, StoreError. What fails before is answered like any failure.
        """
        worker, started = self._worker, self._worker.parts.now()
        task = worker.task(kept, asks, seconds)
        stack = AsyncExitStack()

        async def opened() -> StreamAnswered | WorkflowResult:
            try:
                return await stack.enter_async_context(worker.parts.runner.stream(task, kept))
            except ChainFailedError as failed:
                return await worker.without_content(kept, asks, failed, started)

        found = await worker.guarded(kept, opened())
        if isinstance(found, WorkflowResult):
            over_budget = worker.parts.settings.over_budget
            told = Told(kept.exhausted, kept.refusal, tuple(kept.warnings), over_budget)
            return served(found, told)
        stream = EventStream(self, worker, kept, asks, stack, found, started)
        return warned(Reply(200, _HEADERS, stream), tuple(kept.warnings))

    async def renew(self, now: float) -> None:
        """Hold on to those that take long. Raises StoreError.

        A stream takes as long as its client and its provider let it; no deadline ends it.
        """
        for stream in tuple(self.live):
            if stream.kept.now.lease_until - now < DRAIN_SECONDS:
                with suppress(LostError):  # which is told at its end
                    await stream.kept.edit(self._renewed)

    def _renewed(self, workflow: Workflow) -> Mapping[str, Any] | None:
        if workflow.status not in UNFINISHED:
            return None
        return {"lease_until": self._lease(DRAIN_SECONDS)}

    async def to_its_end(self, ending: Coroutine[Any, Any, _T]) -> _T:
        """Await it; if nobody waits for it any more, it goes on to its end all the same."""
        task = asyncio.create_task(ending)
        self._endings.add(task)
        task.add_done_callback(self._endings.discard)
        return await asyncio.shield(task)

    def drain(self, stream: "EventStream") -> bool:
        """Read a stream that nobody listens to any more to its end, if there is room for it."""
        if self._closing or len(self._drains) >= DRAINS_MOST:
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
            stream.kept.log.warning("drain_too_long")
        finally:
            await stream.abort()

    async def close(self, seconds: float) -> None:
        """End all drains, and let what is ending come to its end; waits at most so long."""
        self._closing = True
        for task in self._drains:
            task.cancel()
        left = (*self._drains, *self._endings)
        if left:
            await asyncio.wait(left, timeout=seconds)


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
        streams.live.add(self)

    async def __anext__(self) -> bytes:
        if self._ready:
            return self._ready.popleft()
        if self._over:
            raise StopAsyncIteration
        try:
            return await anext(self._parts)
        except StopAsyncIteration:
            self._ready.extend(await self._ending(self._finished()))
        except CallFailedError:
            self._ready.append(await self._ending(self._failed()))
        return self._ready.popleft()

    async def _ending(self, ending: Coroutine[Any, Any, _T]) -> _T:
        """Bring it to its end, of which the record tells, whoever leaves meanwhile."""
        self._over = True
        self._streams.live.discard(self)
        return await self._streams.to_its_end(ending)

    async def _finished(self) -> tuple[bytes, ...]:
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
        if not self._over:
            await self._ending(self._left())

    async def _left(self) -> None:
        await self._stack.aclose()
        await self._worker.left(self.kept)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {data}\n\n".encode()
