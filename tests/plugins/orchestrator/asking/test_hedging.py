"""A second attempt beside a slow first one: when there is one, who wins, what becomes of it."""

import asyncio
from collections.abc import AsyncIterator

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.hedging import race
from plugins.orchestrator.deciding.calls import CallFailedError, Failure, FailureClass
from plugins.orchestrator.deciding.scores import LEAST
from tests.kit.provider import Provider, Step, hang_before_head, provider, status
from tests.plugins.orchestrator.pursued import Running, running

HEDGE = {"enabled": True, "after": "20ms", "share": 0.5}
FAILED = CallFailedError(Failure(FailureClass.SERVER, "500"))
NEVER = 3600.0


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[Provider]:
    async with provider() as up:
        yield up


def enough(it: Running) -> None:
    """Count as many requests as it takes for a share of them to be a whole one."""
    for _ in range(2):
        it.runner._parts.hedges.request(asyncio.get_running_loop().time())


async def test_whoever_answers_first_has_answered_and_the_other_is_cancelled(
    there: Provider,
) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.stand("*", hang_before_head(), dialect="openai")
        assert (await it.run()).deployment.name == "azure-mini"
        assert it.notes.events == [
            "begins mini",
            "begins azure-mini",
            "ends azure-mini answered",
            "ends mini cancelled",
        ]


async def test_the_loser_is_journalled_as_unknown_and_its_connection_closed(
    there: Provider,
) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.script("*", hang_before_head(), dialect="openai")
        answered = await it.run()
        first, second = answered.attempts
        assert (first.state, first.failure, first.hedge) == ("unknown", "cancelled", False)
        assert (second.state, second.hedge) == ("answered", True)
        await there.ended(2)
        assert [call.ended for call in there.calls] == ["client left", "answered"]
        assert it.services.value("hedges", outcome="won") == 1
        assert it.states()["mini"] == "closed"
        assert it.notes.why("hedge") == ["azure-mini: the first attempt is slow"]


async def test_a_first_attempt_that_is_quick_enough_has_none_beside_it(there: Provider) -> None:
    async with running(there, hedge={**HEDGE, "after": "10s"}) as it:
        enough(it)
        assert len((await it.run()).attempts) == 1


async def test_without_being_told_to_nobody_hedges(there: Provider) -> None:
    there.script("*", hang_before_head())
    async with running(there) as it:
        assert (await it.failure(within=1.0)).failure.kind is FailureClass.DEADLINE
        assert len(there.calls) == 1


async def test_no_more_than_the_share_of_requests_is_hedged(there: Provider) -> None:
    async with running(there, hedge={**HEDGE, "share": 0.3}) as it:
        enough(it)
        there.script("*", hang_before_head(), dialect="openai")
        assert (await it.failure(within=0.3)).failure.kind is FailureClass.DEADLINE
        there.script("*", hang_before_head(), dialect="openai")
        assert len((await it.run(workflow_id="wf_2")).attempts) == 2


async def test_a_hedge_draws_on_the_retry_budget(there: Provider) -> None:
    retry = {"budget": 0, "budget_least": 0}
    async with running(there, hedge=HEDGE, retry=retry) as it:
        enough(it)
        there.script("*", hang_before_head())
        assert (await it.failure(within=0.3)).failure.kind is FailureClass.DEADLINE
        assert it.services.value("hedges", outcome="won") == 0


async def test_without_a_time_it_waits_for_the_p95_and_until_that_is_known_for_ever(
    there: Provider,
) -> None:
    async with running(there, hedge={"enabled": True, "share": 0.5}) as it:
        enough(it)
        there.script("*", hang_before_head())
        assert len((await it.failure(within=0.3)).attempts) == 1
        now = asyncio.get_running_loop().time()
        for _ in range(LEAST):
            it.runner.health.times("mini", stream=False).observe(0.01, now)
        there.script("*", hang_before_head())
        assert len((await it.run(workflow_id="wf_2")).attempts) == 2


async def test_where_the_second_fails_the_first_is_waited_for(there: Provider) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.script("*", hang_before_head(), dialect="openai")
        there.script("*", status(500), dialect="azure")
        work = asyncio.create_task(it.run())
        await it.notes.until("ends azure-mini server")
        # The second has failed; the first still hangs, and is what is waited for.
        assert not work.done()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert it.notes.events == [
            "begins mini",
            "begins azure-mini",
            "ends azure-mini server",
            "ends mini cancelled",
        ]


async def test_where_both_fail_the_chain_goes_on_with_what_is_left(there: Provider) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.script("*", Step(name="slow 500", status=500, before=0.1), dialect="openai")
        there.script("*", status(500), dialect="azure")
        answered = await it.run()
        assert [one.failure for one in answered.attempts] == ["server", "server", ""]
        assert it.services.value("hedges", outcome="lost") == 1


async def test_a_journal_that_refuses_the_second_attempt_ends_the_first(there: Provider) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.script("*", hang_before_head())
        work = asyncio.create_task(it.run())
        await it.notes.until("begins mini")
        it.notes.begin_waits = asyncio.Event()  # for the second, until the first is there
        await there.begun()
        it.notes.refuses = RuntimeError("somebody else has it")
        it.notes.begin_waits.set()
        with pytest.raises(RuntimeError, match="somebody else"):
            await work
        await there.ended()
        assert there.calls[0].ended == "client left"


class TestRace:
    async def test_a_failure_of_the_first_before_its_time_is_raised_at_once(self) -> None:
        async def fails() -> str:
            raise FAILED

        with pytest.raises(CallFailedError):
            await race(fails(), NEVER, lambda: None)

    async def test_the_first_may_answer_after_the_second_has_failed(self) -> None:
        failed = asyncio.Event()

        async def slow() -> str:
            await failed.wait()
            return "first"

        async def fails() -> str:
            failed.set()
            raise FAILED

        assert await race(slow(), 0.0, fails) == "first"

    async def test_without_a_second_the_first_is_waited_for(self) -> None:
        async def slow() -> str:
            await asyncio.sleep(0.01)
            return "first"

        assert await race(slow(), 0.0, lambda: None) == "first"

    async def test_both_failures_are_one(self) -> None:
        begun = asyncio.Event()

        async def slow() -> str:
            await begun.wait()
            raise FAILED

        async def fails() -> str:
            begun.set()
            raise FAILED

        with pytest.raises(CallFailedError):
            await race(slow(), 0.0, fails)

    async def test_who_is_cancelled_cancels_both(self) -> None:
        ended: list[str] = []
        both = asyncio.Event()

        async def hangs(name: str) -> str:
            try:
                if name == "second":
                    both.set()
                await asyncio.Event().wait()
            finally:
                ended.append(name)
            return name

        work = asyncio.create_task(race(hangs("first"), 0.0, lambda: hangs("second")))
        await both.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert ended == ["first", "second"]
