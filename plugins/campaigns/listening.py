"""Changes of workflows as server-sent events, to as many listeners as there is room for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from proxy.api import Reply, Services, WorkflowView

from .declining import DeclinedError, unavailable
from .looking import Look
from .questions import StatusAsked
from .showing import shown
from .writing import json_of

__all__ = ["KEEP_ALIVE", "OF_ONE_USER", "Listeners"]

KEEP_ALIVE = 15.0
"""Seconds of silence at most; a comment ends it."""

OF_ONE_USER = 10
"""So many of the places one user may have."""

_RETRY = b"retry: 2000\n\n"
_HEADERS = {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}


class Listeners:
    """All who listen; each for so many seconds, then it comes again."""

    def __init__(self, services: Services, most: int, seconds: float) -> None:
        self._services = services
        self._most = most
        self._seconds = seconds
        self._seats: Counter[str] = Counter()
        self._gauge = services.gauge("listeners", "Clients that listen to changes.")

    async def reply(self, caller: str, look: Look, asked: StatusAsked, silence: float) -> Reply:
        """Return the stream: the present state, the oldest first, then changes.

        `silence` is how long the proxy takes it, in seconds. Raises DeclinedError for what
        cannot be shown, and with 503 where there is no room.
        """
        await look.present(asked)
        if not self._room(caller):
            raise unavailable("Too many clients listen to changes. Ask without stream.")
        keep_alive = min(KEEP_ALIVE, silence / 2)
        return Reply(200, _HEADERS, self._events(caller, look, asked, keep_alive))

    def _room(self, caller: str) -> bool:
        return self._seats.total() < self._most and self._seats[caller] < OF_ONE_USER

    @contextmanager
    def _seat(self, caller: str) -> Iterator[None]:
        self._seats[caller] += 1
        self._gauge.set(self._seats.total())
        try:
            yield
        finally:
            self._seats[caller] -= 1
            if not self._seats[caller]:
                del self._seats[caller]
            self._gauge.set(self._seats.total())

    async def _events(
        self, caller: str, look: Look, asked: StatusAsked, keep_alive: float
    ) -> AsyncIterator[bytes]:
        # The seat is taken here: a stream that is never begun is never ended either.
        if not self._room(caller):  # many came at once, and were shown in
            return
        with self._seat(caller):
            changes = _Changes(look.changes())
            try:
                await asyncio.sleep(0)  # now it listens: nothing after this is missed
                yield _RETRY
                try:
                    present = await look.present(asked)
                except DeclinedError:  # gone in the meantime; whoever comes again is told
                    return
                for view in reversed(present):
                    yield _event(view)
                until = self._services.clock() + self._seconds
                while (left := until - self._services.clock()) > 0:
                    if not await changes.heard(self._services.sleep(min(keep_alive, left))):
                        yield b": keep-alive\n\n"
                        continue
                    change = changes.taken()
                    if change is None:
                        return
                    if look.mine(change) and _wanted(change, asked):
                        yield _event(change)
            finally:
                await changes.close()


class _Changes:
    """Changes that are waited for without being lost when something else happens first."""

    def __init__(self, changes: AsyncIterator[WorkflowView]) -> None:
        self._changes = changes
        self._next: asyncio.Future[WorkflowView | None] = self._coming()

    async def heard(self, pause: Coroutine[Any, Any, None]) -> bool:
        """Wait for the next change; whether it came before the `pause` was over."""
        bell = asyncio.ensure_future(pause)
        try:
            await asyncio.wait((self._next, bell), return_when=asyncio.FIRST_COMPLETED)
        finally:
            bell.cancel()
        return self._next.done()

    def taken(self) -> WorkflowView | None:
        """Return the change that has come; None if there will be no more."""
        view = self._next.result()
        if view is not None:
            self._next = self._coming()
        return view

    async def close(self) -> None:
        """Listen no more."""
        self._next.cancel()
        await asyncio.gather(self._next, return_exceptions=True)
        close = getattr(self._changes, "aclose", None)
        if close is not None:
            await close()

    def _coming(self) -> "asyncio.Future[WorkflowView | None]":
        return asyncio.ensure_future(anext(self._changes, None))


def _wanted(view: WorkflowView, asked: StatusAsked) -> bool:
    one = asked.workflow_id in (None, view.workflow_id)
    return one and asked.status in (None, view.status)


def _event(view: WorkflowView) -> bytes:
    return b"event: workflow\ndata: %b\n\n" % json_of(shown(view))
