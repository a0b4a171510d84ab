"""What becomes of workflows that nobody works on: the queued ones, and those of a crash.

A workflow is taken by writing our name into its record; of several who try, one succeeds. Where
an attempt was begun and nobody can say how it ended, the workflow is interrupted and is
not repeated: it may have been executed. Else it is gone on with, if somebody comes back for
the result: it may be queued, or has an Idempotency-Key.
"""

from typing import Literal

from ..workflows.record import Attempt, Workflow

__all__ = ["Fate", "awaited", "fate_of", "interrupted_attempts", "uncertain"]

Fate = Literal["go on", "expired", "interrupted"]


def uncertain(workflow: Workflow) -> bool:
    """Whether nobody can say of one of its attempts whether it was executed."""
    return any(attempt.state in ("begun", "unknown") for attempt in workflow.attempts)


def awaited(workflow: Workflow) -> bool:
    """Whether somebody comes back for the result, whoever has left meanwhile."""
    intent = workflow.intent
    return bool(workflow.idempotency) or (intent.deferrable and not intent.stream)


def fate_of(workflow: Workflow, now: float) -> Fate:
    """Say what becomes of an unfinished workflow that nobody works on; `now` in Unix seconds."""
    if uncertain(workflow):
        return "interrupted"
    if workflow.status == "queued" and now >= workflow.expires:
        return "expired"
    if workflow.status == "queued" or awaited(workflow):
        return "go on"
    return "interrupted"


def interrupted_attempts(workflow: Workflow, now: float) -> tuple[Attempt, ...]:
    """Return the attempts, those that had begun as `unknown`."""
    return tuple(
        one.model_copy(update={"state": "unknown", "seconds": max(0.0, now - one.begun)})
        if one.state == "begun"
        else one
        for one in workflow.attempts
    )
