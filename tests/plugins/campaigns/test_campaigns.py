"""The plugin as a whole: the route's two ways, preflights, lookups."""

from typing import Any

import orjson
import pytest

from plugins.campaigns import CampaignsUse
from plugins.campaigns.paths import COSTS, HEALTH, HYBRID, METRICS, OPENAPI, STATUS
from proxy.api import Reply, Request, WorkflowError, WorkflowResult
from proxy.api.testing import Isolated, Passed
from tests.plugins.campaigns.asked import answer, asks, campaigns
from tests.plugins.campaigns.stub import BEGUN, InMemory, view

BODY = {"type": "content_planning", "platforms": ["instagram"], "data": {"theme": "autumn"}}
MADE = WorkflowResult(
    workflow_id="wf-1", status="completed", content="Three posts.", provider="azure", seconds=1.5
)


def replied(result: WorkflowResult, status: int = 200, **headers: str) -> Reply:
    said = result.model_dump_json(by_alias=True, exclude_none=True)
    return Reply(status, {"Content-Type": "application/json", **headers}, said)


async def through(
    plugin: Isolated,
    request: Request | None = None,
    body: Any = BODY,
    upstream: Reply | None = None,
    arm: str = "new",
) -> Passed:
    asked = request or asks(HYBRID, method="POST")
    return await plugin.through(asked, upstream or replied(MADE), orjson.dumps(body), arm=arm)


async def test_a_campaign_of_the_caller_is_executed_and_answered_in_the_envelope() -> None:
    async with campaigns(InMemory(view("wf-1", "ann"))) as plugin:
        passed = await through(plugin)
    assert passed.body is not None
    assert passed.body.json()["userId"] == "ann"
    told = passed.reply.json()
    assert (passed.reply.status, told["success"]) == (200, True)
    assert told["data"]["content"] == "Three posts."
    assert told["metadata"]["userId"] == "ann"
    assert told["metadata"]["timestamp"] == "2025-06-15T15:06:41.500Z"  # BEGUN and 1.5 s


async def test_a_request_that_is_sent_again_gets_the_very_same_answer_later() -> None:
    async with campaigns(InMemory(view("wf-1", "ann"))) as plugin:
        first = await through(plugin)
        await plugin.clock.jump(3600)
        again = await through(plugin, upstream=replied(MADE, Idempotency_Replayed="true"))
    assert again.reply.body == first.reply.body


@pytest.mark.parametrize("broken", ["", "the store is lost"])
async def test_the_time_is_now_where_the_workflow_is_not_known(broken: str) -> None:
    memory = InMemory()
    memory.broken = broken
    async with campaigns(memory) as plugin:
        assert plugin.clock.now() == BEGUN
        passed = await through(plugin)
        assert passed.reply.json()["metadata"]["timestamp"] == "2025-06-15T15:06:40.000Z"


async def test_legacy_speaks_for_itself() -> None:
    async with campaigns() as plugin:
        upstream = Reply(200, {}, b"as it came")
        passed = await through(plugin, asks(HYBRID, user=None), {}, upstream, "legacy")
    assert passed.reply.body == b"as it came"


REFUSED: dict[str, tuple[str | None, Any, int, str]] = {
    "nobody": (None, BODY, 401, "Authentication required"),
    "nobody, with nonsense": (None, {}, 401, "Authentication required"),
    "no platforms": ("ann", BODY | {"platforms": 1}, 400, "Invalid request: platforms: "),
    "a forced provider": ("ann", BODY | {"forceProvider": "azure"}, 403, "Admin privileges"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_refused_reaches_nobody(what: str) -> None:
    user, body, status, says = REFUSED[what]
    async with campaigns() as plugin:
        passed = await through(plugin, asks(HYBRID, user=user, method="POST"), body)
    assert passed.sent is None
    assert passed.reply.status == status
    assert passed.reply.json()["error"].startswith(says)
    assert list(passed.reply.json()) == ["error"]


async def test_a_failure_is_told_without_a_look_into_the_store() -> None:
    memory = InMemory()
    memory.broken = "it would fail"
    error = WorkflowError(code="provider_unavailable", message="Not now.", retryable=True)
    failed = WorkflowResult(workflow_id="wf-1", status="failed", error=error)
    async with campaigns(memory) as plugin:
        passed = await through(plugin, upstream=replied(failed, 503))
    assert passed.reply.status == 503
    assert passed.reply.json()["error"] == "provider_unavailable"


async def test_a_workflow_is_looked_up_with_its_result() -> None:
    async with campaigns(InMemory(view("wf-1", "ann", result=MADE))) as plugin:
        one = await answer(plugin, asks(query="workflowId=wf-1"))
        assert one.json()["data"]["result"]["content"] == "Three posts."
        many = await answer(plugin, asks())
        assert [one["workflowId"] for one in many.json()["data"]["workflows"]] == ["wf-1"]
        assert many.json()["data"]["summary"]["total"] == 1


async def test_costs_are_summed_up_over_the_range() -> None:
    memory = InMemory()
    async with campaigns(memory) as plugin:
        query = "startDate=2026-11-01&endDate=2026-11-01&groupBy=month"
        reply = await answer(plugin, asks(COSTS, query))
        assert reply.json()["data"]["summary"]["totalCampaigns"] == 0
        assert memory.costs_asked == [("ann", 1793491200.0, 1793491200.0 + 86400)]
        assert (await answer(plugin, asks(COSTS))).status == 400


@pytest.mark.parametrize("path", [HYBRID, STATUS, COSTS, HEALTH, METRICS, OPENAPI])
async def test_preflights_are_answered_for_every_path(path: str) -> None:
    async with campaigns() as plugin:
        reply = await answer(plugin, asks(path, user=None, method="OPTIONS"))
    method = "POST" if path == HYBRID else "GET"
    assert (reply.status, reply.body) == (200, b"")
    assert dict(reply.headers.items()) == {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Content-Type, Authorization",
        "Access-Control-Allow-Methods": f"{method}, OPTIONS",
    }


def test_the_use_is_for_the_new_arm_alone() -> None:
    assert CampaignsUse.arm == "new"
