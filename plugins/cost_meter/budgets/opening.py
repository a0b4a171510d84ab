"""Puts the budgets of a process together."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from proxy.api import Services

from ..alerting import Alerting
from ..books import Edges, Ledger, Shelf
from .budgets import Budgets
from .claims import Entry, Reading
from .comparing import Comparing
from .counting import Alone, Counting
from .declaring import BudgetSettings
from .edges import MemoryEdges, RedisEdges, ShelfEdges
from .fleet import PATIENCE, Fleet
from .matching import budgets_of
from .memory import MemoryReserving
from .recounting import MINUTES_KEPT, Plans, Recounting
from .redis import RedisReserving
from .watching import Watching

__all__ = ["budgets_for", "edges_for"]

Written = Callable[[], Awaitable[None]]


def edges_for(shared: str | None, shelf: Shelf, services: Services, state: dict[str, Any]) -> Edges:
    """Return who says what was told before: a fleet's Redis, or this process's shelf.

    `state` see `budgets_for`. Raises ValueError for a URL that is none of Redis.
    """
    memory = MemoryEdges(state, services.now)
    if shared is None:
        return ShelfEdges(shelf, memory, services.now)
    return RedisEdges(services.redis(shared), memory)


def budgets_for(
    declared: Mapping[str, BudgetSettings],
    zone: str,
    services: Services,
    alerting: Alerting,
    ledger: Ledger,
    *,
    shared: str | None,
    patience: float = PATIENCE,
    replica: str,
    written: Written | None,
    behind: Callable[[], bool] = lambda: False,
    minutes: float = MINUTES_KEPT,
    plans: Plans | None = None,
    state: dict[str, Any],
) -> Budgets:
    """Return the budgets, not open yet.

    `ledger` is what they are compared with; `written` returns when all that was settled is in it,
    None where it is the ledger of a fleet; then `behind` says whether this process has not brought
    all that it knows to it. Minutes are kept there for `minutes` seconds; `plans` is where it is
    known what was spent on plans, None: in its rows. `shared` is the Redis of a fleet, for which
    an attempt waits `patience` seconds; `replica` names this process's journal. `state` is what the
    ones before have known: `Budgets.memory`. Raises ValueError for a URL that is none of Redis.
    """
    budgets = budgets_of(declared, zone)
    recounting = Recounting(ledger, minutes, plans)
    watching = Watching(budgets, alerting, recounting.between, services, zone)

    def saw(entry: Entry, readings: Sequence[Reading]) -> None:
        for share, reading in zip(entry.shares, readings, strict=True):
            watching.counted(share.bucket, reading.total)

    memory = MemoryReserving(state.setdefault("memory", {}), services.clock)
    counting: Counting
    if shared is None:
        counting = Alone(memory, saw)
    else:
        redis = services.redis(shared)
        store = RedisReserving(redis, "*" if written is None else replica)
        fleet = state.setdefault("fleet", {}).setdefault(redis.url, {})
        counting = Fleet(
            store, redis, memory, services, saw, watching.of_store, fleet, patience, behind
        )
    comparing = Comparing(
        counting, recounting, services, written, watching.drifted, keeps=shared is None
    )
    return Budgets(budgets, counting, comparing, watching, services, zone, state)
