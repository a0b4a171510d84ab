"""Claims messages as they become due, and has so many delivered at a time as there are places."""

import asyncio
import random
from contextlib import suppress

from proxy.api import Services, StoreError
from proxy.api.resilience import backoff

from ..message import Claimed
from ..store import Bounds, QueueStore
from .deliverer import Deliverer

__all__ = ["Workers"]

_LEAST = 0.01
"""Seconds: a store may expect something a moment too early."""

_AFTER = 0.001
"""Seconds later than a moment: what is due then is due for sure."""


class Workers:
    """The workers of one process; `run` is their loop, which `Services.spawn` runs."""

    def __init__(
        self,
        store: QueueStore,
        deliverer: Deliverer,
        bounds: Bounds,
        services: Services,
        *,
        concurrency: int,
        lease: float,
        poll: float = 1.0,
    ) -> None:
        """Deliver `concurrency` at a time, and look at least each `poll` seconds."""
        self._store = store
        self._deliverer = deliverer
        self._bounds = bounds
        self._services = services
        self._concurrency = concurrency
        self._lease = lease
        self._poll = poll
        self._bell = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._resting_until = 0.0
        self._closing = False
        self._failures = 0
        self._running: asyncio.Event = asyncio.Event()
        self._running.set()
        self.trouble = ""
        """What is wrong with claiming, in a sentence; empty if nothing is."""

    @property
    def under_way(self) -> int:
        """How many are being delivered."""
        return len(self._under_way)

    def ring(self) -> None:
        """Say that there may be something to claim now."""
        self._bell.set()

    async def run(self) -> None:
        """Claim and deliver until `close`; cancelled, it cancels what is under way."""
        self._services.spawn(self._store.listen(self.ring), "messages_elsewhere")
        self._running.clear()
        try:
            while not self._closing:
                self._bell.clear()
                await self._wait(await self._turn())
        except asyncio.CancelledError:
            for task in self._under_way:
                task.cancel()
            raise
        finally:
            self._running.set()

    async def close(self, seconds: float) -> None:
        """Claim nothing more, and let what is under way end for at most so many seconds.

        What has not left by then is given back; of what may have left, the lease's end says that
        it is uncertain.
        """
        self._closing = True
        self.ring()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._running.wait()
                while self._under_way:
                    await asyncio.wait(tuple(self._under_way))
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    # -- inside -------------------------------------------------------------------

    async def _turn(self) -> float:
        """Claim what there is a place for; return the seconds until it is to be looked again."""
        free = self._concurrency - len(self._under_way)
        resting = self._resting_until - self._services.clock()
        if not free or resting > 0:
            return resting if free else self._poll  # the end of each delivery rings, too
        try:
            claimed = await self._store.claim(self._bounds, most=free, lease=self._lease)
            await self._begin(claimed)
            wait = 0.0 if claimed else await self._until_due()
        except StoreError as error:
            return self._troubled(error)
        self._failures, self.trouble = 0, ""
        return wait

    async def _begin(self, claimed: tuple[Claimed, ...]) -> None:
        for one in claimed:
            if self._closing:
                now = self._services.now()
                await self._store.throttle(one.receipt, now, "given back")
                continue
            task = asyncio.create_task(self._deliver(one), name="deliver")
            self._under_way.add(task)
            task.add_done_callback(self._ended)

    async def _until_due(self) -> float:
        moment = await self._store.next_moment()
        if moment is None:
            return self._poll
        return min(max(moment - self._services.now() + _AFTER, _LEAST), self._poll)

    def _troubled(self, error: StoreError) -> float:
        says = f"no message can be claimed: {error}"
        if says != self.trouble:
            self._services.log.error("messages_not_claimed", error=str(error))
        self.trouble = says
        self._failures += 1
        chance = random.random()  # noqa: S311 (nothing to guess)
        return max(backoff(self._failures, chance), _LEAST)

    async def _deliver(self, claimed: Claimed) -> None:
        try:
            delivery = await self._deliverer.deliver(claimed)
        except Exception as error:  # one message is no reason to leave the others alone
            self._services.log.error(
                "delivery_failed",
                message_id=claimed.receipt.id,
                error=type(error).__name__,
                exc_info=True,
            )
            return
        if delivery.rest > 0:
            until = self._services.clock() + delivery.rest
            self._resting_until = max(self._resting_until, until)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self.ring()

    async def _wait(self, seconds: float) -> None:
        """Wait so long, or until the bell rings."""
        if seconds <= 0:
            return
        timer = asyncio.ensure_future(self._services.sleep(seconds))
        timer.add_done_callback(self._timed_out)
        try:
            await self._bell.wait()
        finally:
            timer.cancel()

    def _timed_out(self, timer: asyncio.Future[None]) -> None:
        if not timer.cancelled():
            self.ring()
