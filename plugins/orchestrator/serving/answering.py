"""A request that asks for a workflow, and its answer."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from structlog.typing import FilteringBoundLogger

from proxy.api import Reply, Request, StoreError, Unserved, WorkflowResult

from ..deciding.codes import may_repeat
from ..identifiers import owner_of_process, workflow_id
from ..wording.prompting import UnfitIntentError
from ..workflows.record import Workflow
from .flights import DRAIN_SECONDS, Flight, Flights
from .intake import Asked, BadRequestError, asked
from .keeping import Kept, LostError, TakenError
from .replies import Told, error_reply, result_reply, served
from .resuming import awaited, uncertain
from .streaming import Streams
from .working import ATTEMPTS_MOST, Prepared, Worker

__all__ = ["Serving"]

_GRACE = 30.0
_RUNNING = "A workflow with this Idempotency-Key is under way. Ask again soon."
_INTERRUPTED = (
    "The workflow with this Idempotency-Key was interrupted and may have been executed. "
    "Send another key to have it done again."
)
_OTHER_INTENT = "This Idempotency-Key was used for another intent. Send another key."


class Serving:
    """Answers requests; workflows go on in `flights`, whoever leaves."""

    def __init__(
        self,
        worker: Worker,
        flights: Flights,
        changed: Callable[[Workflow, Workflow], None],
        log: FilteringBoundLogger,
    ) -> None:
        self.worker = worker
        self.flights = flights
        self._changed = changed
        self.log = log
        self.owner = owner_of_process()
        self.streams = Streams(worker, self.lease)

    async def answer(self, request: Request, body: bytes) -> Reply:
        """Return the answer to a request. Raises Unserved where legacy may answer instead."""
        parts = self.worker.parts
        seconds = min(parts.settings.deadline, request.time_limit - 0.05)
        try:
            what = await asked(request, body)
            asks = self.worker.prepare(what.intent, claimed=what.claimed)
        except BadRequestError as error:
            return error_reply("invalid_request", str(error), error.status)
        except UnfitIntentError as error:  # nobody is to blame: perhaps legacy has room for it
            raise Unserved(error_reply("invalid_request", str(error), error.status)) from None
        kept = self.kept(self._fresh(what, seconds))
        try:
            return await self._answer(what, kept, asks, seconds)
        except StoreError as error:
            kept.log.error("workflow_store_failed", error=str(error))
            raise _unserved("The store of workflows fails; nothing was done.", kept) from None
        except LostError:
            raise _unserved("Another process has taken the workflow over.", kept) from None

    async def close(self, seconds: float) -> None:
        """End what is under way, and store what has ended."""
        await asyncio.gather(self.flights.close(seconds), self.streams.close(seconds))
        with suppress(StoreError):  # who finds it finds out that it was interrupted
            await self.worker.close()

    async def _answer(self, what: Asked, kept: Kept, asks: Prepared, seconds: float) -> Reply:
        try:
            if what.intent.stream:
                return await self.streams.begin(kept, asks, seconds)
            result = await self._run(kept, asks, seconds)
        except TakenError as error:
            return await self._again(what, error.taken, seconds)
        return self._served(kept, result)

    def kept(self, workflow: Workflow) -> Kept:
        """Return the record of a workflow, to be worked on."""
        parts = self.worker.parts
        return Kept(workflow, parts.store, parts.now, self._changed, self.log)

    def lease(self, seconds: float) -> float:
        """Return until when nobody else may work on what takes so long, in Unix seconds."""
        return self.worker.parts.now() + seconds + DRAIN_SECONDS + _GRACE

    async def _run(self, kept: Kept, asks: Prepared, seconds: float) -> WorkflowResult:
        joins = self.worker.parts.settings.cache.use == "always" and not kept.now.idempotency
        # Who does not take a 202 must not be given that of somebody who does.
        waits = "deferrable" if kept.now.intent.deferrable else "now"
        name = f"{asks.key} {waits}" if joins else kept.now.id
        flight = self.flights.find(name) if joins else None
        if flight is not None:
            result = await self.flights.wait(flight)
            if result.error is None or result.error.code != "cost_limit_exceeded":
                return await self.worker.joined(kept, result)
            # That was another one's budget, or another's turn: this one may be paid for.
            name = kept.now.id
        work = self.worker.work(kept, asks, seconds)
        flight = self.flights.start(name, work, lambda: self._stays(kept))
        return await self.flights.wait(flight)

    async def _again(self, what: Asked, taken: Workflow, seconds: float) -> Reply:
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
        if taken.result.error is not None and may_repeat(taken.result.error.code):
            if uncertain(taken):
                return error_reply("invalid_request", _INTERRUPTED, 409, taken.id)
            if len(taken.attempts) < ATTEMPTS_MOST:
                return await self._once_more(taken, seconds)
        after = self._after(taken)
        return result_reply(taken.result, after=after, Idempotency_Replayed="true")

    async def _once_more(self, taken: Workflow, seconds: float) -> Reply:
        """Run again what has failed for want of a provider; nothing was made of it before."""
        kept = self.kept(taken)
        kept.decided("again", "it was sent again, and had failed for want of a provider")
        flight = self.start_again(kept, seconds)
        try:
            result = await self.flights.wait(flight)
        except LostError:
            return error_reply("invalid_request", _RUNNING, 409, taken.id)
        return self._served(kept, result)

    def _served(self, kept: Kept, result: WorkflowResult) -> Reply:
        """Return the answer for a workflow that was run. Raises Unserved."""
        settings = self.worker.parts.settings
        told = Told(kept.exhausted, kept.refusal, tuple(kept.warnings), settings.over_budget)
        return served(result, told, after=self._after(kept.now))

    def start_again(self, kept: Kept, seconds: float) -> Flight:
        """Take a workflow that is stored, and run it, both in its flight."""
        again = self.worker.again(kept, seconds, self.owner, self.lease(seconds))
        return self.flights.start(kept.now.id, again, lambda: True)

    def _after(self, workflow: Workflow) -> float | None:
        """Return after how many seconds one that is queued is tried again."""
        if workflow.status != "queued":
            return None
        return max(0.0, workflow.due - self.worker.parts.now())

    def _fresh(self, what: Asked, seconds: float) -> Workflow:
        now = self.worker.parts.now()
        return Workflow(
            id=workflow_id(now),
            user_id=what.intent.user_id,
            claimed=what.claimed,
            type=what.intent.type,
            status="running",
            request_id=what.request_id,
            trace_id=what.trace_id,
            traceparent=what.traceparent,
            route=what.route,
            arm=what.arm,
            plan=what.plan,
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
        if awaited(workflow):
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
