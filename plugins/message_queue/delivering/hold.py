"""A claimed message while it is ours: its lease is renewed, and its end told to the store."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from proxy.api import Services, StoreError
from proxy.api.resilience import backoff

from ..message import Claimed, Message, Receipt
from ..store import QueueStore

__all__ = ["Hold"]


class Hold:
    """One for each delivery."""

    def __init__(
        self, claimed: Claimed, store: QueueStore, services: Services, lease: float
    ) -> None:
        self.message: Message = claimed.record.message
        self.receipt: Receipt = claimed.receipt
        self.attempts = claimed.record.attempts
        self._until = claimed.lease_until
        self._lease = lease
        self._store = store
        self._services = services

    async def begin(self) -> bool:
        """Note that its bytes may leave. False: it is ours no more. Raises StoreError."""
        until = self._services.now() + self._lease
        begun = await self._store.begin(self.receipt, self._lease)
        if begun:
            self._until = until
        return begun

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[None]:
        """Renew the lease, each time that a third of it has passed, while the block runs."""
        heart = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            heart.cancel()
            await asyncio.gather(heart, return_exceptions=True)

    async def _beat(self) -> None:
        while True:
            await self._services.sleep(self._lease / 3)
            until = self._services.now() + self._lease
            with suppress(StoreError):  # there are two more beats before the lease is over
                if not await self._store.extend(self.receipt, self._lease):
                    return
                self._until = until

    async def settle(self, tell: Callable[[], Awaitable[bool]]) -> bool:
        """Tell the store what has become of it, again and again while it fails and it is ours.

        False: it is ours no more, or the store has failed for so long; the lease then ends by
        itself.
        """
        tries = 0
        while True:
            try:
                return await tell()
            except StoreError as error:
                wait = backoff(tries, random.random())  # noqa: S311 (nothing to guess)
                if self._services.now() + wait >= self._until:
                    self._services.log.error(
                        "delivery_not_noted", message_id=self.receipt.id, error=str(error)
                    )
                    return False
            await self._services.sleep(wait)
            tries += 1
