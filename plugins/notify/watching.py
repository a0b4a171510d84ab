"""Looks after the telling: figures, old alerts, alerts about channels; says what is wrong."""

from collections.abc import Mapping
from typing import Final

from proxy.api import Alert, Services, StoreError

from .delivering.courier import Courier
from .delivering.intake import Intake
from .store import NotifyStore, Stats, Taken

__all__ = ["FAILS_LONG", "LOOK_EVERY", "Watch"]

LOOK_EVERY: Final = 5.0
"""Seconds between two looks."""

PURGE_EVERY: Final = 60.0
"""Seconds between two searches for what is too old."""

FAILS_LONG: Final = 900.0
"""Seconds after which a channel that takes nothing is an alert."""


class Watch:
    """How the telling stands, as far as this process knows."""

    def __init__(
        self,
        couriers: Mapping[str, Courier],
        intake: Intake,
        store: NotifyStore,
        most: int,
        services: Services,
    ) -> None:
        """`most`: deliveries that wait for one channel, at most."""
        self._couriers = couriers
        self._intake = intake
        self._store = store
        self._most = most
        self._services = services
        self._waiting = services.gauge("waiting", "Deliveries that wait.", ("channel",))
        self._oldest = services.gauge(
            "oldest_seconds", "For how long the oldest of them waits.", ("channel",)
        )
        self._dead = services.gauge("dead", "Deliveries that are dead.", ("channel",))
        self._failing: set[str] = set()
        self._dropping: set[str] = set()
        self._shown: set[str] = set(couriers)
        self._dead_ones = 0
        self._store_fails = ""
        self._trouble = ""

    async def run(self) -> None:
        """Look, again and again."""
        purge_at = self._services.clock()
        while True:
            await self.look()
            if self._services.clock() >= purge_at:
                await self._purge()
                purge_at = self._services.clock() + PURGE_EVERY
            await self._services.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Bring the figures up to date; raise and resolve alerts about channels."""
        for name, courier in self._couriers.items():
            self._judge(name, courier)
        try:
            stats = await self._store.stats()
        except StoreError as error:
            self._store_fails = f"the store of alerts fails: {error}"
            return
        self._store_fails = ""
        self._show(stats)
        for name in [one for one in self._dropping if stats.waiting.get(one, 0) < self._most / 2]:
            self._dropping.discard(name)
            self._services.alert(_dropped(name)._replace(resolves=True))

    def dropped(self, taken: Taken) -> None:
        """Note for whom there was no room; raise an alert when that begins."""
        for name in taken.full:
            self._services.log.error("notification_dropped", channel=name)
            if name not in self._dropping:
                self._dropping.add(name)
                self._services.alert(_dropped(name))

    def health(self) -> str:
        """Return what is wrong, in a sentence or more; empty if all is well."""
        said = [self._intake.trouble or self._store_fails or self._trouble]
        if self._intake.lost:
            said.append(f"{self._intake.lost} alerts were lost, for which memory had no room")
        said += [
            f"the channel {name} takes nothing: {self._couriers[name].why}"
            for name in sorted(self._failing)
        ]
        said += [f"too much waits for the channel {name}" for name in sorted(self._dropping)]
        if self._dead_ones:
            said.append(f"{self._dead_ones} deliveries are dead: see `crossfade notify list`")
        return "; ".join(part for part in said if part)

    def _judge(self, name: str, courier: Courier) -> None:
        since = courier.failing_since
        long = since is not None and self._services.clock() - since >= FAILS_LONG
        if long and name not in self._failing:
            self._failing.add(name)
            self._services.alert(_failing(name, courier.why))
        elif since is None and name in self._failing:
            self._failing.discard(name)
            over = _failing(name, "")._replace(text="It takes messages again.", resolves=True)
            self._services.alert(over)

    def _show(self, stats: Stats) -> None:
        now = self._services.now()
        self._shown |= stats.waiting.keys() | stats.dead.keys()
        for name in self._shown:
            self._waiting.set(stats.waiting.get(name, 0), channel=name)
            self._oldest.set(max(0.0, now - stats.oldest.get(name, now)), channel=name)
            self._dead.set(stats.dead.get(name, 0), channel=name)
        self._dead_ones = sum(stats.dead.values())

    async def _purge(self) -> None:
        try:
            await self._store.purge()
            self._trouble = await self._store.trouble()
        except StoreError as error:
            self._store_fails = f"the store of alerts fails: {error}"


def _failing(name: str, why: str) -> Alert:
    return Alert(
        "notifications_failing",
        name,
        f"This channel has taken nothing for {FAILS_LONG / 60:g} minutes ({why}). "
        "`crossfade notify test` says what it answers; what waits is tried again.",
        "critical",
    )


def _dropped(name: str) -> Alert:
    return Alert(
        "notifications_dropped",
        name,
        "More waits for this channel than `most` allows, and it is not told of what comes now. "
        "All of it is in the list of alerts.",
        "critical",
    )
