"""What other plugins can ask about workflows: the service `proxy.api.Workflows`."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy.api import StoreError, WorkflowView
from proxy.api.workflows import ProviderHealth, WorkflowCosts

from .running import Runner
from .spans import Spans
from .views import view_of
from .watching import Watchers
from .workflows.record import Workflow
from .workflows.store import WorkflowStore

__all__ = ["OfferedWorkflows"]


class OfferedWorkflows:
    """Reads; changes nothing. Implements `Workflows`."""

    def __init__(
        self, store: WorkflowStore, runner: Runner, watchers: Watchers, spans: Spans
    ) -> None:
        self._store = store
        self._runner = runner
        self._watchers = watchers
        self._spans = spans
        self._ended: Counter[tuple[str, str]] = Counter()
        self._tokens = 0
        self._nano_usd = 0
        self._seconds = 0.0

    async def find(self, workflow_id: str) -> WorkflowView | None:
        """Return a workflow; None if there is none (any more)."""
        found = await self._store.get(workflow_id)
        return None if found is None else view_of(found)

    async def list(
        self, *, user_id: str | None, status: str | None = None, limit: int = 10
    ) -> tuple[WorkflowView, ...]:
        """Return the newest workflows first, of one user, or of all for None."""
        found = await self._store.list(user_id=user_id, status=status, limit=limit)
        return tuple(map(view_of, found))

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        """Return what workflows begun in this time (Unix seconds) have cost."""
        return await self._store.costs(user_id=user_id, since=since, until=until)

    def changes(self, user_id: str | None) -> AsyncIterator[WorkflowView]:
        """Tell of changes as they happen, of one user or of all. A slow reader misses some."""
        return self._watchers.changes(user_id)

    def health(self) -> tuple[ProviderHealth, ...]:
        """Return how the deployments stand; asks nobody and costs nothing."""
        return self._runner.standing()

    async def store_health(self) -> str:
        """Return what is wrong with the store, in a sentence; empty if it answers."""
        try:
            await self._store.waiting()
        except StoreError as error:
            return str(error)
        return ""

    def figures(self) -> Mapping[str, Any]:
        """Return what has been counted since the start of this process."""
        ended = sum(self._ended.values())
        return {
            "workflows": [
                {"type": kind, "status": status, "count": count}
                for (kind, status), count in sorted(self._ended.items())
            ],
            "ended": ended,
            "tokens": self._tokens,
            "cost_nano_usd": self._nano_usd,
            "mean_seconds": round(self._seconds / ended, 6) if ended else None,
        }

    def changed(self, workflow: Workflow) -> None:
        """Count a workflow that has ended, and tell those who watch."""
        self._watchers.changed(workflow)
        self._spans.ended(workflow)
        result = workflow.result
        if workflow.status in ("running", "queued") or result is None:
            return
        self._ended[workflow.type, workflow.status] += 1
        self._tokens += result.tokens
        self._nano_usd += result.cost_nano_usd or 0
        self._seconds += result.seconds
