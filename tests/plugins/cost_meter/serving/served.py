"""The costs API on a real journal, asked by users and administrators."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from plugins.cost_meter.advising.advice import Advice
from plugins.cost_meter.advising.declaring import AdviceSettings
from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.books import Asked, Page
from plugins.cost_meter.budgets.edges import MemoryEdges, ShelfEdges
from plugins.cost_meter.covering import Calendar, Kept
from plugins.cost_meter.forecasting.forecasts import Forecasts
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.shelf import SqliteShelf
from plugins.cost_meter.prices.rating import Priced
from plugins.cost_meter.row import Dimension, Grain, Row, Total
from plugins.cost_meter.serving.advised import AdvisedBy
from plugins.cost_meter.serving.dearest import Dearest
from plugins.cost_meter.serving.foreseen import ForeseenBy
from plugins.cost_meter.serving.keeping import Thresholds
from plugins.cost_meter.serving.opening import serving_for
from plugins.cost_meter.serving.watching import ThresholdWatch
from plugins.cost_meter.tallying import Tallying
from plugins.notify.listing import Listing
from plugins.notify.settings import ChannelSettings
from plugins.notify.store import Bounds
from plugins.notify.stores.sqlite import MIGRATIONS, SqliteStore
from proxy.api import PriceKey, Reply
from proxy.api.alerts import AlertsList
from proxy.api.endpoints import OTHER_METHODS
from proxy.api.testing import FakeServices, request
from proxy.api.testing.offers import EndpointOffers
from tests.plugins.cost_meter.metered import attempt
from tests.plugins.cost_meter.rowed import row

ADMIN = {"role": "ADMIN"}
KEPT = Kept(48 * 3600.0, 90 * 86400.0)


SLACK = {"url": "https://hooks.example/x"}
MAIL = {"host": "localhost", "sender": "a@example.com", "to": ("b@example.com",)}
CHANNELS = {
    "team": ChannelSettings.model_validate({"slack": SLACK}),
    "grave": ChannelSettings.model_validate({"slack": SLACK, "min_severity": "critical"}),
    "mine": ChannelSettings.model_validate({"email": MAIL, "users": True}),
}
"""Whom an operator has told: the team of all, and each user of what is theirs."""


def _no_tariff(key: PriceKey) -> Priced:
    raise AssertionError(f"nobody asks what {key.model} costs: advice is not looked for here")


class Counted:
    """A ledger that counts what it is asked."""

    def __init__(self, journal: SqliteJournal) -> None:
        self._journal = journal
        self.totals_asked = 0
        self.rows_asked = 0
        self.write = journal.write
        self.row = journal.row

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        self.totals_asked += 1
        return await self._journal.totals(asked, grain, by)

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        self.rows_asked += 1
        return await self._journal.rows(asked, limit=limit, after=after)


class ServedCosts:
    """All of it, and the clock."""

    def __init__(self, services: FakeServices, journal: SqliteJournal, **more: Any) -> None:
        self.services = services
        self.ledger = Counted(journal)
        self.shelf = SqliteShelf(journal.file)
        zone = more.pop("zone", "UTC")
        self.tallying = Tallying(self.ledger, Calendar(zone), KEPT)
        edges = ShelfEdges(self.shelf, MemoryEdges({}, services.now), services.now)
        baseline: Mapping[str, int] = more.pop("baseline", {})
        alerting = Alerting(edges, services)
        forecasts = Forecasts(self.ledger, self.tallying, services)
        advice = Advice(AdviceSettings(), self.ledger, self.shelf, _no_tariff, services)
        self.dearest = Dearest({})
        made = serving_for(
            self.dearest,
            self.shelf,
            self.tallying,
            alerting,
            baseline,
            ForeseenBy(forecasts),
            AdvisedBy(advice),
            services,
        )
        self.thresholds = Thresholds(self.shelf)
        self.watch: ThresholdWatch = made.watch
        self.offers = EndpointOffers()
        made.endpoints.offer(self.offers)

    @property
    def now(self) -> float:
        return self.services.now()

    async def spent(self, *rows: Row) -> None:
        """Have rows in the ledger; those that name no time have just been."""
        await self.ledger.write(rows)
        for one in rows:
            key = PriceKey(one.provider, one.model)
            self.dearest.saw(
                attempt(
                    attempt_id=one.id, at=one.at, request_id=one.request_id, user=one.user, key=key
                ),
                one.nano_usd,
            )

    def row(self, name: str, ago: float = 0.0, **said: Any) -> Row:
        """A row of so many seconds ago."""
        return row(name, request_id=f"of {name}", **{"at": self.now - ago, "user": "ann"} | said)

    async def ask(
        self,
        path: str,
        user: str | None = "ann",
        *,
        admin: bool = False,
        method: str = "GET",
        key: str = "",
        **body: Any,
    ) -> Reply:
        """Ask as a client; `key`: the Idempotency-Key."""
        bare = path.partition("?")[0]
        attributes = ADMIN if admin else {}
        headers = [("Idempotency-Key", key)] if key else []
        asked = request(
            method,
            path,
            headers=headers,
            key=user,
            verified=user is not None,
            attributes=attributes,
        )
        data = json.dumps(body).encode() if body else b""
        answer = self.offers.get((method, bare)) or self.offers[OTHER_METHODS, bare]
        return await answer(asked, data)


@asynccontextmanager
async def served_costs(*, tells: bool = True, **more: Any) -> AsyncIterator[ServedCosts]:
    """Open and close it; `tells`: whether there is who keeps alerts; `more`: zone, baseline."""
    services = FakeServices(plugin="cost_meter")
    keep = Keep(rows=400 * 86400.0, minutes=KEPT.minutes, hours=KEPT.hours)
    journal = SqliteJournal(Path(":memory:"), keep, services)
    await journal.open()
    if tells:
        alerts = services.sqlite(Path("alerts.db"), MIGRATIONS)
        bounds = Bounds(repeat=86400.0, give_up=86400.0, waiting=9)
        services.share(AlertsList, Listing(SqliteStore(alerts, services.now, bounds), CHANNELS))
    try:
        yield ServedCosts(services, journal, **more)
    finally:
        await journal.close()
        await services.close()
