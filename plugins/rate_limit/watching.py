"""What is counted of checks for operators: metrics, violations, and the alert."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from proxy.api import Alert, Services
from proxy.api.limits import Facts, Standing

from .counting.memory import MemoryCounts
from .durations import in_words
from .rules import text_of
from .settings import AlertSettings
from .violations import Violations

__all__ = ["LOOK_EVERY", "Waits", "Watching"]

LOOK_EVERY = 5.0
"""Seconds between two looks at how much is counted."""

_EVENTS = ("lost", "back", "forgotten")


class Watching:
    """Is told of checks."""

    def __init__(self, services: Services, alert: AlertSettings, table: dict[Any, Any]) -> None:
        """`table` is what was known of violations before."""
        self._services = services
        self._alert = alert
        self.violations = Violations(table, alert.refused, round(alert.per))
        self._checks = services.counter("checks", "Checks, by what came of them.", ("result",))
        self._refused = services.counter("refused", "Refusals, by the rule.", ("rule",))
        self._degraded = services.counter(
            "degraded", "Checks that were decided without the store, by how.", ("how",)
        )
        self._store = services.counter(
            "store_events", "What happened to the store: lost, back, forgotten.", ("what",)
        )
        self._buckets = services.gauge("buckets", "Counts that are kept in memory.")
        self._evicted = services.counter(
            "evicted", "Counts that were given up for new ones before their time."
        )
        self._seen = 0

    def asked(self, facts: Facts, standing: Standing) -> None:
        """Note a check for another plugin, which queues what a rule wants to be queued."""
        self.checked(standing, text_of(facts.get("user")), refuses=standing.action == "reject")

    def checked(self, standing: Standing, user: str | None, *, refuses: bool) -> None:
        """Note a check; `refuses`: what is not let through is lost, and not only later."""
        self._checks.add(result="admitted" if standing.admitted else "refused")
        if standing.degraded:
            self._degraded.add(how=standing.degraded)
        if standing.admitted:
            return
        for rule in {window.rule for window in standing.windows if window.wait > 0}:
            self._refused.add(rule=rule)
            if refuses and standing.degraded != "closed":
                self._violated(rule, user)

    def of_store(self, what: str) -> None:
        """Note what happened to the store; how single checks were decided is counted by check."""
        if what in _EVENTS:
            self._store.add(what=what)

    def look(self, memory: MemoryCounts) -> bool:
        """Measure the memory; True if counts were given up for others since the last look."""
        self._buckets.set(len(memory))
        more = memory.evicted - self._seen
        self._seen = memory.evicted
        self._evicted.add(more)
        return more > 0

    def _violated(self, rule: str, user: str | None) -> None:
        if self.violations.add(rule, user, self._services.now()):
            alert = self._alert
            self._services.alert(
                Alert(
                    "rate_limit_refusals",
                    rule,
                    f"Rule {rule} refused one caller {alert.refused} times within "
                    f"{in_words(alert.per)}. See who: crossfade rate_limit violations",
                )
            )


class Waits:
    """The places of requests that wait until they fit."""

    def __init__(self, services: Services, most: int) -> None:
        self._gauge = services.gauge("waiting", "Requests that wait until they fit.")
        self._most = most
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[bool]:
        """Say whether there is a place, and hold it."""
        free = self._taken < self._most
        self._move(1 if free else 0)
        try:
            yield free
        finally:
            self._move(-1 if free else 0)

    def _move(self, by: int) -> None:
        self._taken += by
        self._gauge.set(self._taken)
