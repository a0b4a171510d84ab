"""Looks after the queue: metrics, alerts, old messages; and says what is wrong with it."""

from collections.abc import Callable
from typing import Any, get_args

from proxy.api import Alert, Services, StoreError
from proxy.api.limits import Limits
from proxy.api.messages import Messages

from .message import Priority, State
from .settings import MessageQueueSettings
from .store import QueueStore, Stats

__all__ = ["ENDED", "LOOK_EVERY", "Watch"]

ENDED: tuple[State, ...] = ("sent", "cancelled", "dead", "uncertain")

LOOK_EVERY = 5.0
"""Seconds between two looks at the queue."""

PURGE_EVERY = 60.0
"""Seconds between two searches for old messages."""

_STATES: tuple[State, ...] = get_args(State)


class Watch(Messages):
    """How the queue stands, as far as this process knows."""

    def __init__(
        self,
        settings: MessageQueueSettings,
        store: QueueStore,
        platform_fails: Callable[[], str],
        workers_trouble: Callable[[], str],
        services: Services,
    ) -> None:
        """`platform_fails`, `workers_trouble`: a sentence, or an empty text when all is well."""
        self._settings = settings
        self._store = store
        self.platform_fails = platform_fails
        self._workers_trouble = workers_trouble
        self._services = services
        self._depth = services.gauge("messages", "Messages in the queue.", ("state", "priority"))
        self._oldest = services.gauge(
            "oldest_seconds", "For how long the oldest message waits that could go.", ("priority",)
        )
        self._purged = services.counter(
            "purged", "Ended messages removed for their age.", ("state",)
        )
        before = services.shared(Messages)
        # An alert is raised once while it lasts, also over a reload.
        self.raised: set[str] = set() if before is None else before.raised
        self.store_fails = ""
        self._store_trouble = ""

    async def run(self) -> None:
        """Look, again and again."""
        purge_at = self._services.clock()
        while True:
            await self.look()
            if self._services.clock() >= purge_at:
                await self.purge()
                purge_at = self._services.clock() + PURGE_EVERY
            await self._services.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Take in how the queue stands."""
        try:
            stats = await self._store.stats()
            self._store_trouble = await self._store.trouble()
            self.store_fails = ""
        except StoreError as error:
            self.store_fails = str(error)
            return
        self._measure(stats)
        self._alert(stats)

    async def purge(self) -> None:
        """Remove what has ended long ago."""
        before = self._services.now() - self._settings.keep
        try:
            for state in ENDED:
                if found := await self._store.purge(state, before):
                    self._purged.add(found, state=state)
        except StoreError as error:
            self.store_fails = str(error)

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if all is well."""
        if self.store_fails:
            return f"the store of messages fails: {self.store_fails}"
        found = self.limits_missing() or self._workers_trouble() or self.platform_fails()
        if found:
            return found
        if self._settings.store == "memory://":
            return "messages are kept in memory alone: a restart forgets those that wait"
        return self._store_trouble

    def limits_missing(self) -> str:
        """Return why the limits cannot be asked, in a sentence; empty if they can."""
        wanted = self._settings.limits
        limits = self._services.shared(Limits)
        if not wanted:
            return ""
        if limits is None:
            return (
                "nothing is sent: limits are wanted, and no plugin counts any; use rate_limit, or "
                "write limits: []"
            )
        missing = [name for name in wanted if name not in limits.names]
        if missing:
            known = ", ".join(sorted(limits.names)[:20])
            return f"nothing is sent: there is no limit {missing[0]}; there are: {known or 'none'}"
        return ""

    def told(self, stats: Stats) -> dict[str, Any]:
        """Return the queue in numbers, as JSON has them."""
        now = self._services.now()
        depth: dict[str, dict[str, int]] = {}
        for (state, priority), count in sorted(stats.depth.items()):
            depth.setdefault(state, {})[priority.name] = count
        return {
            "depth": depth,
            "oldestSeconds": {
                priority.name: round(max(0.0, now - at), 3)
                for priority, at in sorted(stats.oldest_due.items())
            },
            "rates": {
                what: {"lastMinute": minute, "lastHour": hour}
                for what, (minute, hour) in stats.rates.items()
            },
            "paused": list(stats.paused),
            "trouble": self.health(),
        }

    def _measure(self, stats: Stats) -> None:
        now = self._services.now()
        for priority in Priority:
            for state in _STATES:
                count = stats.depth.get((state, priority), 0)
                self._depth.set(count, state=state, priority=priority.name)
            oldest = stats.oldest_due.get(priority)
            waits = 0.0 if oldest is None else max(0.0, now - oldest)
            self._oldest.set(waits, priority=priority.name)

    def _alert(self, stats: Stats) -> None:
        asked = self._settings.alert
        _, dead = stats.rates.get("dead", (0, 0))
        uncertain = sum(count for (state, _), count in stats.depth.items() if state == "uncertain")
        oldest = min(stats.oldest_due.values(), default=self._services.now())
        self._edge(
            dead >= asked.dead,
            Alert(
                "messages_dead",
                "message_queue",
                f"Messages that died within an hour and will not be sent: {dead}. Look at them by "
                "`crossfade queue list --state dead`, and replay those that can go.",
            ),
        )
        self._edge(
            uncertain > 0,
            Alert(
                "messages_uncertain",
                "message_queue",
                f"Messages of which nobody knows whether they were sent: {uncertain}. Find out "
                "at the platform, and say so by `crossfade queue settle`.",
                "critical",
            ),
        )
        self._edge(
            self._services.now() - oldest > asked.oldest,
            Alert(
                "messages_late",
                "message_queue",
                f"A message that could go has waited for more than {asked.oldest:g} s. "
                "`crossfade queue stats` says what is paused and what is wrong.",
            ),
        )

    def _edge(self, lasts: bool, alert: Alert) -> None:  # noqa: FBT001 (the only one)
        """Raise an alert when something begins; not again while it lasts."""
        if lasts and alert.name not in self.raised:
            self._services.alert(alert)
        (self.raised.add if lasts else self.raised.discard)(alert.name)
