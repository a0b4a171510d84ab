"""What happens to rollouts, told to everybody who listens, in order and without waiting."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakSet

__all__ = ["KEPT", "Event", "Events", "Listener"]

KEPT = 1000
"""So many events wait for a listener that is slow; of more the oldest are dropped."""


class Event(NamedTuple):
    """Something that happened to rollouts, for those who listen (`/v1/events`)."""

    id: str
    """Digits and a dash; grows with time."""
    kind: str
    """``rollout_changed`` (data: the audit entry), ``alert``, ``store_lost``, ``store_found``."""
    data: Mapping[str, Any]


class Listener(AsyncIterator[Event]):
    """The events since it was made. One task may wait for the next."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque(maxlen=KEPT)
        self._arrived = asyncio.Event()
        self._closed = False

    async def __anext__(self) -> Event:
        while not self._waiting:
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._waiting.popleft()

    def tell(self, event: Event) -> None:
        """Add an event; drops the oldest of too many."""
        if not self._closed:
            self._waiting.append(event)
            self._arrived.set()

    def close(self) -> None:
        """Take no more; what waits is still given out, then the iteration ends."""
        self._closed = True
        self._arrived.set()


class Events:
    """Hands each event to all listeners; one that nobody holds any more is forgotten."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` gives Unix seconds."""
        self._now = now
        self._count = 0
        self._listeners: WeakSet[Listener] = WeakSet()
        self._closed = False

    def listen(self) -> Listener:
        """Return a listener to everything from now on."""
        listener = Listener()
        if self._closed:
            listener.close()
        self._listeners.add(listener)
        return listener

    def tell(self, kind: str, data: Mapping[str, Any]) -> None:
        """Tell all listeners; returns at once."""
        self._count += 1
        event = Event(f"{int(self._now() * 1000)}-{self._count}", kind, data)
        for listener in list(self._listeners):
            listener.tell(event)

    def close(self) -> None:
        """End all listeners, those that come later too."""
        self._closed = True
        for listener in list(self._listeners):
            listener.close()
