"""Brings what waits to one channel: one message at a time, in order, until it is taken."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from proxy.api import Counter, Services, StoreError

from ..channels.channel import Channel, NotToldError, Told
from ..store import Cap, Delivery, NotifyStore
from ..waiting import again_in

__all__ = ["POLL", "Courier"]

POLL: Final = 30.0
"""Seconds between two looks at the store, at most; what is taken in rings."""

_LEAST: Final = 0.01
_AFTER: Final = 0.001
_SETTLE_SECONDS: Final = 20.0
_LEASE_MORE: Final = 30.0
_TEST_SECONDS: Final = 25.0
"""Less than the patience of whoever asks."""


class Courier:
    """One for each channel; `run` is its loop."""

    def __init__(
        self,
        name: str,
        channel: Channel,
        store: NotifyStore,
        services: Services,
        outcomes: Counter,
        *,
        cap: Cap,
        timeout: float,
        source: str,
        serves: Callable[[], bool] = lambda: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """`outcomes` counts by channel and outcome. `serves`: whether it is this process's turn.

        `timeout`: seconds that one try may take. `chance`: at least 0, below 1.
        """
        self.name = name
        self.channel = channel
        self._store = store
        self._services = services
        self._outcomes = outcomes
        self._cap = cap
        self._lease = timeout + _LEASE_MORE
        self._source = source
        self._serves = serves
        self._chance = chance
        self._bell = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False
        self._rest_until = 0.0
        self._store_failures = 0
        self.failures = 0
        """Tries since the channel has taken something, none of which it took."""
        self.failing_since: float | None = None
        """When the first of these was, by `Services.clock`."""
        self.why = ""
        """What the last of them came to."""

    def ring(self) -> None:
        """Say that there may be something to send."""
        self._bell.set()

    async def run(self) -> None:
        """Send what waits, until `close`."""
        while not self._closing:
            self._bell.clear()
            await self._wait(await self._turn())

    async def test(self, told: Told) -> str:
        """Send a message beside what waits; what was answered. Raises NotToldError."""
        try:
            async with asyncio.timeout(_TEST_SECONDS):
                return await self._told(told)
        except TimeoutError:
            raise NotToldError(f"no answer within {_TEST_SECONDS:g} s") from None

    async def close(self, seconds: float) -> None:
        """Begin nothing more, and let what is being sent end for so many seconds."""
        self._closing = True
        self.ring()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        await self.channel.close()

    # inside

    async def _turn(self) -> float:
        """Send one message if one is due; return the seconds until it is to be looked again."""
        if not self._serves():
            return 1.0
        resting = self._rest_until - self._services.clock()
        if resting > 0:
            return resting
        try:
            claimed = await self._store.claim(self.name, self._cap, lease=self._lease)
            if not claimed:
                return await self._until_due()
            self._store_failures = 0
        except StoreError:
            # Whoever takes alerts in, and whoever counts them, meets the same and tells of it.
            self._store_failures += 1
            return max(again_in(self._store_failures, self._chance()), 1.0)
        self._idle.clear()
        try:
            await self._deliver(claimed)
        finally:
            self._idle.set()
        return 0.0

    async def _until_due(self) -> float:
        moment = await self._store.next_moment(self.name, self._cap)
        if moment is None:
            return POLL
        return min(max(moment - self._services.now() + _AFTER, _LEAST), POLL)

    async def _deliver(self, claimed: Sequence[Delivery]) -> None:
        try:
            await self._told(Told.of(claimed, self._source))
        except NotToldError as error:
            await self._not_told(claimed, error)
            return
        self.failures, self.failing_since, self.why = 0, None, ""
        self._outcomes.add(len(claimed), channel=self.name, outcome="told")
        await self._settle(lambda: self._store.delivered(claimed))

    async def _told(self, told: Told) -> str:
        try:
            return await self.channel.tell(told)
        except NotToldError:
            raise
        except Exception as error:  # a fault of ours is no reason to lose an alert
            self._services.log.error("notification_fault", channel=self.name, exc_info=True)
            raise NotToldError(f"a fault of ours: {type(error).__name__}") from None

    async def _not_told(self, claimed: Sequence[Delivery], error: NotToldError) -> None:
        why, clock = str(error), self._services.clock()
        self.failures, self.why = self.failures + 1, why
        self.failing_since = clock if self.failing_since is None else self.failing_since
        self._outcomes.add(len(claimed), channel=self.name, outcome="failed")
        self._services.log.warning(
            "notification_failed", channel=self.name, alerts=len(claimed), why=why
        )
        if error.final:
            dead = await self._settle(lambda: self._store.bury(claimed, why))
        else:
            self._rest_until = clock + again_in(self.failures, self._chance(), error.after)
            tries = max(one.attempts for one in claimed)
            due = self._services.now() + again_in(tries, self._chance(), error.after)
            dead = await self._settle(lambda: self._store.failed(claimed, due, why))
        if dead:
            self._outcomes.add(dead, channel=self.name, outcome="dead")
            self._services.log.error("notification_dead", channel=self.name, alerts=dead, why=why)

    async def _settle(self, settle: Callable[[], Awaitable[int]]) -> int:
        """Note what came of it; tried for a while, else it is sent again when the lease is over."""
        until = self._services.clock() + _SETTLE_SECONDS
        while True:
            try:
                return await settle()
            except StoreError:
                if self._closing or self._services.clock() >= until:
                    return 0
            await self._services.sleep(1.0)

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
