"""What nobody works on is looked for again and again, and nothing keeps that from going on."""

import asyncio
from typing import Any

import pytest

from plugins.orchestrator.serving.resumer import Resumer
from plugins.orchestrator.workflows.record import Workflow
from proxy.api import StoreError, WorkflowIntent
from tests.kit.provider import hang_before_head, status
from tests.plugins.orchestrator.orchestrating import (
    MODEL,
    Orchestrating,
    orchestrating,
    with_key,
)
from tests.plugins.orchestrator.records import attempt, workflow
from tests.plugins.orchestrator.troubled import trouble

DEFERRABLE = WorkflowIntent(type="content_planning", user_id="u1", deferrable=True)


async def left(on: Orchestrating, **fields: Any) -> Workflow:
    one = workflow(**fields)
    assert await on.parts.store.create(one) is None
    return one


async def seen(on: Orchestrating, one: Workflow) -> Workflow:
    """How it stands when it was looked for, and what that has begun is over."""
    await on.parts.resumer.look()
    await on.landed()
    return await on.workflow(one.id)


async def test_what_came_from_the_queue_and_lost_its_process_is_gone_on_with() -> None:
    async with orchestrating() as on:
        one = await left(on, intent=DEFERRABLE, expires=9e9, attempts=(attempt(state="failed"),))
        assert (await seen(on, one)).status == "completed"


async def test_a_stream_is_never_gone_on_with_for_nobody() -> None:
    async with orchestrating() as on:
        one = await left(on, intent=DEFERRABLE.model_copy(update={"stream": True}))
        assert (await seen(on, one)).status == "interrupted"
        assert on.there.calls == []


async def test_an_intent_that_no_prompt_can_be_made_of_any_more_has_failed() -> None:
    async with orchestrating() as on:
        huge = DEFERRABLE.model_copy(update={"data": {"text": "x" * 300_000}})
        found = await seen(on, await left(on, intent=huge, idempotency="digest"))
        assert found.status == "failed"
        assert found.result is not None
        assert found.result.error is not None
        assert found.result.error.code == "invalid_request"


async def test_what_ends_with_the_process_is_not_begun_again_by_it() -> None:
    async with orchestrating() as on:
        for dialect in ("azure", "openai"):
            on.there.stand(MODEL, status(500), dialect=dialect)
        one = await left(on, idempotency="digest")
        await on.parts.flights.close(1)
        assert (await seen(on, one)).version == 1


async def test_what_is_under_way_when_the_process_ends_is_let_go_of() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, hang_before_head())
        one = await left(on, idempotency="digest")
        await on.parts.resumer.look()
        await on.there.begun()
        await on.parts.close(5)
        found = await on.parts.store.get(one.id)
        assert (found.status, found.lease_until) == ("interrupted", 0.0)


async def test_one_that_was_taken_but_not_begun_by_the_end_is_free_for_the_next() -> None:
    async with orchestrating() as on:
        one = await left(on, idempotency="digest")
        store = trouble(on.parts)
        store.hold_at = 1
        await on.parts.resumer.look()
        await store.held.wait()
        closing = asyncio.create_task(on.parts.flights.close(5))
        await asyncio.sleep(0)
        store.go.set()
        await closing
        found = await on.workflow(one.id)
        assert (found.status, found.lease_until) == ("running", 0.0)


async def test_whoever_leaves_while_a_failed_one_is_taken_again_holds_nothing() -> None:
    async with orchestrating() as on:
        await on.there.down()
        failed = await on.unserved(**with_key())
        await on.there.up()
        store = trouble(on.parts)
        store.hold_at = 1
        asked = asyncio.create_task(on.ask(**with_key()))
        create = asyncio.create_task(store.held.wait())
        await create  # the new one, which is not stored
        store.hold_at, store.held = 2, asyncio.Event()
        store.go.set()
        store.go = asyncio.Event()
        await store.held.wait()
        asked.cancel()
        store.go.set()
        await asyncio.gather(asked, return_exceptions=True)
        await on.landed()
        assert (await on.workflow(failed["workflowId"])).status == "completed"


async def test_a_fault_is_told_and_looking_goes_on() -> None:
    async with orchestrating() as on:
        one = await left(on, idempotency="digest")
        store = trouble(on.parts)
        for wrong, says in ((KeyError("k"), "KeyError"), (StoreError("it is down"), "it is down")):
            store.wrong["takeable"] = [wrong, wrong]
            await on.parts.resumer.look()
            await on.parts.resumer.look()
            assert says in on.parts.health()
        assert len(on.plugin.services.logged("workflows_not_looked_after")) == 2
        assert (await seen(on, one)).status == "completed"
        assert on.parts.health() == ""


async def test_after_a_reload_the_next_application_goes_on_with_them() -> None:
    async with orchestrating() as on:
        one = await left(on, idempotency="digest")
        await on.parts.resumer.look(serves=False)
        await on.landed()
        assert (await on.workflow(one.id)).version == 1


@pytest.mark.parametrize("waiting", [0, 3])
async def test_how_many_wait_can_be_seen(waiting: int) -> None:
    async with orchestrating() as on:
        for number in range(waiting):
            await left(on, id=f"wf_{number}", status="queued", due=9e9, expires=9e9)
        services = on.plugin.services
        resumer = Resumer(on.parts.serving, services.gauge("queued", "."), services.log)
        await resumer.look()
        assert services.value("queued") == waiting


async def test_a_breaker_that_opens_for_a_time_is_shown_when_the_time_is_over() -> None:
    async with orchestrating(breaker={"failures": 1, "open": "100ms", "open_most": "100ms"}) as on:
        on.there.script(MODEL, status(500))
        await on.ask()

        def open_ones() -> float:
            return sum(
                on.plugin.services.value("breaker_state", deployment=one, state="open")
                for one in ("east-mini", "mini")
            )

        assert open_ones() == 1
        async with asyncio.timeout(20):
            while open_ones():
                await on.plugin.clock.jump(1)
