"""Looks for workflows that nobody works on, and does what `resuming` says is to become of them."""

import asyncio
from collections.abc import Mapping

from structlog.typing import FilteringBoundLogger

from proxy.api import StoreError, WorkflowError, WorkflowResult
from proxy.api.workflows import WorkflowStatus

from .keeping import Kept, LostError
from .resuming import Fate, fate_of, interrupted_attempts
from .serving import Serving
from .workflows.record import Workflow

__all__ = ["Resumer"]

_AT_A_TIME = 4
_LOOKED_AT = 20
_FORGET_EVERY = 60.0
_FORGOTTEN_AT_ONCE = 1000
_SAYS: Mapping[Fate, str] = {
    "interrupted": "It was interrupted in an attempt, and may have been executed.",
    "expired": "No provider could take it in time.",
}


class Resumer:
    """One for the application; `look` is called again and again, at the start first of all."""

    def __init__(self, serving: Serving, log: FilteringBoundLogger) -> None:
        self._serving = serving
        self._log = log
        self._room = asyncio.Semaphore(_AT_A_TIME)
        self._forgotten_at = 0.0
        self.trouble = ""

    async def look(self) -> None:
        """Look once; what can be gone on with is begun and not waited for."""
        try:
            await self._write()
            parts = self._serving.worker.parts
            now = parts.now()
            for workflow in await parts.store.takeable(now, _LOOKED_AT):
                if not self._is_ours_and_alive(workflow, now):
                    await self._take(workflow, now)
            if now - self._forgotten_at >= _FORGET_EVERY:
                more = await parts.store.forget(now - parts.settings.keep)
                self._forgotten_at = 0.0 if more >= _FORGOTTEN_AT_ONCE else now
            self.trouble = ""
        except StoreError as error:
            if not self.trouble:
                self._log.error("workflow_store_failed", error=str(error))
            self.trouble = str(error)

    def _is_ours_and_alive(self, workflow: Workflow, now: float) -> bool:
        return workflow.owner == self._serving.owner and workflow.lease_until > now

    async def _write(self) -> None:
        """Store ends that could not be stored before."""
        unwritten = self._serving.worker.unwritten
        for kept in list(unwritten.values()):
            try:
                await kept.change()
            except LostError:
                self._log.warning("workflow_lost", workflow_id=kept.now.id)
            unwritten.pop(kept.now.id, None)

    async def _take(self, workflow: Workflow, now: float) -> None:
        fate = fate_of(workflow, now)
        if fate == "go on" and self._room.locked():
            return
        kept = self._serving.kept(workflow)
        seconds = self._serving.worker.parts.settings.deadline
        try:
            if fate == "go on":
                kept.decided("resumed", f"it was {workflow.status}, and nothing of it was sent")
                lease = self._serving.lease(seconds)
                await kept.change(status="running", owner=self._serving.owner, lease_until=lease)
                self._begin(kept, seconds)
            else:
                await self._give_up(kept, fate, now)
        except LostError:
            return  # somebody else has taken it

    def _begin(self, kept: Kept, seconds: float) -> None:
        async def work() -> WorkflowResult:
            async with self._room:
                worker = self._serving.worker
                return await worker.work(kept, worker.prepare(kept.now.intent), seconds)

        self._serving.flights.start(kept.now.id, work(), lambda: True)

    async def _give_up(self, kept: Kept, fate: Fate, now: float) -> None:
        says = _SAYS[fate]
        kept.decided(fate, says)
        status: WorkflowStatus = "interrupted" if fate == "interrupted" else "failed"
        error = WorkflowError(code="provider_unavailable", message=says)
        result = self._serving.worker.counted(kept.now, kept.now.created)
        await kept.change(
            status=status,
            attempts=interrupted_attempts(kept.now, now),
            result=result.model_copy(update={"status": status, "error": error}),
            lease_until=0.0,
        )
