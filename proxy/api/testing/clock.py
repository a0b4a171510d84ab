"""Time that stands still until a test makes it jump."""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["JumpingClock"]

_START = 1_000.0
_START_DATE = 1_750_000_000.0
_TURNS = 20
"""So many turns of the event loop are given to whoever was woken up before time goes on."""

_MOST_WOKEN = 100_000


class JumpingClock:
    """A clock for tests: `sleep` ends when `jump` has gone far enough, and not before.

    `clock` begins at 1000 seconds, `now` on 2025-06-15 at 15:06:40 UTC. Both go forward
    by `jump` alone, so what a test sees is the same every time and takes no time.
    """

    def __init__(self) -> None:
        """Begin with nobody asleep."""
        self._passed = 0.0
        self._order = itertools.count()
        self._asleep: list[tuple[float, int, asyncio.Future[None]]] = []
        self._held = 0
        self._let_go: list[asyncio.Future[None]] = []

    def clock(self) -> float:
        """Return seconds that only go forward."""
        return _START + self._passed

    def now(self) -> float:
        """Return Unix time in seconds."""
        return _START_DATE + self._passed

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has jumped that far; no time or less lets others go first."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waked = asyncio.get_running_loop().create_future()
        heapq.heappush(self._asleep, (self._passed + seconds, next(self._order), waked))
        await waked

    async def jump(self, seconds: float) -> None:
        """Let `seconds` pass, waking up whoever's time comes, in the order of their times.

        Each time, those who were woken up get a few turns of the event loop, and may
        go to sleep again: a task that wakes up every second wakes up sixty times in a
        jump of a minute. They get as much real time as what holds the clock takes, such as
        the stores of `FakeServices`, and no more: what waits for a socket of its own still
        waits for it afterwards.

        Raises ValueError for a jump back, RuntimeError after 100 000 times of waking up.
        """
        if seconds < 0:
            raise ValueError("time goes forward; seconds is 0 or more")
        until = self._passed + seconds
        await self.settled()
        woken = 0
        while self._asleep and self._asleep[0][0] <= until:
            woken += 1
            if woken > _MOST_WOKEN:
                raise RuntimeError(
                    f"somebody woke up {_MOST_WOKEN} times within {seconds:g} s: sleep longer, "
                    "or jump less far"
                )
            time, _, waked = heapq.heappop(self._asleep)
            self._passed = max(self._passed, time)
            if not waked.done():
                waked.set_result(None)
                await self.settled()
        self._passed = until

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let no time pass while the block runs: for an answer that takes real time to come.

        Without it, a slow machine would let a minute pass before a thread has written what
        was to be written at its beginning.
        """
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                for waiting in self._let_go:
                    if not waiting.done():
                        waiting.set_result(None)
                self._let_go.clear()

    async def settled(self) -> None:
        """Wait until everybody has come as far as they can before time passes, and no time does.

        Nobody holds the clock then: whoever is not asleep waits for the test, or for a
        socket of its own. Raises RuntimeError where the clock is held 100 000 times on end.
        """
        for _ in range(_MOST_WOKEN):
            await _turns()
            if not self._held:
                return
            waiting = asyncio.get_running_loop().create_future()
            self._let_go.append(waiting)
            await waiting
        raise RuntimeError(
            f"somebody held the clock {_MOST_WOKEN} times on end: sleep between two questions"
        )


async def _turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)
