"""A workflow has an end, and its record says so: while the store fails, and whoever leaves."""

import asyncio
from typing import Any

import pytest

from plugins.orchestrator.serving.working import ATTEMPTS_MOST
from plugins.orchestrator.workflows.record import UNFINISHED, Workflow
from proxy.api import Reply, Unserved
from tests.kit.provider import status
from tests.plugins.orchestrator.orchestrating import (
    INTENT,
    MODEL,
    Orchestrating,
    orchestrating,
    with_key,
)
from tests.plugins.orchestrator.records import attempt, workflow
from tests.plugins.orchestrator.troubled import DOWN, LOST, trouble

WAITS = {**INTENT, "deferrable": True}


async def kept_ones(on: Orchestrating) -> tuple[Workflow, ...]:
    found: tuple[Workflow, ...] = await on.parts.store.list(user_id=None, status=None, limit=100)
    return found


async def test_a_store_that_fails_before_the_second_attempt_ends_the_workflow() -> None:
    async with orchestrating() as on:
        store = trouble(on.parts)
        on.there.script(MODEL, status(500))
        store.wrong["save"] = [DOWN, DOWN]
        body = await on.unserved()
        await on.parts.resumer.look()
        kept = await on.workflow(body["workflowId"])
        assert (kept.status, [one.state for one in kept.attempts]) == ("failed", ["failed"])
        assert on.there.counts["arrived"] == 1


@pytest.mark.parametrize("call", ["waiting", "save"])
async def test_a_store_that_fails_when_it_is_to_be_queued_ends_the_workflow(call: str) -> None:
    async with orchestrating(retry={"attempts": 1}) as on:
        await on.parts.resumer.look()
        store = trouble(on.parts)
        on.there.script(MODEL, status(429, retry_after_ms=60_000))
        store.wrong[call] = [DOWN]
        body = await on.unserved(WAITS)
        await on.parts.resumer.look()
        kept = await on.workflow(body["workflowId"])
        assert (kept.status, [one.failure for one in kept.attempts]) == ("failed", ["rate_limited"])


async def test_an_end_whose_storing_was_in_doubt_is_in_the_record() -> None:
    async with orchestrating() as on:
        store = trouble(on.parts)
        store.wrong["save"] = [LOST]
        reply = await on.ask(**with_key())
        assert reply.status == 200
        await on.parts.resumer.look()
        kept = await on.workflow(reply.json()["workflowId"])
        assert (kept.status, kept.lease_until) == ("completed", 0.0)
        assert on.parts.worker.unwritten == {}


async def test_what_was_never_sent_as_the_store_failed_can_be_sent_again() -> None:
    async with orchestrating() as on:
        store = trouble(on.parts)
        store.wrong["create"] = [LOST]
        await on.unserved(**with_key())
        assert on.there.calls == []
        assert (await on.ask(**with_key())).status == 409
        await on.parts.resumer.look()
        assert [one.status for one in await kept_ones(on)] == ["failed"]
        assert (await on.ask(**with_key())).status == 200
        assert len(on.there.log) == 1


async def test_what_another_process_has_taken_over_is_left_to_it() -> None:
    async with orchestrating() as on:
        store = trouble(on.parts)
        on.there.script(MODEL, status(500))
        store.hold_at = 2
        asked = asyncio.create_task(on.ask())
        await store.held.wait()
        [kept] = await kept_ones(on)
        assert await store.real.save(kept.model_copy(update={"owner": "another"}), kept.version)
        store.go.set()
        with pytest.raises(Unserved):
            await asked
        assert (await on.workflow(kept.id)).owner == "another"
        assert on.there.counts["arrived"] == 1


async def test_a_fault_of_our_own_ends_the_workflow() -> None:
    async with orchestrating() as on:
        parts = on.parts.worker.parts
        on.parts.worker.parts = parts._replace(scorer=None)
        with pytest.raises(AttributeError):
            await on.ask(**with_key())
        assert [one.status for one in await kept_ones(on)] == ["failed"]
        assert on.plugin.services.logged("workflow_fault")


LEAVING: dict[str, tuple[Any, dict[str, Any]]] = {
    "plain": (INTENT, {}),
    "with a key": (INTENT, with_key()),
    "deferrable": (WAITS, {}),
    "stream": ({**INTENT, "stream": True}, {}),
    "deferrable stream": ({**WAITS, "stream": True}, {}),
}


@pytest.mark.parametrize("kind", LEAVING)
@pytest.mark.parametrize("fault", [None, status(500), status(429, retry_after_ms=1)])
async def test_whenever_a_client_leaves_nothing_is_held_by_nobody(kind: str, fault: Any) -> None:
    """The store is slow at one call after another, and each time the client leaves then."""
    body, more = LEAVING[kind]
    async with orchestrating(cache={"use": "never"}) as on:
        for call in range(1, 7):
            await on.plugin.clock.jump(1)
            on.there.clear()
            if fault is not None:
                on.there.script(MODEL, fault)
            parts, store = on.parts, trouble(on.parts)
            store.hold_at = call
            asked = asyncio.create_task(
                on.ask({**body, "data": {"call": call}}, **_keyed(more, call))
            )
            held = asyncio.create_task(store.held.wait())
            await asyncio.wait((asked, held), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            await asyncio.sleep(0)
            held.cancel()
            store.go.set()
            [reply] = await asyncio.gather(asked, return_exceptions=True)
            if isinstance(reply, Reply) and not isinstance(reply.body, bytes):
                await reply.body.aclose()  # type: ignore[attr-defined]
            await on.landed()
            parts.worker.parts = parts.worker.parts._replace(store=store.real)
            await parts.resumer.look()
            await on.landed()
        await on.parts.serving.streams.close(5)
        found = await kept_ones(on)
        assert all(one.status not in UNFINISHED or not one.lease_until for one in found), found
        if kind in ("with a key", "deferrable"):
            assert {one.status for one in found} <= {"completed", "queued", "interrupted"}


def _keyed(more: dict[str, Any], number: int) -> dict[str, Any]:
    return with_key(f"k{number}") if more else {}


async def test_a_queued_one_waits_longer_each_time_whatever_the_provider_says() -> None:
    async with orchestrating(retry={"attempts": 1, "wait_most": "1ms"}) as on:
        for dialect in ("azure", "openai"):
            on.there.stand(MODEL, status(429, retry_after_ms=300), dialect=dialect)
        reply = await on.ask(WAITS)
        assert (reply.status, reply.headers.get("Retry-After")) == (202, "1")
        waits = []
        for _ in range(4):
            kept = await on.workflow(reply.json()["workflowId"])
            now = on.plugin.services.now()
            waits.append(round(kept.due - now, 1))
            await on.plugin.clock.jump(kept.due - now)
            await on.parts.resumer.look()
            await on.landed()
        assert waits == [0.3, 5.0, 10.0, 20.0]


async def test_a_workflow_is_not_tried_without_end() -> None:
    async with orchestrating(retry={"attempts": 1}) as on:
        for dialect in ("azure", "openai"):
            on.there.stand(MODEL, status(500), dialect=dialect)
        now = on.plugin.services.now()
        many = tuple(attempt(number, state="failed") for number in range(ATTEMPTS_MOST))
        queued = workflow(
            status="queued",
            expires=now + 1e6,
            attempts=many,
            intent=workflow().intent.model_copy(update={"deferrable": True}),
        )
        assert await on.parts.store.create(queued) is None
        await on.parts.resumer.look()
        await on.landed()
        assert (await on.workflow(queued.id)).status == "failed"


async def test_an_end_that_is_being_stored_is_stored_before_the_process_ends() -> None:
    async with orchestrating() as on:
        store = trouble(on.parts)
        store.hold_at = 2
        asked = asyncio.create_task(on.ask())
        await store.held.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        closing = asyncio.create_task(on.parts.serving.close(5))
        await asyncio.sleep(0)
        store.go.set()
        await closing
        assert [one.status for one in await kept_ones(on)] == ["completed"]
