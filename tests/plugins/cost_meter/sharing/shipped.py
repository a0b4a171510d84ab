"""A journal that is brought to a table, as one replica has it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from plugins.cost_meter.ledger.expiring import Keep as Kept
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.outbox import SqliteOutbox
from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.branch import Branch
from plugins.cost_meter.sharing.reading import SharedLedger
from plugins.cost_meter.sharing.shipping import Keep, Shipping
from proxy.api.testing import FakeServices
from proxy.stores.dynamo import DynamoTable

KEEP: Keep = {None: 400 * 86400.0, "minute": 48 * 3600.0, "hour": 90 * 86400.0}


class Replica:
    """One process of the fleet: its journal, what it brings, and what it reads."""

    def __init__(
        self, table: DynamoTable, services: FakeServices, path: Path = Path("costs.db")
    ) -> None:
        self.services = services
        self.journal = SqliteJournal(path, Kept(400 * 86400.0, 48 * 3600.0, 90 * 86400.0), services)
        self.outbox = SqliteOutbox(self.journal.file, lambda: self.journal.horizons)
        self.branch = Branch(self.journal.file)
        self.shipping = Shipping(table, self.outbox, self.branch, KEEP, services)
        self.ledger = SharedLedger(table, self.journal, services.now)

    async def bring(self, rows: Sequence[Row] = ()) -> None:
        """Write rows, and bring all there is."""
        await self.journal.write(rows)
        while await self.shipping.bring():
            pass


@asynccontextmanager
async def replica(table: DynamoTable, path: Path = Path("costs.db")) -> AsyncIterator[Replica]:
    """A replica with a file of its own, unless a whole path is said."""
    services = FakeServices()
    one = Replica(table, services, path)
    await one.journal.open()
    try:
        yield one
    finally:
        await one.journal.close()
        await services.close()
