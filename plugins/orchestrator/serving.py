"""A request that asks for a workflow, and its answer."""

import os
import platform
from collections.abc import Callable
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from proxy.api import Reply, Request, StoreError, Unserved, WorkflowResult

from .flights import DRAIN_SECONDS, Flights
from .identifiers import workflow_id
from .intake import Asked, BadRequestError, asked
from .keeping import Kept, LostError, TakenError
from .prompting import UnfitIntentError
from .replies import error_reply, no_provider, result_reply, served
from .resuming import uncertain
from .streaming import Streams
from .workflows.record import Workflow
from .working import Prepared, Worker

__all__ = ["Serving", "owner_of_process"]

_GRACE = 30.0
_RUNNING = "A workflow with this Idempotency-Key is under way. Ask again soon."
_INTERRUPTED = (
    "The workflow with this Idempotency-Key was interrupted and may have been executed. "
    "Send another key to have it done again."
)
_OTHER_INTENT = "This Idempotency-Key was used for another intent. Send another key."


def owner_of_process() -> str:
    """Return what tells this process from every other, also after a reload of the plugin."""
    try:
        begun = Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:  # not Linux: another process with this number is mistaken for ours
        begun = "0"
    return f"{platform.node()}:{os.getpid()}:{begun}"


class Serving:
    """Answers requests; workflows go on in `flights`, whoever leaves."""

    def __init__(
        self,
        worker: Worker,
        flights: Flights,
        changed: Callable[[Workflow], None],
        log: FilteringBoundLogger,
    ) -> None:
        self.worker = worker
        self.flights = flights
        self._changed = changed
        self.log = log
        self.owner = owner_of_process()
        self._streams = Streams(worker, log)

    async def answer(self, request: Request, body: bytes) -> Reply:
        """Return the answer to a request. Raises Unserved where legacy may answer instead."""
        parts = self.worker.parts
        seconds = min(parts.settings.deadline, request.time_limit - 0.05)
        try:
            what = await asked(request, body)
        except BadRequestError as error:
            return error_reply("invalid_request", str(error), error.status)
        try:
            asks = self.worker.prepare(what.intent)
        except UnfitIntentError as error:
            return error_reply("invalid_request", str(error))
        kept = self.kept(self._fresh(what, seconds))
        try:
            if what.intent.stream:
                return await self._streams.begin(kept, asks, seconds)
            result = await self._run(kept, asks, seconds)
            return served(result, exhausted=kept.exhausted)
        except TakenError as error:
            return await self._again(what, asks, error.taken, seconds)
        except StoreError as error:
            self.log.error("workflow_store_failed", workflow_id=kept.now.id, error=str(error))
            raise _unserved("The store of workflows fails; nothing was done.", kept) from None

    async def close(self, seconds: float) -> None:
        """End the streams that nobody listens to."""
        await self._streams.close(seconds)

    def kept(self, workflow: Workflow) -> Kept:
        """Return the record of a workflow, to be worked on."""
        parts = self.worker.parts
        return Kept(workflow, parts.store, parts.now, self._changed, self.log)

    def lease(self, seconds: float) -> float:
        """Return until when nobody else may work on what takes so long, in Unix seconds."""
        return self.worker.parts.now() + seconds + DRAIN_SECONDS + _GRACE

    async def _run(self, kept: Kept, asks: Prepared, seconds: float) -> WorkflowResult:
        joins = self.worker.parts.settings.cache.use == "always" and not kept.now.idempotency
        name = asks.key if joins else kept.now.id
        flight = self.flights.find(name) if joins else None
        if flight is not None:
            result = await self.flights.wait(flight)
            return result.model_copy(update={"cached": True})
        work = self.worker.work(kept, asks, seconds)
        flight = self.flights.start(name, work, lambda: self._stays(kept))
        return await self.flights.wait(flight)

    async def _again(self, what: Asked, asks: Prepared, taken: Workflow, seconds: float) -> Reply:
        """Answer a request that came before, under the same Idempotency-Key."""
        if taken.fingerprint != what.fingerprint:
            return error_reply("invalid_request", _OTHER_INTENT, 422, taken.id)
        flight = self.flights.find(taken.id)
        if flight is not None:
            return served(await self.flights.wait(flight))
        if taken.status == "running":
            return error_reply("invalid_request", _RUNNING, 409, taken.id)
        if taken.result is None or taken.status in ("interrupted", "cancelled"):
            return error_reply("invalid_request", _INTERRUPTED, 409, taken.id)
        if no_provider(taken.result):
            if uncertain(taken):
                return error_reply("invalid_request", _INTERRUPTED, 409, taken.id)
            return await self._once_more(taken, asks, seconds)
        return result_reply(taken.result, Idempotency_Replayed="true")

    async def _once_more(self, taken: Workflow, asks: Prepared, seconds: float) -> Reply:
        """Run again what has failed for want of a provider; nothing was made of it before."""
        kept = self.kept(taken)
        kept.decided("again", "it was sent again, and had failed for want of a provider")
        try:
            await kept.change(
                status="running", result=None, owner=self.owner, lease_until=self.lease(seconds)
            )
        except LostError:
            return error_reply("invalid_request", _RUNNING, 409, taken.id)
        return served(await self._run(kept, asks, seconds))

    def _fresh(self, what: Asked, seconds: float) -> Workflow:
        now = self.worker.parts.now()
        return Workflow(
            id=workflow_id(now),
            user_id=what.intent.user_id,
            type=what.intent.type,
            status="running",
            request_id=what.request_id,
            trace_id=what.trace_id,
            traceparent=what.traceparent,
            route=what.route,
            idempotency=what.idempotency,
            fingerprint=what.fingerprint,
            intent=what.intent,
            created=now,
            updated=now,
            owner=self.owner,
            lease_until=self.lease(seconds),
        )

    def _stays(self, kept: Kept) -> bool:
        """Whether a workflow is finished although its client has left."""
        workflow = kept.now
        if workflow.idempotency or workflow.intent.deferrable:
            return True
        if not workflow.attempts:
            return False
        settings = self.worker.parts.settings
        deployment = settings.deployments.get(workflow.attempts[-1].deployment)
        return (
            deployment is not None and settings.providers[deployment.provider].on_leave == "drain"
        )


def _unserved(says: str, kept: Kept) -> Unserved:
    return Unserved(error_reply("provider_unavailable", says, 503, kept.now.id), failed=True)
