"""What became of a campaign, in the envelope of the v2 API."""

from typing import Literal
from urllib.parse import quote

from pydantic import ValidationError

from proxy.api import Reply, WorkflowResult
from proxy.api.endpoints import iso
from proxy.api.workflows import WorkflowStatus

from .declining import COME_AGAIN
from .paths import STATUS
from .writing import Document, Usd, milliseconds, reply_of

__all__ = ["Failed", "Ran", "failed", "ran", "read_result"]

_PASSED_ON = ("Retry-After", "Idempotency-Replayed", "X-Crossfade-Budget")


class Spent(Document):
    """What it took: tokens, US dollars (null where a price is not known), milliseconds."""

    tokens: int
    cost: Usd | None
    duration: int


class RanMetrics(Document):
    """How long it took, in milliseconds, and who answered."""

    duration: int
    provider: str
    cost: Spent


class RanMetadata(Document):
    """Whose it is."""

    user_id: str
    timestamp: str
    trace_id: str
    hybrid_orchestrator: Literal[True] = True


class RanData(Document):
    """What was made."""

    workflow_id: str
    content: str
    provider: str
    platforms: tuple[str, ...]
    status: WorkflowStatus


class Ran(Document):
    """A campaign that ran, or that waits to be run."""

    success: Literal[True] = True
    data: RanData
    metrics: RanMetrics
    metadata: RanMetadata


class FailedMetrics(Document):
    """How long it took, in milliseconds."""

    duration: int
    failed: Literal[True] = True


class Failed(Document):
    """A campaign that came to nothing: a word for programs, and a sentence."""

    success: Literal[False] = False
    error: str
    message: str
    metrics: FailedMetrics


def read_result(reply: Reply) -> WorkflowResult | None:
    """Return what the orchestrator has answered; None if that is no result."""
    if not isinstance(reply.body, bytes):
        return None
    try:
        return WorkflowResult.model_validate_json(reply.body)
    except ValidationError:
        return None


def failed(reply: Reply, result: WorkflowResult | None) -> Reply:
    """Return the answer where nothing was made; without an error nobody has said why."""
    code, message, seconds = "provider_unavailable", "The campaign was not executed", 0.0
    if result is not None and result.error is not None:
        code, message, seconds = result.error.code, result.error.message, result.seconds
    metrics = FailedMetrics(duration=milliseconds(seconds))
    # What is no result of the orchestrator's was made by nobody who should have answered.
    status = reply.status if reply.status >= 400 else 502
    told = Failed(error=code, message=message, metrics=metrics)
    return reply_of(told, status, _passed_on(reply))


def ran(reply: Reply, result: WorkflowResult, user_id: str, at: float) -> Reply:
    """Return the answer for what was made, or waits; `at`: when, in Unix seconds.

    The same result at the same time is the same answer, byte for byte.
    """
    took = milliseconds(result.seconds)
    spent = Spent(tokens=result.tokens, cost=result.cost_usd, duration=took)
    told = Ran(
        data=RanData(
            workflow_id=result.workflow_id,
            content=result.content,
            provider=result.provider,
            platforms=result.platforms,
            status=result.status,
        ),
        metrics=RanMetrics(duration=took, provider=result.provider, cost=spent),
        metadata=RanMetadata(user_id=user_id, timestamp=iso(at), trace_id=result.trace_id),
    )
    headers = _passed_on(reply)
    if reply.status == 202:
        where = f"{STATUS}?workflowId={quote(result.workflow_id, safe='')}"
        headers = {"Location": where, "Retry-After": COME_AGAIN} | headers
    return reply_of(told, reply.status, headers)


def _passed_on(reply: Reply) -> dict[str, str]:
    found = {name: reply.headers.get(name) for name in _PASSED_ON}
    return {name: value for name, value in found.items() if value is not None}
