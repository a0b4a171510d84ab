"""What is done next with one intent: whom to ask, for how long to wait, when to give up.

A state machine without a clock: times (seconds on a clock that only goes forward) and random
numbers are passed in. `matrix` says what follows from each failure; above it stand, in this
order: what cannot be taken back (an uncertain failure), the number of attempts, the deadline,
what `choosing` has let through, how the deployments are, and at the last moment before
something is sent again to the same one, or to one that is tried out, the retry budget.
"""

from collections.abc import Mapping
from typing import NamedTuple

from proxy.api.resilience import Permit, RetryBudget, backoff
from proxy.api.spending import SpendAnswer
from proxy.api.workflows import ErrorCode

from ..settings import RetrySettings
from .calls import Failure, FailureClass
from .choosing import Choice
from .codes import wants_provider
from .deployment import Deployment
from .health import Health
from .matrix import MATRIX, Again, Elsewhere, Models, Row

__all__ = ["MARGIN", "Chain", "Stop", "Try", "Wait"]

MARGIN = 0.05
"""Seconds of the deadline that no attempt gets: they are for telling the caller."""

_METER_FAILS = 503
"""The status of a refusal that is no budget's."""

_EARLY = 0.002
"""A timer may ring so many seconds early."""


class Try(NamedTuple):
    """Ask this one now. Tell its end to `Health` with the permit; a failure to the chain, too."""

    deployment: Deployment
    permit: Permit
    timeout: float
    """Seconds."""
    why: str
    """In words."""
    hedge: bool = False
    passed_over: tuple[str, ...] = ()
    """Who would have been asked before, and why they are left alone."""


class Wait(NamedTuple):
    """Come back at this time."""

    until: float
    why: str
    passed_over: tuple[str, ...] = ()


class Stop(NamedTuple):
    """Give up."""

    failure: Failure
    code: ErrorCode
    retry_after: float | None = None
    """Seconds after which it is worth another request; None: nobody knows."""
    exhausted: bool = False
    """There would be somebody to ask, but the retry budget is used up."""
    queues: bool = False
    """A deferrable intent may be tried later."""
    passed_over: tuple[str, ...] = ()
    refusal: SpendAnswer | None = None
    """Where it was for want of money."""


class Chain:
    """One intent's way through the deployments.

    Call `next` and do what it says; call `failed` when an attempt fails, and `next` again.
    """

    def __init__(
        self,
        choice: Choice,
        health: Health,
        budget: RetryBudget,
        rules: RetrySettings,
        larger: Mapping[str, str],
        cheaper: Mapping[str, str],
        deadline: float,
    ) -> None:
        """`larger` and `cheaper` are the settings of these names; `deadline` is a time."""
        self._choice = choice
        self._health = health
        self._budget = budget
        self._rules = rules
        self._larger = larger
        self._cheaper = cheaper
        self._deadline = deadline
        self._over = choice.failure is not None
        self._replayed = False
        self._exhausted = False
        self._waits = 0
        self._failures: list[Failure] = []
        self._refusal: SpendAnswer | None = None
        self._tried: dict[str, int] = {}
        """By name: how often it was asked."""
        self._again: dict[str, float] = {}
        """By name: from when on it may be asked again."""
        self._failed_at: set[str] = set()
        """Providers at which something has failed: others are asked before them."""
        self._spent: set[str] = set()
        """Providers with nothing left to spend."""
        self._same: tuple[str, ...] = (choice.wanted,)
        """Models that are as good as the one that is wanted."""
        self._stand_ins = choice.stand_ins
        self._allowed = choice.allowed
        self._next: tuple[str, ...] = (*self._same, *self._stand_ins)
        """Models that may be asked next, the preferred ones first."""

    @property
    def attempts(self) -> int:
        """How many calls there were, hedges among them."""
        return sum(self._tried.values())

    def next(self, now: float) -> Try | Wait | Stop:
        """Return what is to be done at `now`."""
        if self._over or self.attempts >= self._rules.attempts or self._left(now) <= 0:
            return self._stop(now)
        passed_over: list[str] = []
        for one in self._fresh():
            permit = self._permit(one, now)
            if permit is not None:
                return self._send(one, permit, now, tuple(passed_over))
            passed_over.append(f"{one.name}: {self._health.why(one.name, now)}")
        return self._later(now, tuple(passed_over))

    def hedge(self, now: float) -> Try | None:
        """Return a second attempt beside the one that is under way; None: there is no room."""
        if self.attempts >= self._rules.attempts or self._left(now) <= 0:
            return None
        asked = {one.provider for one in self._choice.order if one.name in self._tried}
        for one in sorted(self._fresh(), key=lambda one: one.provider in asked):
            permit = self._permit(one, now) if one.model in self._same else None
            if permit is None:
                continue
            if not self._budget.take(now):
                self._health.ignored(one.name, permit)
                return None
            return self._try(one, permit, now, "the first attempt is slow")._replace(hedge=True)
        return None

    def failed(self, one: Deployment, failure: Failure, now: float, random: float) -> None:
        """Take in that an attempt has failed; `random`, 0 <= r < 1, is for the jitter of waits."""
        row = MATRIX[failure.kind]
        self._failures.append(failure)
        self._failed_at.add(one.provider)
        uncertain = failure.uncertain or row.elsewhere is Elsewhere.REPLAY
        if uncertain and (self._rules.replay == "safe" or self._replayed):
            self._over = True
            return
        self._replayed |= uncertain
        if row.elsewhere is Elsewhere.OTHER_PROVIDER:
            self._spent.add(one.provider)
        self._next = self._models_after(row, one.model)
        if not uncertain and self._may_again(row.again, one, failure):
            wait = failure.retry_after
            if wait is None:
                wait = backoff(len(self._failures) - 1, random)
            self._again[one.name] = now + wait
        self._over |= not self._next

    def cheaper_than(self, one: Deployment) -> str:
        """Return the model that may be asked where no budget pays for this one; empty: none.

        One that no deployment has is none.
        """
        model = self._cheaper.get(one.model, "")
        return model if any(other.model == model for other in self._choice.order) else ""

    def refused(self, one: Deployment, answer: SpendAnswer) -> None:
        """Take in that no budget pays for an attempt. Nothing was sent, and it does not count.

        What budgets say of one deployment they say of all of its model.
        """
        self._tried[one.name] -= 1
        self._refusal = answer
        cheaper = self.cheaper_than(one) if answer.instead == "cheaper_model" else ""
        self._over |= not cheaper
        self._only(cheaper)

    def withdrawn(self, one: Deployment) -> None:
        """Take in that a hedge was not sent after all, and does not count."""
        self._tried[one.name] -= 1

    def _only(self, model: str) -> tuple[str, ...]:
        """Let no other model be asked from now on; empty: none at all."""
        self._same = (model,) if model else ()
        self._stand_ins = self._allowed = ()
        self._again.clear()
        self._next = self._same
        return self._same

    def _models_after(self, row: Row, model: str) -> tuple[str, ...]:
        if row.models is Models.LARGER:
            return self._only(self._larger.get(model, ""))
        if row.elsewhere is Elsewhere.NO:
            return ()
        self._same = tuple(dict.fromkeys((*self._same, model)))
        further = {
            Models.CONFIGURED: self._stand_ins,
            Models.ANY: (*self._stand_ins, *self._allowed),
        }
        return tuple(dict.fromkeys((*self._same, *further.get(row.models, ()))))

    def _may_again(self, again: Again, one: Deployment, failure: Failure) -> bool:
        if again is Again.NO or not failure.may_retry:
            return False
        return again is not Again.ONCE or self._tried[one.name] == 1

    def _left(self, now: float) -> float:
        return self._deadline - now - MARGIN

    def _reach(self) -> tuple[Deployment, ...]:
        """Return those who may be asked at all as things are, in order."""
        return tuple(
            one
            for one in self._choice.order
            if one.model in self._next and one.provider not in self._spent
        )

    def _fresh(self) -> list[Deployment]:
        """Return those who were not asked yet: by model, then those of providers that work."""
        fresh = [one for one in self._reach() if one.name not in self._tried]
        if self._failures or len(self._next) > 1:
            fresh.sort(
                key=lambda one: (self._next.index(one.model), one.provider in self._failed_at)
            )
        return fresh

    def _permit(self, one: Deployment, now: float) -> Permit | None:
        return self._health.permit(one.name, (other.name for other in self._reach()), now)

    def _send(
        self, one: Deployment, permit: Permit, now: float, passed_over: tuple[str, ...]
    ) -> Try | Stop:
        # Another one that is well is no storm: it has a breaker of its own to say when it is.
        draws = one.name in self._tried or permit.slot
        if self.attempts and draws and not self._budget.take(now):
            self._health.ignored(one.name, permit)
            self._exhausted = self._over = True
            return self._stop(now, passed_over)
        why = f"after {self._failures[-1].kind.value}" if self._failures else "the first"
        if one.name in self._tried:
            why = f"again, {why}"
        return self._try(one, permit, now, why, passed_over)

    def _try(
        self,
        one: Deployment,
        permit: Permit,
        now: float,
        why: str,
        passed_over: tuple[str, ...] = (),
    ) -> Try:
        self._tried[one.name] = self._tried.get(one.name, 0) + 1
        self._again.pop(one.name, None)
        timeout = min(one.at.timeout, self._left(now))
        return Try(one, permit, timeout, why, passed_over=passed_over)

    def _later(self, now: float, passed_over: tuple[str, ...]) -> Try | Wait | Stop:
        """Nobody else can be asked now: ask again, or wait for whoever is ready first."""
        for ready, one in self._due(now):
            if ready <= now + _EARLY:
                permit = self._permit(one, now)
                if permit is not None:
                    return self._send(one, permit, now, passed_over)
                continue
            wait = ready - now
            if self._waits >= self._rules.attempts or wait > self._rules.wait_most:
                break
            if wait >= self._left(now):
                break
            self._waits += 1
            return Wait(ready, f"{one.name} can be asked in {wait:.2f} s", passed_over)
        return self._stop(now, passed_over)

    def _due(self, now: float) -> list[tuple[float, Deployment]]:
        """Return who may be asked again or asked to be left alone, the first to be ready first."""
        due = []
        reach = self._reach()
        free = self._health.permitted((one.name for one in reach), now)
        for one in reach:
            if one.name in self._tried and one.name not in self._again:
                continue
            throttled_until = self._health.throttled_until(one.name)
            ready = max(self._again.get(one.name, 0.0), throttled_until, now)
            if one.name in free or self._health.open_until(one.name, now) <= ready:
                due.append((ready, one))
        due.sort(key=lambda pair: pair[0])
        return due

    def _stop(self, now: float, passed_over: tuple[str, ...] = ()) -> Stop:
        refusal = None if self._failures else self._refusal
        if refusal is not None:
            return self._unpaid(refusal, passed_over)
        withheld = not self._failures and self._choice.failure is None and self._left(now) > 0
        waits = self._waits_for(now)
        if self._failures:
            failure = self._failures[-1]
        elif self._choice.failure is not None:
            failure = self._choice.failure
        else:
            failure = self._unasked(now, waits)
        row = MATRIX[failure.kind]
        retry_after = failure.retry_after
        if withheld or failure.kind is FailureClass.RATE_LIMITED:
            retry_after = min(waits, default=retry_after)
        return Stop(
            failure,
            row.code,
            retry_after,
            self._exhausted,
            withheld or self._may_queue(failure),
            passed_over,
        )

    def _unpaid(self, refusal: SpendAnswer, passed_over: tuple[str, ...]) -> Stop:
        """Return the end where nobody has failed, and no budget pays."""
        says = f"no budget pays for it: {refusal.budget or refusal.status}, {refusal.instead}"
        failure = Failure(FailureClass.BUDGET, says, retry_after=refusal.retry_after)
        # Where the meter itself fails nobody's money is spent: that is as if nobody could be asked.
        code: ErrorCode = MATRIX[failure.kind].code
        if refusal.status == _METER_FAILS:
            code = "provider_unavailable"
        queues = refusal.instead == "queue"
        after = refusal.retry_after
        return Stop(failure, code, after, False, queues, passed_over, refusal)

    def _waits_for(self, now: float) -> tuple[float, ...]:
        """Return after how many seconds each can be asked, as far as that is known."""
        names = (one.name for one in self._reach())
        ready = (
            max(self._health.throttled_until(name), self._health.open_until(name, now))
            for name in names
        )
        return tuple(at - now for at in ready if now < at < float("inf"))

    def _unasked(self, now: float, waits: tuple[float, ...]) -> Failure:
        """Return why nobody was asked at all."""
        if self._left(now) <= 0:
            return Failure(FailureClass.DEADLINE, "no time was left to ask anybody")
        throttled = any(now < self._health.throttled_until(one.name) for one in self._choice.order)
        kind = FailureClass.RATE_LIMITED if throttled else FailureClass.SERVER
        says = "nobody was asked: all deployments are left alone"
        return Failure(kind, says, retry_after=min(waits, default=None))

    def _may_queue(self, failure: Failure) -> bool:
        row = MATRIX[failure.kind]
        if failure.uncertain or not wants_provider(row.code):
            return False
        return any(MATRIX[one.kind].queues for one in self._failures)
