"""The gates of a step: each says in words why it is closed, and a ramp waits for all of them."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.api.judging import Evidence, Observed, Scope, Seen, Verdict
from proxy.config.rollback import Rollback
from proxy.controlplane.rollouts.gates import StepCounts, alarm, closed
from proxy.controlplane.rollouts.questions import Look, Sight
from proxy.controlplane.rollouts.webhook import Webhooks
from proxy.core.commands import Approve
from proxy.core.gates import LEAST_KEYS
from proxy.core.rollout_state import Gates, Phase, RolloutState, Standing, Step, TimeWindow, Webhook
from tests.controlplane.rollouts.looped import RAMP, Judge, declared, looped

NOW = 1_700_000_000.0  # a Tuesday, 22:13 UTC
STATE = RolloutState("hybrid", percentage=25.0, phase=Phase.GATE, step=1, segment=1, since=NOW)


def seen(legacy: int = 0, new: int = 0, *, keys: tuple[float, float] = (0, 0)) -> Observed:
    return Observed(
        segment=(Seen(requests=legacy), Seen(requests=new)),
        evidence=(Evidence(active=keys[0]), Evidence(active=keys[1])),
    )


def look(state: RolloutState = STATE, observed: Observed | None = None) -> Look:
    scopes = {Scope(): observed or seen()}
    return Look(state, Rollback(), Sight(scopes, scopes), NOW)


def counted(legacy: int, new: int) -> StepCounts:
    counts = StepCounts()
    counts.see(STATE, 1, seen(legacy, new), (0, 0))
    return counts


@pytest_asyncio.fixture
async def webhooks() -> AsyncIterator[Webhooks]:
    made = Webhooks(aiohttp.ClientSession)
    yield made
    await made.close()


async def words(gates: Gates, webhooks: Webhooks, judge: Judge, **counts: int) -> list[str]:
    """What keeps a step with these gates closed."""
    step = Step(25.0, gates=gates)
    made = counted(counts.get("legacy", 500), counts.get("new", 500))
    return list(closed(look(), step, made, judge, webhooks, {}))


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        (Gates(metrics=False), []),
        (Gates(), []),
        (Gates(min_requests=1000), ["min_requests: 500 of 1000 on legacy, 500 of 1000 on new"]),
        (Gates(approval=True), ["approval: `crossfade rollouts approve hybrid`"]),
        (
            Gates(window=TimeWindow(begins=540, ends=1020)),
            ["window: opens Wed 2023-11-15 09:00 UTC"],
        ),
        (
            Gates(approval=True, webhook=Webhook("http://127.0.0.1:9/")),
            [
                "approval: `crossfade rollouts approve hybrid`",
                "webhook: it is asked when the other gates are open",
            ],
        ),
    ],
)
async def test_each_gate_that_is_closed_says_so_in_words(
    gates: Gates, expected: list[str], webhooks: Webhooks
) -> None:
    assert await words(gates, webhooks, Judge()) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], "metrics: no plugin judges this rollout; see its `rollback.enabled`"),
        ([Verdict("hold", "the bound is 1.4 points")], "metrics: the bound is 1.4 points"),
        (
            [Verdict("pass", "not inferior"), Verdict("fail", "it is worse")],
            "metrics: it is worse",
        ),
    ],
)
async def test_the_metrics_gate_opens_only_where_all_judges_let_pass(
    verdicts: list[Verdict], expected: str, webhooks: Webhooks
) -> None:
    judge = Judge()
    judge.gate = verdicts
    assert await words(Gates(), webhooks, judge) == [expected]
    assert [question.kind for question in judge.asked] == ["gate"]


async def test_a_ramp_waits_for_an_approval_of_each_step() -> None:
    async with looped(declared(ramp=RAMP | {"gates": {"approval": True}})) as one:
        await one.start()
        for percentage in (5, 25):
            await one.run(60)
            assert (one.state.percentage, one.state.standing) == (percentage, Standing.GATE)
            assert one.report.waiting_for == ("approval: `crossfade rollouts approve hybrid`",)
            await one.ask(Approve())
            await one.run(1)
        assert one.state.percentage == 50


async def test_a_ramp_waits_for_its_webhook_without_standing_still() -> None:
    asked: list[Any] = []
    answers = [409, 500, 200, 200]

    async def answer(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(status=answers[len(asked) - 1])

    app = web.Application()
    app.router.add_post("/gate", answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server()
    gates = {"webhook": {"url": str(server.make_url("/gate"))}}
    async with looped(declared(ramp=RAMP | {"steps": [5, 50], "gates": gates})) as one:
        await one.start()
        for _ in range(60):
            await one.run(1)
            await one.loop._webhooks.answered()
        assert [one_asked["step"] for one_asked in asked] == [0, 0, 0, 1]
        assert one.state.percentage == 50
    await server.close()


def test_requests_of_a_step_are_those_of_all_its_segments_and_of_no_other_step() -> None:
    counts = StepCounts()
    for segment, legacy, new in ((1, 50, 5), (1, 100, 10), (0, 0, 0), (2, 7, 3)):
        counts.see(STATE, segment, seen(legacy, new), (0, 0))
    assert counts.requests == (107, 13)
    other = RolloutState("hybrid", phase=Phase.BAKE, step=2)
    counts.see(other, 3, seen(5, 5), (0, 0))
    assert counts.requests == (5, 5)
    counts.see(RolloutState("hybrid"), 3, seen(6, 6), (0, 0))
    assert counts.requests == (6, 6), "a draft has no step"


def test_the_split_is_compared_each_time_that_the_keys_have_doubled() -> None:
    counts = counted(0, 0)
    compared = [keys for keys in range(0, 10_000, 10) if counts.may_look(keys)]
    assert compared == [1000, 2000, 4000, 8000]
    counts.see(STATE, 2, seen(), (0, 0))
    assert counts.may_look(LEAST_KEYS), "another segment"


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ((375, 125), False),
        ((500, 500), True),
        ((75_000, 25_000), False),
        ((73_000, 27_000), False),  # estimates are not exact enough to complain of that
        ((1850, 490), False),  # nor where that of one arm alone is an estimate
        ((50_000, 50_000), True),
    ],
)
def test_an_uneven_split_is_an_alarm_as_far_as_the_numbers_can_tell(
    keys: tuple[float, float], wrong: bool
) -> None:
    said = alarm(look(observed=seen(keys=keys)), counted(0, 0), (0, 0))
    assert said.startswith("sample ratio: ") is wrong


def test_callers_without_a_key_are_an_alarm_from_the_step_on_in_which_they_came() -> None:
    counts = StepCounts()
    counts.see(STATE, 1, seen(), (1000, 900))
    assert alarm(look(), counts, (2000, 910)) == ""
    assert alarm(look(), counts, (2000, 1000)).startswith("missing keys: 9.1 % of 1100")
    counts.restart((2000, 1000))
    assert alarm(look(), counts, (2000, 1000)) == ""
