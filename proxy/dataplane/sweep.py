"""One coarse timer for all connections.

A timer of its own per request costs 1 to 2 µs to set and again to cancel; here a
deadline is one attribute, and every tenth of a second all of them are looked at.
Deadlines are therefore kept to within `INTERVAL`, never early.
"""

import asyncio
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

__all__ = ["INTERVAL", "NEVER", "Sweep", "Watched"]

INTERVAL = 0.1
NEVER = float("inf")


class Watched(Protocol):
    """Something with a deadline on the loop's clock (seconds; NEVER for none)."""

    deadline: float

    def on_deadline(self, now: float) -> None:
        """Called once the deadline has passed; sets a new one or ends."""


class Sweep:
    """Looks at every watched deadline each INTERVAL; keeps the Date line of the second."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_tick: Callable[[float], None]) -> None:
        """Start sweeping on `loop`; `on_tick` is called with each sweep's time."""
        self._loop = loop
        self._on_tick = on_tick
        self.watched: set[Watched] = set()
        self.now = loop.time()
        self.date = b""
        self._timer = loop.call_later(INTERVAL, self._tick)
        self._renew_date()

    def close(self) -> None:
        """Stop sweeping."""
        self._timer.cancel()

    def _tick(self) -> None:
        now = self.now = self._loop.time()
        self._timer = self._loop.call_later(INTERVAL, self._tick)
        self._renew_date()
        for watched in [one for one in self.watched if one.deadline <= now]:
            if watched.deadline <= now:  # still: one before it may have given it more time
                watched.on_deadline(now)
        self._on_tick(now)

    def _renew_date(self) -> None:
        self.date = b"Date: %b\r\n" % formatdate(time.time(), usegmt=True).encode()
