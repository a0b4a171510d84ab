"""What an attempt takes is the provider's word, or an estimate; no journal holds it up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.running import ChainFailedError
from plugins.orchestrator.prices import Prices
from proxy.api.spending import Usage, cost_of
from tests.kit.provider import (
    Provider,
    Step,
    Tokens,
    answer,
    bad_json,
    close_before_head,
    provider,
    status,
)
from tests.plugins.orchestrator.deployed import PRICE
from tests.plugins.orchestrator.orchestrating import orchestrating
from tests.plugins.orchestrator.pursued import running
from tests.plugins.orchestrator.troubled import trouble

FREE = Usage()
LOST = Usage(8, output_text=100, requests=1)
TOLD = Usage(600, 400, 30, 20, requests=1)


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[Provider]:
    async with provider() as up:
        yield up


COSTS = {
    "told": (answer(tokens=Tokens(1000, 400, 50, 20)), TOLD, False),
    "not told": (
        answer('{"message": "' + "x" * 25 + '"}', usage=False),
        Usage(8, output_text=10, requests=1),
        True,
    ),
    "free": (status(500), FREE, False),
    "lost": (close_before_head(), LOST, True),
    "no sense": (bad_json(), LOST, True),
    "no document, but paid": (
        answer("", tokens=Tokens(1000, 400, 50, 20)),
        TOLD,
        False,
    ),
}
"""What the provider does -> what the attempt has used, and whether that is estimated."""


@pytest.mark.parametrize(("step", "usage", "estimated"), COSTS.values(), ids=COSTS)
async def test_what_the_provider_does_not_tell_is_estimated_and_says_so(
    there: Provider, step: Step, usage: Usage, estimated: bool
) -> None:
    there.script("*", step)
    async with running(there) as it:
        with suppress(ChainFailedError):
            await it.run()
        first = it.notes.ended[0]
        assert (first.usage, first.estimated) == (usage, estimated)
        assert first.nano_usd == cost_of(usage, Prices(**PRICE).rates)


async def test_an_attempt_begins_with_an_estimate_so_that_a_crash_leaves_one(
    there: Provider,
) -> None:
    async with running(there) as it:
        await it.run()
        (begun,) = it.notes.begun
        assert (begun.state, begun.usage, begun.estimated) == ("begun", LOST, True)


@pytest.mark.parametrize(("held", "ends"), [(1, "failed"), (2, "completed")])
async def test_a_store_that_hangs_does_not_hold_up_the_deadline(held: int, ends: str) -> None:
    async with orchestrating(deadline="400ms") as on:
        store = trouble(on.parts)
        store.hold_at = held
        async with asyncio.timeout(20):
            if ends == "completed":
                workflow_id = (await on.ask()).json()["workflowId"]
            else:
                workflow_id = (await on.unserved())["workflowId"]
        assert store.held.is_set()
        store.go.set()
        await asyncio.wait(on.parts.worker._storing, timeout=5)
        await on.parts.resumer.look()
        kept = await on.workflow(workflow_id)
        assert kept.status == ends
        assert on.there.counts["arrived"] == (ends == "completed")
