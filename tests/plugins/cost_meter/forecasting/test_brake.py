"""The brake on costs, with a real journal."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from plugins.cost_meter.forecasting.brake import Brake
from plugins.cost_meter.forecasting.declaring import BrakeSettings
from proxy.api import Observed, Question, Scope, Seen, Verdict
from proxy.config.rollback import Rollback
from tests.plugins.cost_meter.forecasting.books import Books, books
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY

NOW = MONDAY + 10 * HOUR
CENT = 10**7
BASELINE = {"campaigns": CENT}


def brake(on: Books, baseline: Mapping[str, int] = BASELINE, **bound: Any) -> Brake:
    """A brake of the rollout ``fade``."""
    said = BrakeSettings.model_validate({"rollouts": {"fade": bound}})
    return Brake(said, baseline, on.journal, on.process)


QUESTION = Question(
    kind="brake",
    rollout="fade",
    percentage=50,
    share=0.5,
    segment=1,
    settings=Rollback(),
    observed={Scope(): Observed()},
    now=NOW,
)


async def asked(one: Brake, question: Question = QUESTION) -> Verdict | None:
    """What it says once it has looked."""
    one.judge(question)
    await one.refresh()
    return one.judge(question)


async def test_new_that_costs_far_more_than_the_baseline_is_to_be_rolled_back() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        found = await asked(brake(on))
        assert found is not None
        assert (found.kind, found.scope) == ("fail", Scope())
        assert "0.03 USD for each request that it answers, where 0.015 USD are allowed" in found.why
        assert "1.5 times what it costs on legacy (baseline)" in found.why
        told = found.evidence["cost"]
        assert (told["requests"], told["answered"], told["spent_usd"]) == (120, 120, "3.6")
        assert told["routes"] == ["campaigns"]


async def test_new_that_costs_what_it_may_is_left_alone() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, CENT, 150)
        assert await asked(brake(on)) is None


async def test_too_few_requests_are_no_reason() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 90 * CENT, 99)
        assert await asked(brake(on)) is None


async def test_an_absolute_bound_needs_no_legacy() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        assert await asked(brake(on, {}, over_legacy=1.5)) is None
        found = await asked(brake(on, {}, over_legacy=None, bound="0.02"))
        assert found is not None
        assert "the bound of 0.02 USD" in found.why


async def test_what_legacy_costs_there_is_metered_where_it_is() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        await on.spend(NOW - 60, 3 * CENT, 120, arm="legacy")
        assert await asked(brake(on)) is None
        await on.spend(NOW - 50, 30 * CENT, 120)
        found = await asked(brake(on))
        assert found is not None
        assert "metered" in found.why


async def test_only_the_rollouts_own_routes_and_its_window_count() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120, route="other")
        await on.spend(NOW - 2 * HOUR, 3 * CENT, 120)
        assert await asked(brake(on, {**BASELINE, "other": CENT}, routes=("campaigns",))) is None
        assert await asked(brake(on, {**BASELINE, "other": CENT})) is not None


async def test_what_was_spent_before_new_had_callers_again_is_forgotten() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 5, 3 * CENT, 120)
        one = brake(on)
        assert await asked(one) is not None
        one.begun("fade")
        assert one.judge(QUESTION) is None
        await one.refresh()
        assert one.judge(QUESTION) is None
        await on.spend(NOW + 1, 3 * CENT, 120)
        on.process.at += 10
        assert await asked(one) is not None
        on.process.at += 300
        assert await asked(one) is None


async def test_what_the_same_minute_has_cost_before_is_forgotten_too() -> None:
    async with books(NOW + 50) as on:
        await on.spend(NOW + 40, 3 * CENT, 120)
        one = brake(on)
        one.begun("fade")
        assert await asked(one) is None
        await on.spend(NOW + 55, 3 * CENT, 120)
        assert await asked(one) is not None


async def test_what_is_being_read_when_new_gets_callers_again_is_forgotten() -> None:
    async with books(NOW + 50) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        one = brake(on)
        one.judge(QUESTION)
        reading = asyncio.create_task(one.refresh())
        await asyncio.sleep(0)
        one.begun("fade")
        await reading
        assert one.judge(QUESTION) is None


async def test_old_figures_are_no_reason() -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        one = brake(on)
        assert await asked(one) is not None
        for _ in range(5):
            on.process.at += 30
            last = one.judge(QUESTION)
        assert last is None


SICK = {Scope(): Observed(recent=(Seen(40, 10), Seen(40)))}


@pytest.mark.parametrize(
    "question",
    [
        replace(QUESTION, kind="gate"),
        replace(QUESTION, rollout="another"),
        replace(QUESTION, settings=Rollback(enabled=False)),
        replace(QUESTION, legacy_up=False),
        replace(QUESTION, observed=SICK),
    ],
    ids=["gate", "another rollout", "not enabled", "legacy down", "legacy sick"],
)
async def test_nothing_is_said_where_nobody_should_be_sent_back(question: Question) -> None:
    async with books(NOW) as on:
        await on.spend(NOW - 60, 3 * CENT, 120)
        one = brake(on)
        assert await asked(one) is not None
        assert one.judge(question) is None


async def test_without_rollouts_it_does_nothing() -> None:
    async with books(NOW) as on:
        one = Brake(BrakeSettings(), {}, on.journal, on.process)
        assert not one.enabled
        assert await asked(one) is None
