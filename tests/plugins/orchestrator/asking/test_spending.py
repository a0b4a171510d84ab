"""What is spent is planned before it is sent, and settled once, however it ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import openai  # noqa: F401 - the first call would else wait for it
import pytest

from plugins.orchestrator.asking.running import ChainFailedError
from plugins.orchestrator.deciding.calls import CallFailedError, FailureClass
from proxy.api import StoreError
from proxy.api.spending import (
    ALLOWED,
    NanoUSD,
    PlannedSpend,
    PriceKey,
    Prices,
    Quote,
    SettledSpend,
    SpendAnswer,
    Usage,
)
from tests.kit.provider import (
    Provider,
    Step,
    Tokens,
    answer,
    at_random,
    bad_json,
    close_before_head,
    cut_after,
    hang_after,
    hang_before_head,
    provider,
    slow_first_byte,
    status,
)
from tests.plugins.orchestrator.deployed import PRICE, settings
from tests.plugins.orchestrator.intents import intent
from tests.plugins.orchestrator.pursued import Running, running

STREAM = intent("message_generation", stream=True)
TOKENS = Tokens(1000, 400, 50, 20, cache_write=100)
TOLD = Usage(500, 400, 30, 20, 100, requests=1)
GUESS = Usage(8, output_text=100, requests=1)
REFUSED = SpendAnswer(False, budget="daily", says="The budget daily is spent.", retry_after=60.0)
HEDGE = {"enabled": True, "after": "20ms", "share": 0.5}
CHEAPER = REFUSED._replace(instead="cheaper_model")
TWO_MODELS: dict[str, dict[str, Any]] = {
    "large": {"provider": "openai", "model": "gpt-4o"},
    "mini": {"provider": "openai", "model": "gpt-4o-mini", "price": PRICE},
}


@pytest.fixture(name="there")
async def _there() -> AsyncIterator[Provider]:
    async with provider() as up:
        yield up


def two_models(there: Provider, **more: Any) -> Any:
    """The larger model is asked first, and the smaller one is named as the cheaper one."""
    said = {"cheaper_model": {"gpt-4o": "gpt-4o-mini"}, "rules": [{"models": ["gpt-4o"]}], **more}
    return settings(TWO_MODELS, openai=there.url_openai, **said)


def enough(it: Running) -> None:
    """Count as many requests as it takes for a share of them to be a whole one."""
    for _ in range(2):
        it.runner._parts.hedges.request(asyncio.get_running_loop().time())


async def settled(it: Running, **how: Any) -> SettledSpend:
    """How the one attempt was settled."""
    with suppress(ChainFailedError, StoreError):
        await it.run(**how)
    (entry,) = it.services.settled
    return entry


async def test_an_attempt_is_planned_with_all_that_is_known_of_it(there: Provider) -> None:
    async with running(there) as it:
        who = {"user": "u1", "plan": "pro", "arm": "new", "digest": "d1"}
        (attempt,) = (await it.run(**who)).attempts
        (planned,) = it.services.planned
    assert planned == PlannedSpend(
        attempt_id=attempt.id,
        at=attempt.begun,
        until=planned.until,
        workflow_id="wf_1",
        request_id="r-1",
        user="u1",
        plan="pro",
        route="intents",
        arm="new",
        intent="message_generation",
        key=planned.key,
        estimate=GUESS,
        digest="d1",
    )
    assert 60 < planned.until - planned.at <= 65
    assert planned.key[:6] == ("openai", "gpt-4o-mini", "mini", "global", "", False)
    assert planned.key.declared is not None


ENDS: dict[str, tuple[Step, tuple[Any, ...]]] = {
    "told": (answer(tokens=TOKENS), ("answered", "", TOLD, "provider")),
    "not told": (
        answer('{"message": "' + "x" * 25 + '"}', usage=False),
        ("answered", "", GUESS._replace(output_text=10), "guess"),
    ),
    "free": (status(400), ("failed", "invalid", Usage(), "none")),
    "lost": (close_before_head(), ("unknown", "timeout", None, "estimate")),
    "no sense": (bad_json(), ("failed", "malformed", None, "estimate")),
    "paid for nothing": (answer("", tokens=TOKENS), ("failed", "malformed", TOLD, "provider")),
}


@pytest.mark.parametrize(("step", "end"), ENDS.values(), ids=ENDS)
async def test_each_end_says_what_was_used_and_who_says_so(
    there: Provider, step: Step, end: tuple[Any, ...]
) -> None:
    there.stand("*", step)
    async with running(there, retry={"attempts": 1}) as it:
        entry = await settled(it)
        (kept,) = it.notes.ended
    assert (entry.outcome, entry.failure, entry.usage, entry.source) == end
    assert entry.planned == it.services.planned[0]
    assert kept.usage == (entry.usage if entry.usage is not None else GUESS)
    assert kept.estimated == (entry.source in ("guess", "estimate"))


STREAMS: dict[str, tuple[Step, tuple[Any, ...]]] = {
    "told": (answer("Hi you.", tokens=TOKENS), ("answered", "", TOLD, "stream")),
    "not told": (
        answer("Hi you, there.", usage=False, chunks=3),
        ("answered", "", GUESS._replace(output_text=3), "guess"),
    ),
    "cut": (cut_after(2), ("failed", "cut", None, "estimate")),
}


@pytest.mark.parametrize(("step", "end"), STREAMS.values(), ids=STREAMS)
async def test_a_stream_is_settled_when_it_has_ended(
    there: Provider, step: Step, end: tuple[Any, ...]
) -> None:
    there.script("*", step)
    async with running(there) as it:
        with suppress(CallFailedError):
            async with it.runner.stream(it.task(STREAM), it.notes) as answered:
                assert it.services.settled == []
                async for _ in answered.parts():
                    pass
        (entry,) = it.services.settled
    assert (entry.outcome, entry.failure, entry.usage, entry.source) == end


async def test_of_a_stream_that_was_left_nobody_knows_what_it_took(there: Provider) -> None:
    there.script("*", hang_after(2))
    async with running(there) as it:
        async with it.runner.stream(it.task(STREAM), it.notes):
            pass
        (entry,) = it.services.settled
    assert (entry.outcome, entry.failure, entry.usage) == ("unknown", "cancelled", None)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_tier_and_names_are_those_that_the_provider_gives(
    there: Provider, stream: bool
) -> None:
    there.script("*", answer('{"message": "Hi."}', tier="flex", tokens=TOKENS))
    wanted = STREAM if stream else intent("message_generation")
    async with running(there) as it:
        if stream:
            async with it.runner.stream(it.task(wanted), it.notes) as answered:
                async for _ in answered.parts():
                    pass
        else:
            await it.run()
        (entry,), (kept,) = it.services.settled, it.notes.ended
    assert (entry.tier, entry.answered_as) == ("flex", "gpt-4o-mini-2024-07-18")
    assert entry.provider_id.startswith("req_")
    assert (kept.tier, kept.provider_id) == (entry.tier, entry.provider_id)


async def test_each_attempt_says_why_there_is_one(there: Provider) -> None:
    there.script("*", status(500), status(500))
    one = settings({"mini": {"provider": "openai"}}, openai=there.url_openai)
    async with running(there) as it, running(there, one) as alone:
        await it.run()
        there.script("*", status(500))
        await alone.run(within=10)
        await alone.run(attempts_before=3)
    assert [entry.planned.again for entry in it.services.settled] == ["", "fallback", "fallback"]
    assert [one.again for one in alone.services.planned] == ["", "retry", "retry"]


async def test_both_sides_of_a_hedge_are_planned_and_settled(there: Provider) -> None:
    there.script("*", hang_before_head(), dialect="openai")
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        await it.run()
        ends = {one.planned.again: (one.outcome, one.source) for one in it.services.settled}
    assert ends == {"": ("unknown", "estimate"), "hedge": ("answered", "provider")}


async def test_a_hedge_that_is_not_paid_for_is_left_out(there: Provider) -> None:
    async with running(there, hedge=HEDGE) as it:
        enough(it)
        there.script("*", slow_first_byte(0.1))
        it.pays = lambda planned: REFUSED if planned.again == "hedge" else ALLOWED
        answered = await it.run()
        assert [one.again for one in it.services.planned] == ["", "hedge"]
    assert len(answered.attempts) == len(there.calls) == 1
    assert it.services.value("hedges", outcome="lost") == 0


async def test_what_the_journal_refuses_is_settled_as_never_sent(there: Provider) -> None:
    async with running(there) as it:
        it.notes.refuses = StoreError("down")
        entry = await settled(it)
    assert (entry.outcome, entry.usage, entry.source) == ("failed", Usage(), "none")
    assert there.calls == []


async def test_who_is_cancelled_before_the_record_is_there_has_used_nothing(
    there: Provider,
) -> None:
    async with running(there) as it:
        it.notes.begin_waits = asyncio.Event()
        with pytest.raises(ChainFailedError):
            await it.run(within=0.1)
        it.notes.begin_waits.set()
        (entry,) = it.services.settled
    assert (entry.outcome, entry.usage, entry.source) == ("failed", Usage(), "none")


async def test_who_is_cancelled_while_it_is_planned_has_not_spent(
    there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(there) as it:
        asked = asyncio.Event()

        async def hangs(_: PlannedSpend) -> SpendAnswer:
            asked.set()
            await asyncio.Event().wait()
            return ALLOWED

        monkeypatch.setattr(it.services, "plan_spend", hangs)
        with pytest.raises(ChainFailedError) as raised:
            await it.run(within=0.1)
        assert asked.is_set()
        assert raised.value.failure.kind is FailureClass.DEADLINE
        assert it.notes.events == []
    assert there.calls == []


async def test_what_is_not_paid_for_is_not_sent_and_not_in_the_record(there: Provider) -> None:
    async with running(there) as it:
        it.pays = lambda _: REFUSED
        failed = await it.failure()
        assert it.services.planned[0].cheaper is False
        assert it.notes.why("unpaid") == ["mini: budget daily, reject"]
        assert it.states() == dict.fromkeys(it.settings.deployments, "closed")
    assert (failed.failure.kind, failed.code) == (FailureClass.BUDGET, "cost_limit_exceeded")
    assert (failed.says, failed.retry_after, failed.queues) == (REFUSED.says, 60.0, False)
    assert failed.refusal == REFUSED
    assert (failed.attempts, it.notes.events, there.calls) == ((), [], [])
    assert len(it.services.planned) == 1


async def test_a_cheaper_model_is_asked_where_the_budget_says_so(there: Provider) -> None:
    async with running(there, two_models(there, retry={"attempts": 1})) as it:
        it.pays = lambda planned: ALLOWED if planned.key.model == "gpt-4o-mini" else CHEAPER
        answered = await it.run()
        first, second = it.services.planned
    assert [one.name for one in there.log] == ["gpt-4o-mini"]
    assert answered.deployment.name == "mini"
    assert (first.cheaper, second.cheaper) == (True, False)
    assert (first.again, second.again) == ("", "")
    assert first.attempt_id != second.attempt_id


async def test_a_cheaper_model_that_is_not_paid_for_either_ends_it(there: Provider) -> None:
    async with running(there, two_models(there)) as it:
        it.pays = lambda _: CHEAPER
        failed = await it.failure()
        assert [one.key.model for one in it.services.planned] == ["gpt-4o", "gpt-4o-mini"]
    assert failed.code == "cost_limit_exceeded"


async def test_where_the_meter_fails_it_is_as_if_nobody_could_be_asked(there: Provider) -> None:
    async with running(there) as it:
        it.pays = lambda _: SpendAnswer(False, says="It cannot be metered.", status=503)
        failed = await it.failure()
    assert (failed.code, failed.says) == ("provider_unavailable", "It cannot be metered.")
    assert not failed.queues


async def test_what_has_failed_before_is_told_rather_than_who_did_not_pay(there: Provider) -> None:
    there.script("*", status(500))
    async with running(there) as it:
        it.pays = lambda planned: REFUSED if planned.again else ALLOWED
        failed = await it.failure()
    assert failed.failure.kind is FailureClass.SERVER
    assert failed.refusal is None


async def test_warnings_of_what_is_paid_for_are_handed_on(there: Provider) -> None:
    async with running(there) as it:
        it.pays = lambda _: SpendAnswer(warnings=("daily 80 %",))
        await it.run()
    assert it.notes.warnings == ["daily 80 %"]


class Listed:
    """Knows what tiers cost."""

    def quote(self, key: PriceKey, usage: Usage) -> Quote | None:
        each = 2 if key.tier == "flex" else 3
        return Quote(NanoUSD(each * usage.total), "overlay", "exact")


async def test_the_record_has_the_price_of_whoever_knows_prices(there: Provider) -> None:
    there.script("*", answer('{"message": "Hi."}', tier="flex", tokens=TOKENS))
    async with running(there) as it:
        it.services.share(Prices, Listed())
        (attempt,) = (await it.run()).attempts
        (begun,) = it.notes.begun
    assert begun.nano_usd == 3 * GUESS.total
    assert attempt.nano_usd == 2 * TOLD.total


PARTS = {
    "input": "2.5",
    "cached": "1.25",
    "cache_write": "3.125",
    "audio_input": "40",
    "image_input": "5.000000001",
    "output": "10",
    "reasoning": "11",
    "audio_output": "80",
    "request": "0.0025",
}


async def test_the_record_agrees_with_the_bill_to_the_nano_dollar(there: Provider) -> None:
    price = {"cached_input" if name == "cached" else name: said for name, said in PARTS.items()}
    one = settings({"mini": {"provider": "openai", "price": price}}, openai=there.url_openai)
    there.bill.price({"*": PARTS})
    there.stand("*", at_random(7, content='{"message": "Hi."}'))
    async with running(there, one) as it:
        for number in range(30):
            await it.run(attempts_before=number)
        kept = {attempt.id: attempt for attempt in it.notes.ended if not attempt.estimated}
    assert len(kept) > 20
    for attempt_id, attempt in kept.items():
        (charge,) = there.bill.of(attempt_id)
        assert attempt.nano_usd == charge.cost_nano_usd
        assert attempt.usage.total == charge.input + charge.output
        assert attempt.tier == charge.tier


async def test_another_attempt_is_under_way_while_a_hung_one_is_unknown(there: Provider) -> None:
    there.script("*", hang_before_head())
    async with running(there, retry={"replay": "allow"}, at={"timeout": "200ms"}) as it:
        await it.run()
        ends = [(one.planned.again, one.outcome) for one in it.services.settled]
    assert ends == [("", "unknown"), ("fallback", "answered")]
