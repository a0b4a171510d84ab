"""What is under way, as far as a limit counts it: leases that last with it and end with it."""

import asyncio
from collections import deque
from contextlib import suppress
from weakref import WeakValueDictionary

from proxy.api import Services, StoreError

from .claims import Claim, Counts
from .counting.memory import MemoryCounts

__all__ = ["Held", "Leases"]

_Claims = tuple[Claim, ...]


class Held:
    """Leases of one request, which has to keep it: they last no longer than somebody does."""

    __slots__ = ("__weakref__", "claims", "ticket")

    def __init__(self, ticket: str, claims: _Claims) -> None:
        self.ticket = ticket
        self.claims = claims


class Leases:
    """Holds the leases of requests; `run` and `extend` are for the background."""

    def __init__(self, counts: Counts, plain: MemoryCounts | None, services: Services) -> None:
        self._counts = counts
        self._plain = plain
        self._services = services
        # Of a request whose end nobody tells us, since a plugin in quarantine is not called, they
        # are not extended any more once it is forgotten.
        self._held: WeakValueDictionary[str, Held] = WeakValueDictionary()
        self._ended: deque[Held] = deque()
        self._bell = asyncio.Event()

    def hold(self, ticket: str, claims: _Claims) -> Held:
        """Keep leases that were taken from ending by themselves, as long as that is kept."""
        held = self._held[ticket] = Held(ticket, claims)
        return held

    def give_back(self, held: Held) -> None:
        """End them: at once, or by the background where there is a store."""
        if self._held.pop(held.ticket, None) is None:
            return
        if self._plain is not None:
            self._plain.refund_now(held.claims, held.ticket)
        else:
            self._ended.append(held)
            self._bell.set()

    async def run(self) -> None:
        """Tell the store of what has ended."""
        while True:
            await self._bell.wait()
            self._bell.clear()
            await self.tell()

    async def tell(self) -> None:
        """Tell the store of what has ended until now."""
        while self._ended:
            held = self._ended.popleft()
            with suppress(StoreError):  # it ends by itself then
                await self._counts.refund(held.claims, held.ticket)

    async def extend(self, every: float) -> None:
        """Let what is held last on, each `every` seconds."""
        while True:
            await self._services.sleep(every)
            for ticket in list(self._held):
                with suppress(StoreError):
                    await self._extend(ticket)

    async def _extend(self, ticket: str) -> None:
        """Let one last on; what the store has forgotten is under way all the same."""
        held = self._held.get(ticket)
        if held is None or await self._counts.extend(held.claims, ticket):
            return
        await self._counts.debit(held.claims, ticket)
        if ticket not in self._held:  # it may have been given back before that
            await self._counts.refund(held.claims, ticket)
