"""What is counted is what has happened, and outlives a reload."""

import asyncio

from plugins.orchestrator.showing.service import Figures, OfferedWorkflows
from tests.kit.provider import hang_before_head
from tests.plugins.orchestrator.orchestrating import MODEL, orchestrating, with_key
from tests.plugins.orchestrator.records import attempt, workflow

DONE = attempt(1, tokens=(10, 0, 5, 0), nano_usd=100)


def test_tokens_are_counted_once_however_often_a_workflow_is_stored() -> None:
    figures = Figures()
    fresh = workflow(version=0)
    begun = workflow(version=1, attempts=(attempt(1, state="begun"),))
    failed = workflow(version=2, status="failed", attempts=(DONE,))
    again = workflow(version=3, attempts=(DONE,))
    done = workflow(version=4, status="completed", attempts=(DONE, DONE))
    ended = [
        figures.count(before, now)
        for before, now in ((fresh, begun), (begun, failed), (failed, again), (again, done))
    ]
    assert ended == [False, True, False, True]
    told = figures.told()
    assert (told["ended"], told["tokens"], told["cost_nano_usd"]) == (2, 30, 200)


async def test_also_what_was_cancelled_is_counted() -> None:
    async with orchestrating() as on:
        on.there.script(MODEL, hang_before_head())
        asked = asyncio.create_task(on.ask(**with_key()))
        await on.there.begun()
        await on.parts.flights.close(5)
        await asyncio.gather(asked, return_exceptions=True)
        figures = on.parts.workflows.figures()
        [one] = figures["workflows"]
        assert one == {"type": "content_planning", "status": "interrupted", "count": 1}
        assert (figures["ended"], figures["mean_seconds"]) == (1, None)
        labels = {"type": "content_planning", "status": "interrupted"}
        assert on.plugin.services.value("workflows", **labels) == 1


async def test_a_reload_goes_on_with_the_counts_and_keeps_who_listens() -> None:
    async with orchestrating() as on:
        await on.ask()
        before = on.parts.workflows
        listening = asyncio.ensure_future(anext(before.changes("u1")))
        await asyncio.sleep(0)
        counter = on.plugin.services.counter("more", ".", ("type", "status"))
        after = OfferedWorkflows(
            on.parts.store, on.parts.runner, on.plugin.application._spans, counter, before
        )
        assert after.figures()["ended"] == 1
        after.changed(workflow(), workflow(id="wf_9", status="completed"))
        assert (await listening).workflow_id == "wf_9"
        assert before.figures()["ended"] == 2
