"""What operators ask, on a real journal."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.edges import MemoryEdges
from plugins.cost_meter.budgets.opening import budgets_for
from plugins.cost_meter.covering import Calendar, Kept
from plugins.cost_meter.forecasting.forecasts import Forecasts
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.operating.commands import provide_commands
from plugins.cost_meter.operating.opening import operating_for
from plugins.cost_meter.prices.book import PriceBook
from plugins.cost_meter.prices.declaring import PricesSettings
from plugins.cost_meter.prices.opening import listed
from plugins.cost_meter.prices.watching import age_of
from plugins.cost_meter.row import Row
from plugins.cost_meter.tallying import Tallying
from proxy.api import Reply
from proxy.api.testing import FakeServices, request
from proxy.api.testing.offers import AdminOffers, CommandOffers
from tests.plugins.cost_meter.rowed import row

KEPT = Kept(48 * 3600.0, 90 * 86400.0)


class Operated:
    """The admin endpoints and the commands before them."""

    def __init__(self, services: FakeServices, journal: SqliteJournal, **more: Any) -> None:
        self.services = services
        self.journal = journal
        self.admin = AdminOffers()
        self.commands = CommandOffers(self.admin)
        zone = more.pop("zone", "UTC")
        said = PricesSettings()
        book = PriceBook(said, listed(said, services.now()), services.now)
        limit = BudgetSettings.model_validate({"of": "user", "limit": "5.00", "per": "day"})
        budgets = budgets_for(
            {"daily-user": limit},
            zone,
            services,
            Alerting(MemoryEdges({}, services.now), services),
            journal,
            shared=None,
            replica=journal.replica,
            written=journal.flush,
            state={},
        )
        tallying = Tallying(journal, Calendar(zone), KEPT)
        made = operating_for(
            journal,
            journal,
            tallying,
            more.pop("baseline", {}),
            budgets,
            (book, age_of(said, book), said),
            Forecasts(journal, tallying, services),
            services,
        )
        made.offer(self.admin)
        provide_commands(self.commands)

    def row(self, name: str, ago: float = 0.0, **said: Any) -> Row:
        """A row of so many seconds ago."""
        return row(name, **{"at": self.services.now() - ago, "request_id": f"of {name}"} | said)

    async def spent(self, *rows: Row) -> None:
        """Have rows in the ledger."""
        await self.journal.write(rows)

    async def ask(
        self, path: str, method: str = "GET", *, role: str = "operator", **body: Any
    ) -> Reply:
        """Ask as an operator, unless it is said as who else."""
        asked = request(method, path, key="ops", verified=True, attributes={"role": role})
        data = json.dumps(body).encode() if method == "POST" else b""
        return await self.admin[method, path.partition("?")[0]](asked, data)

    async def report(self, query: str = "") -> Any:
        """The report for a query."""
        reply = await self.ask(f"/report?{query}")
        assert reply.status == 200, reply.body
        return reply.json()


@asynccontextmanager
async def operated(**more: Any) -> AsyncIterator[Operated]:
    """Open and close it; `more`: zone, baseline."""
    services = FakeServices(plugin="cost_meter")
    keep = Keep(rows=400 * 86400.0, minutes=KEPT.minutes, hours=KEPT.hours)
    journal = SqliteJournal(Path(":memory:"), keep, services)
    await journal.open()
    try:
        yield Operated(services, journal, **more)
    finally:
        await journal.close()
        await services.close()
