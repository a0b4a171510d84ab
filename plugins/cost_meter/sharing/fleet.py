"""The fleet's side of a ledger: the table, what is read from it, and what is brought to it."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from proxy.api import Services, StoreError

from ..books import Outbox
from .branch import Branch
from .comparing import LONGEST, Filed, differences
from .opening import table_of
from .plans import PlanTotals
from .reading import SharedLedger
from .shelving import SharedShelf
from .shipping import Keep, Shipping
from .table import UnfitTableError, check_table

__all__ = ["Fleet"]


class Fleet:
    """One for the application. `open` it once the journal is open."""

    def __init__(
        self, url: str, journal: Filed, outbox: Outbox, keep: Keep, services: Services
    ) -> None:
        """`url` names the table; nothing is asked yet."""
        self._table = table_of(url, services)
        self._services = services
        self._journal = journal
        self._keep = keep
        self._shipping = Shipping(self._table, outbox, Branch(journal.file), keep, services)
        self.ledger = SharedLedger(self._table, journal, services.now)
        self.plans = PlanTotals(self._table, services.now)
        self.shelf = SharedShelf(self._table)

    async def open(self) -> None:
        """Begin to bring what there is. Raises UnfitTableError for a table that will not do.

        One that cannot be reached now is waited for: the journal keeps everything meanwhile.
        """
        try:
            await check_table(self._table)
        except UnfitTableError:
            raise
        except StoreError as error:
            self._services.log.warning("ledger_not_checked", reason=str(error))
        self._services.spawn(self._shipping.go_on(), "bring the journal to the fleet's ledger")

    async def close(self, seconds: float) -> None:
        """Bring what is left, if that takes no longer; the rest is brought by the next process."""
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(seconds):
                while await self._shipping.bring():
                    pass

    @property
    def behind(self) -> bool:
        """Whether this process has spent what the table does not know yet, beyond a moment."""
        return self._shipping.behind

    async def compared(self) -> Sequence[Mapping[str, str]]:
        """Return where the table has not what the journal has brought there, as plain data.

        Of the last 31 days, and 100 at most; see `Difference`. Raises StoreError.
        """
        keep = self._keep.get(None) or LONGEST
        found = await differences(self._table, self._journal, self._services.now(), keep)
        return [one._asdict() for one in found]

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if nothing is."""
        return self._shipping.health()
