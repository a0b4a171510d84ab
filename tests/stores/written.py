"""States and entries to store, and a wait for what is told."""

import asyncio
from typing import Any

from proxy.core.rollout_state import RolloutState
from proxy.stores.redis import RedisStore
from proxy.stores.rollouts import AuditEntry, RolloutStore
from proxy.stores.sqlite import SqliteStore

NOW = 1_800_000_000.0
DEADLINE = 20.0


def entry(rollout: str = "campaigns", version: int = 1, **more: Any) -> AuditEntry:
    fields: dict[str, Any] = {
        "at": NOW,
        "rollout": rollout,
        "actor": "ana",
        "role": "operator",
        "action": "set_percentage",
        "reason": "more of it",
        "before": {"percentage": 0.0},
        "after": {"percentage": 5.0},
        "version": version,
    }
    return AuditEntry(**{**fields, **more})


async def change(store: RolloutStore, state: RolloutState, **more: Any) -> RolloutState:
    """Store a further version of a state with its entry."""
    told = entry(state.name, state.version + 1, **more)
    return await store.save(state, state.version, told)


async def spoil(store: RolloutStore, name: str, text: str) -> None:
    """Put a text where the store keeps the state of a rollout, as another version might."""
    if isinstance(store, SqliteStore):
        edit = "UPDATE rollouts SET state = ? WHERE name = ?"
        await store._file.ask(lambda connection: connection.execute(edit, (text, name)))
    else:
        assert isinstance(store, RedisStore)
        await store.link.call("HSET", store.link.place.key("states"), name, text)


async def heard(told: asyncio.Event) -> None:
    """Wait until it was told; fails when it never is."""
    async with asyncio.timeout(DEADLINE):
        await told.wait()
