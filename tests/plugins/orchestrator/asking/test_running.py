"""Intents are answered by real calls: journal, breakers, costs, deadline, cancellation."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.running import Runner
from plugins.orchestrator.deciding.calls import Answer, FailureClass
from plugins.orchestrator.settings import OrchestratorSettings
from proxy.api import StoreError
from proxy.api.spending import Usage
from tests.kit.provider import (
    Provider,
    Tokens,
    answer,
    hang_before_head,
    insufficient_quota,
    provider,
    status,
    unauthorized,
    wrong_content,
)
from tests.plugins.orchestrator.deployed import KEY, settings
from tests.plugins.orchestrator.intents import intent
from tests.plugins.orchestrator.pursued import SECRET, running, settings_at, text


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[Provider]:
    async with provider() as up:
        yield up


def alone(there: Provider, **more: Any) -> OrchestratorSettings:
    """Settings with a single deployment."""
    return settings({"mini": {"provider": "openai"}}, openai=there.url_openai, **more)


async def test_an_answer_is_journalled_with_its_tokens_and_its_exact_cost(there: Provider) -> None:
    there.script("*", answer('{"message": "Hi."}', tokens=Tokens(1000, 400, 50, 20)))
    async with running(there) as it:
        answered = await it.run()
        assert text(answered) == "Hi."
        assert answered.deployment.name == "mini"
        (attempt,), (call,) = answered.attempts, there.calls
        assert it.notes.events == ["begins mini", "ends mini answered"]
        assert it.notes.ended == [attempt]
        assert (attempt.id, attempt.kind, attempt.state) == (call.attempt, "openai", "answered")
        assert attempt.usage == Usage(600, 400, 30, 20, requests=1)
        assert attempt.nano_usd == 1000 * 150 + 50 * 600
        assert attempt.provider_id
        assert (attempt.answered_as, attempt.finish_reason) == ("gpt-4o-mini-2024-07-18", "stop")
        assert it.notes.why("routed") == [
            "rule 1 wants openai or azure; gpt-4o-mini at mini, by cost and weight out of 4"
        ]
        assert it.notes.why("attempt") == ["mini: the first"]


async def test_a_call_can_be_found_again_by_its_ids(there: Provider) -> None:
    async with running(there) as it:
        await it.run(attempts_before=4)
        (call,) = there.calls
        assert call.attempt.startswith("wf_1-5-")
        assert call.workflow == "wf_1"
        assert call.headers["x-request-id"] == "r-1"
        version, trace, span, flags = call.headers["traceparent"].split("-")
        assert (version, trace, flags) == ("00", "0af7651916cd43dd8448eb211c80319c", "00")
        assert len(span) == 16


async def test_nothing_is_sent_that_could_not_be_journalled(there: Provider) -> None:
    async with running(there) as it:
        it.notes.refuses = StoreError("the disk is full")
        with pytest.raises(StoreError):
            await it.run()
        assert there.calls == []
        assert it.notes.events == []


async def test_an_answer_that_does_not_fit_is_paid_for_and_asked_for_elsewhere(
    there: Provider,
) -> None:
    there.script("*", answer('{"message": " "}', tokens=Tokens(100, 0, 10, 0)))
    async with running(there) as it:
        answered = await it.run()
        assert answered.deployment.name == "azure-mini"
        first, second = answered.attempts
        assert (first.state, first.failure) == ("failed", "malformed")
        assert "empty" in first.says
        assert first.nano_usd == 100 * 150 + 10 * 600
        assert second.state == "answered"
        assert it.notes.why("fallback") == ["azure-mini: after malformed"]
        value = it.services.value
        assert value("attempts", deployment="mini", outcome="malformed") == 1
        assert value("attempts", deployment="azure-mini", outcome="answered") == 1
        assert value("fallbacks", after="malformed") == 1
        assert value("attempt_seconds", deployment="mini") > 0
        assert value("first_byte_seconds", deployment="azure-mini", stream="false") > 0


async def test_a_fault_of_our_own_is_raised_and_leaves_nothing_open(there: Provider) -> None:
    def breaks(_: Answer) -> str:
        raise ZeroDivisionError

    async with running(there) as it:
        with pytest.raises(ZeroDivisionError):
            await it.run(check=breaks)
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.failure) == ("unknown", "cancelled")
        assert "ZeroDivisionError" in attempt.says


async def test_the_deadline_ends_whatever_is_under_way(there: Provider) -> None:
    there.stand("*", hang_before_head())
    async with running(there) as it:
        failed = await it.failure(within=0.3)
        assert failed.failure.kind is FailureClass.DEADLINE
        assert failed.code == "provider_unavailable"
        assert failed.retryable
        await there.ended()
        assert [call.ended for call in there.calls] == ["client left"]
        (attempt,) = failed.attempts
        assert (attempt.state, attempt.failure, attempt.estimated) == ("unknown", "deadline", True)
        assert it.states()["mini"] == "closed"


async def test_a_journal_that_does_not_come_to_an_end_does_not_hold_up_the_deadline(
    there: Provider,
) -> None:
    async with running(there) as it:
        it.notes.end_waits = asyncio.Event()
        failed = await it.failure(within=0.6)
        assert failed.failure.kind is FailureClass.DEADLINE
        it.notes.end_waits.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert it.notes.events == ["begins mini", "ends mini answered"]


async def test_who_is_cancelled_closes_the_connection_and_settles_the_attempt(
    there: Provider,
) -> None:
    there.stand("*", hang_before_head())
    async with running(there) as it:
        work = asyncio.create_task(it.run())
        await there.begun()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await there.ended()
        assert [call.ended for call in there.calls] == ["client left"]
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.failure) == ("unknown", "cancelled")
        assert attempt.usage == Usage(8, output_text=100, requests=1)
        assert attempt.nano_usd == 8 * 150 + 100 * 600
        assert attempt.estimated
        assert it.states()["mini"] == "closed"


async def test_who_is_cancelled_before_it_was_sent_has_cost_nothing(there: Provider) -> None:
    async with running(there) as it:
        it.notes.begin_waits = asyncio.Event()
        work = asyncio.create_task(it.run())
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        (attempt,) = it.notes.ended
        assert (attempt.state, attempt.usage, attempt.nano_usd) == ("failed", Usage(), 0)
        assert not attempt.estimated
        assert there.calls == []


async def test_a_short_retry_after_is_waited_for_where_there_is_nobody_else(
    there: Provider,
) -> None:
    there.script("*", status(429, retry_after_ms=30))
    async with running(there, alone(there)) as it:
        answered = await it.run()
        assert [one.failure for one in answered.attempts] == ["rate_limited", ""]
        assert answered.attempts[0].nano_usd == 0
        (wait,) = it.notes.why("waits")
        assert wait.startswith("mini can be asked in 0.0")
        assert it.notes.why("again") == ["mini: again, after rate_limited"]
        assert there.calls[1].begun - there.calls[0].begun >= 0.03


async def test_when_the_budget_is_used_up_the_failure_that_there_was_is_told(
    there: Provider,
) -> None:
    there.stand("*", status(503, retry_after_ms=1))
    async with running(there, alone(there, retry={"budget": 0, "budget_least": 0})) as it:
        failed = await it.failure()
        assert failed.failure.kind is FailureClass.SERVER
        assert failed.budget_exhausted
        assert len(there.calls) == 1
        assert it.services.value("retry_budget_exhausted", route="intents") == 1


async def test_each_route_has_a_budget_of_its_own(there: Provider) -> None:
    there.stand("*", status(503, retry_after_ms=1))
    retry = {"budget": 0, "budget_least": 0.2}
    async with running(there, alone(there, retry=retry)) as it:
        exhausted = [
            (await it.failure(route=route, workflow_id=f"wf_{number}")).budget_exhausted
            for number, route in enumerate("aab")
        ]
        assert exhausted == [False, True, False]


async def test_a_key_that_is_refused_alerts_once_and_is_not_used_again(there: Provider) -> None:
    there.stand("*", unauthorized(), dialect="openai")
    async with running(there) as it:
        await it.run()
        assert it.states() == {
            "mini": "forced_open",
            "twin": "closed",
            "azure-mini": "closed",
            "azure-twin": "closed",
        }
        (alert,) = it.services.alerts
        assert (alert.name, alert.subject) == ("deployment_misconfigured", "mini")
        value = it.services.value
        assert value("breaker_state", deployment="mini", state="forced_open") == 1
        assert value("breaker_state", deployment="mini", state="closed") == 0
        assert value("breaker_state", deployment="twin", state="closed") == 1
        it.runner.force("mini", "closed")
        assert value("breaker_state", deployment="mini", state="closed") == 1


async def test_an_account_without_money_is_left_alone_as_a_whole_and_alerts(
    there: Provider,
) -> None:
    there.stand("*", insufficient_quota(), dialect="openai")
    async with running(there) as it:
        answered = await it.run()
        assert [one.deployment for one in answered.attempts] == ["mini", "azure-mini"]
        assert [it.states()[name] for name in ("mini", "twin")] == ["forced_open"] * 2
        (alert,) = it.services.alerts
        assert (alert.name, alert.subject) == ("provider_quota_spent", "openai")
        await it.run(workflow_id="wf_2")
        assert it.notes.why("skipped")[-1].startswith("mini: forced open for ")


async def test_what_nobody_can_serve_says_what_the_caller_may_know(there: Provider) -> None:
    forced = intent("message_generation", force_provider="azure")
    async with running(there, settings_at(there, kinds=["openai"])) as it:
        failed = await it.failure(wanted=forced)
        assert (failed.code, failed.attempts, failed.queues) == ("invalid_request", (), False)
        assert failed.says == "The provider refused the request as invalid."
        assert not failed.retryable


async def test_a_reload_goes_on_with_what_was_learned(there: Provider) -> None:
    async with running(there) as it:
        it.runner.force("mini", "forced_open")
        after = Runner(it.settings, it.clients, it.services, it.runner)
        assert after.standing()[0].state == "forced_open"
        afresh = Runner(it.settings, it.clients, it.services)
        assert afresh.standing()[0].state == "closed"


async def test_openings_are_counted_and_not_again_after_a_reload(there: Provider) -> None:
    there.stand("*", status(500))
    async with running(there, breaker={"min_calls": 1}) as it:
        await it.failure()
        assert it.services.value("breaker_openings", deployment="mini") == 1
        Runner(it.settings, it.clients, it.services, it.runner)
        assert it.services.value("breaker_openings", deployment="mini") == 1


async def test_neither_keys_nor_prompts_are_in_anything_that_is_told(there: Provider) -> None:
    for step in (status(500, message=SECRET), unauthorized(), wrong_content(SECRET)):
        there.script("*", step)
    async with running(there) as it:
        failed = await it.failure()
        told = (
            [str(failed), failed.says, str(failed.failure)],
            it.notes.decisions,
            it.notes.ended,
            it.services.alerts,
            it.services.lines,
            it.runner.standing(),
        )
        assert KEY not in str(told)
        assert SECRET not in str(told)


async def test_an_end_that_cannot_be_journalled_is_raised_and_logged(there: Provider) -> None:
    async with running(there) as it:

        async def fails(_: object) -> None:
            raise StoreError("the disk is full")

        it.notes.ends = fails  # type: ignore[assignment, method-assign]
        with pytest.raises(StoreError):
            await it.run()
        (line,) = it.services.logged("attempt_end_lost")
        assert line["error"] == "the disk is full"
