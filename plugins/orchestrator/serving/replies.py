"""Answers of the orchestrator: a WorkflowResult as JSON, with the status that fits it.

What no budget pays for is answered by a problem (RFC 9457), as other limits are.
"""

import math
import re
from typing import Literal, NamedTuple

from proxy.api import Reply, Unserved, WorkflowError, WorkflowResult, problem_reply
from proxy.api.spending import SpendAnswer
from proxy.api.workflows import ErrorCode

from ..deciding.codes import STATUSES, may_repeat, wants_provider

__all__ = ["Told", "error_reply", "result_reply", "served", "warned"]

_JSON = "application/json"
_QUOTA_EXCEEDED = "https://iana.org/assignments/http-problem-types#quota-exceeded"
_WARNINGS_MOST = 10
_WARNING_LENGTH = 200
_UNFIT = re.compile(r"[^\x20-\x7e]+|,")


class Told(NamedTuple):
    """What is to be told of a workflow beside its result."""

    exhausted: bool = False
    """Somebody could have been asked, but the retry budget was used up."""
    refusal: SpendAnswer | None = None
    """Why no budget has paid, where that is why there is no content."""
    warnings: tuple[str, ...] = ()
    """Of budgets that are nearly spent."""
    over_budget: Literal["refuse", "legacy"] = "refuse"
    """The setting."""


def served(
    result: WorkflowResult, told: Told | None = None, *, after: float | None = None
) -> Reply:
    """Return the answer for a result. Raises Unserved where legacy may answer instead.

    `after`: as for `result_reply`.
    """
    told = Told() if told is None else told
    reply = warned(result_reply(result, after=after, refusal=told.refusal), told.warnings)
    if told.exhausted:
        reply.headers.set("X-Crossfade-Retry-Budget", "exhausted")
    code = None if result.error is None else result.error.code
    if code is not None and wants_provider(code):
        raise Unserved(reply, failed=True)
    if code == "cost_limit_exceeded" and told.over_budget == "legacy":
        raise Unserved(reply)
    return reply


def warned(reply: Reply, warnings: tuple[str, ...]) -> Reply:
    """Return an answer that tells of budgets that are nearly spent."""
    if warnings:
        fit = [_UNFIT.sub(" ", text)[:_WARNING_LENGTH] for text in warnings[:_WARNINGS_MOST]]
        reply.headers.set("X-Crossfade-Budget", ", ".join(text.strip() for text in fit))
    return reply


def result_reply(
    result: WorkflowResult,
    status: int = 0,
    *,
    after: float | None = None,
    refusal: SpendAnswer | None = None,
    **headers: str,
) -> Reply:
    """Return the answer for a result: 200, 202 while it is queued, or its error's status.

    `status` is another one for an error, and `refusal` says why no budget has paid. `after`: in so
    many seconds there may be more to know; else its error may say so.
    """
    error = result.error
    told = {name.replace("_", "-"): headers[name] for name in headers}
    if after is None and error is not None:
        after = error.retry_after
    if after is not None:
        told["Retry-After"] = str(max(1, math.ceil(after)))
    if error is None:
        status = 202 if result.status == "queued" else 200
    else:
        status = status or STATUSES[error.code]
        if error.code == "cost_limit_exceeded":
            return _unpaid(result.workflow_id, error, status, refusal, told)
    text = result.model_dump_json(by_alias=True, exclude_none=True)
    return Reply(status, {"Content-Type": _JSON, **told}, text)


def _unpaid(
    workflow_id: str,
    error: WorkflowError,
    status: int,
    refusal: SpendAnswer | None,
    headers: dict[str, str],
) -> Reply:
    """Return the answer where no budget pays: a problem, which `WorkflowResult` reads, too."""
    policies: list[str] = []
    if refusal is not None:
        status = refusal.status
        policies = [refusal.budget] if refusal.budget else []
    more = {
        "type": _QUOTA_EXCEEDED,
        "violated-policies": policies,
        "workflowId": workflow_id,
        "error": error.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    reply = problem_reply(status, error.message, headers, **more)
    reply.by_rule = True
    return reply


def error_reply(code: ErrorCode, says: str, status: int = 0, workflow_id: str = "") -> Reply:
    """Return the answer for what did not come to be a workflow, or could not go on."""
    error = WorkflowError(code=code, message=says, retryable=may_repeat(code))
    result = WorkflowResult(workflow_id=workflow_id, status="failed", error=error)
    return result_reply(result, status)
