"""What users and operators are shown of a workflow's record."""

from collections import Counter
from decimal import Decimal
from itertools import pairwise

from proxy.api import Note, WorkflowView

from ..workflows.record import Attempt, Workflow

__all__ = ["notes_of", "tokens_of", "view_of"]

_STATES = {"begun": "executing", "answered": "completed", "failed": "failed", "unknown": "timeout"}


def view_of(workflow: Workflow) -> WorkflowView:
    """Return a workflow as its user sees it."""
    attempts = workflow.attempts
    costs: Counter[str] = Counter()
    for one in ended_of(attempts):
        costs[one.kind] += one.nano_usd or 0
    ended = workflow.updated if workflow.status not in ("running", "queued") else None
    result = workflow.result
    return WorkflowView(
        workflow_id=workflow.id,
        user_id=workflow.user_id,
        type=workflow.intent.type,
        status=workflow.status,
        current_provider=attempts[-1].kind if attempts else "",
        provider_states=_states(attempts),
        started_at=workflow.created,
        completed_at=ended,
        seconds=None if ended is None else round(ended - workflow.created, 3),
        cost_nano_usd=nano_usd_of(attempts),
        estimated_nano_usd=sum(one.nano_usd or 0 for one in ended_of(attempts) if one.estimated),
        costs=dict(costs),
        tokens=tokens_of(attempts),
        attempts=len(attempts),
        retries=max(0, len(attempts) - 1),
        fallbacks=fallbacks_of(attempts),
        result=result,
    )


def ended_of(attempts: tuple[Attempt, ...]) -> tuple[Attempt, ...]:
    """Return those that have ended: what the others take is not counted yet."""
    return tuple(one for one in attempts if one.state != "begun")


def tokens_of(attempts: tuple[Attempt, ...]) -> int:
    """Return the tokens of all attempts that have ended, estimates among them."""
    return sum(one.usage.total for one in ended_of(attempts))


def nano_usd_of(attempts: tuple[Attempt, ...]) -> int | None:
    """Return the cost of all that have ended, estimates among them; None where one has no price."""
    ended = ended_of(attempts)
    if any(one.nano_usd is None and one.tokens is not None for one in ended):
        return None
    return sum(one.nano_usd or 0 for one in ended)


def fallbacks_of(attempts: tuple[Attempt, ...]) -> int:
    """Return how often another deployment was asked than the one before."""
    pairs = pairwise(attempts)
    return sum(before.deployment != after.deployment for before, after in pairs)


def notes_of(workflow: Workflow) -> tuple[Note, ...]:
    """Return what was decided about a workflow and what its attempts came to, by time."""
    begun = Note(workflow.created, "workflow", f"{workflow.id}, {workflow.type}")
    decided = [Note(one.at, one.what, one.why) for one in workflow.decisions]
    ended = [
        Note(one.begun + one.seconds, one.state, _ended(one))
        for one in workflow.attempts
        if one.state != "begun"
    ]
    last = Note(workflow.updated, workflow.status, _outcome(workflow))
    return (begun, *sorted([*decided, *ended], key=lambda note: note.at), last)


def _states(attempts: tuple[Attempt, ...]) -> dict[str, str]:
    states = {"azure": "pending", "openai": "pending"}
    for one in attempts:
        late = one.state == "failed" and one.failure == "timeout"
        states[one.kind] = "timeout" if late else _STATES[one.state]
    return states


def _ended(one: Attempt) -> str:
    about = "about " if one.estimated else ""
    spent = "" if one.tokens is None else f", {about}{one.usage.total} tokens"
    if one.nano_usd is not None:
        spent += f", {Decimal(one.nano_usd).scaleb(-9):f} USD"
    why = f": {one.failure}, {one.says}" if one.failure else ""
    return f"{one.id} at {one.deployment} ({one.model}) after {one.seconds:.3f} s{spent}{why}"


def _outcome(workflow: Workflow) -> str:
    error = None if workflow.result is None else workflow.result.error
    if error is not None:
        return f"{error.code}: {error.message}"
    return f"after {len(workflow.attempts)} attempts"
