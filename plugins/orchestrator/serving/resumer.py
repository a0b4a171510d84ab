"""Looks for workflows that nobody works on, and does what `resuming` says is to become of them."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from structlog.typing import FilteringBoundLogger

from proxy.api import StoreError, WorkflowError
from proxy.api.services import Gauge
from proxy.api.workflows import WorkflowStatus

from ..workflows.record import Workflow
from .answering import Serving
from .keeping import Kept, LostError
from .resuming import Fate, fate_of, interrupted_attempts

__all__ = ["Resumer"]

_AT_A_TIME = 4
_LOOKED_AT = 20
_COUNT_EVERY = 10.0
_FORGET_EVERY = 60.0
_FORGOTTEN_AT_ONCE = 1000
_SAYS: Mapping[Fate, str] = {
    "interrupted": "It was interrupted in an attempt, and may have been executed.",
    "expired": "No provider could take it in time.",
}


class Resumer:
    """One for the application; `look` is called again and again, at the start first of all."""

    def __init__(self, serving: Serving, queued: Gauge, log: FilteringBoundLogger) -> None:
        """`queued` is told how many are queued."""
        self._serving = serving
        self._queued = queued
        self._log = log
        self._begun: set[str] = set()
        self._counted_at = 0.0
        self._forgotten_at = 0.0
        self.trouble = ""

    async def look(self, *, serves: bool = True) -> None:
        """Look once; what can be gone on with is begun and not waited for.

        After a reload what is gone on with is the next application's: `serves` is false.
        """
        try:
            now = self._serving.worker.parts.now()
            await self._serving.worker.write()
            await self._serving.streams.renew(now)
            if serves:
                await self._look(now)
            self.trouble = ""
        except StoreError as error:
            self._troubled(str(error))
        except Exception as error:  # looking goes on: others wait to be gone on with
            self._troubled(f"a fault of our own: {type(error).__name__}", exc_info=True)

    async def _look(self, now: float) -> None:
        store = self._serving.worker.parts.store
        for workflow in await store.takeable(now, _LOOKED_AT):
            await self._take(workflow, now)
        if now - self._counted_at >= _COUNT_EVERY:
            self._queued.set(await store.waiting())
            self._counted_at = now
        if now - self._forgotten_at >= _FORGET_EVERY:
            more = await store.forget(now - self._serving.worker.parts.settings.keep)
            self._forgotten_at = 0.0 if more >= _FORGOTTEN_AT_ONCE else now

    def _troubled(self, says: str, **more: Any) -> None:
        if self.trouble != says:
            self._log.error("workflows_not_looked_after", error=says, **more)
        self.trouble = says

    async def _take(self, workflow: Workflow, now: float) -> None:
        flights = self._serving.flights
        if flights.find(workflow.id) is not None:
            return  # it is being taken already
        fate = fate_of(workflow, now)
        kept = self._serving.kept(workflow)
        if fate != "go on":
            with suppress(LostError):  # somebody else has taken it
                await self._give_up(kept, fate, now)
        elif len(self._begun) < _AT_A_TIME and not flights.closing:
            self._begin(kept)

    def _begin(self, kept: Kept) -> None:
        workflow = kept.now
        kept.decided("resumed", f"it was {workflow.status}, and nothing of it was sent")
        seconds = self._serving.worker.parts.settings.deadline
        self._begun.add(workflow.id)
        flight = self._serving.start_again(kept, seconds)
        flight.task.add_done_callback(lambda _: self._begun.discard(workflow.id))

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
