"""Puts the plugin together, and takes it apart again."""

from collections.abc import Callable
from typing import Any

from proxy.api import Services
from proxy.api.limits import Limits

from .claims import SECOND, Kind
from .counting.memory import MemoryCounts
from .durations import micros
from .leases import Leases
from .recent import Recent
from .rules import Book
from .service import CountingLimits
from .settings import RateLimitSettings
from .storing import store_for
from .watching import LOOK_EVERY, Waits, Watching

__all__ = ["Assembled", "assembled"]


class Assembled:
    """All parts of the running plugin."""

    def __init__(self, settings: RateLimitSettings, book: Book, services: Services) -> None:
        """Go on with what the one before has counted, if there was one."""
        self.services = services
        before = services.shared(Limits)
        state: dict[str, Any] = {} if before is None else before.memory
        self._memory = MemoryCounts(
            state.setdefault("counts", {}), _clock(services, state), settings.scopes
        )
        self.watching = Watching(services, settings.alert, state.setdefault("violations", {}))
        self.recent = Recent(state.setdefault("recent", {}))
        fleet = state.setdefault("fleet", {})
        store = store_for(settings, self._memory, services, self.watching.of_store, fleet)
        counts, plain, self._health_of_store = store
        self.limits = CountingLimits(book, counts, plain, state, self.watching.asked)
        self.leases = Leases(counts, plain, services)
        self.waits = Waits(services, settings.delayed)
        self._crowded = False

    async def open(self) -> None:
        """Open the store, offer the limits, begin what goes on beside requests."""
        await self.limits.counts.open()
        services = self.services
        services.share(Limits, self.limits)
        services.spawn(self._look(), "look at the counts")
        periods = [
            rule.windows[0].period for rule in self.limits.book.rules if rule.kind is Kind.LEASE
        ]
        if periods:
            services.spawn(self.leases.run(), "give leases back")
            services.spawn(self.leases.extend(min(periods) / SECOND / 3), "extend leases")

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if all is well."""
        crowded = "counts are given up before their time: raise plugins.rate_limit.scopes"
        return self._health_of_store() or (crowded if self._crowded else "")

    async def close(self) -> None:
        """Tell the store of the last leases, and let go of it."""
        await self.leases.tell()
        await self.limits.counts.close()

    async def _look(self) -> None:
        while True:
            self._crowded = self.watching.look(self._memory)
            await self.services.sleep(LOOK_EVERY)


async def assembled(settings: RateLimitSettings, book: Book, services: Services) -> Assembled:
    """Return all of it, ready to check. Raises ValueError for a store that is none, StoreError."""
    parts = Assembled(settings, book, services)
    await parts.open()
    return parts


def _clock(services: Services, state: dict[str, Any]) -> Callable[[], int]:
    """Return microseconds that never go back, nor does a reload make them do so."""
    offset: int = state.setdefault("offset", micros(services.now()) - micros(services.clock()))
    return lambda: offset + micros(services.clock())
