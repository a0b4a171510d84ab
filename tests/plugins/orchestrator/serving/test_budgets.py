"""What a caller is told of budgets: refusals, warnings, and what becomes of the request."""

import asyncio
from typing import Any

import pytest

from plugins.orchestrator.serving.working import QUEUED_MOST
from proxy.api import Unserved, WorkflowResult
from proxy.api.spending import ALLOWED, PlannedSpend, SpendAnswer
from tests.kit.provider import slow_first_byte
from tests.plugins.orchestrator.orchestrating import (
    INTENT,
    MODEL,
    Orchestrating,
    orchestrating,
    with_key,
)

SAYS = "The budget daily is spent until midnight."
REFUSED = SpendAnswer(False, budget="daily", says=SAYS, retry_after=60.4)
QUEUE = REFUSED._replace(instead="queue", retry_after=9000.0)
DEFERRABLE = {**INTENT, "deferrable": True}
STREAM = {**INTENT, "stream": True}


def pays(on: Orchestrating, answer: SpendAnswer) -> None:
    """Answer so whenever it is asked for money."""
    on.plugin.services.answer_spend = lambda _: answer


@pytest.mark.parametrize("body", [INTENT, STREAM, DEFERRABLE])
async def test_what_no_budget_pays_for_is_a_problem_that_names_it(body: dict[str, Any]) -> None:
    async with orchestrating() as on:
        pays(on, REFUSED)
        reply = await on.ask(body)
        said = reply.json()
        kept = await on.workflow(said["workflowId"])
        assert on.there.calls == []
    assert reply.status == said["status"] == 429
    assert reply.headers.get("Content-Type") == "application/problem+json"
    assert reply.headers.get("Retry-After") == "61"
    assert reply.by_rule
    assert said["type"] == "https://iana.org/assignments/http-problem-types#quota-exceeded"
    assert (said["detail"], said["violated-policies"]) == (SAYS, ["daily"])
    assert said["title"] == "Too Many Requests"
    assert (kept.status, kept.attempts) == ("failed", ())
    assert "unpaid" in [one.what for one in kept.decisions]


async def test_such_a_problem_is_read_as_the_result_that_it_tells_of() -> None:
    async with orchestrating() as on:
        pays(on, REFUSED)
        reply = await on.ask()
    assert isinstance(reply.body, bytes)
    result = WorkflowResult.model_validate_json(reply.body)
    assert (result.status, result.workflow_id) == ("failed", reply.json()["workflowId"])
    assert result.error is not None
    assert (result.error.code, result.error.message) == ("cost_limit_exceeded", SAYS)
    assert (result.error.retryable, result.error.retry_after) == (True, 60.4)


async def test_a_budget_may_ask_for_another_status() -> None:
    async with orchestrating() as on:
        pays(on, REFUSED._replace(status=402, retry_after=None))
        reply = await on.ask()
    assert (reply.status, reply.json()["title"]) == (402, "Payment Required")
    assert reply.headers.get("Retry-After") is None


async def test_where_the_meter_fails_legacy_may_answer_and_new_is_to_blame() -> None:
    async with orchestrating() as on:
        pays(on, SpendAnswer(False, says="It cannot be metered.", status=503))
        said = await on.unserved()
    assert said["error"]["code"] == "provider_unavailable"
    assert said["error"]["message"] == "It cannot be metered."


@pytest.mark.parametrize("body", [INTENT, STREAM])
async def test_legacy_may_answer_what_is_not_paid_for_where_the_operator_wants_it(
    body: dict[str, Any],
) -> None:
    async with orchestrating(over_budget="legacy") as on:
        pays(on, REFUSED)
        with pytest.raises(Unserved) as raised:
            await on.ask(body)
    assert not raised.value.failed
    assert raised.value.reply.status == 429


async def test_what_can_wait_is_queued_where_the_budget_says_so() -> None:
    async with orchestrating() as on:
        pays(on, QUEUE)
        reply = await on.ask(DEFERRABLE)
        workflow_id = reply.json()["workflowId"]
        kept = await on.workflow(workflow_id)
        assert (reply.status, kept.status) == (202, "queued")
        assert kept.due - kept.updated <= QUEUED_MOST
        pays(on, ALLOWED)
        await on.plugin.services.jumping.jump(QUEUED_MOST + 1)
        await on.parts.resumer.look()
        await on.landed()
        kept = await on.workflow(workflow_id)
        assert (kept.status, len(kept.attempts)) == ("completed", 1)
        assert [one.again for one in on.plugin.services.planned] == ["", ""]
        assert len({one.attempt_id for one in on.plugin.services.planned}) == 2


@pytest.mark.parametrize("body", [INTENT, {**STREAM, "deferrable": True}])
async def test_what_cannot_wait_is_refused(body: dict[str, Any]) -> None:
    async with orchestrating() as on:
        pays(on, QUEUE)
        assert (await on.ask(body)).status == 429


async def test_an_earlier_answer_costs_nothing_and_is_given_all_the_same() -> None:
    async with orchestrating() as on:
        first = (await on.ask()).json()
        pays(on, REFUSED)
        again = (await on.ask()).json()
    assert (again["content"], again["cached"], again["costNanoUsd"]) == (first["content"], True, 0)


async def test_the_same_key_is_tried_again_when_the_budget_pays() -> None:
    async with orchestrating() as on:
        pays(on, REFUSED)
        refused = await on.ask(**with_key())
        assert (await on.ask(**with_key())).status == 429
        pays(on, ALLOWED)
        reply = await on.ask(**with_key())
    assert (reply.status, reply.json()["status"]) == (200, "completed")
    assert reply.json()["workflowId"] == refused.json()["workflowId"]


@pytest.mark.parametrize("body", [INTENT, STREAM])
async def test_budgets_that_are_nearly_spent_are_told_in_a_header(body: dict[str, Any]) -> None:
    async with orchestrating() as on:
        pays(on, SpendAnswer(warnings=("daily: 80 % spent, resets", "müde\r\nX-Evil: 1")))
        reply = await on.ask(body)
        if not isinstance(reply.body, bytes):
            async for _ in reply.body:
                pass
    said = reply.headers.get("X-Crossfade-Budget")
    assert said == "daily: 80 % spent  resets, m de X-Evil: 1"


async def test_whoever_shares_an_answer_is_not_refused_for_anothers_budget(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with orchestrating(cache={"use": "always", "shared": True}) as on:
        on.there.stand(MODEL, slow_first_byte(0.05))
        held = asyncio.Event()

        async def answer(planned: PlannedSpend) -> SpendAnswer:
            on.plugin.services.planned.append(planned)
            if len(on.plugin.services.planned) > 1:
                return ALLOWED
            await held.wait()
            return REFUSED

        monkeypatch.setattr(on.plugin.services, "plan_spend", answer)
        first = asyncio.create_task(on.ask())
        other = asyncio.create_task(on.ask({**INTENT, "userId": "u2"}))
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_soon(held.set)
        replies = await asyncio.gather(first, other)
    assert sorted(one.status for one in replies) == [200, 429]


async def test_what_is_spent_belongs_to_whom_somebody_vouches_for() -> None:
    async with orchestrating() as on:
        await on.ask()
        await on.ask(key="u1", verified=True, attributes={"tier": "Pro"})
        claimed, verified = on.plugin.services.planned
    assert (claimed.user, claimed.plan) == ("", "")
    assert (verified.user, verified.plan) == ("u1", "pro")
    assert claimed.route == verified.route
    assert claimed.request_id
    assert claimed.digest == verified.digest != ""


async def test_all_that_was_begun_is_settled_when_the_plugin_ends() -> None:
    async with orchestrating() as on:
        on.there.stand(MODEL, slow_first_byte(5))
        asking = asyncio.create_task(on.ask())
        await on.there.begun()
        services = on.plugin.services
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    (entry,) = services.settled
    assert (entry.outcome, entry.usage) == ("unknown", None)
