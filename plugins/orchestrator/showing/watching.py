"""Tells those who watch workflows of their changes, as they happen in this process."""

import asyncio
from collections.abc import AsyncIterator

from proxy.api import WorkflowView

from ..workflows.record import Workflow
from .views import view_of

__all__ = ["Watchers"]

WATCHERS_MOST = 200
"""So many may watch at a time."""

_BEHIND_MOST = 100


class Watchers:
    """Everybody who watches; one who reads too slowly misses the oldest changes."""

    def __init__(self) -> None:
        self._queues: dict[asyncio.Queue[WorkflowView], str | None] = {}

    def changed(self, workflow: Workflow) -> None:
        """Tell those whom it concerns."""
        if not self._queues:
            return
        view = view_of(workflow)
        for queue, user in self._queues.items():
            if user in (None, workflow.user_id):
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(view)

    async def changes(self, user_id: str | None) -> AsyncIterator[WorkflowView]:
        """Return changes of one user's workflows, or of all; ends at once where too many watch."""
        if len(self._queues) >= WATCHERS_MOST:
            return
        queue: asyncio.Queue[WorkflowView] = asyncio.Queue(_BEHIND_MOST)
        self._queues[queue] = user_id
        try:
            while True:
                yield await queue.get()
        finally:
            del self._queues[queue]
