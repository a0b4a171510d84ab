"""Whose workflows somebody may see, and how they are had: one's own; administrators, all."""

from collections.abc import AsyncIterator
from typing import NamedTuple

from proxy.api import Caller, StoreError, Workflows, WorkflowView
from proxy.api.workflows import WorkflowCosts

from .declining import DeclinedError, forbidden, store_fails
from .questions import StatusAsked
from .spending import Span

__all__ = ["Look", "whose"]


def whose(caller: Caller, user_id: str | None) -> str | None:
    """Return the user whose workflows are shown, None for all. Raises DeclinedError with 403."""
    if caller.is_admin:
        return user_id
    if user_id not in (None, caller.id):
        raise forbidden()
    return caller.id


class Look(NamedTuple):
    """One look at the workflows of a user, or of all (None).

    What the service returns is looked through once more: a mistake of its own must not show
    anybody the work of others.
    """

    workflows: Workflows
    user_id: str | None

    def mine(self, view: WorkflowView) -> bool:
        """Whether a workflow may be shown here."""
        return self.user_id in (None, view.user_id)

    async def one(self, workflow_id: str) -> WorkflowView:
        """Return a workflow. Raises DeclinedError: 404 also for one that is somebody else's."""
        try:
            view = await self.workflows.find(workflow_id)
        except StoreError:
            raise store_fails() from None
        if view is None or not self.mine(view):
            raise DeclinedError(404, "There is no such workflow")
        return view

    async def many(self, asked: StatusAsked) -> tuple[WorkflowView, ...]:
        """Return the newest ones first. Raises DeclinedError where the store fails."""
        try:
            views = await self.workflows.list(
                user_id=self.user_id, status=asked.status, limit=asked.limit
            )
        except StoreError:
            raise store_fails() from None
        return tuple(view for view in views if self.mine(view))

    async def present(self, asked: StatusAsked) -> tuple[WorkflowView, ...]:
        """Return what is asked for as it stands, the newest first."""
        if asked.workflow_id is not None:
            return (await self.one(asked.workflow_id),)
        return await self.many(asked)

    async def costs(self, span: Span) -> tuple[WorkflowCosts, ...]:
        """Return the costs of a time. Raises DeclinedError where the store fails."""
        try:
            return await self.workflows.costs(
                user_id=self.user_id, since=span.since, until=span.until
            )
        except StoreError:
            raise store_fails() from None

    def changes(self) -> AsyncIterator[WorkflowView]:
        """Return changes as they happen."""
        return self.workflows.changes(self.user_id)
