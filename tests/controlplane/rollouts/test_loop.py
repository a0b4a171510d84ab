"""The loop looks at every rollout each second, and the fault of one is its own."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from plugins.auto_rollback import AutoRollback
from proxy.api import Settings
from proxy.api.judging import Question, Scope, Verdict
from proxy.config.models import Config
from proxy.controlplane.rollouts.loop import rest
from proxy.controlplane.rollouts.questions import NOTHING
from proxy.core.commands import SetPercentage
from proxy.core.rollout_state import RolloutState, Standing
from proxy.core.window import Kind
from tests.controlplane.rollouts.looped import (
    NAME,
    OPERATOR,
    RAMP,
    Looped,
    declared,
    looped,
)
from tests.kit.inside import configuration

HOUR = 3600


def is_baking(state: RolloutState) -> bool:
    return state.standing is Standing.BAKE


async def test_a_question_tells_what_a_judge_must_know() -> None:
    absolute = {"error_rate": 5, "window": "2m"}
    config = declared(ramp=RAMP | {"bake": "1h"}, rollback={"absolute": absolute})
    async with looped(config) as one:
        await one.start()
        one.new = (10, 2)
        await one.run(100)
        question = [asked for asked in one.judge.asked if asked.kind == "brake"][-1]
        assert (question.rollout, question.percentage, question.share) == (NAME, 5, 0.05)
        assert question.settings is config.rollouts[NAME].rollback
        assert (question.now, question.legacy_up, question.local) == (one.clock.now, True, False)
        legacy, new = question.observed[Scope()].window
        assert (legacy.requests, new.requests, new.errors) == (1000, 1000, 200)
        legacy, new = one.loop.report(NAME).observed[Scope()].window
        assert 600 <= new.requests <= 700, "displays cover the last minute"
        assert one.loop.report("unknown").observed == NOTHING.shown


async def test_a_segment_is_armed_anew_every_hour_and_begins_from_nothing() -> None:
    async with looped(declared(ramp=RAMP | {"bake": "2h"})) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(10)
        assert one.judge.asked[-1].segment == 1
        one.clock.now += HOUR - 5
        await one.run(3)
        question = one.judge.asked[-1]
        assert question.segment == 2
        assert question.observed[Scope()].segment[1].requests < 30
        assert one.watch.windows[NAME].ordinal == 2


async def test_requests_of_a_step_add_up_over_its_segments() -> None:
    ramp = RAMP | {"bake": "5s", "min_requests": 60}
    async with looped(declared(ramp=ramp)) as one:
        one.legacy = one.new = (1, 0)
        await one.start()
        await one.run_until(is_baking)
        await one.run(40)
        assert one.state.standing is Standing.GATE
        assert one.report.waiting_for[0].startswith("min_requests: ")
        one.clock.now += HOUR - 20
        await one.run(17)
        assert one.state.percentage == 5
        await one.run(8)
        assert one.state.percentage == 25


async def test_what_a_step_observed_does_not_count_for_the_next() -> None:
    async with looped(declared(ramp=RAMP | {"min_requests": 300})) as one:
        await one.start()
        first = await one.run_until(lambda state: state.percentage == 25)
        assert first >= 30
        second = await one.run_until(lambda state: state.percentage == 50)
        assert second >= 30


async def test_the_fault_of_one_rollout_leaves_the_others_alone_and_is_logged_once() -> None:
    arms = {"legacy": {"upstream": "legacy"}, "new": {"upstream": "legacy"}}
    routes = [
        {"name": name, "match": {"path": f"/{name}"}, "rollout": name, "arms": arms}
        for name in ("a-broken", NAME)
    ]
    config = configuration(
        identity={"key": ["cookie:sid"]},
        rollouts={"a-broken": {}, NAME: {"ramp": RAMP}},
        routes=routes,
    )

    def judge(question: Question) -> list[Verdict]:
        if question.rollout == "a-broken":
            raise KeyError(question.rollout)
        return [Verdict("pass", "all is well")]

    async with looped(config, judge=judge) as one:
        await one.rollouts.change("a-broken", SetPercentage(5), OPERATOR, "by hand")
        await one.start()
        with capture_logs() as lines:
            await one.run(20)
        assert one.state.percentage == 25
        faults = [line for line in lines if line["event"] == "ramp_fault"]
        assert [(line["rollout"], line["problem"]) for line in faults] == [("a-broken", "KeyError")]


async def test_a_rollout_that_leaves_the_configuration_is_forgotten() -> None:
    async with looped() as one:
        await one.start()
        await one.run(5)
        assert one.loop.report(NAME).observed != NOTHING.shown
        one.config = configuration()
        one.watch.serve(one.config)
        await one.rollouts.declare(one.config, "it is gone")
        await one.look()
        assert one.loop.report(NAME).observed == NOTHING.shown
        assert one.loop.report(NAME).waiting_for == ()


async def test_a_window_that_is_another_begins_the_segment_too() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        one.config = declared(cohort="tier")
        one.watch.serve(one.config)
        await one.run(1)
        window = one.watch.windows[NAME]
        assert (window.cohort, window.ordinal) == ("tier", 1)
        window.observe("all", "pro", True, 7, Kind.ANSWERED, 500, 0.1, one.clock.now)
        await one.look()
        assert one.loop.report(NAME).observed[Scope("", "pro")].evidence[1].keys["errors"] == 1


async def test_what_counts_as_slow_follows_legacys_own_last_minute() -> None:
    async with looped(declared(ramp=RAMP | {"bake": "1h"})) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(10)
        for seconds, key in ((0.0105, 1), (0.5, 2)):
            now, window = one.clock.now, one.watch.windows[NAME]
            window.observe("all", "", True, key, Kind.ANSWERED, 200, seconds, now)
        await one.look()
        new = one.loop.report(NAME).observed[Scope()].evidence[1]
        assert new.keys["slow"] == 1


async def test_without_a_fleet_the_one_replica_leads() -> None:
    async with looped() as one:
        await one.look()
        report = one.loop.report(NAME)
        assert (one.loop.leads, report.leader, report.stale, report.verdict) == (
            True,
            True,
            False,
            None,
        )


async def test_the_report_shows_the_brakes_verdict_with_its_evidence() -> None:
    async with looped() as one:
        evidence = {"errors": {"log_e": 1.0, "bound": 7.0}}
        one.judge.brake = [
            Verdict("pass", "all is well"),
            Verdict("hold", "too little is known", evidence=evidence),
        ]
        await one.start()
        await one.run(2)
        report = one.report
        assert report.verdict is not None
        assert (report.verdict.kind, report.evidence) == ("hold", evidence)
        assert report.observed[Scope()].window[1].requests == 20


def shipped(question: Question) -> list[Verdict]:
    """What the judge that comes with Crossfade says."""
    verdict = AutoRollback(Settings()).judge(question)
    return [] if verdict is None else [verdict]


async def test_the_shipped_judge_lets_a_good_system_up_to_the_end() -> None:
    ramp = RAMP | {"steps": [5, 100], "bake": "70s"}
    async with looped(declared(ramp=ramp), judge=shipped) as one:
        one.legacy, one.new, one.people = (95, 0), (5, 0), 100_000
        await one.start()
        seconds = await one.run_until(lambda state: state.standing is Standing.COMPLETE)
        assert seconds < 300
        assert one.told() == []


@pytest.mark.parametrize(("failing", "most"), [(5, 5), (1, 60)])
async def test_the_shipped_judge_takes_a_bad_one_back(failing: int, most: int) -> None:
    async with looped(declared(ramp=RAMP | {"bake": "1h"}), judge=shipped) as one:
        one.legacy, one.new, one.people = (95, 0), (5, 0), 100_000
        await one.start()
        await one.run_until(is_baking)
        one.new = (5, failing)
        await one.run_until(lambda state: state.standing is Standing.ROLLED_BACK, most)
        assert one.told() == ["rollout_rolled_back"]
        assert one.state.evidence["errors"]["keys"]["legacy"] == 0


async def test_once_started_it_looks_by_itself_until_it_is_closed() -> None:
    async with looped() as one:
        looked = asyncio.Event()

        def judge(_: Question) -> list[Verdict]:
            looked.set()
            return []

        one.loop._surroundings = one.loop._surroundings._replace(judge=judge)
        await one.ask(SetPercentage(5))
        one.loop.start()
        async with asyncio.timeout(20):
            await looked.wait()
        await one.loop.close()
        assert one.loop._task is not None
        assert one.loop._task.done()


def many(count: int, **more: Any) -> Config:
    """A configuration of so many rollouts, each with half of its callers on new."""
    names = [f"r{number}" for number in range(count)]
    rollouts = {name: {"percentage": 50} | more for name in names}
    return configuration(identity={"key": ["cookie:sid"]}, rollouts=rollouts)


async def turns_of_a_look(one: Looped) -> int:
    """Return how often the loop's other tasks had their turn during one look."""
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(take_turns())
    await one.loop.tick(one.clock.now)
    other.cancel()
    return turns


async def test_requests_have_their_turn_while_many_rollouts_are_looked_at() -> None:
    async with looped(many(32)) as one:
        assert await turns_of_a_look(one) >= 8
        assert len(one.judge.asked) == 32


async def test_many_cohorts_are_made_sense_of_beside_the_loop() -> None:
    config = many(1, cohort="tenant")
    async with looped(config) as one:
        await one.loop.tick(one.clock.now)
        window = one.watch.windows["r0"]
        for number in range(20_000):
            seconds, cohort = 0.001 * (1 + number % 97), f"t{number % 60}"
            window.observe(
                "all", cohort, number % 2 == 0, number, Kind.ANSWERED, 200, seconds, one.clock.now
            )
        assert await turns_of_a_look(one) > 10
        assert len(one.loop.report("r0").observed) == 61


def test_looks_keep_time_though_they_take_some() -> None:
    assert [rest(1.0, spent) for spent in (0.0, 0.25, 30.0)] == [1.0, 0.75, 0.1]
