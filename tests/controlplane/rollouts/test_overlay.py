"""The environment overrides what is in force in its process, and nothing that is stored."""

import io

import pytest

from proxy.controlplane.rollouts.overlay import Overlay
from proxy.core import commands as ask
from proxy.core.ramp import ordinal
from proxy.core.rollout_state import Mark, Phase, RolloutState, Standing
from proxy.stores.memory import MemoryStore
from tests.controlplane.log_lines import logging_into
from tests.controlplane.rollouts.replica import NAME, NOW, Replica

STATE = RolloutState("fade-in", percentage=40.0)
MARK = Mark("alice", "she wants it", 1.0)


def overlay(**env: str) -> Overlay:
    found = Overlay(env, NOW)
    found.read(["fade-in", "other"])
    return found


def test_without_variables_a_state_stays_what_it_is() -> None:
    assert overlay().on(STATE) is STATE
    assert overlay(OTHER_ENABLED="false").on(STATE) is STATE
    assert overlay(FADE_IN_ENABLED="true").on(STATE) is STATE
    assert overlay().said("fade-in") == ""


@pytest.mark.parametrize(
    ("variable", "value"), [("CROSSFADE_KILL", "1"), ("FADE_IN_ENABLED", "false")]
)
def test_a_kill_by_the_environment_says_so(variable: str, value: str) -> None:
    over = overlay(**{variable: value})
    killed = over.on(STATE)
    assert killed.killed is not None
    assert (killed.share, killed.killed.by, killed.killed.at) == (0, "environment", NOW)
    assert killed.killed.why == over.said("fade-in")
    assert variable in over.said("fade-in")


def test_a_percentage_of_the_environment_is_in_force_and_stops_the_ramp() -> None:
    over = overlay(FADE_IN_PERCENTAGE="12.5")
    assert over.on(STATE).percentage == 12.5
    assert over.on(STATE).standing is Standing.DRAFT
    walking = RolloutState("fade-in", percentage=40.0, phase=Phase.BAKE)
    assert over.on(walking).standing is Standing.PAUSED
    assert over.said("fade-in") == "FADE_IN_PERCENTAGE=12.5 is set"


def test_the_environment_lifts_nothing() -> None:
    back = RolloutState("fade-in", rolled_back=MARK)
    assert overlay(FADE_IN_PERCENTAGE="90").on(back).share == 0
    killed = RolloutState("fade-in", killed=MARK)
    assert overlay(CROSSFADE_KILL="1").on(killed).killed is MARK


def test_what_cannot_be_read_is_logged_once_without_its_value() -> None:
    with logging_into(io.StringIO()) as log:
        over = overlay(FADE_IN_PERCENTAGE="hunter2")
        over.read(["fade-in"])
    assert log.getvalue().count("FADE_IN_PERCENTAGE") == 1
    assert "hunter2" not in log.getvalue()


async def test_an_override_is_in_force_and_never_stored() -> None:
    store = MemoryStore(lambda: NOW)
    one = Replica(store, {"FADE_PERCENTAGE": "5"})
    await one.open()
    assert (one.state.percentage, one.serves) == (5, 5)
    assert one.rollouts.overridden(NAME) == "FADE_PERCENTAGE=5 is set"
    await one.ask(ask.SetPercentage(60))
    assert one.serves == 5
    assert (await store.load())[NAME].percentage == 60


async def test_the_kill_switch_holds_whatever_is_asked() -> None:
    one = Replica(MemoryStore(lambda: NOW), {"CROSSFADE_KILL": "1"})
    await one.open()
    await one.ask(ask.SetPercentage(60))
    assert (one.serves, one.state.standing) == (0, Standing.KILLED)


def test_a_rollout_that_never_moved_is_judged_by_evidence_when_the_environment_moves_it() -> None:
    over = overlay(FADE_IN_PERCENTAGE="40")
    moved = over.on(RolloutState("fade-in"))
    assert [ordinal(moved, NOW + seconds) for seconds in (0, 3599, 3600)] == [1, 1, 2]
    learned = RolloutState("fade-in", segment=7, segment_since=NOW)
    assert ordinal(over.on(learned), NOW) == 7
