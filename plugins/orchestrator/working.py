"""Works on one workflow until it has ended: prompt, chain, scores, the last resorts.

Whatever happens, the record ends as completed, failed or queued; only a crash, or a
cancellation, leaves it unfinished, and then `resuming` finds it.
"""

import asyncio
from collections.abc import Callable
from typing import Any, NamedTuple

from structlog.typing import FilteringBoundLogger

from proxy.api import StoreError, WorkflowError, WorkflowIntent, WorkflowResult
from proxy.api.workflows import ErrorCode

from .cache import Cache, for_workflow
from .keeping import Kept, LostError
from .output import check, content_of, document_of
from .prompting import Prompts, Rendered
from .resuming import uncertain
from .running import Answered, ChainFailedError, Runner, Task
from .scoring import Scorer
from .settings import OrchestratorSettings
from .views import fallbacks_of, nano_usd_of, tokens_of
from .workflows.record import Workflow
from .workflows.store import WorkflowStore

__all__ = ["Parts", "Prepared", "Worker"]

QUEUED_FIRST = 5.0
"""Seconds until a queued workflow is tried again where no provider has said when."""

QUEUED_MOST = 300.0
"""The longest such time; it doubles from one try to the next."""


class Parts(NamedTuple):
    """What a worker works with."""

    settings: OrchestratorSettings
    prompts: Prompts
    runner: Runner
    scorer: Scorer
    cache: Cache
    store: WorkflowStore
    now: Callable[[], float]
    """Unix time in seconds."""
    log: FilteringBoundLogger


class Prepared(NamedTuple):
    """An intent as it is asked."""

    rendered: Rendered
    key: str
    """Under which equal intents find each other's answers; empty where nobody looks."""


class Worker:
    """See the module."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.unwritten: dict[str, Kept] = {}
        """Ended workflows whose end could not be stored yet, by id."""

    def prepare(self, intent: WorkflowIntent) -> Prepared:
        """Return what is to be asked. Raises UnfitIntentError, TemplateFaultError."""
        rendered = self.parts.prompts.render(intent)
        looks = self.parts.settings.cache.use != "never" and not intent.stream
        return Prepared(rendered, self.parts.cache.key_of(intent, rendered) if looks else "")

    async def work(self, kept: Kept, asks: Prepared, seconds: float) -> WorkflowResult:
        """Run the workflow within `seconds`; returns its result, which is stored.

        Raises TakenError, LostError and StoreError as `Kept.change` does, before it is sent.
        """
        started = self.parts.now()
        if self.parts.settings.cache.use == "always":
            found = await self._cached(kept, asks, started)
            if found is not None:
                return await self._end(kept, found)
        try:
            answered = await self.parts.runner.run(self.task(kept, asks, seconds), kept)
        except ChainFailedError as failed:
            return await self.without_content(kept, asks, failed, started)
        except asyncio.CancelledError:
            await self.cancelled(kept)
            raise
        return await self.answered(kept, asks, answered, started)

    def task(self, kept: Kept, asks: Prepared, seconds: float) -> Task:
        """Return what the chain is asked."""
        settings, workflow, rendered = self.parts.settings, kept.now, asks.rendered
        intent = workflow.intent
        return Task(
            workflow_id=workflow.id,
            attempts_before=len(workflow.attempts),
            intent=intent,
            messages=rendered.messages,
            schema=rendered.schema,
            max_tokens=settings.max_tokens,
            temperature=settings.temperature,
            route=workflow.route,
            deadline=asyncio.get_running_loop().time() + seconds,
            request_id=workflow.request_id,
            trace_id=workflow.trace_id,
            check=lambda answer: check(intent, answer),
        )

    # the ends

    async def answered(
        self, kept: Kept, asks: Prepared, answered: Answered, started: float
    ) -> WorkflowResult:
        """End a workflow with what a provider has answered, which the rules may still refuse.

        Raises ValueError for a stream that has brought nothing but white space.
        """
        answer, intent, scorer = answered.answer, kept.now.intent, self.parts.scorer
        document = document_of(intent, answer.content, answer.document)
        quality = scorer.quality(intent, document, cut=answer.finish_reason == "length")
        compliance = scorer.compliance(intent, document)
        why = ""
        if scorer.refuses(intent, compliance):
            why = f"The text breaks the rules for it: {'; '.join(compliance.reasons)}."
            kept.decided("refused", why)
        result = self.counted(kept.now, started).model_copy(
            update={
                "status": "failed" if why else "completed",
                "content": "" if why else content_of(intent, document),
                "full_result": {} if why else document,
                "provider": answered.deployment.kind,
                "model": answer.model,
                "quality": quality,
                "compliance": compliance,
                "error": WorkflowError(code="compliance_violation", message=why) if why else None,
            }
        )
        await self._end(kept, result)
        if asks.key:
            await self.parts.cache.put(asks.key, result, self.parts.now())
        return result

    async def without_content(
        self, kept: Kept, asks: Prepared, failed: ChainFailedError, started: float
    ) -> WorkflowResult:
        """End a workflow that no provider has answered: from the cache, in the queue, or failed."""
        if asks.key and failed.code in ("provider_unavailable", "rate_limit_exceeded"):
            found = await self._cached(kept, asks, started)
            if found is not None:
                return await self._end(kept, found)
        error = WorkflowError(
            code=failed.code,
            message=failed.says,
            retryable=failed.retryable,
            retry_after=failed.retry_after,
        )
        kept.exhausted = failed.budget_exhausted
        result = self.counted(kept.now, started).model_copy(update={"error": error})
        if failed.queues and await self._may_queue(kept.now):
            return await self._queue(kept, result, failed.retry_after)
        return await self._end(kept, result)

    async def failed(
        self, kept: Kept, code: ErrorCode, says: str, started: float
    ) -> WorkflowResult:
        """End a workflow that has no content."""
        error = WorkflowError(code=code, message=says)
        result = self.counted(kept.now, started)
        return await self._end(kept, result.model_copy(update={"error": error}))

    async def cancelled(self, kept: Kept) -> None:
        """Leave a workflow that was cancelled: for good, or to whoever goes on with it."""
        workflow = kept.now
        awaited = workflow.idempotency or workflow.intent.deferrable
        if not kept.stored:
            return
        if awaited and not uncertain(workflow):
            await self._store(kept, status=workflow.status, lease_until=0.0)
        else:
            status = "interrupted" if awaited else "cancelled"
            await self._store(kept, status=status, lease_until=0.0)

    async def _queue(
        self, kept: Kept, result: WorkflowResult, after: float | None
    ) -> WorkflowResult:
        """Keep a deferrable workflow for later; `after` is what a provider has asked for."""
        now, workflow = self.parts.now(), kept.now
        tries = sum(decision.what == "queued" for decision in workflow.decisions)
        wait = min(QUEUED_MOST, QUEUED_FIRST * 2**tries) if after is None else after
        kept.decided("queued", f"it is tried again in {wait:.1f} s")
        expires = workflow.expires or now + self.parts.settings.queue_for
        queued = result.model_copy(update={"status": "queued", "error": None})
        await kept.change(
            status="queued", result=queued, due=now + wait, expires=expires, lease_until=0.0
        )
        return queued

    async def _may_queue(self, workflow: Workflow) -> bool:
        if not workflow.intent.deferrable or workflow.intent.stream:
            return False
        if workflow.expires:  # it comes out of the queue
            return workflow.expires > self.parts.now()
        return await self.parts.store.waiting() < self.parts.settings.queue

    async def _cached(self, kept: Kept, asks: Prepared, started: float) -> WorkflowResult | None:
        """Return the answer to an earlier, equal intent as that of this workflow."""
        found = await self.parts.cache.get(asks.key, self.parts.now())
        if found is None:
            return None
        kept.decided("cached", "an equal intent was answered before")
        mine = self.counted(kept.now, started)
        spent = ("attempts", "fallbacks", "tokens", "cost_nano_usd", "seconds")
        found = for_workflow(found, mine.workflow_id, mine.trace_id)
        return found.model_copy(update={name: getattr(mine, name) for name in spent})

    async def _end(self, kept: Kept, result: WorkflowResult) -> WorkflowResult:
        kept.decided("ended", result.status)
        await self._store(kept, status=result.status, result=result, lease_until=0.0)
        return result

    async def _store(self, kept: Kept, **fields: Any) -> None:
        """Store an end. The caller has it whether the store takes it now or later."""
        new = not kept.stored
        try:
            await kept.change(**fields)
        except LostError:
            self.parts.log.warning("workflow_lost", workflow_id=kept.now.id)
        except StoreError as error:
            if new:
                raise
            self.parts.log.error(
                "workflow_end_not_stored", workflow_id=kept.now.id, error=str(error)
            )
            kept.later(**fields)
            self.unwritten[kept.now.id] = kept

    def counted(self, workflow: Workflow, started: float) -> WorkflowResult:
        """Return a failed result with what the attempts have come to; `started` in Unix seconds."""
        attempts = workflow.attempts
        return WorkflowResult(
            workflow_id=workflow.id,
            status="failed",
            platforms=workflow.intent.platforms,
            trace_id=workflow.trace_id,
            attempts=len(attempts),
            fallbacks=fallbacks_of(attempts),
            tokens=tokens_of(attempts),
            cost_nano_usd=nano_usd_of(attempts),
            seconds=round(self.parts.now() - started, 6),
        )
