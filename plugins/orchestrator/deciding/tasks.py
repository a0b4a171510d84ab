"""What a chain is given to do, and what comes of it."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from proxy.api import WorkflowIntent

from ..workflows.record import Attempt
from .calls import Answer
from .chain import Stop
from .codes import may_repeat
from .deployment import Deployment
from .matrix import MATRIX

__all__ = ["Answered", "ChainFailedError", "Task"]


class Task(NamedTuple):
    """One intent, with all that it takes to ask for it."""

    workflow_id: str
    attempts_before: int
    """How many attempts the workflow has had before; ids go on from there."""
    intent: WorkflowIntent
    messages: tuple[Mapping[str, str], ...]
    schema: Mapping[str, Any] | None
    max_tokens: int
    temperature: float | None
    route: str
    """Whose retry budget is drawn on."""
    deadline: float
    """Seconds on the event loop's clock."""
    request_id: str
    trace_id: str
    """32 hex digits, or empty."""
    traceparent: str
    """The request's own; empty: none."""
    zone: str
    """The data zone that it has to stay in; empty: that of the first deployment."""
    check: Callable[[Answer], str]
    """Returns why an answer cannot be used; empty: it can. Streams are not checked."""
    user: str = ""
    """Who spends; empty where nobody vouches for who it is."""
    plan: str = ""
    """What the user has subscribed to; empty: not known."""
    arm: str = "none"
    digest: str = ""
    """The same for equal intents; see `proxy.api.PlannedSpend`."""


class Answered(NamedTuple):
    """An intent was answered."""

    answer: Answer
    deployment: Deployment
    attempts: tuple[Attempt, ...]
    """All of them; the last one that has ended is the one that has answered."""


class ChainFailedError(Exception):
    """Nobody has answered."""

    def __init__(self, stop: Stop, attempts: tuple[Attempt, ...]) -> None:
        failure = stop.failure
        super().__init__(f"{failure.kind.value}: {failure.says}")
        self.failure = failure
        """The one that counted; for operators."""
        self.code = stop.code
        self.refusal = stop.refusal
        """Why no budget pays for it, where it was for that."""
        refused = stop.refusal is not None and stop.refusal.says
        self.says = refused or MATRIX[failure.kind].says
        """For the caller."""
        self.retry_after = stop.retry_after
        """Seconds."""
        self.budget_exhausted = stop.exhausted
        """Somebody could have been asked, but the retry budget was used up."""
        self.queues = stop.queues
        """A deferrable intent may be tried later."""
        self.attempts = attempts

    @property
    def retryable(self) -> bool:
        """Whether nothing has come of it: the same may be asked again, or in the cache."""
        return may_repeat(self.code)
