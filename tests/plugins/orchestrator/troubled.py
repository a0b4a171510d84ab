"""A real store of workflows on a bad day: down, slow, or with answers that get lost."""

import asyncio
from collections import Counter
from typing import Any

from plugins.orchestrator.workflows.store import WorkflowStore
from proxy.api import StoreError

DOWN, LOST = "down", "lost"
"""It does nothing; it does what it is asked for, and says that it has failed."""

WRITES = ("create", "save")


class TroubledStore:
    """Passes everything on to `real`, but for what is wrong with the next calls."""

    def __init__(self, real: WorkflowStore) -> None:
        self.real = real
        self.url = real.url
        self.wrong: dict[str, list[str | BaseException]] = {}
        """By method: what is wrong with each of the next calls, "" for nothing."""
        self.down = False
        self.calls: Counter[str] = Counter()
        self.hold_at = 0
        """The how-many-th write is held until `go`; 0: none."""
        self.held = asyncio.Event()
        self.go = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        async def called(*args: Any, **named: Any) -> Any:
            self.calls[name] += 1
            if name in WRITES and sum(self.calls[one] for one in WRITES) == self.hold_at:
                self.held.set()
                await self.go.wait()
            script = self.wrong.get(name)
            wrong = DOWN if self.down else script.pop(0) if script else ""
            if isinstance(wrong, BaseException):
                raise wrong
            if wrong == DOWN:
                raise StoreError("it is down")
            answer = await getattr(self.real, name)(*args, **named)
            if wrong == LOST:
                raise StoreError("its answer is lost")
            return answer

        return called


def trouble(parts: Any) -> TroubledStore:
    """Put such a store in place of that of an orchestrator."""
    store = TroubledStore(parts.store)
    parts.worker.parts = parts.worker.parts._replace(store=store)
    return store
