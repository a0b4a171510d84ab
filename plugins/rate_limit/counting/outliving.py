"""Counts that are kept in a file, and what is done when it cannot be written."""

from collections.abc import Callable

from proxy.api import Services, StoreError

from ..claims import SECOND, Claim, Counted, Counts
from .alone import decided, own, way_of
from .memory import MemoryCounts

__all__ = ["OutlivingCounts"]

_AGAIN = SECOND
"""Microseconds until a file that could not be written may be asked again."""


class OutlivingCounts:
    """See `Counts`: counts that are kept in a file, as long as it can be written.

    When it cannot, each claim goes the way that its rule says; none of the methods but `open`
    raises StoreError.
    """

    def __init__(
        self,
        kept: Counts,
        memory: MemoryCounts,
        services: Services,
        told: Callable[[str], None],
    ) -> None:
        """`memory` is what `kept` counts in."""
        self._kept = kept
        self._memory = memory
        self._services = services
        self._told = told
        self._trouble = ""

    def health(self) -> str:
        """Say what is wrong; empty if nothing is."""
        return self._trouble and f"limits are not kept over a restart: {self._trouble}"

    async def open(self) -> None:
        """Read what still counts. Raises StoreError."""
        await self._kept.open()

    async def take(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        """See `Counts.take`."""
        try:
            counted = await self._kept.take(claims, ticket)
        except StoreError as error:
            self._lost(error)
            return self._alone(claims, ticket)
        if counted.admitted:  # else nothing was written
            self._back()
        return counted

    async def peek(self, claims: tuple[Claim, ...]) -> Counted:
        """See `Counts.peek`."""
        return await self._kept.peek(claims)

    async def refund(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.refund`."""
        try:
            await self._kept.refund(claims, ticket)
        except StoreError as error:
            self._lost(error)

    async def debit(self, claims: tuple[Claim, ...], ticket: str) -> None:
        """See `Counts.debit`."""
        try:
            await self._kept.debit(claims, ticket)
        except StoreError as error:
            self._lost(error)
            self._memory.debit_now(claims, ticket)

    async def extend(self, claims: tuple[Claim, ...], ticket: str) -> bool:
        """See `Counts.extend`."""
        try:
            return await self._kept.extend(claims, ticket)
        except StoreError as error:
            self._lost(error)
            return self._memory.extend_now(claims, ticket)

    async def clear(self, claims: tuple[Claim, ...]) -> None:
        """See `Counts.clear`."""
        try:
            await self._kept.clear(claims)
        except StoreError as error:
            self._lost(error)

    async def close(self) -> None:
        """Let go of the file."""
        await self._kept.close()

    def _alone(self, claims: tuple[Claim, ...], ticket: str) -> Counted:
        mine = own(claims, 1)
        closed = way_of(claims) == "closed"
        counted = self._memory.peek_now(mine) if closed else self._memory.take_now(mine, ticket)
        return decided(claims, counted, 1, _AGAIN)

    def _lost(self, error: StoreError) -> None:
        if not self._trouble:
            self._told("lost")
            self._services.log.warning("limits_store_lost", reason=str(error))
        self._trouble = str(error)

    def _back(self) -> None:
        if self._trouble:
            self._trouble = ""
            self._told("back")
            self._services.log.info("limits_store_back")
