"""The store of a process that keeps nothing: what was learned ends with it."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from proxy.core.rollout_state import RolloutState
from proxy.stores.records import FOUND_FOR, id_parts, page_size, version_of
from proxy.stores.rollouts import AuditEntry, ConflictError, StoreLostError

__all__ = ["MemoryStore"]

_AUDIT_KEPT: Final = 10_000


class _Kept:
    """What is kept, and who wants to hear of changes."""

    def __init__(self) -> None:
        self.states: dict[str, RolloutState] = {}
        self.audit: deque[AuditEntry] = deque(maxlen=_AUDIT_KEPT)
        self.number = 0
        self.latest = 0
        self.watchers: list[tuple[MemoryStore, Callable[[], None]]] = []


class MemoryStore:
    """States and the last 10,000 audit entries, as long as the process lives.

    `another` opens a second door to the same contents, as a second replica has it.
    """

    shared = False
    url = "memory://"
    lost: str
    """While it is not empty, everything raises StoreLostError with this text."""

    def __init__(self, wall_clock: Callable[[], float] = time.time) -> None:
        """`wall_clock` gives Unix time in seconds."""
        self.lost = ""
        self._wall_clock = wall_clock
        self._kept = _Kept()

    def another(self) -> "MemoryStore":
        """Return a store with the same contents, that is lost by itself."""
        other = MemoryStore(self._wall_clock)
        other._kept = self._kept
        return other

    async def open(self) -> None:
        """Do nothing, or raise StoreLostError."""
        self._reach()

    async def close(self) -> None:
        """Stop telling its watchers."""
        self._kept.watchers = [told for told in self._kept.watchers if told[0] is not self]

    async def now(self) -> float:
        """Return Unix time in seconds."""
        self._reach()
        return self._wall_clock()

    async def load(self) -> dict[str, RolloutState]:
        """Return all states by name."""
        self._reach()
        return dict(self._kept.states)

    async def save(
        self,
        state: RolloutState,
        expected: int,
        entry: AuditEntry | None,
        fence: int = 0,  # noqa: ARG002 - there is no lease that could be lost
    ) -> RolloutState:
        """Store state and entry, see `RolloutStore`. Raises ConflictError."""
        self._reach()
        current = self._kept.states.get(state.name)
        if (current.version if current else 0) != expected:
            raise ConflictError(current or RolloutState(state.name))
        stored = state.stored(version_of(expected, entry))
        self._kept.states[state.name] = stored
        if entry is not None:
            self._append(entry)
        self._tell()
        return stored

    async def find(self, idempotency_key: str) -> AuditEntry | None:
        """Return what was stored with this key within the last day; None if nothing."""
        self._reach()
        since = (self._wall_clock() - FOUND_FOR) * 1000
        for entry in reversed(self._kept.audit):
            if id_parts(entry.id)[0] < since:
                return None
            if idempotency_key and entry.idempotency_key == idempotency_key:
                return entry
        return None

    async def audit(
        self, *, rollout: str | None = None, before: str = "", limit: int = 100
    ) -> list[AuditEntry]:
        """Return entries, the newest first, see `RolloutStore`."""
        self._reach()
        bound = id_parts(before) if before else None
        found: list[AuditEntry] = []
        for entry in reversed(self._kept.audit):
            if len(found) == page_size(limit):
                break
            if rollout in (None, entry.rollout) and (bound is None or id_parts(entry.id) < bound):
                found.append(entry)
        return found

    def watch(self, changed: Callable[[], None]) -> None:
        """Call `changed` soon after another door's `save`."""
        self._kept.watchers.append((self, changed))

    def _reach(self) -> None:
        if self.lost:
            raise StoreLostError(self.lost)

    def _append(self, entry: AuditEntry) -> None:
        kept = self._kept
        kept.number += 1
        kept.latest = max(kept.latest, int(self._wall_clock() * 1000))
        kept.audit.append(entry.stored(f"{kept.latest}-{kept.number}"))

    def _tell(self) -> None:
        for watcher, changed in self._kept.watchers:
            if watcher is not self and not watcher.lost:
                asyncio.get_running_loop().call_soon(changed)
