"""Whether campaigns can be executed: what is known already, and one look into the store."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Literal

from proxy.api import Workflows
from proxy.api.workflows import ProviderHealth

from .writing import Document

__all__ = ["Check", "Checks", "Healthy", "health_of"]

State = Literal["healthy", "degraded", "unhealthy"]

LOOK_EVERY = 1.0
"""Seconds between two looks into the store: anybody may ask, as often as they like."""

_SHUT = ("open", "forced_open")
_ORDER: tuple[State, ...] = ("healthy", "degraded", "unhealthy")


class Check(Document):
    """How one part does. `message`: what is wrong, without names or places; null if nothing."""

    status: State
    message: str | None = None


class Healthy(Document):
    """How all of it does. `checks` by part: orchestrator, database, and ``<name>Provider``."""

    status: State
    timestamp: str
    checks: dict[str, Check]


class Checks:
    """Looks into the store, once for all who ask at the same time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` counts seconds and only goes forward."""
        self._clock = clock
        self._lock = asyncio.Lock()
        self._looked = float("-inf")
        self._of: Workflows | None = None
        self._says = ""

    async def store(self, workflows: Workflows) -> str:
        """Return what is wrong with the store; empty if it answers."""
        async with self._lock:
            fresh = self._clock() - self._looked < LOOK_EVERY and self._of is workflows
            if not fresh:
                self._says = await workflows.store_health()
                self._of, self._looked = workflows, self._clock()
            return self._says


def health_of(
    timestamp: str, store: str | None = None, providers: Iterable[ProviderHealth] = ()
) -> Healthy:
    """Return what follows: `store` is what is wrong with it, None without an orchestrator."""
    if store is None:
        checks = {"orchestrator": Check(status="unhealthy", message="No orchestrator is running")}
        return Healthy(status="unhealthy", timestamp=timestamp, checks=checks)
    parts = _by_provider(providers)
    checks = {"orchestrator": _together(parts.values()), "database": _database(store)}
    worst = max((one.status for one in checks.values()), key=_ORDER.index)
    return Healthy(status=worst, timestamp=timestamp, checks=checks | parts)


def _database(store: str) -> Check:
    if not store:
        return Check(status="healthy")
    return Check(status="unhealthy", message="The store of workflows does not answer")


def _together(parts: Iterable[Check]) -> Check:
    """Campaigns are executed as long as one provider can be asked."""
    states = {one.status for one in parts}
    if states <= {"unhealthy"}:
        return Check(status="unhealthy", message="No provider can be asked")
    if states == {"healthy"}:
        return Check(status="healthy")
    return Check(status="degraded", message="Not every provider can be asked")


def _by_provider(providers: Iterable[ProviderHealth]) -> dict[str, Check]:
    by_name: dict[str, list[ProviderHealth]] = {}
    for one in providers:
        by_name.setdefault(one.provider, []).append(one)
    return {f"{name}Provider": _provider(found) for name, found in sorted(by_name.items())}


def _provider(deployments: list[ProviderHealth]) -> Check:
    serving = [one for one in deployments if one.state not in _SHUT and not one.throttled]
    if not serving:
        return Check(status="unhealthy", message="None of its deployments can be asked")
    if len(serving) < len(deployments) or any(one.state == "half_open" for one in serving):
        return Check(status="degraded", message="Not every deployment can be asked")
    return Check(status="healthy")
