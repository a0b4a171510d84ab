"""Whether an endpoint may be asked: active checks and passive ejection, without a clock.

Passive ejection is outlier detection as Envoy knows it, by consecutive failures: an
endpoint that fails `failures` times in a row is left alone for `base` seconds times
the number of its ejections so far, at most `most`. The last endpoint is never ejected.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol, TypeVar

__all__ = ["EjectionRule", "EndpointHealth", "choose"]


@dataclass(frozen=True, slots=True)
class EjectionRule:
    """Eject after `failures` in a row, for `base` seconds times n, at most `most` seconds."""

    failures: int
    base: float
    most: float


@dataclass(slots=True)
class EndpointHealth:
    """What has been learned about one endpoint; it outlives a reload.

    `up` is the verdict of active checks (true without them), `streak` counts checks
    that contradict it, `failures` requests that failed in a row, `ejections` how often
    it was ejected lately, `ejected_until` a time in seconds on the caller's clock.
    """

    up: bool = True
    streak: int = 0
    failures: int = 0
    ejections: int = 0
    ejections_total: int = 0
    ejected_until: float = 0.0

    def available(self, now: float) -> bool:
        """Whether requests may be sent at `now` (seconds)."""
        return self.up and self.ejected_until <= now

    def succeeded(self, now: float, rule: EjectionRule) -> None:
        """A request was answered: forget the failures, and an old ejection if it is long ago."""
        self.failures = 0
        if self.ejections and now - self.ejected_until > rule.base * self.ejections:
            self.ejections -= 1

    def failed(self, now: float, rule: EjectionRule, *, last: bool) -> bool:
        """A request failed. Returns whether this ejected the endpoint; `last` forbids it."""
        self.failures += 1
        if self.failures < rule.failures or last:
            return False
        self.failures = 0
        self.ejections += 1
        self.ejections_total += 1
        self.ejected_until = now + min(rule.base * self.ejections, rule.most)
        return True

    def checked(self, *, passed: bool, healthy_after: int, unhealthy_after: int) -> bool:
        """An active check ended. Returns whether the endpoint's state changed by it."""
        if passed == self.up:
            self.streak = 0
            return False
        self.streak += 1
        if self.streak < (healthy_after if passed else unhealthy_after):
            return False
        self.up, self.streak = passed, 0
        return True


class _Endpoint(Protocol):
    health: EndpointHealth
    outstanding: int


E = TypeVar("E", bound=_Endpoint)


def choose(
    endpoints: Iterable[E], now: float, *, turn: int, skip: Callable[[E], bool] | None = None
) -> E | None:
    """The available endpoint with the fewest outstanding requests; ties go round by `turn`.

    When every endpoint that is up is ejected (the others went down meanwhile), an
    ejected one is better than none. None when all are down or skipped.
    """
    known = [e for e in endpoints if e.health.up and not (skip and skip(e))]
    free = [e for e in known if e.health.ejected_until <= now] or known
    if not free:
        return None
    if len(free) == 1:
        return free[0]
    start = turn % len(free)
    return min(free[start:] + free[:start], key=lambda e: e.outstanding)
