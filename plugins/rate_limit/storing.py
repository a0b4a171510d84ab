"""Where is counted: in memory, in memory and a file, in Redis; and what then if that fails."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from proxy.api import Services

from .claims import Counts
from .counting.memory import MemoryCounts
from .settings import RateLimitSettings

__all__ = ["Store", "store_for"]


class Store(NamedTuple):
    """What counts."""

    counts: Counts
    plain: MemoryCounts | None
    """The same, if it answers without anything to wait for."""
    health: Callable[[], str]
    """Says what is wrong; empty if nothing is."""


def store_for(
    settings: RateLimitSettings,
    memory: MemoryCounts,
    services: Services,
    told: Callable[[str], None],
    state: dict[str, Any],
) -> Store:
    """Return the store that the settings name. Raises ValueError for what is none.

    `told` hears of what happens to it, in one word; `state` is what the one before knew of a fleet.
    """
    url = settings.store
    if url == "memory://":
        return Store(memory, memory, lambda: "")
    if url.startswith("sqlite:"):
        from .counting.kept import MIGRATIONS, KeptCounts  # SQLite, Redis: for who has one
        from .counting.outliving import OutlivingCounts

        path = Path(url.removeprefix("sqlite:").removeprefix("//"))
        kept = KeptCounts(services.sqlite(path, MIGRATIONS), memory)
        outliving = OutlivingCounts(kept, memory, services, told)
        return Store(outliving, None, outliving.health)
    from .counting.fallback import Fallback
    from .counting.redis import RedisCounts
    from .counting.replicas import Replicas

    redis = services.redis(url)
    shared = RedisCounts(redis, None, settings.patience)
    known = state.setdefault(shared.url, {})
    fallback = Fallback(shared, memory, Replicas(redis, known), services, told, known)
    return Store(fallback, None, fallback.health)
