"""Puts the meter together, and takes it apart again."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from proxy.api import Move, Note, Services
from proxy.api.spending import Budgeting, Prices

from .advising.admin import AdviceAnswers
from .advising.advice import Advice
from .alerting import Alerting
from .books import Edges, Ledger, Shelf
from .budgets.budgets import Budgets
from .budgets.opening import budgets_for, edges_for
from .covering import Calendar, Kept
from .forecasting.brake import Brake
from .forecasting.forecasts import Forecasts, incidents_of
from .forecasting.watching import Watch
from .ledger.expiring import Keep
from .ledger.journal import SqliteJournal
from .ledger.noting import notes_of
from .ledger.outbox import SqliteOutbox
from .ledger.shelf import SqliteShelf
from .limits import limits_of
from .metering import Meter
from .operating.opening import operating_for
from .operating.operating import Operating
from .prices.book import PriceBook
from .prices.listing import PriceList
from .prices.opening import listed
from .prices.watching import PriceWatch, age_of
from .serving.advised import AdvisedBy
from .serving.dearest import Dearest, Overheard
from .serving.foreseen import ForeseenBy
from .serving.opening import Serving, serving_for
from .settings import CostMeterSettings
from .tallying import Tallying

if TYPE_CHECKING:
    from .sharing.fleet import Fleet

__all__ = ["Assembled", "assembled", "migrated"]

_LAST_PLANS = 1.0
"""So long a process that ends waits for the answers of those who ask whether they may spend."""

_ASKED_AT_ONCE = 8
"""So many questions at once for the ledger of a fleet."""

_LAST_SECONDS = 1.5
"""So long a process that ends brings what is left to the ledger of the fleet."""


class Assembled:
    """All parts of a running meter."""

    def __init__(
        self, settings: CostMeterSettings, services: Services, price_list: PriceList
    ) -> None:
        """Make the parts that need nothing open. Raises ValueError."""
        self._settings = settings
        self._services = services
        before = services.shared(Budgeting)
        self._memory: dict[str, Any] = {} if before is None else before.memory
        # where it is written, and how it is read
        self.journal = journal_of(settings, services, self._memory)
        self.fleet = fleet_of(settings, self.journal, services)
        self.ledger: Ledger = self.journal if self.fleet is None else self.fleet.ledger
        own = SqliteShelf(self.journal.file)
        self.shelf: Shelf = own if self.fleet is None else self.fleet.shelf
        self.tallying = self._tallying()
        # who is told, once
        self.edges: Edges = edges_for(settings.shared, self.shelf, services, self._memory)
        self.alerting = Alerting(self.edges, services)
        self.dearest = Dearest(self._memory)
        # what things cost
        self.price_watch = PriceWatch(settings.prices, services, self.alerting)
        self.prices = PriceBook(settings.prices, price_list, services.now, self.price_watch.heard)
        self.price_age = age_of(settings.prices, self.prices)
        # what will be spent, what is too much of it, and what could be cheaper
        incidents = incidents_of(settings.forecast)
        self.forecasts = Forecasts(self.ledger, self.tallying, services, incidents)
        self.brake = Brake(settings.brake, settings.legacy_costs, self.ledger, services)
        self.advice = Advice(
            settings.advice, self.ledger, self.shelf, self.prices.look_up, services
        )

    async def open(self) -> None:
        """Open stores, make what needs them, and begin. Raises StoreError."""
        await self.journal.open()
        if self.fleet is not None:
            await self.fleet.open()
        self.budgets = self._budgets()
        await self.budgets.open()
        self.meter = self._meter()
        self.endpoints, self.thresholds = self._serving()
        self.operating = self._operating()
        self.advising = AdviceAnswers(self.advice, self._services)
        self._services.share(Budgeting, self.budgets)
        self._services.share(Prices, self.prices)
        self._go_on()

    async def close(self) -> None:
        """Write what was taken in, once those who ask have their answers."""
        await self.meter.close(_LAST_PLANS)
        await self.budgets.close()
        await self.journal.close()
        if self.fleet is not None:
            await self.fleet.close(_LAST_SECONDS)

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if all is well."""
        prices = self.price_age.text(self._services.now())
        thresholds = self.thresholds.trouble
        fleet = "" if self.fleet is None else self.fleet.health()
        return self.journal.health() or fleet or self.budgets.health() or prices or thresholds

    def moved(self, move: Move) -> None:
        """Take in that a rollout sends more or fewer to new: costs begin at another level."""
        self.forecasts.changed()
        if move.before <= 0 < move.after:
            self.brake.begun(move.rollout)

    async def notes_of(self, request_id: str) -> tuple[Note, ...]:
        """Return what a request's attempts have cost."""
        return notes_of(await self.journal.rows_of_request(request_id))

    # -- the parts ---------------------------------------------------------------------

    def _tallying(self) -> Tallying:
        settings = self._settings
        kept = Kept(settings.keep.minutes, settings.keep.hours)
        at_once = 1 if self.fleet is None else _ASKED_AT_ONCE
        return Tallying(self.ledger, Calendar(settings.time_zone), kept, at_once)

    def _budgets(self) -> Budgets:
        """Return the budgets, which are compared with the journal, or with that of the fleet."""
        settings = self._settings
        return budgets_for(
            settings.budgets,
            settings.time_zone,
            self._services,
            self.alerting,
            self.ledger,
            shared=settings.shared,
            patience=settings.patience,
            replica=self.journal.replica,
            written=self.journal.flush if self.ledger is self.journal else None,
            behind=lambda: self.fleet is not None and self.fleet.behind,
            minutes=settings.keep.minutes,
            plans=None if self.fleet is None else self.fleet.plans,
            state=self._memory,
        )

    def _meter(self) -> Meter:
        return Meter(
            self.prices,
            Overheard(self.budgets, self.dearest),
            self.journal,
            self._services,
            self._settings.on_journal_error,
        )

    def _serving(self) -> Serving:
        return serving_for(
            self.dearest,
            self.shelf,
            self.tallying,
            self.alerting,
            self._settings.legacy_costs,
            ForeseenBy(self.forecasts),
            AdvisedBy(self.advice),
            self._services,
        )

    def _operating(self) -> Operating:
        return operating_for(
            self.ledger,
            self.journal,
            self.tallying,
            self._settings.legacy_costs,
            self.budgets,
            (self.prices, self.price_age, self._settings.prices),
            self.forecasts,
            self._services,
            None if self.fleet is None else self.fleet.compared,
        )

    def _watch(self) -> Watch:
        limits = limits_of(self._settings.budgets)
        return Watch(
            self._settings.forecast,
            self.forecasts,
            lambda: limits,
            self.ledger,
            self.alerting,
            self._services,
        )

    def _go_on(self) -> None:
        """Begin what goes on in the background."""
        spawn = self._services.spawn
        spawn(self.price_watch.run(self.price_age), "look how old the prices are")
        spawn(self.thresholds.run(), "compare thresholds of costs")
        spawn(self.advice.watch(), "look for advice")
        if self._settings.forecast.enabled:
            spawn(self._watch().run(), "look at forecasts and anomalies")
        if self.brake.enabled:
            spawn(self.brake.run(), "read what brakes on costs need")


def journal_of(
    settings: CostMeterSettings, services: Services, memory: dict[str, Any]
) -> SqliteJournal:
    """Return the journal that the settings name, not opened yet; `memory` see there."""
    url, keep = settings.journal, settings.keep
    path = ":memory:" if url == "memory://" else url.removeprefix("sqlite:").removeprefix("//")
    kept = Keep(rows=keep.rows, minutes=keep.minutes, hours=keep.hours)
    under_way = memory.setdefault("under_way", {})
    return SqliteJournal(Path(path), kept, services, under_way)


def fleet_of(
    settings: CostMeterSettings, journal: SqliteJournal, services: Services
) -> "Fleet | None":
    """Return the ledger of the fleet, not opened yet; None where the journal is the ledger."""
    if settings.ledger is None:
        return None
    from .sharing.fleet import Fleet  # for who has one
    from .sharing.shipping import Keep as BringKeep

    keep = settings.keep
    kept: BringKeep = {None: keep.rows, "minute": keep.minutes, "hour": keep.hours}
    outbox = SqliteOutbox(journal.file, lambda: journal.horizons)
    return Fleet(settings.ledger, journal, outbox, kept, services)


async def migrated(
    settings: CostMeterSettings, services: Services, *, dry_run: bool
) -> tuple[str, ...]:
    """Make or upgrade what the ledger of a fleet is kept in. Raises StoreError."""
    if settings.ledger is None:
        return ()
    from .sharing.opening import table_of
    from .sharing.table import migrate_table

    table, hours = table_of(settings.ledger, services), settings.keep.hours
    return await migrate_table(table, dry_run=dry_run, now=services.now(), keep=hours)


async def assembled(settings: CostMeterSettings, services: Services) -> Assembled:
    """Return a meter that serves. Raises ValueError, StoreError."""
    price_list = await asyncio.to_thread(listed, settings.prices, services.now())
    parts = Assembled(settings, services, price_list)
    try:
        await parts.open()
    except BaseException:
        await parts.journal.close()  # else its file counts as in use as long as the process lives
        raise
    return parts
