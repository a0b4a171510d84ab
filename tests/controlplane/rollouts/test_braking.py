"""The brake sends back to legacy at once, and never toward a legacy that fails itself."""

from dataclasses import replace
from typing import Any

import pytest

from proxy.api.judging import Scope, Verdict
from proxy.config.rollback import Rollback
from proxy.controlplane.rollouts.braking import WELL_SECONDS, Braking, is_held
from proxy.controlplane.rollouts.questions import NOTHING, Look
from proxy.core.commands import Brake, Command, OverrideSafety, Pause, SetPercentage
from proxy.core.rollout_state import Mark, Phase, RolloutState, ScopedHold, Standing
from proxy.stores.memory import MemoryStore
from tests.controlplane.rollouts.looped import ADMIN, BEGIN, NAME, RAMP, Clock, declared, looped

EVIDENCE = {"errors": {"log_e": 9.0, "bound": 7.0}}
PASS = [Verdict("pass", "all is well")]
FAIL = [Verdict("fail", "new fails more often", evidence=EVIDENCE)]
FREEZE = [Verdict("freeze", "12 % of legacy's requests fail")]


def is_baking(state: RolloutState) -> bool:
    return state.standing is Standing.BAKE


async def test_a_failing_new_arm_is_rolled_back_at_once_with_its_evidence() -> None:
    async with looped(declared(rollback={"cooldown": "60s"})) as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = FAIL
        await one.run(1)
        state = one.state
        assert (state.standing, state.share) == (Standing.ROLLED_BACK, 0)
        assert state.rolled_back is not None
        assert (state.rolled_back.by, state.rolled_back.why) == (
            "auto_rollback",
            "new fails more often",
        )
        assert (state.evidence, state.cooldown_until) == (EVIDENCE, one.clock.now + 60)
        await one.run(60)
        assert one.told() == ["rollout_rolled_back"]
        assert [entry.action for entry in await one.audit()] == ["settled", "brake"]


async def test_a_percentage_set_by_hand_is_braked_too() -> None:
    async with looped(declared(ramp=None)) as one:
        await one.ask(SetPercentage(30))
        await one.run(3)
        assert one.judge.asked[-1].share == 0.3
        one.judge.brake = FAIL
        await one.run(1)
        assert one.state.share == 0


async def test_the_brake_works_while_the_step_settles_and_while_the_ramp_is_paused() -> None:
    async with looped() as one:
        await one.start()
        await one.run(1)
        assert (one.state.standing, one.judge.asked[-1].segment) == (Standing.SETTLE, 0)
        await one.ask(Pause())
        one.judge.brake = FAIL
        await one.run(1)
        assert one.state.share == 0


async def test_the_brake_works_without_the_store_and_what_it_did_is_stored_later() -> None:
    clock = Clock()
    store = MemoryStore(lambda: clock.now)
    other = store.another()
    async with looped(store=store, clock=clock) as one:
        await one.start()
        await one.run_until(is_baking)
        store.lost = "nobody answers"
        one.judge.brake = FAIL
        await one.run(1)
        assert one.state.share == 0
        assert (await other.load())[NAME].percentage == 5
        store.lost = ""
        await one.rollouts.refresh()
        assert (await other.load())[NAME].share == 0


async def test_nobody_is_asked_where_nobody_is_on_new_or_the_brake_is_switched_off() -> None:
    async with looped() as one:
        await one.run(5)
        assert one.judge.asked == []
    async with looped(declared(rollback={"enabled": False})) as one:
        await one.start()
        await one.run(30)
        assert [question.kind for question in one.judge.asked] == ["gate"]
        assert one.state.percentage == 25


async def test_a_sick_legacy_freezes_is_told_once_and_thaws_when_it_is_well() -> None:
    async with looped(declared(ramp=RAMP | {"bake": "30s"})) as one:
        await one.start()
        await one.run_until(is_baking)
        await one.run(20)
        one.judge.brake = FREEZE
        await one.run(40)
        assert (one.state.standing, one.state.percentage) == (Standing.FROZEN, 5)
        one.judge.brake = PASS
        await one.run(20)
        one.judge.brake = FREEZE
        await one.run(1)
        one.judge.brake = PASS
        await one.run(int(WELL_SECONDS))
        assert one.state.standing is Standing.FROZEN, "it was not well for long enough"
        await one.run(1)
        assert (one.state.standing, one.state.healthy) == (Standing.SETTLE, 20)
        assert one.told() == ["rollout_frozen"]
        await one.run(16)
        assert one.state.percentage == 25


@pytest.mark.parametrize(("requests", "up"), [((0, 0), True), ((10, 0), False)])
async def test_a_legacy_of_which_nothing_is_seen_or_that_is_down_is_not_well(
    requests: tuple[int, int], up: bool
) -> None:
    async with looped() as one:
        one.legacy = requests
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = FREEZE
        await one.run(1)
        one.judge.brake, one.legacy_up = PASS, up
        await one.run(100)
        assert one.judge.asked[-1].legacy_up is up
        assert one.state.standing is Standing.FROZEN


async def test_at_a_hundred_per_cent_legacy_need_not_be_seen_to_thaw() -> None:
    async with looped(declared(ramp=RAMP | {"steps": [100]})) as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = FREEZE
        await one.run(1)
        assert one.state.frozen
        one.judge.brake = PASS
        await one.run(int(WELL_SECONDS) + 1)
        assert one.judge.asked[-1].observed[Scope()].window[0].requests == 0
        assert one.state.frozen is None


async def test_a_complete_rollout_is_not_frozen_when_legacy_is_gone() -> None:
    async with looped(declared(ramp=RAMP | {"steps": [100]})) as one:
        await one.start()
        await one.run_until(lambda state: state.standing is Standing.COMPLETE)
        one.judge.brake, one.legacy_up = FREEZE, False
        await one.run(10)
        assert (one.state.standing, one.told()) == (Standing.COMPLETE, [])


async def test_a_broken_absolute_bound_pauses_the_ramp() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = [Verdict("pause", "p95 is 6 s, above 5 s")]
        await one.run(30)
        assert (one.state.standing, one.state.percentage) == (Standing.PAUSED, 5)
        assert one.state.paused is not None
        assert one.state.paused.by == "auto_rollback"
        assert one.told() == ["rollout_held"]


async def test_while_an_admin_overrides_the_brake_it_only_tells_and_only_once() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        await one.rollouts.change(NAME, OverrideSafety(60), ADMIN, "we are watching it")
        one.judge.brake = FAIL
        await one.run(59)
        assert (one.state.percentage, one.told()) == (5, ["rollout_brake_overridden"])
        assert "new fails more often" in one.alerts[0].text
        await one.run(2)
        assert one.state.share == 0


async def test_a_scope_that_fails_is_sent_back_alone_and_only_once() -> None:
    scoped = [Verdict("fail", "tenant acme fails", Scope("", "acme"), EVIDENCE)]
    async with looped(declared(cohort="tier")) as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = scoped
        await one.run(30)
        assert [(hold.route, hold.cohort) for hold in one.state.holds] == [("", "acme")]
        assert [entry.action for entry in await one.audit()].count("brake") == 1
        assert one.state.share == 25, "the others go on"


def held(**scope: Any) -> RolloutState:
    return RolloutState(
        "r", percentage=5, holds=(ScopedHold(Mark("brake", "it fails", 0.0), **scope),)
    )


@pytest.mark.parametrize(
    ("state", "scope", "expected"),
    [
        (RolloutState("r", percentage=0), Scope(), True),
        (RolloutState("r", percentage=5), Scope(), False),
        (held(cohort="acme"), Scope("", "acme"), True),
        (held(cohort="acme"), Scope("pay", "acme"), True),
        (held(route="pay"), Scope("pay", "acme"), True),
        (held(route="pay", cohort="acme"), Scope("pay", "acme"), True),
        (held(route="pay", cohort="acme"), Scope("pay"), False),
        (held(cohort="acme"), Scope("", "other"), False),
        (held(cohort="acme"), Scope(), False),
    ],
)
def test_a_scope_is_held_where_a_hold_covers_it(
    state: RolloutState, scope: Scope, expected: bool
) -> None:
    assert is_held(state, scope) is expected


async def test_an_override_does_not_last_longer_because_a_clock_was_put_back() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        await one.rollouts.change(NAME, OverrideSafety(60), ADMIN, "we are watching it")
        one.clock.now -= 7200
        one.judge.brake = FAIL
        await one.run(1)
        assert one.state.share == 0


async def test_legacy_is_well_again_soon_though_a_clock_was_put_back() -> None:
    async with looped() as one:
        await one.start()
        await one.run_until(is_baking)
        one.judge.brake = FREEZE
        await one.run(1)
        one.judge.brake = PASS
        await one.run(5)
        one.clock.now -= 3600
        await one.run(int(WELL_SECONDS) + 2)
        assert one.state.frozen is None


async def test_whoever_stands_in_for_the_leader_sends_back_and_does_nothing_else() -> None:
    asked: list[Command] = []

    async def change(state: RolloutState, command: Command, by: str, why: str) -> RolloutState:
        asked.append(command)
        return state

    braking = Braking(change, lambda _: None)
    state = RolloutState(NAME, percentage=100.0, phase=Phase.BAKE)
    frozen = replace(state, frozen=Mark("auto_rollback", "legacy fails", 0.0, automatic=True))
    for now in (BEGIN, BEGIN + WELL_SECONDS):
        await braking.act(Look(frozen, Rollback(), NOTHING, now, leads=False), None)
    for verdict in (FREEZE[0], Verdict("pause", "a bound is broken")):
        await braking.act(Look(state, Rollback(), NOTHING, BEGIN, leads=False), verdict)
    assert asked == []
    await braking.act(Look(state, Rollback(), NOTHING, BEGIN, leads=False), FAIL[0])
    assert [type(one) for one in asked] == [Brake]
