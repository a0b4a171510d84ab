"""What other plugins can ask about workflows: the service `proxy.api.Workflows`."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy.api import StoreError, Workflows, WorkflowView
from proxy.api.services import Counter as MetricCounter
from proxy.api.workflows import ProviderHealth, WorkflowCosts

from ..asking.running import Runner
from ..workflows.record import UNFINISHED, Workflow
from ..workflows.store import WorkflowStore
from .spans import Spans
from .views import nano_usd_of, tokens_of, view_of
from .watching import Watchers

__all__ = ["Figures", "OfferedWorkflows"]


class Figures:
    """What has been counted since the start of this process, over all reloads."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.ended: Counter[tuple[str, str]] = Counter()
        self.tokens = 0
        self.nano_usd = 0
        self.answered = 0
        self.seconds = 0.0

    def count(self, before: Workflow, now: Workflow) -> bool:
        """Count what a new version of a workflow brings; whether it has ended with that."""
        self.tokens += tokens_of(now.attempts) - tokens_of(before.attempts)
        self.nano_usd += (nano_usd_of(now.attempts) or 0) - (nano_usd_of(before.attempts) or 0)
        if now.status in UNFINISHED or before.status == now.status:
            return False
        self.ended[now.type, now.status] += 1
        if now.result is not None:
            self.answered += 1
            self.seconds += now.result.seconds
        return True

    def told(self) -> Mapping[str, Any]:
        """Return them as JSON has them."""
        return {
            "workflows": [
                {"type": kind, "status": status, "count": count}
                for (kind, status), count in sorted(self.ended.items())
            ],
            "ended": self.ended.total(),
            "tokens": self.tokens,
            "cost_nano_usd": self.nano_usd,
            "mean_seconds": round(self.seconds / self.answered, 6) if self.answered else None,
        }


class OfferedWorkflows:
    """Reads; changes nothing. Implements `Workflows`."""

    def __init__(
        self,
        store: WorkflowStore,
        runner: Runner,
        spans: Spans,
        ended: MetricCounter,
        before: Workflows | None = None,
    ) -> None:
        """Count what has ended in `ended`, too; go on with the counts and listeners of `before`."""
        self._store = store
        self._runner = runner
        self._spans = spans
        self._ended = ended
        known = before if isinstance(before, OfferedWorkflows) else None
        self.watchers: Watchers = Watchers() if known is None else known.watchers
        self.counts: Figures = Figures() if known is None else known.counts

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
        return self.watchers.changes(user_id)

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
        return self.counts.told()

    def changed(self, before: Workflow, now: Workflow) -> None:
        """Take in that a workflow has a new version: count it, and tell those who watch."""
        self.watchers.changed(now)
        if self.counts.count(before, now):
            self._ended.add(type=now.type, status=now.status)
            self._spans.ended(now)
