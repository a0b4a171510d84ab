"""Many runs of a scenario, and what became of them."""

from collections.abc import Callable, Mapping
from random import Random
from statistics import median
from typing import NamedTuple

from scripts.simulation.rules import Rule, rules_for
from scripts.simulation.traffic import Scenario, ticks

LOOKS = 120
"""Ticks of a run, with a look after each."""

CALM = Scenario("no regression, 1 %", others=(0.05, 0.01))
SICK = Scenario("both arms fail 5 %", 0.05, 0.05)
SICKER = Scenario("both arms fail 20 %, never frozen", 0.2, 0.2, legacy_sick=100.0)
STORMS = Scenario("no regression, 1 % of users in a retry storm", storming=0.01)
BURSTS = Scenario("no regression, bursts of 30 % on both arms", burst=0.3, legacy_sick=100.0)
WORSE = Scenario("1 % to 5 %", new=0.05)
SLIGHTLY_WORSE = Scenario("1 % to 3 %", new=0.03)
OUTAGE = Scenario("new fails altogether", new=1.0)
SLOW_OUTAGE = Scenario("the same without the fast path", new=1.0, fast_path=False)
SLOWER = Scenario("new is slow four times as often", others=(0.05, 0.01), slower=4.0)
STALLS = Scenario("new stands still for one tick of thirty", others=(0.05, 0.01), stalls=True)
HARDLY_SLOWER = Scenario("new is slow twice as often", others=(0.05, 0.01), slower=2.0)

HARMLESS = (CALM, SICK, SICKER, STORMS, BURSTS)
HARMFUL = (WORSE, SLIGHTLY_WORSE, OUTAGE, SLOW_OUTAGE)
PATIENT = (STALLS, SLOWER, HARDLY_SLOWER)


class Found(NamedTuple):
    """What a rule did in all runs of a scenario."""

    runs: int
    at: list[int]
    """The ticks at which it rolled back."""

    @property
    def share(self) -> float:
        """The share of runs that it rolled back, 0..1."""
        return len(self.at) / self.runs

    @property
    def median(self) -> float:
        """The tick of half of those."""
        return median(self.at)


def play(
    scenario: Scenario,
    runs: int,
    seed: int,
    rules: Callable[[Scenario], Mapping[str, Rule]] = rules_for,
) -> dict[str, Found]:
    """Let all rules watch the same runs."""
    rng = Random(seed)
    found = {name: Found(runs, []) for name in rules(scenario)}
    for _ in range(runs):
        waiting = dict(rules(scenario))
        for tick in ticks(scenario, rng, LOOKS):
            for name in [name for name, rule in waiting.items() if rule.rolls_back(tick)]:
                found[name].at.append(tick.number)
                del waiting[name]
            if not waiting:
                break
    return found
