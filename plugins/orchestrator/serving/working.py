"""Works on one workflow until it has ended: prompt, chain, scores, the last resorts.

Whatever happens, the record says so at last (see `Worker.guarded`): it ends as completed, failed
or queued. A crash leaves it unfinished, and so does a cancellation where somebody comes back for
the result; then `resuming` finds it.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple, TypeVar

from proxy.api import StoreError, WorkflowError, WorkflowIntent, WorkflowResult
from proxy.api.workflows import ErrorCode

from ..asking.running import Answered, ChainFailedError, Runner, Task
from ..cache import Cache, for_workflow
from ..deciding.choosing import EVERYWHERE
from ..settings import OrchestratorSettings
from ..showing.views import fallbacks_of, nano_usd_of, tokens_of
from ..wording.output import check, content_of, document_of
from ..wording.prompting import Prompts, Rendered, UnfitIntentError
from ..wording.scoring import Scorer
from ..workflows.record import UNFINISHED, Workflow
from ..workflows.store import WorkflowStore
from .keeping import Edit, Kept, LostError, TakenError
from .resuming import awaited, uncertain

__all__ = ["ATTEMPTS_MOST", "Parts", "Prepared", "Worker"]

ATTEMPTS_MOST = 100
"""So many attempts a workflow may have in all its tries; its record has to stay small."""

QUEUED_FIRST = 5.0
"""Seconds until a queued workflow is tried again where no provider has said when."""

QUEUED_MOST = 300.0
"""The longest such time; it doubles from one try to the next."""

_UNWRITTEN_MOST = 10_000
_FAULT = "Something went wrong here."
_STORE_FAILS = "The store of workflows fails."

_T = TypeVar("_T")


_LAST_WORD = 0.02
"""Seconds after the deadline that an answer waits for its end to be stored."""


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
    digest: Callable[[str], str]
    """Makes of a fingerprint what those may know who meter."""


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
        self._storing: set[asyncio.Task[None]] = set()

    def prepare(self, intent: WorkflowIntent, *, claimed: bool) -> Prepared:
        """Return what is to be asked; `claimed`: nobody vouches for the user.

        Raises UnfitIntentError, TemplateFaultError.
        """
        rendered = self.parts.prompts.render(intent)
        if self.parts.settings.cache.use == "never" or intent.stream:
            return Prepared(rendered, "")
        return Prepared(rendered, self.parts.cache.key_of(intent, rendered, claimed=claimed))

    async def work(self, kept: Kept, asks: Prepared, seconds: float) -> WorkflowResult:
        """Run the workflow within `seconds`; returns its result, which is stored.

        Raises as `guarded` does.
        """
        return await self.guarded(kept, self._worked(kept, asks, seconds))

    async def again(
        self, kept: Kept, seconds: float, owner: str, lease_until: float
    ) -> WorkflowResult:
        """Take a workflow that is stored, and run it. Raises as `guarded` does.

        LostError before anything is done, where somebody else has taken it.
        """

        async def working() -> WorkflowResult:
            await kept.change(
                status="running", result=None, owner=owner, lease_until=lease_until, due=0.0
            )
            try:
                asks = self.prepare(kept.now.intent, claimed=kept.now.claimed)
            except UnfitIntentError as error:  # the templates, or what they may take, have changed
                return await self.failed(kept, "invalid_request", str(error), self.parts.now())
            return await self._worked(kept, asks, seconds)

        return await self.guarded(kept, working())

    async def guarded(self, kept: Kept, working: Coroutine[Any, Any, _T]) -> _T | WorkflowResult:
        """Return what comes of work on a workflow, whose record has an end whatever that is.

        Raises TakenError, LostError; StoreError where nothing of it was stored and so nothing was
        done; and what is a fault of our own.
        """
        started = self.parts.now()
        try:
            return await working
        except (TakenError, LostError):
            raise
        except StoreError as error:
            if not kept.stored:
                self._ends_unsent(kept)
                raise
            kept.decided("gave_up", str(error))
            return await self.failed(kept, "provider_unavailable", _STORE_FAILS, started)
        except Exception:
            kept.log.error("workflow_fault", exc_info=True)
            if kept.stored and kept.now.status in UNFINISHED:
                await self.failed(kept, "provider_unavailable", _FAULT, started)
            raise
        except asyncio.CancelledError:
            await self.left(kept)
            raise

    async def _worked(self, kept: Kept, asks: Prepared, seconds: float) -> WorkflowResult:
        started = self.parts.now()
        if self.parts.settings.cache.use == "always":
            found = await self._cached(kept, asks, started)
            if found is not None:
                return await self._end(kept, found)
        try:
            answered = await self.parts.runner.run(self.task(kept, asks, seconds), kept)
        except ChainFailedError as failed:
            return await self.without_content(kept, asks, failed, started)
        return await self.answered(kept, asks, answered, started)

    def task(self, kept: Kept, asks: Prepared, seconds: float) -> Task:
        """Return what the chain is asked."""
        settings, workflow, rendered = self.parts.settings, kept.now, asks.rendered
        kept.deadline = asyncio.get_running_loop().time() + seconds
        kept.refusal = None
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
            deadline=kept.deadline,
            request_id=workflow.request_id,
            trace_id=workflow.trace_id,
            traceparent=workflow.traceparent,
            zone=self._zone(workflow),
            check=lambda answer: check(intent, answer),
            user="" if workflow.claimed else workflow.user_id,
            plan=workflow.plan,
            arm=workflow.arm,
            digest=self.parts.digest(workflow.fingerprint),
        )

    def _zone(self, workflow: Workflow) -> str:
        """Return the data zone that it stays in, since it has begun there; empty: none yet."""
        first = workflow.attempts[0].deployment if workflow.attempts else ""
        deployment = self.parts.settings.deployments.get(first)
        return "" if deployment is None or deployment.zone == EVERYWHERE else deployment.zone

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
        if asks.key and failed.retryable:
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
        kept.refusal = failed.refusal
        result = self.counted(kept.now, started).model_copy(update={"error": error})
        if failed.queues and await self._may_queue(kept.now):
            return await self._queue(kept, result, failed.retry_after)
        return await self._end(kept, result)

    async def joined(self, kept: Kept, result: WorkflowResult) -> WorkflowResult:
        """End a workflow as an equal one has ended that was under way: what it is, not whose.

        Raises StoreError, and TakenError as `Kept.change` does.
        """
        mine = self.counted(kept.now, kept.now.created)
        if result.status == "queued":
            if await self._may_queue(kept.now):
                return await self._queue(kept, mine, None)
            says = "No provider can be asked now, and the queue is full."
            return await self.failed(kept, "provider_unavailable", says, kept.now.created)
        kept.decided("cached", "an equal intent was under way")
        own = for_workflow(result, mine.workflow_id, mine.trace_id)
        return await self._end(kept, own.model_copy(update={"seconds": mine.seconds}))

    async def failed(
        self, kept: Kept, code: ErrorCode, says: str, started: float
    ) -> WorkflowResult:
        """End a workflow that has no content."""
        error = WorkflowError(code=code, message=says)
        result = self.counted(kept.now, started)
        return await self._end(kept, result.model_copy(update={"error": error}))

    async def left(self, kept: Kept) -> None:
        """Leave a workflow that was cancelled: for good, or to whoever goes on with it."""

        def edit(now: Workflow) -> Mapping[str, Any] | None:
            if not now.version or now.status not in UNFINISHED:
                return None
            if awaited(now):
                status = "interrupted" if uncertain(now) else now.status
            else:
                status = "cancelled"
            return {"status": status, "lease_until": 0.0}

        await self._store(kept, edit)

    async def _queue(
        self, kept: Kept, result: WorkflowResult, after: float | None
    ) -> WorkflowResult:
        """Keep a deferrable workflow for later; `after` is what a provider has asked for."""
        now, workflow = self.parts.now(), kept.now
        tries = sum(decision.what == "queued" for decision in workflow.decisions)
        wait = min(QUEUED_MOST, QUEUED_FIRST * 2**tries)
        if after is not None:
            # It says when it has room for one; many wait, and ask again at the same time.
            wait = max(after, wait / 2 if tries else 0.0)
        if kept.refusal is not None:
            wait = min(wait, QUEUED_MOST)  # a budget may be raised, or get something back
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
            return workflow.expires > self.parts.now() and len(workflow.attempts) < ATTEMPTS_MOST
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
        fields = {"status": result.status, "result": result, "lease_until": 0.0}
        await self._store(kept, lambda _: fields)
        return result

    async def _store(self, kept: Kept, edit: Edit) -> None:
        """Store an end. The caller has it in time, whether the store takes it now or later."""
        storing = asyncio.ensure_future(self._stored(kept, edit))
        self._storing.add(storing)
        storing.add_done_callback(self._storing.discard)
        storing.add_done_callback(lambda late: late.cancelled() or late.exception())
        left = kept.deadline + _LAST_WORD - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait({storing}, timeout=max(0.0, left))
        if done:
            storing.result()

    async def _stored(self, kept: Kept, edit: Edit) -> None:
        new = not kept.stored
        try:
            await kept.edit(edit)
        except LostError:
            kept.log.warning("workflow_lost")
        except StoreError as error:
            if new:
                raise
            kept.log.error("workflow_end_not_stored", error=str(error))
            self._later(kept, edit)

    def _later(self, kept: Kept, edit: Edit) -> None:
        fields = edit(kept.now)
        if fields is not None and len(self.unwritten) < _UNWRITTEN_MOST:
            kept.later(**fields)
            self.unwritten[kept.now.id] = kept

    def _ends_unsent(self, kept: Kept) -> None:
        """See to the end of a workflow that a failing store may have taken; it was never sent."""
        if not kept.doubtful:
            return
        kept.decided("ended", "nothing was sent: the store failed")
        error = WorkflowError(code="provider_unavailable", message=_STORE_FAILS, retryable=True)
        result = self.counted(kept.now, kept.now.created).model_copy(update={"error": error})
        self._later(kept, lambda _: {"status": "failed", "result": result, "lease_until": 0.0})

    async def close(self) -> None:
        """Wait until all ends are stored that can be. Raises StoreError."""
        if self._storing:
            await asyncio.wait(self._storing)
        await self.write()

    async def write(self) -> None:
        """Store the ends that could not be stored before. Raises StoreError."""
        for kept in list(self.unwritten.values()):
            try:
                if await kept.settle():
                    await kept.change()
            except LostError:
                kept.log.warning("workflow_lost")
            self.unwritten.pop(kept.now.id, None)

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
