"""What looks at the traffic after each tick: the brake, and two rules that others use."""

from collections import deque
from functools import cache
from math import log
from typing import Protocol

from plugins.auto_rollback import AutoRollback
from plugins.auto_rollback.evidence import log_e, metric_weight, segment_weight
from proxy.api import Evidence, Observed, Question, Scope, Seen, Settings
from proxy.config.rollback import Rollback
from scripts.simulation.traffic import NEW_REQUESTS, SHARE, Arm, Scenario, Tick


class Rule(Protocol):
    """Remembers one run."""

    def rolls_back(self, tick: Tick) -> bool:
        """Tell whether it would roll back now."""


@cache
def least_crossing(met: int, bound: float) -> int:
    """How many of the keys that met a metric must be on new for the evidence to be enough."""
    low, high = 0, met + 1
    while low < high:
        middle = (low + high) // 2
        if log_e(middle, met - middle, SHARE) >= bound:
            high = middle
        else:
            low = middle + 1
    return low


class Brake:
    """The plugin with its default settings. It is asked whenever it could say ``fail``."""

    def __init__(self, scenario: Scenario, *, always: bool = False, patient: bool = True) -> None:
        """`patient`: as it is; else a crossing is enough, whether it goes on or not."""
        self._judge = AutoRollback(Settings())
        self.patient = patient
        self._watching = False
        self.settings = Rollback(legacy_sick=scenario.legacy_sick, fast_path=scenario.fast_path)
        self.always = always
        self._bounds = {
            metric: -log(
                self.settings.alpha
                * metric_weight(metric, self.settings.metrics)
                * segment_weight(1)
            )
            for metric in self.settings.metrics
        }

    def rolls_back(self, tick: Tick) -> bool:
        """Ask the plugin, if what it is asked for could be there."""
        self._watching = self._watching or self._enough(tick)
        if not (self.always or self._watching or tick.new.errors * 2 >= NEW_REQUESTS):
            return False
        verdict = self._judge.judge(self._question(tick))
        if verdict is None:
            return False
        crossed = verdict.kind == "hold" and "crossed" in verdict.why
        return verdict.kind == "fail" or (crossed and not self.patient)

    def _enough(self, tick: Tick) -> bool:
        for metric, bound in self._bounds.items():
            legacy, new = _keys(tick.legacy)[metric], _keys(tick.new)[metric]
            if new and new >= least_crossing(legacy + new, bound):
                return True
        return False

    def _question(self, tick: Tick) -> Question:
        observed = Observed(
            segment=(
                Seen(tick.legacy.requests, slow=tick.legacy.slow),
                Seen(tick.new.requests, slow=tick.new.slow),
            ),
            recent=(
                Seen(tick.legacy_requests, tick.legacy.errors),
                Seen(NEW_REQUESTS, tick.new.errors),
            ),
            evidence=(
                Evidence(tick.legacy.active, _keys(tick.legacy)),
                Evidence(tick.new.active, _keys(tick.new)),
            ),
        )
        return Question(
            kind="brake",
            rollout="simulated",
            percentage=100 * SHARE,
            share=SHARE,
            segment=1,
            settings=self.settings,
            observed={Scope(): observed},
            now=10.0 * tick.number,
        )


def _keys(arm: Arm) -> dict[str, int]:
    slow, client_errors = arm.others or (0, 0)
    return {"errors": arm.keys, "slow": slow, "client_errors": client_errors}


class Windowed:
    """Error rates of the last five ticks; at least 100 requests; three times in a row."""

    def __init__(self, *, relative: bool) -> None:
        self.relative = relative
        self._ticks: deque[tuple[int, int, int]] = deque(maxlen=5)
        self._row = 0

    def rolls_back(self, tick: Tick) -> bool:
        """Above 2 %; if `relative`, above twice legacy's and more than a point above it."""
        self._ticks.append((tick.new.errors, tick.legacy.errors, tick.legacy_requests))
        requests = NEW_REQUESTS * len(self._ticks)
        new = sum(each[0] for each in self._ticks) / requests
        legacy = sum(each[1] for each in self._ticks) / sum(each[2] for each in self._ticks)
        bad = new > 2 * legacy and new > legacy + 0.01 if self.relative else new > 0.02
        self._row = self._row + 1 if bad and requests >= 100 else 0
        return self._row >= 3


def rules_for(scenario: Scenario) -> dict[str, Rule]:
    """The rules by the names of the table's columns."""
    return {
        "the brake": Brake(scenario),
        "> 2 %": Windowed(relative=False),
        "> 2x legacy, + 1 point": Windowed(relative=True),
    }


def patience_for(scenario: Scenario) -> dict[str, Rule]:
    """The brake, and what it would do if it rolled back at each crossing."""
    return {"the brake": Brake(scenario), "at the crossing": Brake(scenario, patient=False)}
