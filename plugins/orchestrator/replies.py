"""Answers of the orchestrator: a WorkflowResult as JSON, with the status that fits it."""

import math
from collections.abc import Mapping

from proxy.api import Reply, Unserved, WorkflowError, WorkflowResult
from proxy.api.workflows import ErrorCode

__all__ = ["STATUSES", "error_reply", "no_provider", "result_reply", "served"]

STATUSES: Mapping[ErrorCode, int] = {
    "rate_limit_exceeded": 429,
    "provider_unavailable": 503,
    "invalid_request": 400,
    "onlyfans_api_error": 502,
    "cost_limit_exceeded": 402,
    "compliance_violation": 422,
}
"""The HTTP status of each public error."""

_JSON = "application/json"


def no_provider(result: WorkflowResult) -> bool:
    """Whether there is no content for want of a provider, and for no other reason.

    Generating has no effect but its content, so nothing has happened then: legacy may answer,
    and the same may be asked again.
    """
    error = result.error
    return error is not None and error.code in ("provider_unavailable", "rate_limit_exceeded")


def served(result: WorkflowResult, *, exhausted: bool = False) -> Reply:
    """Return the answer for a result. Raises Unserved where legacy may answer instead.

    `exhausted`: somebody could have been asked, but the retry budget was used up.
    """
    reply = result_reply(result)
    if exhausted:
        reply.headers.set("X-Crossfade-Retry-Budget", "exhausted")
    if no_provider(result):
        raise Unserved(reply, failed=True)
    return reply


def result_reply(result: WorkflowResult, status: int = 0, **headers: str) -> Reply:
    """Return the answer for a result: 200, 202 while it is queued, or its error's status."""
    if not status:
        queued = result.status == "queued"
        status = 202 if queued else 200 if result.error is None else STATUSES[result.error.code]
    told = {"Content-Type": _JSON, **{name.replace("_", "-"): headers[name] for name in headers}}
    after = None if result.error is None else result.error.retry_after
    if after is not None and "Retry-After" not in told:
        told["Retry-After"] = str(max(1, math.ceil(after)))
    return Reply(status, told, result.model_dump_json(by_alias=True, exclude_none=True))


def error_reply(code: ErrorCode, says: str, status: int = 0, workflow_id: str = "") -> Reply:
    """Return the answer for what did not come to be a workflow, or could not go on."""
    error = WorkflowError(code=code, message=says)
    result = WorkflowResult(workflow_id=workflow_id, status="failed", error=error)
    return result_reply(result, status)
