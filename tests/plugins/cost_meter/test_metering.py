"""The way of an attempt: what is held back before, written at its end, and counted.

gpt-4o costs 2500 nano-USD for a token that goes in, 1250 for a cached one, 10,000 for one that
comes out; as `priority` 4250, 2125 and 17,000.
"""

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from plugins.cost_meter.ledger.noting import notes_of
from proxy.api.spending import PriceKey, SettledSpend, Usage
from tests.kit.cancelling import CancelledAt
from tests.plugins.cost_meter.ledger.kept import full
from tests.plugins.cost_meter.metered import ESTIMATED, attempt, ended, metered
from tests.plugins.cost_meter.prices.priced import NOW


class Flow(NamedTuple):
    """How an attempt ends, and what has to be written of it."""

    told: dict[str, Any]
    nano: int
    source: str
    estimated: bool
    outcome: str = "answered"


FLOWS = {
    "an answer with its usage": Flow({}, 100 * 2500 + 20 * 1250 + 30 * 10_000, "provider", False),
    "a stream that told its usage at the end": Flow(
        {"source": "stream"}, 100 * 2500 + 20 * 1250 + 30 * 10_000, "stream", False
    ),
    "a stream without usage counts what was delivered": Flow(
        {"usage": Usage(100, 0, 7), "source": "guess"}, 100 * 2500 + 7 * 10_000, "guess", True
    ),
    "a client that left while nobody knows what was used": Flow(
        {"usage": None, "outcome": "unknown", "failure": "cancelled", "source": "estimate"},
        ESTIMATED,
        "estimate",
        True,
        "unknown",
    ),
    "a client that left, and the stream was read on": Flow(
        {"outcome": "failed", "failure": "client_left", "source": "stream"},
        100 * 2500 + 20 * 1250 + 30 * 10_000,
        "stream",
        False,
        "failed",
    ),
    "a hedge that was cancelled before it was sent": Flow(
        {"usage": Usage(), "outcome": "failed", "failure": "cancelled", "source": "none"},
        0,
        "none",
        False,
        "failed",
    ),
    "a hedge that was cancelled while it worked": Flow(
        {"usage": None, "outcome": "unknown", "failure": "cancelled", "source": "estimate"},
        ESTIMATED,
        "estimate",
        True,
        "unknown",
    ),
    "a failure that was paid for": Flow(
        {"outcome": "failed", "failure": "content_filter", "usage": Usage(100)},
        100 * 2500,
        "provider",
        False,
        "failed",
    ),
    "a failure that costs nothing": Flow(
        {"outcome": "failed", "failure": "rate_limited", "usage": None, "source": "none"},
        0,
        "none",
        False,
        "failed",
    ),
    "the tier that the answer names is paid": Flow(
        {"tier": "priority", "usage": Usage(100, 0, 10)},
        100 * 4250 + 10 * 17_000,
        "provider",
        False,
    ),
    "an answer by a cheaper count than was planned": Flow(
        {"usage": Usage(1)}, 2500, "provider", False
    ),
    "an answer that used more than was planned": Flow(
        {"usage": Usage(5000, 0, 5000)}, 5000 * 12_500, "provider", False
    ),
    "a usage below zero is not believed": Flow({"usage": Usage(-5)}, ESTIMATED, "estimate", True),
    "a usage beyond measure is not believed": Flow(
        {"usage": Usage(10**10)}, ESTIMATED, "estimate", True
    ),
    "an end before the beginning": Flow(
        {"at": NOW - 5, "usage": Usage(1)}, 2500, "provider", False
    ),
}


@pytest.mark.parametrize("name", FLOWS)
async def test_what_is_written_of_each_end(name: str, tmp_path: Path) -> None:
    flow = FLOWS[name]
    async with metered(tmp_path) as one:
        planned = attempt()
        assert (await one.meter.plan(planned)).allowed
        assert await one.figures() == (0, ESTIMATED, 1)
        one.meter.settle(ended(planned, **flow.told))
        row = await one.row(planned)
        assert row is not None
        assert (row.nano_usd, row.usage_source, row.estimated, row.outcome) == flow[1:]
        assert await one.figures() == (flow.nano, 0, 0)
        assert await one.journal.differences() == ()


@pytest.mark.parametrize("failure", ["refused", "never_sent"])
async def test_of_an_attempt_that_was_never_sent_nothing_is_left(
    failure: str, tmp_path: Path
) -> None:
    async with metered(tmp_path) as one:
        planned = attempt()
        await one.meter.plan(planned)
        one.meter.settle(SettledSpend(planned, NOW, "failed", failure, source="none"))
        assert await one.row(planned) is None
        assert await one.figures() == (0, 0, 0)


async def test_an_end_that_is_told_twice_counts_once(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        planned = attempt()
        await one.meter.plan(planned)
        one.meter.settle(ended(planned, usage=Usage(1)))
        one.meter.settle(ended(planned, usage=Usage(2)))
        await one.journal.flush()
        one.meter.settle(ended(planned, usage=Usage(3)))
        assert await one.figures() == (2500, 0, 0)
        assert (
            one.process.value("spent_nano_usd", provider="openai", model="gpt-4o", arm="new")
            == 2500
        )


async def test_an_attempt_that_another_meter_planned_is_booked_all_the_same(
    tmp_path: Path,
) -> None:
    async with metered(tmp_path) as one:
        planned = attempt()
        one.meter.settle(ended(planned, usage=Usage(2)))
        row = await one.row(planned)
        assert row is not None
        assert (row.nano_usd, row.user, row.model) == (5000, "ann", "gpt-4o")
        assert await one.figures() == (5000, 0, 0)


async def test_what_no_budget_allows_leaves_no_intent(tmp_path: Path) -> None:
    async with metered(tmp_path, limit="0.007") as one:
        answer = await one.meter.plan(attempt())
        assert (answer.allowed, answer.budget, answer.status) == (False, "all", 429)
        assert await one.figures() == (0, 0, 0)
        assert one.process.value("refused", why="budget") == 1


async def test_a_model_without_a_price_is_refused_with_what_to_do(tmp_path: Path) -> None:
    async with metered(tmp_path, unknown="reject") as one:
        answer = await one.meter.plan(attempt("nobody-knows-it"))
        assert (answer.allowed, answer.status) == (False, 402)
        assert "nobody-knows-it" in answer.says
        assert "plugins.cost_meter.prices.overlay" in answer.says
        assert await one.figures() == (0, 0, 0)


async def test_a_price_that_went_away_meanwhile_leaves_what_was_planned(tmp_path: Path) -> None:
    async with metered(tmp_path, unknown="reject") as one:
        planned = attempt()
        await one.meter.plan(planned)
        gone = planned._replace(key=PriceKey("openai", "nobody-knows-it"))
        one.meter.settle(ended(gone))
        row = await one.row(planned)
        assert row is not None
        assert (row.nano_usd, row.estimated, row.confidence) == (ESTIMATED, True, "unknown")


async def test_while_nothing_can_be_written_nothing_is_sent(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        await one.figures()  # the budget is compared with the ledger
        with full(one.journal._under_way._log):
            answer = await one.meter.plan(attempt())
            assert "No space left" in one.journal.health()
        assert (answer.allowed, answer.status, answer.retry_after) == (False, 503, 5.0)
        await one.journal.flush()
        assert await one.figures() == (0, 0, 0)
        assert one.process.value("refused", why="journal") == 1


async def test_an_operator_can_have_attempts_sent_that_are_not_written(tmp_path: Path) -> None:
    async with metered(tmp_path, "open") as one:
        await one.figures()  # the budget is compared with the ledger
        planned = attempt()
        with full(one.journal._under_way._log):
            answer = await one.meter.plan(planned)
        assert answer.allowed
        assert "journal_unwritten" in [alert.name for alert in one.process.alerts]
        assert one.process.value("sent_unwritten") == 1
        one.meter.settle(ended(planned, usage=Usage(1)))
        assert await one.row(planned) is not None
        assert await one.figures() == (2500, 0, 0)


@pytest.mark.parametrize("done", [False, True], ids=["waiting", "answered"])
async def test_a_plan_that_is_cancelled_at_any_step_leaves_nothing(
    done: bool, tmp_path: Path
) -> None:
    async with metered(tmp_path) as one:
        for step in range(1, 20):
            planned = attempt()
            try:
                await CancelledAt(one.meter.plan(planned), step, done=done)
            except asyncio.CancelledError:
                await one.journal.flush()
                assert await one.figures() == (0, 0, 0)
                assert await one.row(planned) is None
                continue
            break
        assert step > 1
        assert await one.figures() == (0, ESTIMATED, 1)


async def test_a_meter_ends_when_those_who_ask_have_their_answers(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        planned = attempt()
        asking = asyncio.create_task(one.meter.plan(planned))
        await asyncio.sleep(0)
        await one.meter.close(5.0)
        assert asking.done()
        assert (await asking).allowed
        assert await one.figures() == (0, ESTIMATED, 1)


async def test_a_meter_that_has_ended_refuses_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        await one.journal.close()
        answer = await one.meter.plan(attempt())
        assert (answer.allowed, answer.status) == (False, 503)
        (view,) = await one.budgets.standing()
        assert view.reserved == 0


async def test_a_plan_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        planned = attempt()
        for turns in range(8):
            planning = asyncio.create_task(one.meter.plan(planned))
            for _ in range(turns):
                await asyncio.sleep(0)
            planning.cancel()
            try:
                await planning
            except asyncio.CancelledError:
                pass
            else:  # it was through: then it is told that it was not sent
                one.meter.settle(SettledSpend(planned, NOW, "failed", "never_sent", source="none"))
            planned = attempt()
        await one.journal.flush()
        assert await one.figures() == (0, 0, 0)


async def test_long_and_odd_texts_are_kept_short_and_apart(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        odd = [attempt(user="x" * 5000 + end, intent="\ud800") for end in ("1", "2")]
        for planned in odd:
            assert (await one.meter.plan(planned)).allowed
            one.meter.settle(ended(planned))
        rows = [await one.row(planned) for planned in odd]
        users = {row.user for row in rows if row is not None}
        assert len(users) == 2
        assert all(len(user) <= 220 for user in users)
        assert [row.intent for row in rows if row is not None] == ["\\ud800"] * 2


async def test_a_request_is_told_what_its_attempts_have_cost(tmp_path: Path) -> None:
    async with metered(tmp_path) as one:
        planned = attempt(request_id="req-7")
        await one.meter.plan(planned)
        one.meter.settle(ended(planned))
        await one.journal.flush()
        (note,) = notes_of(await one.journal.rows_of_request("req-7"))
        assert (note.at, note.what) == (NOW + 2, "cost")
        assert "120 tokens in, 30 out, as the provider told: 0.000575 USD" in note.why
        assert "ann" not in note.why
