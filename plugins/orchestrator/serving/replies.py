"""Answers of the orchestrator: a WorkflowResult as JSON, with the status that fits it."""

import math

from proxy.api import Reply, Unserved, WorkflowError, WorkflowResult
from proxy.api.workflows import ErrorCode

from ..deciding.codes import STATUSES, wants_provider

__all__ = ["error_reply", "no_provider", "result_reply", "served"]

_JSON = "application/json"


def no_provider(result: WorkflowResult) -> bool:
    """Whether there is no content for want of a provider; see `wants_provider`."""
    return result.error is not None and wants_provider(result.error.code)


def served(result: WorkflowResult, *, exhausted: bool = False, after: float | None = None) -> Reply:
    """Return the answer for a result. Raises Unserved where legacy may answer instead.

    `exhausted`: somebody could have been asked, but the retry budget was used up. `after`: as for
    `result_reply`.
    """
    reply = result_reply(result, after=after)
    if exhausted:
        reply.headers.set("X-Crossfade-Retry-Budget", "exhausted")
    if no_provider(result):
        raise Unserved(reply, failed=True)
    return reply


def result_reply(
    result: WorkflowResult, status: int = 0, *, after: float | None = None, **headers: str
) -> Reply:
    """Return the answer for a result: 200, 202 while it is queued, or its error's status.

    `after`: in so many seconds there may be more to know; else its error may say so.
    """
    if not status:
        queued = result.status == "queued"
        status = 202 if queued else 200 if result.error is None else STATUSES[result.error.code]
    told = {"Content-Type": _JSON, **{name.replace("_", "-"): headers[name] for name in headers}}
    if after is None and result.error is not None:
        after = result.error.retry_after
    if after is not None:
        told["Retry-After"] = str(max(1, math.ceil(after)))
    return Reply(status, told, result.model_dump_json(by_alias=True, exclude_none=True))


def error_reply(code: ErrorCode, says: str, status: int = 0, workflow_id: str = "") -> Reply:
    """Return the answer for what did not come to be a workflow, or could not go on."""
    error = WorkflowError(code=code, message=says, retryable=wants_provider(code))
    result = WorkflowResult(workflow_id=workflow_id, status="failed", error=error)
    return result_reply(result, status)
