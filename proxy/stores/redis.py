"""The store of a fleet: states and audit in Redis, changed by one script so that both agree."""

import asyncio
import uuid
from collections.abc import Callable
from typing import Any

from proxy.core.rollout_state import RolloutState
from proxy.stores.records import (
    AUDIT_KEPT,
    FOUND_FOR,
    Reading,
    entry_of,
    entry_text,
    finding,
    id_parts,
    page_size,
    state_text,
    version_of,
)
from proxy.stores.redis_link import AGAIN_SECONDS, RedisLink, end_all, lua
from proxy.stores.rollouts import AuditEntry, FencedError

__all__ = ["RedisStore"]


class RedisStore:
    """States and audit that a fleet shares; see ``docs/reference/state.md`` for the keys.

    Nothing is remembered here: a Redis that comes back is used again by the next call.
    """

    shared = True

    def __init__(self, link: RedisLink, again: float = AGAIN_SECONDS) -> None:
        """`again` is after how many seconds a watch that was cut off listens again."""
        self.link = link
        self.url = link.place.url
        self._reading = Reading(self.url)
        self._again = again
        self._writer = uuid.uuid4().hex
        key = link.place.key
        self._states, self._versions, self._marks = key("states"), key("versions"), key("marks")
        self._audit, self._channel = key("audit"), key("changed")
        self._watching: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect. Raises StoreLostError."""
        await self.link.call("PING")

    async def close(self) -> None:
        """Stop watching, and close all connections."""
        await end_all(self._watching)
        await self.link.close()

    async def now(self) -> float:
        """Return Unix time in seconds by Redis's clock."""
        seconds, microseconds = await self.link.call("TIME")
        return int(seconds) + int(microseconds) / 1e6

    async def load(self) -> dict[str, RolloutState]:
        """Return all states by name."""
        kept: dict[bytes, bytes] = await self.link.call("HGETALL", self._states)
        return self._reading.states({name.decode(): text for name, text in kept.items()})

    async def save(
        self, state: RolloutState, expected: int, entry: AuditEntry | None, fence: int = 0
    ) -> RolloutState:
        """Store state and entry, see `RolloutStore`.

        Raises ConflictError, FencedError, UnreadableError.
        """
        self._reading.check(state, entry)
        stored = state.stored(version_of(expected, entry))
        idempotency_key = entry.idempotency_key if entry else ""
        keys = (
            self._states,
            self._versions,
            self._marks,
            self.link.place.key("fence"),
            self._audit,
            self._audit_of(state.name),
            self._found_by(idempotency_key),
        )
        values = (
            state.name,
            expected,
            stored.version,
            state_text(stored),
            entry_text(entry) if entry else "",
            fence,
            uuid.uuid4().hex,
            self._channel,
            self._writer,
            AUDIT_KEPT,
            FOUND_FOR if idempotency_key else 0,
        )
        said, *rest = await self.link.run(lua("save"), keys, values)
        if said == b"fenced":
            raise FencedError(f"another replica leads now; {state.name} is left as it is")
        if said == b"conflict":
            raise self._reading.conflict(state.name, rest[0], entry)
        return stored

    async def find(self, idempotency_key: str) -> AuditEntry | None:
        """Return what was stored with this key within the last day; None if nothing."""
        if not idempotency_key:
            return None
        keys = (self._found_by(idempotency_key), self._audit)
        found = self._entries(await self.link.run(lua("find"), keys))
        return found[0] if found else None

    async def audit(
        self, *, rollout: str | None = None, before: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """Return entries, the newest first, see `RolloutStore`."""
        milliseconds, number = id_parts(before)
        if before and not milliseconds:
            return []
        begin = f"({milliseconds}-{number}" if before else "+"
        keys = [self._audit] if rollout is None else [self._audit, self._audit_of(rollout)]
        return self._entries(await self.link.run(lua("audit"), keys, (begin, page_size(limit))))

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` at first, soon after another replica's `save`, and after each outage."""
        task = asyncio.get_running_loop().create_task(self._watch(changed))
        self._watching.add(task)

    # -- names and rows --------------------------------------------------------

    def _audit_of(self, rollout: str) -> str:
        return self.link.place.key("audit", rollout)

    def _found_by(self, idempotency_key: str) -> str:
        return self.link.place.key("once", finding(idempotency_key))

    def _entries(self, rows: list[Any]) -> list[AuditEntry]:
        return [entry_of(row[0].decode(), row[1][1], self.url) for row in rows]

    # -- watching --------------------------------------------------------------

    async def _watch(self, changed: Callable[[], None]) -> None:
        """Listen until cancelled."""
        own = self._writer.encode()

        def told(writer: bytes) -> None:
            if writer != own:
                changed()

        await self.link.listen(self._channel, told, self._again)
