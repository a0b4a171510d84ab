"""The queue in numbers for clients, and whether it can be used."""

from collections.abc import Callable
from typing import Any, Literal

from proxy.api import Services
from proxy.api.endpoints import iso
from proxy.api.limits import Limits

from ..message import State
from ..settings import MessageQueueSettings
from ..store import Filter, QueueStore
from ..watching import Watch
from .showing import limits_of_user
from .writing import Document

__all__ = ["COUNTED_MOST", "Figures", "Healthy", "OwnStats"]

COUNTED_MOST = 100
"""Messages of a user that are counted of each state: there may be more."""

_COUNTED: dict[str, tuple[State, ...]] = {
    "awaitingApproval": ("held",),
    "queued": ("queued",),
    "sending": ("leased", "sending"),
    "uncertain": ("uncertain",),
}

Condition = Literal["healthy", "degraded", "unhealthy"]


class WindowInfo(Document):
    """A limit of the user's."""

    policy: str
    limit: int
    per_seconds: float
    remaining: int
    reset_time: str


class Check(Document):
    """How one part does; without places or names."""

    status: Condition
    message: str | None = None


class Healthy(Document):
    """How all of it does."""

    status: Condition
    timestamp: str
    checks: dict[str, Check]


class StatsData(Document):
    """What waits, and what may still be sent."""

    user_id: str
    queue: dict[str, int]
    counted_most: int = COUNTED_MOST
    rate_limits: tuple[WindowInfo, ...]
    timestamp: str
    detailed: dict[str, Any] | None
    """The whole queue, for administrators."""


class OwnStats(Document):
    """The figures of one user."""

    success: bool = True
    data: StatsData


class Figures:
    """Reads; spends nothing and puts nothing into the queue."""

    def __init__(
        self,
        settings: MessageQueueSettings,
        store: QueueStore,
        watch: Watch,
        limits: Callable[[], Limits | None],
        services: Services,
    ) -> None:
        self._settings = settings
        self._store = store
        self._watch = watch
        self._limits = limits
        self._services = services

    async def of(self, user: str, *, detailed: bool) -> OwnStats:
        """Return the figures of a user, and with `detailed` those of all. Raises StoreError."""
        now = self._services.now()
        data = StatsData(
            user_id=user,
            queue={name: await self._count(user, states) for name, states in _COUNTED.items()},
            rate_limits=await self._windows(user, now),
            timestamp=iso(now),
            detailed=self._watch.told(await self._store.stats()) if detailed else None,
        )
        return OwnStats(data=data)

    def health(self) -> Healthy:
        """Return how it does as far as is known; asks nobody."""
        watch = self._watch
        checks = {
            "store": _check("unhealthy", bool(watch.store_fails), "It does not answer"),
            "rateLimits": _check("degraded", bool(watch.limits_missing()), "They are not known"),
            "platform": _check("degraded", bool(watch.platform_fails()), "It does not answer well"),
        }
        order: tuple[Condition, ...] = ("healthy", "degraded", "unhealthy")
        worst = max((one.status for one in checks.values()), key=order.index)
        return Healthy(status=worst, timestamp=iso(self._services.now()), checks=checks)

    async def _count(self, user: str, states: tuple[State, ...]) -> int:
        found = [
            await self._store.list(Filter(state, user), limit=COUNTED_MOST) for state in states
        ]
        return min(COUNTED_MOST, sum(map(len, found)))

    async def _windows(self, user: str, now: float) -> tuple[WindowInfo, ...]:
        limits = self._limits()
        if limits is None:
            return ()
        standing = await limits.peek({"user": user}, self._settings.limits)
        return tuple(
            WindowInfo(
                policy=one.policy,
                limit=one.limit,
                per_seconds=one.seconds,
                remaining=one.remaining,
                reset_time=iso(now + one.reset),
            )
            for one in limits_of_user(standing)
        )


def _check(status: Condition, wrong: bool, says: str) -> Check:  # noqa: FBT001 (a mere table)
    return Check(status=status, message=says) if wrong else Check(status="healthy")
