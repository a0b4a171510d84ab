"""Each result has the status that fits it."""

import json
import re
from pathlib import Path

import pytest

from plugins.orchestrator.deciding.codes import STATUSES
from plugins.orchestrator.serving.replies import Told, error_reply, result_reply, served, warned
from proxy.api import Reply, Unserved, WorkflowError, WorkflowResult
from proxy.api.spending import SpendAnswer
from proxy.api.workflows import ErrorCode

PAGE = (Path(__file__).resolve().parents[4] / "docs/reference/workflow.md").read_text("utf-8")


def failed(code: ErrorCode, after: float | None = None) -> WorkflowResult:
    error = WorkflowError(code=code, message="no", retry_after=after)
    return WorkflowResult(workflow_id="wf_1", status="failed", error=error)


def test_a_result_is_200_and_a_queued_one_202() -> None:
    done = WorkflowResult(workflow_id="wf_1", status="completed", content="text")
    assert result_reply(done).status == 200
    assert result_reply(done).json()["workflowId"] == "wf_1"
    assert result_reply(done.model_copy(update={"status": "queued"})).status == 202


@pytest.mark.parametrize("code", STATUSES)
def test_each_error_has_its_status_and_says_its_code(code: ErrorCode) -> None:
    reply = result_reply(failed(code))
    assert reply.status == STATUSES[code]
    assert reply.json()["error"]["code"] == code


@pytest.mark.parametrize(("after", "says"), [(0.2, "1"), (7.1, "8"), (None, None)])
def test_when_to_come_back_is_told_in_whole_seconds_and_never_too_early(
    after: float | None, says: str | None
) -> None:
    reply = result_reply(failed("rate_limit_exceeded", after))
    assert reply.headers.get("Retry-After") == says


@pytest.mark.parametrize("code", STATUSES)
def test_what_fails_for_want_of_a_provider_legacy_may_answer(code: ErrorCode) -> None:
    if code in ("provider_unavailable", "rate_limit_exceeded"):
        with pytest.raises(Unserved) as raised:
            served(failed(code))
        assert raised.value.failed
        assert raised.value.reply.status == STATUSES[code]
    else:
        assert served(failed(code)).status == STATUSES[code]


def test_an_error_before_there_is_a_workflow_has_the_same_shape() -> None:
    reply = error_reply("invalid_request", "the body: no JSON", 413)
    assert reply.status == 413
    assert reply.json()["error"] == {
        "code": "invalid_request",
        "message": "the body: no JSON",
        "retryable": False,
    }


@pytest.mark.parametrize("code", STATUSES)
def test_what_nobody_was_asked_for_may_be_sent_again(code: ErrorCode) -> None:
    told = error_reply(code, "no").json()["error"]["retryable"]
    again = ("provider_unavailable", "rate_limit_exceeded", "cost_limit_exceeded")
    assert told == (code in again)


def test_the_problem_on_the_page_is_what_is_answered() -> None:
    shown = re.findall(r"^```http\n(.*?)\n\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    [(head, body)] = shown
    says = json.loads(body)["detail"]
    error = WorkflowError(
        code="cost_limit_exceeded", message=says, retryable=True, retry_after=5400
    )
    result = WorkflowResult(workflow_id="wf_01jd9x3k5v7m", status="failed", error=error)
    reply = served(result, Told(refusal=SpendAnswer(False, budget="daily")))
    assert reply.json() == json.loads(body)
    assert list(reply.json()) == list(json.loads(body))
    for name in ("Content-Type", "Retry-After"):
        assert f"{name}: {reply.headers.get(name)}" in head


def test_warnings_are_short_few_and_fit_into_a_header() -> None:
    warnings = tuple(f"budget {number}" for number in range(50))
    said = warned(Reply(), warnings).headers.get("X-Crossfade-Budget")
    assert said == ", ".join(warnings[:10])
    long = warned(Reply(), ("x" * 10_000,)).headers.get("X-Crossfade-Budget")
    assert long == "x" * 200
    assert warned(Reply(), ()).headers.get("X-Crossfade-Budget") is None
