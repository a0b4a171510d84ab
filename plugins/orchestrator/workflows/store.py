"""What a store of workflows does; there is one on SQLite and one on DynamoDB."""

from typing import Protocol

from proxy.api.workflows import WorkflowCosts

from .record import Workflow

__all__ = ["IDEMPOTENT_FOR", "WorkflowStore"]

IDEMPOTENT_FOR = 24 * 3600.0
"""Seconds for which an Idempotency-Key finds its workflow, counted from `created`."""


class WorkflowStore(Protocol):
    """Keeps workflows. Everything raises StoreError when the store fails or does not answer."""

    url: str

    async def open(self) -> None:
        """Create or upgrade what it needs, and let go of what a dead process has held."""

    async def create(self, workflow: Workflow) -> Workflow | None:
        """Store a new workflow as version 1 and return None; or return who has its key.

        Where its `idempotency` is taken by one that was created within `IDEMPOTENT_FOR`, that
        one is returned and nothing is stored. Atomic.
        """

    async def save(self, workflow: Workflow, expected: int) -> bool:
        """Replace version `expected` by `workflow` as the next one; False: it has another."""

    async def get(self, workflow_id: str) -> Workflow | None:
        """Return a workflow."""

    async def of_request(self, request_id: str) -> tuple[Workflow, ...]:
        """Return the workflows of a request, the oldest first; at most 20."""

    async def list(
        self, *, user_id: str | None, status: str | None, limit: int
    ) -> tuple[Workflow, ...]:
        """Return the newest first, by `created`; at most `limit` (1..100)."""

    async def takeable(self, now: float, limit: int) -> tuple[Workflow, ...]:
        """Return unfinished ones that nobody holds (`lease_until <= now`) and that are due."""

    async def waiting(self) -> int:
        """Return how many are queued."""

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        """Sum by day, type and provider over workflows created in ``[since, until)``."""

    async def forget(self, before: float) -> int:
        """Remove ended ones that were last changed before this, 1,000 at most; returns how many."""
