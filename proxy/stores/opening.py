"""Opens the store that a URL names.

What Redis needs is imported for a URL of Redis alone: it takes longer than all the rest of
a start.
"""

from pathlib import Path

from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import FleetStore, RolloutStore
from proxy.stores.sqlite import SqliteStore

__all__ = ["fleet_of", "store_for"]


def store_for(url: str) -> RolloutStore:
    """Return the store for ``memory://``, ``sqlite:///path`` or ``redis://host:port/db``.

    ``sqlite://`` stands before an absolute path, ``sqlite:`` before a relative one; ``rediss://``
    is Redis over TLS. Not opened yet. Raises ValueError for another URL (the configuration has
    checked it).
    """
    scheme, _, rest = url.partition(":")
    if url == "memory://":
        return MemoryStore()
    if scheme == "sqlite":
        path = Path(rest.removeprefix("//"))
        if rest.startswith("//") and not path.is_absolute():
            raise ValueError("sqlite:// takes an absolute path, as in sqlite:///var/crossfade.db")
        return SqliteStore(path)
    if scheme in ("redis", "rediss"):
        from proxy.stores.redis import RedisStore
        from proxy.stores.redis_link import RedisLink, place_of

        return RedisStore(RedisLink(place_of(url)))
    raise ValueError(
        f"{scheme[:20]!r} is no store; there are memory://, sqlite:path, sqlite:///path and "
        "redis://host:port/db"
    )


def fleet_of(store: RolloutStore) -> FleetStore | None:
    """Return what replicas share through this store; None where there can be only one."""
    if not store.shared:
        return None
    from proxy.stores.redis import RedisStore
    from proxy.stores.redis_fleet import RedisFleet

    return RedisFleet(store.link) if isinstance(store, RedisStore) else None
