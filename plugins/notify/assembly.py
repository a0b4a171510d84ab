"""Puts the telling together, and takes it apart again."""

import asyncio
from pathlib import Path

from proxy.api import Alert, Services
from proxy.api.alerts import AlertsList

from .channels.channel import Channel
from .channels.email import Email
from .channels.pagerduty import PagerDuty
from .channels.slack import Slack
from .channels.webhook import Webhook
from .delivering.courier import Courier
from .delivering.intake import Intake
from .listing import Listing
from .operating.operating import Operating
from .serving.endpoints import Endpoints
from .settings import ChannelSettings, NotifySettings, cap_of
from .store import Bounds, NotifyStore, Taken
from .watching import Watch

__all__ = ["Assembled", "store_for"]


class Assembled:
    """All parts that run."""

    def __init__(self, settings: NotifySettings, services: Services) -> None:
        """Make the parts; nothing is opened yet. Raises ValueError for a store that is none."""
        self._services = services
        self.store = store_for(settings, services)
        self.listing = Listing(self.store, settings.channels)
        self._outcomes = services.counter(
            "deliveries",
            "Deliveries by what a try came to: told, failed, dead (of the failed), dropped.",
            ("channel", "outcome"),
        )
        self.couriers = {
            name: self._courier(name, one, settings.name) for name, one in settings.channels.items()
        }
        self.intake = Intake(settings.channels, self.store, self._taken, services)
        self.watch = Watch(self.couriers, self.intake, self.store, settings.most, services)
        self.endpoints = Endpoints(self.listing)
        self.operating = Operating(settings, self.couriers, self.store, services)

    async def open(self) -> None:
        """Begin; a store that cannot be reached yet is waited for, while alerts wait in memory."""
        self._services.share(AlertsList, self.listing)
        self._services.spawn(self.intake.run(), "take alerts in")
        self._services.spawn(self.watch.run(), "watch the telling")
        self._services.spawn(self._listen(), "hear of alerts elsewhere")
        for name, courier in self.couriers.items():
            self._services.spawn(courier.run(), f"tell {name}")

    async def close(self, seconds: float) -> None:
        """Bring what is in memory into the store; let what is being sent end, for so long."""
        await asyncio.gather(
            self.intake.close(seconds), *(one.close(seconds) for one in self.couriers.values())
        )

    def take(self, alert: Alert) -> None:
        """Take an alert in."""
        self.intake.take(alert)

    def _taken(self, taken: Taken) -> None:
        for name in taken.channels:
            self.couriers[name].ring()
        for name in taken.full:
            self._outcomes.add(channel=name, outcome="dropped")
        self.watch.dropped(taken)

    async def _listen(self) -> None:
        def ring() -> None:
            for courier in self.couriers.values():
                courier.ring()

        await self.store.listen(ring)

    def _serves(self) -> bool:
        """Whether the store is open, and no newer configuration tells instead of this one."""
        return self.intake.opened and self._services.shared(AlertsList) is self.listing

    def _courier(self, name: str, asked: ChannelSettings, source: str) -> Courier:
        return Courier(
            name,
            _channel(asked, self._services),
            self.store,
            self._services,
            self._outcomes,
            cap=cap_of(asked.rate),
            timeout=asked.timeout,
            source=source,
            serves=self._serves,
        )


def store_for(settings: NotifySettings, services: Services) -> NotifyStore:
    """Return the store that the settings name, not opened yet. Raises ValueError."""
    url = settings.store
    bounds = Bounds(
        repeat=settings.repeat,
        give_up=settings.give_up,
        waiting=settings.most,
        keep=settings.keep,
    )
    if url.startswith(("redis:", "rediss:")):
        from .stores.redis import RedisStore

        return RedisStore(services.redis(url), None, bounds)
    from .stores.sqlite import MIGRATIONS, SqliteStore

    path = ":memory:" if url == "memory://" else url.removeprefix("sqlite:").removeprefix("//")
    return SqliteStore(services.sqlite(Path(path), MIGRATIONS), services.now, bounds)


def _channel(asked: ChannelSettings, services: Services) -> Channel:
    if asked.slack is not None:
        return Slack(asked.slack, asked.timeout, services.now)
    if asked.pagerduty is not None:
        return PagerDuty(asked.pagerduty, asked.timeout, services.now)
    if asked.webhook is not None:
        return Webhook(asked.webhook, asked.timeout, services.now)
    if asked.email is not None:
        return Email(asked.email, asked.timeout)
    raise ValueError("a channel that is none; the settings have let it through")
