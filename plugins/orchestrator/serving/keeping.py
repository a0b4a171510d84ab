"""One workflow's record while somebody works on it: changed here first, written when it matters.

The record is stored with its first attempt, just before that is sent; so a workflow that is
answered at once costs two writes. What has ended is written with whatever comes next.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.api import StoreError
from proxy.api.spending import SpendAnswer

from ..workflows.record import Attempt, Decision, Workflow
from ..workflows.store import WorkflowStore

__all__ = ["Edit", "Kept", "LostError", "TakenError"]

DECISIONS_MOST = 200
"""So many decisions of a workflow are kept."""

Edit = Callable[[Workflow], Mapping[str, Any] | None]
"""Says which fields change, seeing the record as it is then; None: nothing is to be stored."""


class TakenError(Exception):
    """Another workflow has the same Idempotency-Key; nothing of this one was stored or sent."""

    def __init__(self, taken: Workflow) -> None:
        super().__init__("the Idempotency-Key is taken")
        self.taken = taken


class LostError(Exception):
    """Somebody else has taken the workflow over: no more is to be done on it here."""


class Kept:
    """The record of a workflow, and the only way to change it. Implements `running.Journal`.

    Versions are stored one after another. What is noted while one is being stored (a hedge
    begins, and the first attempt ends) is kept, and is stored with the next.
    """

    def __init__(
        self,
        workflow: Workflow,
        store: WorkflowStore,
        clock: Callable[[], float],
        changed: Callable[[Workflow, Workflow], None],
        log: FilteringBoundLogger,
    ) -> None:
        """`clock` gives Unix time; `changed` is told of every version that is stored.

        It is given the one before, too: for a new workflow, as it was made.
        """
        self.now = workflow
        self.exhausted = False
        """Whether there was somebody to ask, and the retry budget was used up."""
        self.refusal: SpendAnswer | None = None
        """Why no budget has paid, where that is why there is no content."""
        self.warnings: dict[str, None] = {}
        """What the caller is told of budgets that are nearly spent, each text once."""
        self.deadline = float("inf")
        """On the event loop's clock: then the answer is told, whether its end is stored or not."""
        self._store = store
        self._clock = clock
        self._changed = changed
        self._last = workflow
        self._doubtful: Workflow | None = None
        self._writing = asyncio.Lock()
        self.log = log.bind(
            request_id=workflow.request_id, trace_id=workflow.trace_id, workflow_id=workflow.id
        )
        """For whatever is said about it: each line names it, and its request."""

    @property
    def stored(self) -> bool:
        """Whether anybody can find it."""
        return self.now.version > 0

    @property
    def doubtful(self) -> bool:
        """Whether the store failed, and may have stored what it was given all the same."""
        return self._doubtful is not None

    async def begins(self, attempt: Attempt) -> None:
        """Store that an attempt begins, before it is sent. Raises as `change` does."""
        self.log.debug("attempt_begins", attempt_id=attempt.id, deployment=attempt.deployment)
        await self.edit(lambda now: {"attempts": (*now.attempts, attempt), "status": "running"})

    async def ends(self, attempt: Attempt) -> None:
        """Note how an attempt has ended; it is stored with what comes next."""
        self.log.debug("attempt_ended", attempt_id=attempt.id, outcome=attempt.state)
        if all(one.id != attempt.id for one in self.now.attempts):
            async with self._writing:
                pass  # it was given up while its beginning was being stored
        attempts = tuple(attempt if one.id == attempt.id else one for one in self.now.attempts)
        self.now = self.now.model_copy(update={"attempts": attempts})

    def decided(self, what: str, why: str) -> None:
        """Note a decision; it is stored with what comes next."""
        self.log.debug("workflow_decided", what=what, why=why)
        if len(self.now.decisions) < DECISIONS_MOST:
            decision = Decision(at=self._clock(), what=what, why=why)
            decisions = (*self.now.decisions, decision)
            self.now = self.now.model_copy(update={"decisions": decisions})

    def warned(self, warnings: tuple[str, ...]) -> None:
        """Take in what the caller is to be told of budgets that are nearly spent."""
        self.warnings.update(dict.fromkeys(warnings))

    def later(self, **fields: Any) -> None:
        """Change the record as `change` does, to be stored with the next change."""
        self.now = self.now.model_copy(update=fields)

    async def change(self, **fields: Any) -> None:
        """Store the record with these fields changed.

        Raises TakenError where a new one's key is taken, LostError where somebody else has
        changed it, StoreError where the store fails; the record is then as it was.
        """
        await self.edit(lambda _: fields)

    async def edit(self, edit: Edit) -> None:
        """Change the record as `change` does, when what is being stored now is stored."""
        writing = asyncio.ensure_future(self._write(edit))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    async def settle(self) -> bool:
        """Find out what is stored, where that is doubtful; whether the workflow is."""
        async with self._writing:
            await self._find_out()
        return self.stored

    async def _write(self, edit: Edit) -> None:
        async with self._writing:
            await self._find_out()
            base = self.now
            fields = edit(base)
            if fields is None:
                return
            changed = base.model_copy(update={"updated": self._clock(), **fields})
            try:
                await self._put(changed)
            except StoreError:
                self._doubtful = changed
                raise
            before, self._last = self._last, self._with_noted(base, changed)
            self.now = self._last
        self._changed(before, self.now)

    def _with_noted(self, base: Workflow, stored: Workflow) -> Workflow:
        """Return what was stored, as its next version, and what was noted since `base`."""
        attempts = stored.attempts
        if self.now.attempts is not base.attempts:
            noted = {one.id: one for one in self.now.attempts}
            attempts = tuple(noted.get(one.id, one) for one in attempts)
        fields = {"version": stored.version + 1, "attempts": attempts}
        return stored.model_copy(update={**fields, "decisions": self.now.decisions})

    async def _put(self, changed: Workflow) -> None:
        if changed.version == 0:
            taken = await self._store.create(changed)
            if taken is not None:
                raise TakenError(taken)
        elif not await self._store.save(changed, changed.version):
            raise LostError(changed.id)

    async def _find_out(self) -> None:
        """Look whether what a failing store was given is what it has now. Raises StoreError."""
        doubtful = self._doubtful
        if doubtful is None:
            return
        found = await self._store.get(doubtful.id)
        self._doubtful = None
        if found is not None and _same(found, doubtful):
            self.now = self.now.model_copy(update={"version": found.version})


def _same(found: Workflow, given: Workflow) -> bool:
    """Whether this version was given to the store by us."""
    ours = (given.version + 1, given.updated, given.owner, given.status, len(given.attempts))
    return ours == (found.version, found.updated, found.owner, found.status, len(found.attempts))
