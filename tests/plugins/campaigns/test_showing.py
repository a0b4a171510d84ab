"""Workflows as clients look them up: the contract's names, real figures."""

from plugins.campaigns.showing import shown, shown_list
from plugins.campaigns.writing import json_of
from proxy.api import Reply, WorkflowError, WorkflowResult, WorkflowScore
from tests.plugins.campaigns.stub import view


def told(document: object) -> dict[str, object]:
    found: dict[str, object] = Reply(body=json_of(document)).json()  # type: ignore[arg-type]
    return found


def test_a_workflow_has_all_that_the_contract_names() -> None:
    result = WorkflowResult(
        workflow_id="wf-1",
        status="completed",
        content="Three posts.",
        full_result={"posts": []},
        provider="azure",
        model="gpt-4o-2024",
        platforms=("instagram",),
        quality=WorkflowScore(score=0.5, reasons=("short",)),
        trace_id="inside",
    )
    costs = {"azure": 2_000_000, "openai": 1}
    one = view(
        "wf-1",
        "ann",
        result=result,
        costs=costs,
        estimated_nano_usd=500_000,
        retries=1,
        fallbacks=1,
    )
    assert told(shown(one)) == {
        "workflowId": "wf-1",
        "userId": "ann",
        "type": "content_planning",
        "status": "completed",
        "currentProvider": "azure",
        "providerStates": {
            "azure": "completed",
            "openai": "pending",
            "rateLimiter": "pending",
            "onlyFans": "pending",
        },
        "startedAt": "2025-06-15T15:06:40.000Z",
        "completedAt": "2025-06-15T15:06:41.500Z",
        "duration": 1500,
        "cost": {
            "total": 0.002500001,
            "estimated": 0.0005,
            "breakdown": {"azure": 0.002, "openai": 1e-9},
        },
        "metrics": {
            "tokensUsed": 120,
            "requestsCount": 1,
            "retryAttempts": 1,
            "fallbacksUsed": 1,
        },
        "result": {
            "content": "Three posts.",
            "fullResult": {"posts": []},
            "provider": "azure",
            "platforms": ["instagram"],
            "quality": {"score": 0.5, "reasons": ["short"]},
            "compliance": None,
            "cached": False,
            "error": None,
        },
    }


def test_what_is_under_way_has_no_end_no_result_and_perhaps_no_cost() -> None:
    one = told(shown(view("wf-1", "ann", "running", cost_nano_usd=None, costs={})))
    assert (one["completedAt"], one["duration"], one["result"]) == (None, None, None)
    assert one["cost"] == {"total": None, "estimated": 0.0, "breakdown": {}}


def test_a_failure_tells_its_public_error() -> None:
    error = WorkflowError(code="compliance_violation", message="Not so.", retryable=False)
    result = WorkflowResult(workflow_id="wf-1", status="failed", error=error)
    made = told(shown(view("wf-1", "ann", "failed", result=result)))["result"]
    assert isinstance(made, dict)
    assert made["error"] == {
        "code": "compliance_violation",
        "message": "Not so.",
        "retryable": False,
        "retryAfter": None,
    }


def test_a_list_is_summed_up_exactly_and_leaves_results_out() -> None:
    result = WorkflowResult(workflow_id="wf-1", status="completed", content="long")
    views = [
        view("wf-1", "ann", result=result, cost_nano_usd=1),
        view("wf-2", "ann", "failed", cost_nano_usd=None),
        view("wf-3", "ann", cost_nano_usd=2),
    ]
    text = json_of(shown_list(views))
    data = Reply(body=text).json()["data"]
    assert [one["workflowId"] for one in data["workflows"]] == ["wf-1", "wf-2", "wf-3"]
    assert "result" not in data["workflows"][0]
    assert b'"totalCost":0.000000003}' in text
    assert data["summary"]["total"] == 3
    assert data["summary"]["byStatus"] == {"completed": 2, "failed": 1}
