"""What became of a campaign, in the envelope that clients of the v2 API know."""

from typing import Any, get_args

import pytest

from plugins.campaigns.answering import failed, ran, read_result
from proxy.api import Reply, WorkflowError, WorkflowResult, problem_reply
from proxy.api.workflows import ErrorCode
from tests.plugins.campaigns.stub import BEGUN, STATUSES

RESULT = WorkflowResult(
    workflow_id="wf-1",
    status="completed",
    content="Three posts.",
    full_result={"posts": [1, 2, 3]},
    provider="azure",
    model="gpt-4o-2024",
    platforms=("instagram", "tiktok"),
    trace_id="4bf92f3577b34da6a3ce929d0e0e4736",
    attempts=2,
    tokens=120,
    cost_nano_usd=2_500_001,
    seconds=1.2344,
)


def answered(result: WorkflowResult, status: int, headers: Any = ()) -> Reply:
    return Reply(status, headers, result.model_dump_json(by_alias=True, exclude_none=True))


def test_a_campaign_that_ran_is_told_in_the_contracts_words_and_in_no_others() -> None:
    reply = ran(answered(RESULT, 200), RESULT, "ann", BEGUN)
    assert reply.status == 200
    assert reply.json() == {
        "success": True,
        "data": {
            "workflowId": "wf-1",
            "content": "Three posts.",
            "provider": "azure",
            "platforms": ["instagram", "tiktok"],
            "status": "completed",
        },
        "metrics": {
            "duration": 1234,
            "provider": "azure",
            "cost": {"tokens": 120, "cost": 0.002500001, "duration": 1234},
        },
        "metadata": {
            "userId": "ann",
            "timestamp": "2025-06-15T15:06:40.000Z",
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
            "hybridOrchestrator": True,
        },
    }


def test_a_cost_that_is_not_known_is_null_and_never_nothing() -> None:
    result = RESULT.model_copy(update={"cost_nano_usd": None})
    cost = ran(answered(result, 200), result, "ann", BEGUN).json()["metrics"]["cost"]
    assert cost == {"tokens": 120, "cost": None, "duration": 1234}


def test_what_waits_is_accepted_and_says_where_to_come_back() -> None:
    waits = WorkflowResult(workflow_id="wf/1&2", status="queued", platforms=("instagram",))
    reply = ran(answered(waits, 202), waits, "ann", BEGUN)
    assert (reply.status, reply.json()["data"]["status"]) == (202, "queued")
    assert reply.headers.get("Location") == "/api/v2/campaigns/status?workflowId=wf%2F1%262"
    assert reply.headers.get("Retry-After") == "5"
    reply = ran(answered(waits, 202, {"Retry-After": "60"}), waits, "ann", BEGUN)
    assert reply.headers.all("Retry-After") == ["60"]


@pytest.mark.parametrize("code", get_args(ErrorCode))
def test_a_failure_has_the_status_that_fits_it_and_the_public_words(code: Any) -> None:
    error = WorkflowError(code=code, message="It failed.")
    result = WorkflowResult(workflow_id="wf-1", status="failed", seconds=0.5, error=error)
    said = answered(result, STATUSES[code], {"Retry-After": "7", "X-Inside": "azure-eu"})
    reply = failed(said, read_result(said))
    assert reply.status == STATUSES[code]
    assert reply.json() == {
        "success": False,
        "error": code,
        "message": "It failed.",
        "metrics": {"duration": 500, "failed": True},
    }
    assert reply.headers.get("Retry-After") == "7"
    assert "X-Inside" not in reply.headers


@pytest.mark.parametrize("status", [402, 429])
def test_what_no_budget_pays_for_keeps_its_status_and_what_is_told_of_budgets(status: int) -> None:
    error = {"code": "cost_limit_exceeded", "message": "daily pays for no more"}
    told = {"Retry-After": "60", "X-Crossfade-Budget": "daily; spent=100%; resets=60"}
    said = problem_reply(status, error["message"], told, workflowId="wf-1", error=error)
    reply = failed(said, read_result(said))
    assert (reply.status, reply.json()["error"]) == (status, "cost_limit_exceeded")
    assert reply.json()["message"] == "daily pays for no more"
    assert told.items() <= dict(reply.headers.items()).items()


def test_a_budget_that_is_nearly_spent_is_told_with_a_good_answer() -> None:
    told = {"X-Crossfade-Budget": "daily; spent=81%; resets=3600"}
    reply = ran(answered(RESULT, 200, told), RESULT, "ann", BEGUN)
    assert reply.headers.get("X-Crossfade-Budget") == told["X-Crossfade-Budget"]


NOT_RESULTS: dict[str, tuple[Reply, int]] = {
    "a problem of somebody's": (problem_reply(503, "azure-eu is down"), 503),
    "a refusal of somebody's": (problem_reply(413, "too much"), 413),
    "a good answer that is no result": (Reply(200, {}, b'{"ok": true}'), 502),
    "no JSON": (Reply(200, {}, b"ok"), 502),
    "a redirect": (Reply(302, {"Location": "/inside"}), 502),
}


@pytest.mark.parametrize("what", NOT_RESULTS)
def test_an_answer_that_is_no_result_is_a_failure_without_words_of_others(what: str) -> None:
    said, status = NOT_RESULTS[what]
    assert read_result(said) is None
    reply = failed(said, None)
    assert (reply.status, reply.json()["success"]) == (status, False)
    assert reply.json()["message"] == "The campaign was not executed"
    assert "Location" not in reply.headers


def test_a_stream_is_no_result() -> None:
    async def parts() -> Any:
        yield b""

    assert read_result(Reply(200, {}, parts())) is None


def test_an_answer_that_is_given_again_is_the_same() -> None:
    first = ran(answered(RESULT, 200), RESULT, "ann", BEGUN)
    again = ran(answered(RESULT, 200, {"Idempotency-Replayed": "true"}), RESULT, "ann", BEGUN)
    assert again.body == first.body
    assert again.headers.get("Idempotency-Replayed") == "true"
