"""Puts the queue together, and takes it apart again."""

import asyncio
from pathlib import Path

from proxy.api import Services
from proxy.api.limits import Limits
from proxy.api.messages import Messages

from .delivering.deliverer import Deliverer
from .delivering.workers import Workers
from .gateway.client import Gateway
from .operating.operating import Operating
from .serving.endpoints import Endpoints
from .serving.figures import Figures
from .serving.legacy import LegacySending
from .serving.taking import Taking
from .settings import MessageQueueSettings
from .store import Bounds, QueueStore
from .watching import Watch

__all__ = ["Assembled", "store_for"]

_LOOK_EVERY = 1.0
"""Seconds between two looks at whether another configuration has taken over."""


class Assembled:
    """All parts of a running queue."""

    def __init__(self, settings: MessageQueueSettings, services: Services) -> None:
        """Make the parts; nothing is opened yet. Raises ValueError for a store that is none."""
        self._settings = settings
        self._services = services
        self.store = store_for(settings, services)
        self._gateway = Gateway(settings.gateway, services)
        self._bounds = bounds_of(settings)
        self._deliverer = Deliverer(
            self.store,
            self._gateway,
            self._limits,
            services,
            rules=settings.limits,
            timeout=settings.gateway.timeout,
            lease=settings.workers.lease,
        )
        self.workers = self._new_workers()
        self.watch = Watch(
            settings, self.store, self._gateway.trouble, self._workers_trouble, services
        )
        self.taking = Taking(
            settings, self.store, self._bounds, self._deliverer, self._limits, self._ring, services
        )
        figures = Figures(settings, self.store, self.watch, self._limits, services)
        self.endpoints = Endpoints(settings, self.store, self.taking, figures, services)
        self.legacy = LegacySending(settings, self.taking, services)
        self.operating = Operating(settings, self.store, self.watch, self._ring, services)

    async def open(self) -> None:
        """Open the store, and begin to deliver. Raises StoreError."""
        await self.store.open()
        self._services.share(Messages, self.watch)
        self._services.spawn(self._work(), "see who delivers")
        self._services.spawn(self.watch.run(), "watch the queue")

    async def close(self, seconds: float) -> None:
        """Claim nothing more, let what is being sent end for so long, close the connections."""
        await asyncio.gather(self.workers.close(seconds), self.taking.close(seconds))
        await self._gateway.close()
        await self.store.close()

    async def _work(self) -> None:
        """Deliver, unless a newer configuration does, which perhaps goes away again."""
        while True:
            self._services.spawn(self.workers.run(), "deliver messages")
            while self._serves():
                await self._services.sleep(_LOOK_EVERY)
            await self.workers.close(self._settings.workers.lease)
            while not self._serves():
                await self._services.sleep(_LOOK_EVERY)
            self.workers = self._new_workers()

    def _serves(self) -> bool:
        return self._services.shared(Messages) is self.watch

    def _new_workers(self) -> Workers:
        asked = self._settings.workers
        return Workers(
            self.store,
            self._deliverer,
            self._bounds,
            self._services,
            concurrency=asked.concurrency,
            lease=asked.lease,
        )

    def _ring(self) -> None:
        self.workers.ring()

    def _limits(self) -> Limits | None:
        """Return who counts, each time anew: a reload puts another in its place."""
        return self._services.shared(Limits) if self._settings.limits else None

    def _workers_trouble(self) -> str:
        return self.workers.trouble


def bounds_of(settings: MessageQueueSettings) -> Bounds:
    """Return what fits into the queue."""
    return Bounds(
        messages=settings.most,
        user_messages=settings.most_per_user,
        user_bytes=settings.bytes_per_user,
        in_flight=settings.workers.in_flight,
    )


def store_for(settings: MessageQueueSettings, services: Services) -> QueueStore:
    """Return the store that the settings name, not opened yet. Raises ValueError."""
    url, repeats = settings.store, settings.gateway.idempotent
    if url.startswith(("redis:", "rediss:")):
        from .stores.redis import RedisQueue

        return RedisQueue(services.redis(url), None, repeats=repeats)
    from .stores.sqlite import MIGRATIONS, SqliteQueue

    path = ":memory:" if url == "memory://" else url.removeprefix("sqlite:").removeprefix("//")
    return SqliteQueue(services.sqlite(Path(path), MIGRATIONS), services.now, repeats=repeats)
