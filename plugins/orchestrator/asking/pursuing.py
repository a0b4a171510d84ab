"""One intent on its way through its chain."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from typing import Any, NamedTuple, NoReturn, TypeVar

from proxy.api.resilience import RetryBudget
from proxy.api.spending import Again, SpendAnswer, Usage

from ..deciding.calls import Call, CallFailedError, Failure, FailureClass
from ..deciding.chain import Chain, Stop, Try
from ..deciding.choosing import Choice, Chooser, Wish
from ..deciding.costs import tokens_in
from ..deciding.matrix import MATRIX
from ..deciding.tasks import Answered, ChainFailedError, Task
from ..identifiers import attempt_id
from ..providers.clients import Clients
from ..settings import OrchestratorSettings
from ..trace_context import traceparent_of
from ..workflows.record import Attempt
from .attempting import Around, Attempting, Journal
from .hedging import race
from .relaying import StreamAnswered
from .spending import planned_spend

__all__ = ["Parts", "Pursuit"]

_SHOWN = 5
"""So many deployments are named in one decision."""

_WORDS: Mapping[Again, str] = {
    "": "attempt",
    "retry": "again",
    "fallback": "fallback",
    "hedge": "hedge",
}
"""How a decision to ask is called."""

_Answer = TypeVar("_Answer")


class Parts(NamedTuple):
    """What all pursuits have in common."""

    settings: OrchestratorSettings
    chooser: Chooser
    clients: Clients
    around: Around
    hedges: RetryBudget


class Pursuit:
    """See the module. Either `whole` or `opened` is called, once."""

    def __init__(
        self, parts: Parts, budget: RetryBudget, task: Task, note: Journal, *, stream: bool
    ) -> None:
        """Choose who may be asked; nobody is, yet."""
        self._parts = parts
        self._task = task
        self._note = note
        self._stream = stream
        self._attempts: list[Attempting] = []
        self._before: Try | None = None
        self._failed_as = ""
        self._hedge: Try | None = None
        prompt = tokens_in(message["content"] for message in task.messages)
        self._guess = Usage(input_uncached=prompt, output_text=task.max_tokens, requests=1)
        choice = self._choice()
        settings = parts.settings
        self._chain = Chain(
            choice,
            parts.around.health,
            budget,
            settings.retry,
            settings.larger_model,
            settings.cheaper_model,
            task.deadline,
        )

    async def whole(self) -> Answered:
        """Return a whole answer. Raises ChainFailedError, and what the journal raises."""
        return await self._within(self._hedged)

    async def opened(self) -> StreamAnswered:
        """Return a stream with its first content. Raises ChainFailedError, or as the journal."""
        return await self._within(lambda step: self._attempt(step, self._opening))

    async def _within(self, ask: Callable[[Try], Awaitable[_Answer]]) -> _Answer:
        """Go through the chain until something is answered, or the deadline is there."""
        timeout = asyncio.timeout_at(self._task.deadline)
        try:
            async with timeout:
                while True:
                    step = await self._next()
                    try:
                        return await ask(step)
                    except CallFailedError:
                        continue  # the chain knows of it
        except TimeoutError:
            if not timeout.expired():
                raise
            failure = Failure(FailureClass.DEADLINE, "the deadline has passed")
            self._gave_up(Stop(failure, MATRIX[failure.kind].code))

    async def _next(self) -> Try:
        """Return the next step, when its time has come. Raises ChainFailedError."""
        while True:
            now = asyncio.get_running_loop().time()
            step = self._chain.next(now)
            if step.passed_over:
                self._note.decided("skipped", _some(step.passed_over, "; "))
            if isinstance(step, Try):
                return step
            if isinstance(step, Stop):
                self._gave_up(step)
            self._note.decided("waits", step.why)
            await asyncio.sleep(step.until - now)

    def _gave_up(self, stop: Stop) -> NoReturn:
        more = "; the retry budget is used up" if stop.exhausted else ""
        self._note.decided("gave_up", f"{stop.failure.kind.value}: {stop.failure.says}{more}")
        if stop.exhausted:
            self._parts.around.meters.exhausted.add(route=self._task.route)
        raise ChainFailedError(stop, self._ended())

    # one attempt

    async def _attempt(
        self, step: Try, ask: Callable[[Attempting, Call], Awaitable[_Answer]]
    ) -> _Answer:
        """Ask one deployment. Raises CallFailedError, of which the chain knows, then."""
        again = self._again(step)
        attempting = self._planned(step, again)
        answer = await attempting.plan()
        if not answer.allowed:
            raise CallFailedError(self._unpaid(step, answer))
        self._begins(step, again, attempting)
        await attempting.begin()
        try:
            return await ask(attempting, self._call(step, attempting.attempt))
        except CallFailedError as error:
            now, random = asyncio.get_running_loop().time(), self._parts.around.random()
            self._chain.failed(step.deployment, error.failure, now, random)
            self._failed_as = error.failure.kind.value
            await attempting.failed(error.failure)
            raise
        except asyncio.CancelledError:
            await attempting.given_up(self._leaving())
            raise
        except BaseException as error:
            says = f"a fault of our own: {type(error).__name__}"
            await attempting.given_up(Failure(FailureClass.CANCELLED, says, uncertain=True))
            raise

    async def _asking(self, attempting: Attempting, call: Call) -> Answered:
        answer = await self._parts.clients.complete(call)
        unfit = self._task.check(answer)
        if unfit:
            failure = Failure(
                FailureClass.MALFORMED,
                unfit,
                status=200,
                usage=answer.usage,
                provider_id=answer.provider_id,
                tier=answer.tier,
            )
            raise CallFailedError(failure)
        if answer.doubt:
            self._note.decided("doubt", f"{attempting.attempt.id}: {answer.doubt}")
        await attempting.answered(answer)
        return Answered(answer, call.deployment, self._ended())

    async def _opening(self, attempting: Attempting, call: Call) -> StreamAnswered:
        async with AsyncExitStack() as stack:
            stream = await stack.enter_async_context(self._parts.clients.stream(call))
            return StreamAnswered(call.deployment, stream, attempting, stack.pop_all(), self._ended)

    def _again(self, step: Try) -> Again:
        """Return why there is this attempt; in a workflow that was tried before none is first."""
        before = self._before
        if step.hedge:
            return "hedge"
        if before is None:
            return "retry" if self._task.attempts_before else ""
        return "retry" if before.deployment.name == step.deployment.name else "fallback"

    def _planned(self, step: Try, again: Again) -> Attempting:
        """Return an attempt that nobody knows of yet."""
        task, one, around = self._task, step.deployment, self._parts.around
        number = task.attempts_before + len(self._attempts) + 1
        now, cheaper = around.services.now(), self._chain.cheaper_than(one)
        new = attempt_id(task.workflow_id, number)
        planned = planned_spend(task, step, new, now, self._guess, again, cheaper)
        attempt = Attempt(
            id=new,
            deployment=one.name,
            kind=one.kind,
            model=one.model,
            state="begun",
            begun=now,
            hedge=step.hedge,
            tokens=tuple(self._guess),
            nano_usd=around.spending.nano_usd(self._guess, planned.key),
            estimated=True,
        )
        return Attempting(around, step, self._note, attempt, planned, stream=self._stream)

    def _unpaid(self, step: Try, answer: SpendAnswer) -> Failure:
        """Have the chain take in that an attempt is not paid for; a hedge is left out."""
        one = step.deployment
        whose = f"budget {answer.budget}" if answer.budget else f"status {answer.status}"
        self._note.decided("unpaid", f"{one.name}: {whose}, {answer.instead}")
        if step.hedge:
            self._hedge = None
            self._chain.withdrawn(one)
        else:
            self._chain.refused(one, answer)
        return Failure(FailureClass.BUDGET, f"{whose} does not pay for it")

    def _begins(self, step: Try, again: Again, attempting: Attempting) -> None:
        """Take in that an attempt is about to be sent."""
        is_first = self._before is None and not step.hedge
        self._before = step
        self._attempts.append(attempting)
        word = "attempt" if is_first else _WORDS[again]
        self._note.decided(word, f"{step.deployment.name}: {step.why}")
        if word == "fallback":
            self._parts.around.meters.fallbacks.add(after=self._failed_as)

    def _call(self, step: Try, attempt: Attempt) -> Call:
        task = self._task
        return Call(
            deployment=step.deployment,
            messages=task.messages,
            schema=task.schema,
            max_tokens=task.max_tokens,
            temperature=task.temperature,
            headers=_headers(task, attempt),
            timeout=step.timeout,
            slow=self._parts.settings.breaker.slow,
        )

    def _leaving(self) -> Failure:
        """Return why a call was cancelled."""
        if asyncio.get_running_loop().time() >= self._task.deadline:
            return Failure(FailureClass.DEADLINE, "the deadline has passed", uncertain=True)
        return Failure(FailureClass.CANCELLED, "it was given up", uncertain=True)

    def _ended(self) -> tuple[Attempt, ...]:
        return tuple(one.attempt for one in self._attempts)

    # hedging

    async def _hedged(self, step: Try) -> Answered:
        """Ask one deployment, and if it is slow and there is room for it, another one beside."""
        after = self._hedge_after(step)
        first = self._attempt(step, self._asking)
        if after is None:
            return await first
        answered: Answered | None = None
        self._hedge = None
        try:
            answered = await race(first, after, self._second)
        finally:
            self._hedge_is_counted(answered)
        return answered._replace(attempts=self._ended())

    def _hedge_after(self, step: Try) -> float | None:
        hedge = self._parts.settings.hedge
        if not hedge.enabled:
            return None
        times = self._parts.around.health.times(step.deployment.name, stream=False)
        return hedge.after if hedge.after is not None else times.p95()

    def _second(self) -> Coroutine[Any, Any, Answered] | None:
        now = asyncio.get_running_loop().time()
        step = self._chain.hedge(now) if self._parts.hedges.left(now) else None
        if step is None:
            return None
        self._parts.hedges.take(now)
        self._hedge = step
        return self._attempt(step, self._asking)

    def _hedge_is_counted(self, answered: Answered | None) -> None:
        if self._hedge is not None:
            won = answered is not None and answered.deployment is self._hedge.deployment
            self._parts.around.meters.hedges.add(outcome="won" if won else "lost")

    # choosing

    def _choice(self) -> Choice:
        task, around = self._task, self._parts.around
        now = asyncio.get_running_loop().time()
        wish = Wish(task.intent, self._guess.total, task.schema is not None, task.zone, task.user)
        latency = around.health.latency(now, stream=self._stream)
        choice = self._parts.chooser.choose(wish, latency, around.random())
        self._note.decided("routed", choice.why)
        for reason, names in choice.left_out.items():
            self._note.decided("skipped", f"{_some(names, ', ')}: {reason}")
        return choice


def _some(words: tuple[str, ...], between: str) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return between.join(words[:_SHOWN]) + more


def _headers(task: Task, attempt: Attempt) -> dict[str, str]:
    """Return by which names the provider and whoever is in between may know the call."""
    headers = {
        "X-Request-Id": task.request_id,
        "X-Crossfade-Workflow-Id": task.workflow_id,
        "X-Crossfade-Attempt-Id": attempt.id,
    }
    traceparent = traceparent_of(task.trace_id, attempt.id, task.traceparent)
    if traceparent:
        headers["traceparent"] = traceparent
    return headers
