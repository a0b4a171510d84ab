"""One attempt from its beginning to its end: journal, breaker, metrics, costs.

Its end is told once, whatever happens, a cancellation included: the permit is given back, whoever
meters is told what was spent, and the journal hears of an end unless it has refused the beginning.
"""

import asyncio
from collections.abc import Mapping
from random import SystemRandom
from typing import NamedTuple, Protocol

from proxy.api import Alert, Services
from proxy.api.spending import (
    PlannedSpend,
    SettledSpend,
    SpendAnswer,
    SpendOutcome,
    Usage,
    UsageSource,
)

from ..deciding.calls import Answer, Failure, FailureClass
from ..deciding.chain import Try
from ..deciding.costs import tokens_in
from ..deciding.health import Health, Trouble
from ..deciding.matrix import MATRIX
from ..workflows.record import Attempt, AttemptState
from .metering import Meters
from .spending import Spending

__all__ = ["Around", "Attempting", "Journal"]

_LAST_WORD = 0.02
"""Seconds that a cancelled attempt waits for the journal, which may go on afterwards."""

_random = SystemRandom().random


class Journal(Protocol):
    """Who writes down what is done; see `workflows.record`."""

    async def begins(self, attempt: Attempt) -> None:
        """Make durable that an attempt begins; it is sent when this returns. Raising ends all."""

    async def ends(self, attempt: Attempt) -> None:
        """Take in how it has ended."""

    def decided(self, what: str, why: str) -> None:
        """Take in a decision: one word, and why."""

    def warned(self, warnings: tuple[str, ...]) -> None:
        """Take in what the caller is to be told of budgets that are nearly spent."""


_OUTCOMES: Mapping[AttemptState, SpendOutcome] = {
    "answered": "answered",
    "failed": "failed",
    "unknown": "unknown",
}


class _Used(NamedTuple):
    """What an attempt has used, and who says so."""

    usage: Usage | None
    """None: nobody knows; what was planned counts."""
    source: UsageSource
    tier: str = ""


class Around(NamedTuple):
    """What all attempts have in common."""

    health: Health
    meters: Meters
    spending: Spending
    services: Services
    writing: "set[asyncio.Task[None]]"
    """What journals still write though nobody waits for it."""

    def random(self) -> float:
        """Return a random number, 0 <= r < 1."""
        return _random()

    def shows(self, name: str, now: float) -> None:
        """Show in the metrics how a deployment stands."""
        self.meters.stands(self.health.standing_of(name, now), self.health.openings(name))


class Attempting:
    """One attempt. Call `plan`, `begin` and then one of the others, of which only the first counts.

    Without leave from `plan` it is over.
    """

    def __init__(
        self,
        around: Around,
        step: Try,
        note: Journal,
        attempt: Attempt,
        planned: PlannedSpend,
        *,
        stream: bool,
    ) -> None:
        """`attempt` says which one it is, `planned` what it may take; nobody knows of it yet."""
        self.attempt = attempt
        self._planned = planned
        self._around = around
        self._step = step
        self._note = note
        self._stream = stream
        self._started = asyncio.get_running_loop().time()
        self._over = False

    async def plan(self) -> SpendAnswer:
        """Return whether it is paid for; one that is not has never been."""
        try:
            answer = await self._around.spending.plan(self._planned)
        except BaseException:
            self._never_was()
            raise
        if not answer.allowed:
            self._never_was()
        elif answer.warnings:
            self._note.warned(answer.warnings)
        return answer

    def _never_was(self) -> None:
        self._over = True
        self._around.health.ignored(self.attempt.deployment, self._step.permit)

    async def begin(self) -> None:
        """Have the beginning made durable. Raises what the journal raises."""
        beginning = asyncio.ensure_future(self._note.begins(self.attempt))
        try:
            await asyncio.shield(beginning)
        except asyncio.CancelledError:
            # A journal that hangs is not waited for; what it says in the end is nobody's any more.
            beginning.add_done_callback(lambda done: done.cancelled() or done.exception())
            failure = Failure(FailureClass.CANCELLED, "given up before anything was sent")
            await self._ends_hurriedly(self._failed(failure, free=True))
            raise
        except BaseException:
            self._never_was()
            self._around.spending.never_sent(self._planned)
            raise

    async def answered(self, answer: Answer) -> None:
        """End it with an answer."""
        if self._over:
            return
        now = asyncio.get_running_loop().time()
        name, health = self.attempt.deployment, self._around.health
        health.answered(
            name,
            self._step.permit,
            answer.first_byte,
            now,
            self._around.random(),
            stream=self._stream,
        )
        mean = health.times(name, stream=self._stream).mean(now)
        self._around.meters.first_byte(name, mean or 0.0, stream=self._stream)
        used = _Used(answer.usage, self._provider_says, answer.tier)
        if answer.usage is None:
            used = _Used(self._guessed(answer), "guess", answer.tier)
        await self._ends(
            self._ended(
                "answered",
                "answered",
                used,
                now,
                provider_id=answer.provider_id,
                answered_as=answer.model,
                finish_reason=answer.finish_reason,
            )
        )

    async def failed(self, failure: Failure) -> None:
        """End it with a failure."""
        if not self._over:
            await self._ends(self._failed(failure))

    async def given_up(self, failure: Failure) -> None:
        """End it because it was cancelled: what came of it nobody knows. Takes no time."""
        if not self._over:
            await self._ends_hurriedly(self._failed(failure))

    def _failed(self, failure: Failure, *, free: bool = False) -> Attempt:
        now = asyncio.get_running_loop().time()
        trouble = self._around.health.failed(
            self._step.deployment, self._step.permit, failure, now, self._around.random()
        )
        if trouble is not None:
            self._around.services.alert(_alert(trouble))
        free = free or (MATRIX[failure.kind].free and not failure.uncertain)
        used = _Used(None, "estimate", failure.tier)
        if failure.usage is not None:
            used = _Used(failure.usage, self._provider_says, failure.tier)
        elif free:
            used = _Used(Usage(), "none", failure.tier)
        return self._ended(
            "unknown" if failure.uncertain else "failed",
            failure.kind.value,
            used,
            now,
            failure=failure.kind.value,
            says=failure.says,
            status=failure.status,
            provider_id=failure.provider_id,
        )

    @property
    def _provider_says(self) -> UsageSource:
        return "stream" if self._stream else "provider"

    def _ended(
        self, state: AttemptState, outcome: str, used: _Used, now: float, **more: object
    ) -> Attempt:
        self._over = True
        name, seconds = self.attempt.deployment, now - self._started
        self._around.meters.attempts.add(deployment=name, outcome=outcome)
        self._around.meters.seconds.add(seconds, deployment=name)
        self._around.shows(name, now)
        known = {"state": state, "seconds": seconds, "tier": used.tier, **self._costs(used)}
        self.attempt = self.attempt.model_copy(update={**known, **more})
        self._settle(self.attempt, used)
        return self.attempt

    def _settle(self, ended: Attempt, used: _Used) -> None:
        around = self._around
        around.spending.settle(
            SettledSpend(
                self._planned,
                around.services.now(),
                _OUTCOMES[ended.state],
                ended.failure,
                used.usage,
                used.source,
                used.tier,
                ended.answered_as,
                ended.provider_id,
            )
        )

    def _guessed(self, answer: Answer) -> Usage:
        """Return about what an answer took whose usage was not told."""
        prompt = self.attempt.tokens[0] if self.attempt.tokens else 0
        output = tokens_in((answer.content,))
        return Usage(input_uncached=prompt, output_text=output, requests=1)

    def _costs(self, used: _Used) -> dict[str, object]:
        """Return what of the record changes; of one that is lost, the estimate stands."""
        if used.usage is None:
            return {}
        paid = self._around.spending.nano_usd(
            used.usage, self._planned.key._replace(tier=used.tier)
        )
        said = tuple(used.usage)
        return {"tokens": said, "nano_usd": paid, "estimated": used.source == "guess"}

    async def _ends(self, attempt: Attempt) -> None:
        await asyncio.shield(self._writes(attempt))

    async def _ends_hurriedly(self, attempt: Attempt) -> None:
        await asyncio.wait({self._writes(attempt)}, timeout=_LAST_WORD)

    def _writes(self, attempt: Attempt) -> "asyncio.Task[None]":
        self.attempt = attempt
        writing = asyncio.ensure_future(self._note.ends(attempt))
        self._around.writing.add(writing)
        writing.add_done_callback(self._written)
        return writing

    def _written(self, writing: "asyncio.Task[None]") -> None:
        self._around.writing.discard(writing)
        error = None if writing.cancelled() else writing.exception()
        if error is not None:
            self._around.services.log.error(
                "attempt_end_lost", attempt_id=self.attempt.id, error=str(error)
            )


def _alert(trouble: Trouble) -> Alert:
    if trouble.quota:
        return Alert(
            "provider_quota_spent",
            trouble.provider,
            f"The provider {trouble.provider} refuses to work on credit ({trouble.says}). It is "
            "left alone for 5 minutes at a time. Pay, or raise the limit of the account.",
            "critical",
        )
    return Alert(
        "deployment_misconfigured",
        trouble.deployment,
        f"The deployment {trouble.deployment} refuses us or is not there ({trouble.says}). It is "
        "left alone for 5 minutes at a time, or until its settings change. Check key, endpoint and "
        "deployment.",
        "critical",
    )
