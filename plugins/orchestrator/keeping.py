"""One workflow's record while somebody works on it: changed here first, written when it matters.

The record is stored with its first attempt, just before that is sent; so a workflow that is
answered at once costs two writes. What has ended is written with whatever comes next.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from structlog.typing import FilteringBoundLogger

from .workflows.record import Attempt, Decision, Workflow
from .workflows.store import WorkflowStore

__all__ = ["Kept", "LostError", "TakenError"]

DECISIONS_MOST = 200
"""So many decisions of a workflow are kept."""


class TakenError(Exception):
    """Another workflow has the same Idempotency-Key; nothing of this one was stored or sent."""

    def __init__(self, taken: Workflow) -> None:
        super().__init__("the Idempotency-Key is taken")
        self.taken = taken


class LostError(Exception):
    """Somebody else has taken the workflow over: no more is to be done on it here."""


class Kept:
    """The record of a workflow, and the only way to change it. Implements `running.Journal`."""

    def __init__(
        self,
        workflow: Workflow,
        store: WorkflowStore,
        clock: Callable[[], float],
        changed: Callable[[Workflow], None],
        log: FilteringBoundLogger,
    ) -> None:
        """`clock` gives Unix time; `changed` is told of every version that is stored."""
        self.now = workflow
        self.exhausted = False
        """Whether there was somebody to ask, and the retry budget was used up."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._log = log.bind(
            request_id=workflow.request_id, trace_id=workflow.trace_id, workflow_id=workflow.id
        )

    @property
    def stored(self) -> bool:
        """Whether anybody can find it."""
        return self.now.version > 0

    async def begins(self, attempt: Attempt) -> None:
        """Store that an attempt begins, before it is sent. Raises as `change` does."""
        self._log.debug("attempt_begins", attempt_id=attempt.id, deployment=attempt.deployment)
        await self.change(attempts=(*self.now.attempts, attempt), status="running")

    async def ends(self, attempt: Attempt) -> None:
        """Note how an attempt has ended; it is stored with what comes next."""
        self._log.debug("attempt_ended", attempt_id=attempt.id, outcome=attempt.state)
        attempts = tuple(attempt if one.id == attempt.id else one for one in self.now.attempts)
        self.now = self.now.model_copy(update={"attempts": attempts})

    def decided(self, what: str, why: str) -> None:
        """Note a decision; it is stored with what comes next."""
        self._log.debug("workflow_decided", what=what, why=why)
        if len(self.now.decisions) < DECISIONS_MOST:
            decision = Decision(at=self._clock(), what=what, why=why)
            decisions = (*self.now.decisions, decision)
            self.now = self.now.model_copy(update={"decisions": decisions})

    def later(self, **fields: Any) -> None:
        """Change the record as `change` does, to be stored with the next change."""
        self.now = self.now.model_copy(update=fields)

    async def change(self, **fields: Any) -> None:
        """Store the record with these fields changed.

        Raises TakenError where a new one's key is taken, LostError where somebody else has
        changed it, StoreError where the store fails; the record is then as it was.
        """
        changed = self.now.model_copy(update={"updated": self._clock(), **fields})
        writing = asyncio.ensure_future(self._write(changed))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # Which version is stored has to be known, or nobody can change it any more.
            await asyncio.wait({writing})
            raise

    async def _write(self, changed: Workflow) -> None:
        if changed.version == 0:
            taken = await self._store.create(changed)
            if taken is not None:
                raise TakenError(taken)
        elif not await self._store.save(changed, changed.version):
            raise LostError(changed.id)
        self.now = changed.model_copy(update={"version": changed.version + 1})
        self._changed(self.now)
