"""What an intent is answered with, whatever the providers do."""

import asyncio
from typing import Any

import pytest

from proxy.api import Unserved
from tests.kit.provider import answer, hang_before_head, provider, slow_first_byte, status
from tests.plugins.orchestrator.orchestrating import (
    INTENT,
    MODEL,
    Orchestrating,
    asks,
    orchestrating,
    with_key,
)
from tests.plugins.orchestrator.records import attempt, workflow

BUSY = status(429, retry_after_ms=200)


async def test_an_intent_is_answered_and_kept_with_all_that_it_took() -> None:
    async with orchestrating() as on:
        reply = await on.ask()
        body = reply.json()
        assert (reply.status, body["status"]) == (200, "completed")
        assert body["content"]
        assert body["tokens"] > 0
        kept = await on.workflow(body["workflowId"])
        assert (kept.status, kept.lease_until, kept.version) == ("completed", 0.0, 2)
        assert [one.state for one in kept.attempts] == ["answered"]
        assert kept.result is not None
        assert kept.result.content == body["content"]


async def test_a_bad_intent_is_refused_and_nothing_is_kept() -> None:
    async with orchestrating() as on:
        reply = await on.ask({"type": "spam"})
        assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_request")
        assert await on.parts.store.list(user_id=None, status=None, limit=10) == ()
        assert on.there.log == []


async def test_without_a_provider_legacy_may_answer_and_the_workflow_says_why() -> None:
    async with orchestrating() as on:
        await on.there.down()
        body = await on.unserved()
        assert body["error"]["code"] == "provider_unavailable"
        kept = await on.workflow(body["workflowId"])
        assert kept.status == "failed"
        assert {one.failure for one in kept.attempts} == {"connect"}


async def test_a_refusal_of_the_rules_for_text_is_the_callers_to_know() -> None:
    strict = {**INTENT, "onlyFansContext": {"complianceLevel": "strict"}}
    async with orchestrating(scoring={"disclosures": {"instagram": "#ad"}}) as on:
        refused = await on.ask(strict)
        assert (refused.status, refused.json()["error"]["code"]) == (422, "compliance_violation")
        assert "content" not in {k for k, v in refused.json().items() if v}
        let = await on.ask()
        assert let.status == 200
        assert let.json()["compliance"]["reasons"] == ["not disclosed: #ad"]


# the same key again


async def test_the_same_key_gives_the_same_answer_and_asks_nobody() -> None:
    async with orchestrating() as on:
        first = await on.ask(**with_key())
        again = await on.ask(**with_key())
        assert first.body == again.body
        assert again.headers.get("Idempotency-Replayed") == "true"
        assert len(on.there.log) == 1


async def test_a_key_with_another_intent_is_refused() -> None:
    async with orchestrating() as on:
        await on.ask(**with_key())
        assert (await on.ask({**INTENT, "data": {}}, **with_key())).status == 422


async def test_who_sends_the_same_key_meanwhile_waits_for_the_same_answer() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, slow_first_byte(0.05))
        first, again = await asyncio.gather(on.ask(**with_key()), on.ask(**with_key()))
        assert first.body == again.body
        assert len(on.there.log) == 1


async def test_what_had_failed_for_want_of_a_provider_is_done_when_it_is_sent_again() -> None:
    async with orchestrating() as on:
        await on.there.down()
        failed = await on.unserved(**with_key())
        await on.there.up()
        done = await on.ask(**with_key())
        assert (done.status, done.json()["workflowId"]) == (200, failed["workflowId"])
        assert len({one.id for one in (await on.workflow(failed["workflowId"])).attempts}) == 4 - 1


async def test_what_was_interrupted_is_not_done_again_under_its_key() -> None:
    async with orchestrating() as on:
        first = await on.ask(**with_key())
        kept = await on.workflow(first.json()["workflowId"])
        lost = kept.model_copy(update={"status": "interrupted"})
        assert await on.parts.store.save(lost, kept.version)
        again = await on.ask(**with_key())
        assert again.status == 409
        assert "another key" in again.json()["error"]["message"]
        assert len(on.there.log) == 1


async def test_what_may_have_been_executed_is_not_done_again_under_its_key() -> None:
    async with orchestrating(deadline="300ms") as on:
        on.there.script(MODEL, hang_before_head())
        failed = await on.unserved(**with_key())
        again = await on.ask(**with_key())
        assert (again.status, again.json()["workflowId"]) == (409, failed["workflowId"])
        assert len(on.there.calls) == 1


# earlier answers


async def test_an_earlier_answer_is_the_last_resort_and_says_that_it_is_one() -> None:
    async with orchestrating() as on:
        first = (await on.ask()).json()
        await on.there.down()
        again = (await on.ask()).json()
        assert (again["content"], again["cached"]) == (first["content"], True)
        assert again["workflowId"] != first["workflowId"]
        assert (await on.unserved({**INTENT, "userId": "u2"}))["status"] == "failed"


async def test_a_cache_that_always_serves_asks_once_also_for_those_at_the_same_time() -> None:
    async with orchestrating(cache={"use": "always"}) as on:
        on.there.script(MODEL, slow_first_byte(0.05))
        found = await asyncio.gather(*(on.ask() for _ in range(5)))
        later = await on.ask()
        assert len({one.json()["content"] for one in (*found, later)}) == 1
        assert [one.json()["cached"] for one in (*found, later)].count(False) == 1
        assert len(on.there.log) == 1


async def test_who_shares_an_answer_gets_a_workflow_of_their_own_and_nothing_else_of_it() -> None:
    async with orchestrating(cache={"use": "always", "shared": True}) as on:
        on.there.script(MODEL, slow_first_byte(0.05))
        asking = (on.ask({**INTENT, "userId": user}) for user in ("u1", "u2"))
        first, joined = [one.json() for one in await asyncio.gather(*asking)]
        assert (joined["content"], joined["cached"]) == (first["content"], True)
        assert (joined["tokens"], joined["costNanoUsd"], joined["attempts"]) == (0, 0, 0)
        owners = [(await on.workflow(one["workflowId"])).user_id for one in (first, joined)]
        assert owners == ["u1", "u2"]
        assert len(on.there.log) == 1


async def test_who_takes_no_202_is_not_given_that_of_an_equal_intent() -> None:
    async with orchestrating(cache={"use": "always"}) as on:
        for dialect in ("azure", "openai"):
            on.there.stand(MODEL, BUSY, dialect=dialect)
        later = {**INTENT, "deferrable": True}
        waiting, also, refused = await asyncio.gather(
            on.ask(later), on.ask(later), on.unserved(INTENT)
        )
        assert (waiting.status, also.status, refused["status"]) == (202, 202, "failed")
        assert waiting.json()["workflowId"] != also.json()["workflowId"]
        assert (await on.workflow(also.json()["workflowId"])).status == "queued"


@pytest.mark.parametrize("data", [{"a": "<" * 100_000}, {"a": "x" * 200_000}])
async def test_what_is_too_long_for_us_may_be_none_for_legacy(data: dict[str, str]) -> None:
    async with orchestrating() as on:
        with pytest.raises(Unserved) as raised:
            await on.ask({**INTENT, "data": data})
        assert not raised.value.failed
        assert raised.value.reply.json()["error"]["code"] == "invalid_request"
        assert on.there.log == []


# the queue


async def queued(on: Orchestrating, **more: Any) -> str:
    for dialect in ("azure", "openai"):
        on.there.stand(MODEL, BUSY, dialect=dialect)
    reply = await on.ask({**INTENT, "deferrable": True}, **more)
    assert (reply.status, reply.json()["status"]) == (202, "queued")
    return str(reply.json()["workflowId"])


async def test_what_may_wait_is_queued_and_done_when_a_provider_has_room() -> None:
    async with orchestrating() as on:
        workflow_id = await queued(on)
        on.there.clear()
        await on.parts.resumer.look()
        assert (await on.workflow(workflow_id)).status == "queued"
        await on.plugin.clock.jump(400)
        await on.parts.resumer.look()
        await on.landed()
        kept = await on.workflow(workflow_id)
        assert kept.status == "completed"
        assert kept.result is not None
        assert kept.result.content


async def test_what_has_waited_too_long_has_failed() -> None:
    async with orchestrating() as on:
        late = workflow(status="queued", expires=on.plugin.services.now())
        assert await on.parts.store.create(late) is None
        await on.parts.resumer.look()
        kept = await on.workflow(late.id)
        assert kept.status == "failed"
        assert kept.result is not None
        assert kept.result.error is not None
        assert on.there.log == []


@pytest.mark.parametrize("state", ["begun", "unknown"])
async def test_what_a_crash_has_left_in_an_attempt_is_interrupted_and_not_repeated(
    state: Any,
) -> None:
    async with orchestrating() as on:
        left = workflow(idempotency="digest", attempts=(attempt(state=state),))
        assert await on.parts.store.create(left) is None
        await on.parts.resumer.look()
        kept = await on.workflow(left.id)
        assert (kept.status, kept.attempts[0].state) == ("interrupted", "unknown")
        assert on.there.log == []


async def test_what_a_crash_has_left_before_an_attempt_is_gone_on_with_for_who_comes_back() -> None:
    async with orchestrating() as on:
        left = workflow(idempotency="digest", attempts=(attempt(state="failed"),))
        assert await on.parts.store.create(left) is None
        await on.parts.resumer.look()
        await on.landed()
        kept = await on.workflow(left.id)
        assert kept.status == "completed"
        assert kept.attempts[0].id == "wf_1-1"
        assert kept.attempts[1].id.startswith("wf_1-2-")


async def test_what_somebody_works_on_is_left_alone() -> None:
    async with orchestrating() as on:
        held = workflow(idempotency="digest", lease_until=on.plugin.services.now() + 5)
        assert await on.parts.store.create(held) is None
        await on.parts.resumer.look()
        assert (await on.workflow(held.id)).version == 1


async def test_the_queue_has_an_end_and_beyond_it_the_caller_is_told() -> None:
    async with orchestrating(queue=1) as on:
        await queued(on)
        body = await on.unserved({**INTENT, "deferrable": True})
        assert body["error"]["code"] == "rate_limit_exceeded"
        assert body["error"]["retryable"]


# clients that leave


async def left(on: Orchestrating, **more: Any) -> None:
    """A client that leaves when the provider has begun to work."""
    before = len(on.there.calls)
    asked = asyncio.create_task(on.ask(**more))
    await on.there.begun(before + 1)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_what_a_client_has_left_is_read_to_its_end_as_it_is_paid_for() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, slow_first_byte(0.05))
        await left(on)
        assert on.plugin.services.value("left", became="drained") == 1
        await on.landed()
        [kept] = await on.parts.store.list(user_id="u1", status=None, limit=10)
        assert kept.status == "completed"


async def test_where_the_provider_is_not_paid_for_it_the_call_is_cut() -> None:
    providers = {
        "east": {"kind": "azure", "key": "k", "on_leave": "abort"},
        "openai": {"kind": "openai", "key": "k", "on_leave": "abort"},
    }
    async with provider() as there:
        for name, url in (("east", there.url_azure), ("openai", there.url_openai)):
            providers[name]["endpoint"] = url
        async with orchestrating(there, providers=providers) as on:
            on.there.script(MODEL, hang_before_head())
            await left(on)
            await on.landed()
            await on.there.ended()
            [kept] = await on.parts.store.list(user_id="u1", status=None, limit=10)
            assert (kept.status, kept.attempts[0].state) == ("cancelled", "unknown")
            assert on.there.calls[0].ended == "client left"


async def test_the_deadline_is_that_of_the_chain_and_of_the_arm_whichever_is_sooner() -> None:
    async with orchestrating(deadline="20s") as on:
        on.there.stand(MODEL, hang_before_head(), dialect="azure")
        on.there.stand(MODEL, hang_before_head(), dialect="openai")
        asked = asks()
        asked.time_limit = 0.4
        loop = asyncio.get_running_loop()
        begun = loop.time()
        with pytest.raises(Unserved) as raised:
            await on.parts.serving.answer(asked, b'{"type":"content_planning","userId":"u"}')
        assert loop.time() - begun < 0.5
        assert raised.value.reply.status == 503


async def test_costs_are_those_of_the_tokens_that_the_provider_told() -> None:
    async with orchestrating(rules=[{"providers": ["openai"]}]) as on:
        on.there.script(MODEL, answer())
        body = (await on.ask()).json()
        kept = await on.workflow(body["workflowId"])
        [attempt] = kept.attempts
        assert attempt.usage.total > 0
        assert body["costNanoUsd"] == attempt.usage.prompt * 150 + attempt.usage.completion * 600
