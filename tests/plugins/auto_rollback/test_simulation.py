"""The brake with all its defaults over thousands of simulated runs; seeded, so never by chance.

The traffic, and why counts are as good as requests: scripts/simulation.
"""

from random import Random

import pytest

from scripts.simulation.campaign import (
    BURSTS,
    CALM,
    OUTAGE,
    SICK,
    SICKER,
    SLIGHTLY_WORSE,
    SLOW_OUTAGE,
    SLOWER,
    STALLS,
    STORMS,
    WORSE,
    Found,
    play,
)
from scripts.simulation.rules import Brake, Rule, Windowed, patience_for
from scripts.simulation.traffic import USERS, Scenario, ticks

SEED = 20_26


def braked(scenario: Scenario, runs: int) -> Found:
    def alone(of: Scenario) -> dict[str, Rule]:
        return {"brake": Brake(of)}

    return play(scenario, runs, SEED, alone)["brake"]


HARMLESS = {CALM: 1000, SICK: 400, SICKER: 150, STORMS: 250, BURSTS: 250}


@pytest.mark.parametrize("scenario", HARMLESS, ids=lambda scenario: scenario.name)
def test_of_the_runs_without_a_regression_few_are_rolled_back(scenario: Scenario) -> None:
    assert braked(scenario, HARMLESS[scenario]).share <= 0.015


def test_one_to_five_per_cent_is_found_in_every_run_half_of_them_within_eleven_ticks() -> None:
    found = braked(WORSE, 300)
    assert found.share == 1
    assert found.median <= 11


def test_one_to_three_per_cent_is_found_in_nearly_every_run() -> None:
    found = braked(SLIGHTLY_WORSE, 300)
    assert found.share >= 0.98
    assert found.median <= 30


@pytest.mark.parametrize(("scenario", "tick"), [(OUTAGE, 1), (SLOW_OUTAGE, 3)])
def test_an_outage_is_over_after_the_tick(scenario: Scenario, tick: int) -> None:
    found = braked(scenario, 200)
    assert found.share == 1
    assert max(found.at) <= tick


def test_a_new_side_that_stands_still_now_and_then_stays_and_one_that_is_slow_goes_back() -> None:
    stalls, slower = (play(scenario, 100, SEED, patience_for) for scenario in (STALLS, SLOWER))
    assert stalls["at the crossing"].share >= 0.6
    assert stalls["the brake"].share <= 0.01
    assert slower["the brake"].share == 1
    assert slower["at the crossing"].median < slower["the brake"].median <= 8


def test_the_rules_that_look_at_error_rates_are_wrong_most_of_the_time() -> None:
    def both(_: Scenario) -> dict[str, Rule]:
        return {"fixed": Windowed(relative=False), "relative": Windowed(relative=True)}

    calm, sick = play(CALM, 100, SEED, both), play(SICK, 100, SEED, both)
    assert min(calm["fixed"].share, calm["relative"].share) > 0.4
    assert sick["fixed"].share == 1


@pytest.mark.parametrize(
    "scenario", [WORSE, STORMS, BURSTS, OUTAGE, SLOWER, STALLS], ids=lambda s: s.name
)
def test_asking_only_when_it_could_say_fail_is_as_good_as_asking_always(scenario: Scenario) -> None:
    def twice(of: Scenario) -> dict[str, Rule]:
        return {"seldom": Brake(of), "always": Brake(of, always=True)}

    found = play(scenario, 10, SEED, twice)
    assert found["seldom"] == found["always"]


def test_the_simulated_traffic_is_what_the_scenario_says() -> None:
    rng, runs, most = Random(SEED), 100, 60
    new_requests = new_errors = legacy_requests = legacy_errors = users = 0
    for _ in range(runs):
        for tick in ticks(Scenario("", legacy=0.02, new=0.05), rng, most):
            new_errors += tick.new.errors
            legacy_errors += tick.legacy.errors
            legacy_requests += tick.legacy_requests
        new_requests += tick.new.requests
        users += tick.new.ordinary + tick.legacy.ordinary
        assert tick.new.keys <= tick.new.active <= tick.new.ordinary
    assert users == runs * USERS
    assert new_requests == runs * most * 20
    assert legacy_requests / new_requests == pytest.approx(19, rel=0.05)
    assert new_errors / new_requests == pytest.approx(0.05, rel=0.05)
    assert legacy_errors / legacy_requests == pytest.approx(0.02, rel=0.05)
