"""A ramp goes up by healthy observation and open gates, and by nothing else."""

import pytest

from proxy.api.judging import Verdict
from proxy.controlplane.rollouts.ramping import SAVE_EVERY, save_every
from proxy.core.commands import (
    Acknowledge,
    Approve,
    Kill,
    Pause,
    Resume,
    Rollback,
    SetPercentage,
    Unkill,
)
from proxy.core.rollout_state import Phase, RolloutState, Standing
from proxy.pluginhost.judges import FAULT
from proxy.stores.memory import MemoryStore
from tests.controlplane.rollouts.looped import BEGIN, RAMP, Clock, declared, looped

FAILS = [Verdict("fail", "new fails", evidence={"errors": {"log_e": 9.0, "bound": 7.0}})]


def is_baking(state: RolloutState) -> bool:
    return state.standing is Standing.BAKE


def is_complete(state: RolloutState) -> bool:
    return state.standing is Standing.COMPLETE


def is_held(state: RolloutState) -> bool:
    return state.standing is Standing.HELD


async def test_a_ramp_walks_all_steps_soaks_and_is_complete() -> None:
    async with looped() as one:
        await one.start()
        seconds = await one.run_until(is_complete)
        assert [(move.before, move.after) for move in one.moves] == [
            (0, 5),
            (5, 25),
            (25, 50),
            (50, 100),
        ]
        settles, bakes, soak = 4 * 3, 4 * 12, 15
        assert settles + bakes + soak <= seconds <= settles + bakes + soak + 12
        actions = [entry.action for entry in await one.audit()]
        assert actions == [*(["settled", "baked", "opened"] * 4), "soaked"]
        assert one.told() == []


@pytest.mark.parametrize(
    ("legacy", "new", "words"),
    [
        ((0, 0), (10, 0), "no requests on legacy within the last minute"),
        ((10, 0), (0, 0), "no requests on new within the last minute"),
        ((0, 0), (0, 0), "no requests on legacy and new within the last minute"),
    ],
)
async def test_without_requests_on_both_arms_a_ramp_never_moves(
    legacy: tuple[int, int], new: tuple[int, int], words: str
) -> None:
    async with looped() as one:
        one.legacy, one.new = legacy, new
        await one.start()
        await one.run(120)
        assert (one.state.standing, one.state.percentage, one.state.healthy) == ("bake", 5, 0)
        assert one.report.waiting_for == (words,)
        assert one.report.remaining == 12


async def test_time_without_requests_does_not_count_and_what_counted_stays() -> None:
    async with looped(declared(ramp=RAMP | {"bake": "100s"})) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(6)
        one.legacy = one.new = (0, 0)
        await one.run(100)
        left = one.report.remaining
        assert left is not None
        assert 20 <= left <= 40, "the last minute had requests for one more minute"
        await one.run(300)
        assert (one.state.standing, one.report.remaining) == (Standing.BAKE, left)
        one.legacy = one.new = (10, 0)
        await one.run(int(left) + 2)
        assert one.state.percentage == 25


async def test_at_a_hundred_per_cent_legacy_needs_no_requests() -> None:
    ramp = RAMP | {"steps": [100]}
    async with looped(declared(ramp=ramp)) as one:
        await one.start()
        assert await one.run_until(is_complete) < 40


async def test_a_brake_that_knows_too_little_lets_time_count_and_one_that_failed_does_not() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = [Verdict("hold", "plugin x failed to judge", evidence={FAULT: "x"})]
        await one.run(60)
        assert one.state.healthy == 0
        assert one.report.waiting_for == ("the brake: plugin x failed to judge",)
        one.judge.brake = [Verdict("hold", "20 of 50 requests")]
        await one.run(int(SAVE_EVERY))
        assert one.state.healthy == SAVE_EVERY
        await one.run(6)
        assert one.state.percentage == 25


@pytest.mark.parametrize(
    ("lasts", "seconds"), [(0, 1), (12, 1), (60, 3), (200, 10), (3600, SAVE_EVERY)]
)
def test_a_crash_costs_little_of_a_short_bake_and_ten_seconds_of_a_long_one(
    lasts: float, seconds: float
) -> None:
    assert save_every(lasts) == seconds


async def test_after_a_crash_a_short_bake_goes_on_nearly_where_it_was() -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now)
    async with looped(store=store.another(), clock=clock) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(7)
        async with looped(store=store.another(), clock=clock, replica="b") as other:
            assert (other.state.standing, other.state.healthy) == (Standing.BAKE, 7)


async def test_healthy_seconds_are_stored_every_ten_seconds_and_leave_no_audit() -> None:
    async with looped(declared(ramp=RAMP | {"bake": "600s"})) as one:
        await one.start()
        await one.run_until(is_baking)
        version = one.state.version
        await one.run(9)
        assert one.state.healthy == 0
        await one.run(1)
        assert (one.state.healthy, one.state.version) == (10, version)
        assert [entry.action for entry in await one.audit()] == ["settled"]


async def test_a_restart_in_mid_bake_goes_on_where_it_was() -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now)
    config = declared(ramp=RAMP | {"bake": "60s"})
    async with looped(config, store=store.another(), clock=clock) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(14)
    clock.now += 1000
    async with looped(config, store=store.another(), clock=clock) as one:
        assert (one.state.standing, one.state.healthy) == (Standing.BAKE, 14)
        assert one.state.percentage == 5
        await one.run(1)
        assert one.report.remaining == 46, "the time between the two does not count"
        await one.run(49)
        assert one.state.percentage == 25


async def test_a_step_that_takes_too_long_is_held_and_told_once() -> None:
    ramp = RAMP | {"max_duration": "40s", "gates": {"approval": True}}
    async with looped(declared(ramp=ramp)) as one:
        await one.start()
        seconds = await one.run_until(is_held)
        assert 40 <= seconds <= 42
        assert one.state.held is not None
        assert one.state.held.why == "step 1 is not over after 40 s of 40 s at most"
        await one.run(30)
        assert one.told() == ["rollout_held"]
        await one.ask(Resume())
        await one.ask(Approve())
        await one.run(10)
        assert one.state.percentage == 25


async def test_a_split_that_is_not_what_it_should_be_holds_the_ramp() -> None:
    async with looped() as one:
        one.legacy, one.new, one.people = (100, 0), (100, 0), 10_000
        await one.start()
        await one.run_until(is_held)
        assert one.state.held is not None
        assert one.state.held.why.startswith("sample ratio: ")
        assert (one.state.percentage, one.told()) == (5, ["rollout_held"])


async def test_an_honest_split_is_no_reason_to_hold() -> None:
    async with looped() as one:
        one.legacy, one.new, one.people = (190, 0), (10, 0), 10_000
        await one.start()
        await one.run_until(is_baking)
        await one.run(11)
        assert one.state.standing is not Standing.HELD


async def test_callers_without_a_key_hold_the_ramp() -> None:
    async with looped() as one:
        one.callers = (1000, 900)
        await one.start()
        await one.run_until(is_baking)
        one.callers = (2000, 940)
        await one.run(3)
        assert one.state.standing is Standing.BAKE
        one.callers = (2100, 1000)
        await one.run_until(is_held)
        assert one.state.held is not None
        assert one.state.held.why.startswith("missing keys: ")
        await one.ask(Resume())
        await one.run(10)
        assert one.state.standing is Standing.BAKE, "what was looked at is not held against it"


async def test_a_paused_ramp_collects_evidence_and_goes_nowhere() -> None:
    async with looped() as one:
        await one.start()
        await one.ask(Pause())
        await one.run(60)
        assert (one.state.standing, one.state.phase) == (Standing.PAUSED, Phase.BAKE)
        assert (one.state.percentage, one.state.healthy) == (5, 0)
        assert one.judge.asked[-1].segment == 1
        await one.ask(Resume())
        await one.run(25)
        assert one.state.percentage == 25


async def test_a_percentage_set_by_hand_is_not_moved_by_the_ramp() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        await one.ask(SetPercentage(30))
        await one.run(60)
        assert (one.state.standing, one.state.percentage) == (Standing.PAUSED, 30)


@pytest.mark.parametrize("resumes", [True, False])
async def test_after_an_automatic_rollback_the_ramp_begins_again_only_if_asked_to(
    resumes: bool,
) -> None:
    config = declared(rollback={"auto_resume": resumes, "cooldown": "60s"})
    async with looped(config) as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = FAILS
        await one.run(1)
        assert one.state.standing is Standing.ROLLED_BACK
        one.judge.brake = []
        await one.run(59)
        assert one.state.standing is Standing.ROLLED_BACK
        assert one.report.waiting_for == (("the cooldown",) if resumes else ())
        await one.run(2)
        assert one.state.percentage == (5 if resumes else 0)


async def test_a_percentage_that_no_ramp_has_reached_is_not_walked_to_after_a_rollback() -> None:
    config = declared(ramp=None, rollback={"auto_resume": True, "cooldown": "10s"})
    async with looped(config) as one:
        await one.ask(SetPercentage(30))
        await one.run(2)
        one.judge.brake = FAILS
        await one.run(1)
        one.judge.brake = []
        await one.run(60)
        assert (one.state.standing, one.state.run) == (Standing.ROLLED_BACK, 0)
        assert one.report.waiting_for == ()


async def test_nothing_begins_again_after_an_operators_rollback_or_a_second_brake() -> None:
    config = declared(rollback={"auto_resume": True, "cooldown": "10s"})
    async with looped(config) as one:
        await one.start()
        await one.ask(Rollback())
        await one.run(60)
        assert one.state.percentage == 0
        await one.ask(Resume())
        await one.start()
        for _ in range(2):
            await one.run_until(is_baking)
            one.judge.brake = FAILS
            await one.run(1)
            one.judge.brake = []
        await one.run(300)
        assert (one.state.latched, one.state.standing) == (True, Standing.ROLLED_BACK)
        await one.ask(Acknowledge())
        assert one.state.standing is Standing.DRAFT


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ({"HYBRID_PERCENTAGE": "5"}, "HYBRID_PERCENTAGE=5 is set"),
        ({"CROSSFADE_KILL": "1"}, "CROSSFADE_KILL is set"),
    ],
)
async def test_an_override_by_the_environment_keeps_the_ramp_where_it_is(
    env: dict[str, str], words: str
) -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now)
    async with looped(store=store.another(), clock=clock) as one:
        await one.start()
        await one.run_until(is_baking)
    async with looped(store=store.another(), clock=clock, env=env) as one:
        await one.run(60)
        assert one.report.waiting_for == (f"the environment: {words}",)
        assert await one.audit() == [entry for entry in await one.audit() if entry.at < BEGIN + 10]


async def test_a_rollout_that_is_switched_off_in_the_file_stays_where_it_is() -> None:
    async with looped(declared(enabled=False)) as one:
        await one.start()
        await one.run(60)
        assert one.state.percentage == 5
        assert one.report.waiting_for == ("the configuration says `enabled: false`",)


async def test_without_a_store_nothing_goes_up_and_with_it_the_ramp_goes_on() -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now)
    async with looped(store=store, clock=clock) as one:
        await one.start()
        await one.run_until(is_baking)
        store.lost = "nobody answers"
        await one.rollouts.refresh()
        await one.run(60)
        assert (one.state.percentage, one.report.stale) == (5, True)
        assert one.report.waiting_for == ("the store: nobody answers",)
        store.lost = ""
        await one.rollouts.refresh()
        await one.run(20)
        assert (one.state.percentage, one.report.stale) == (25, False)


async def test_an_unkilled_ramp_waits_for_its_operator() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        await one.ask(Kill())
        await one.run(30)
        await one.ask(Unkill())
        await one.run(30)
        assert (one.state.standing, one.state.percentage) == (Standing.PAUSED, 5)


async def test_a_clock_that_is_put_back_does_not_make_settling_longer() -> None:
    async with looped() as one:
        await one.start()
        await one.run(2)
        one.clock.now -= 3600
        await one.run(5)
        assert one.state.standing is Standing.BAKE


async def test_a_clock_that_is_put_back_does_not_make_the_longest_step_longer() -> None:
    ramp = RAMP | {"max_duration": "40s", "gates": {"approval": True}}
    async with looped(declared(ramp=ramp)) as one:
        await one.start()
        await one.run(10)
        one.clock.now -= 3600
        assert await one.run_until(is_held) <= 42
