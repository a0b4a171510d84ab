"""Forecasts of synthetic spending against what comes of it; seeded.

`python -m scripts.simulation.forecasts` prints the table of docs/topics/forecasts.md: for each
shape and horizon, how often what came lay in the interval that is said to hold in 80 % of the
cases, how wide that is, and the errors beside those of the naive forecast. Every seed is in it,
none is chosen, and what the models are set to was found with other seeds (0 to 11, 200 to 229).
"""

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, sqrt
from random import Random
from typing import NamedTuple

from plugins.cost_meter.forecasting.backtest import OUTER, tried
from plugins.cost_meter.forecasting.models import Model, Naive, ladder
from plugins.cost_meter.forecasting.series import DAY

HOURS_OF_DAY = (
    *(0.3, 0.2, 0.15, 0.12, 0.12, 0.2, 0.4, 0.8, 1.2, 1.5, 1.6, 1.7),
    *(1.6, 1.6, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 0.9, 0.7, 0.5),
)
DAYS_OF_WEEK = (1.1, 1.15, 1.1, 1.1, 1.0, 0.6, 0.5)
DAYS = 90
FIRST_DAYS = 28
"""History before the first forecast."""
SEEDS = range(100, 140)
"""Those of the table."""
STRIDE = 137
"""Hours from one forecast to the next: no hour of the day or the week is preferred."""
HORIZONS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
SEEN_HOURS = 60
"""So long after a step two whole days have shown it."""
LONG_DAYS = 40
"""History from which on growth is told from chance."""
USUAL = 1e9
"""What an hour costs, in nano-USD."""


@dataclass(frozen=True)
class Shape:
    """Spending by the hour. All have hours of the day, days of the week, noise and drift."""

    name: str
    growth: float = 0.0
    """By day, as a logarithm."""
    step: float = 1.0
    """By so much it rises at once, on a day between the 30th and the 50th."""
    day_noise: float = 0.12
    hour_noise: float = 0.25
    drift: float = 0.01
    """Of the level by day: the standard deviation, as a logarithm, of a random walk."""

    def steps_at(self, seed: int) -> int:
        """Return after how many hours it rises at once."""
        return DAY * (30 + seed * 7 % 20)

    def hours(self, seed: int, days: int = DAYS) -> list[float]:
        """Return what each hour costs, in nano-USD."""
        draw = Random(seed)
        found, level, today = [], 0.0, 0.0
        begins = self.steps_at(seed)
        for hour in range(days * DAY):
            day = hour // DAY
            if hour % DAY == 0:
                today = draw.gauss(0, self.day_noise)
                level += draw.gauss(self.growth, self.drift)
            noise = draw.gauss(0, self.hour_noise)
            season = HOURS_OF_DAY[hour % DAY] * DAYS_OF_WEEK[day % 7]
            stepped = self.step if hour >= begins else 1.0
            found.append(USUAL * season * stepped * exp(level + today + noise))
        return found


SHAPES = (
    Shape("weekly season"),
    Shape("growth of 1.2 % a day", growth=0.012),
    Shape("step to twice as much", step=2.0),
)
OTHERS = (
    Shape("no drift", drift=0.0),
    Shape("drift of 3 % a day", drift=0.03),
    Shape("a third of the noise", day_noise=0.04, hour_noise=0.1, drift=0.005),
    Shape("three times the noise", day_noise=0.35, hour_noise=0.6),
    Shape("growth of 3 % a day", growth=0.03),
    Shape("1 % less each day", growth=-0.01),
    Shape("step to half", step=0.5),
    Shape("step to 1.4 times as much", step=1.4),
)
"""Those by which it is looked whether the models were made for the three above alone."""


class Case(NamedTuple):
    """One forecast, and what came; in nano-USD."""

    seed: int
    known: int
    """Hours."""
    came: float
    told: Sequence[float]
    """p10, p50, p90."""
    naive: Sequence[float]
    """The same of the naive forecast, with an interval that is counted in the same way."""
    naive_says: float
    """What came a week before, again."""

    @property
    def covered(self) -> bool:
        """Return whether what came lay between p10 and p90."""
        return self.told[0] <= self.came <= self.told[-1]


class Found(NamedTuple):
    """What came of many forecasts."""

    cases: Sequence[Case]

    @property
    def forecasts(self) -> int:
        """Return how many."""
        return len(self.cases)

    @property
    def coverage(self) -> float:
        """Return how often what came lay between p10 and p90."""
        return sum(one.covered for one in self.cases) / len(self.cases)

    @property
    def doubt(self) -> float:
        """Return the standard error of the coverage. Forecasts of one seed are not independent."""
        off: dict[int, float] = {}
        for one in self.cases:
            off[one.seed] = off.get(one.seed, 0.0) + one.covered - self.coverage
        few = len(off) / max(len(off) - 1, 1)
        return sqrt(few * sum(one**2 for one in off.values())) / len(self.cases)

    @property
    def width(self) -> float:
        """Return the mean of p90 less p10, by what came."""
        return self._mean([(one.told[-1] - one.told[0]) / one.came for one in self.cases])

    @property
    def error(self) -> float:
        """Return the mean error of p50, by what came."""
        return self._mean([abs(one.told[1] / one.came - 1) for one in self.cases])

    @property
    def naive_error(self) -> float:
        """Return the same of the naive forecast."""
        return self._mean([abs(one.naive_says / one.came - 1) for one in self.cases])

    @property
    def loss(self) -> float:
        """Return the mean quantile loss of p10, p50 and p90, by what came."""
        return self._mean([_loss(one.told, one.came) for one in self.cases])

    @property
    def naive_loss(self) -> float:
        """Return the same of the naive forecast."""
        return self._mean([_loss(one.naive, one.came) for one in self.cases])

    def _mean(self, values: Sequence[float]) -> float:
        return sum(values) / len(values)


def _loss(told: Sequence[float], came: float) -> float:
    pairs = list(zip(OUTER, told, strict=True))
    missed = [(came - one) * (chance - (came < one)) for chance, one in pairs]
    return sum(missed) / len(missed) / came


def play(shape: Shape, hours_ahead: int, seeds: Iterable[int], stride: int = STRIDE) -> Found:
    """Forecast what so many hours will cost, again and again, knowing what was before."""
    cases = []
    for seed in seeds:
        hours = shape.hours(seed)
        for known in range(FIRST_DAYS * DAY, len(hours) - hours_ahead, stride):
            past, came = hours[:known], sum(hours[known : known + hours_ahead])
            told = _told(ladder(known), past, hours_ahead)
            naive = _told([Naive(least=8 * DAY)], past, hours_ahead)
            *_, (_, path, _) = Naive().walk(past)
            cases.append(Case(seed, known, came, told, naive, path.total(hours_ahead)))
    return Found(cases)


def _told(models: Sequence[Model], past: Sequence[float], ahead: int) -> list[float]:
    known = tried(models, past, ahead)
    return [known.path.total(ahead) * (1 + known.spread.quantile(ahead, one)) for one in OUTER]


def parted(shape: Shape, hours_ahead: int, found: Found) -> dict[str, Found]:
    """Return forecasts by what could be known: of a step that lies ahead nothing, of growth little.

    That there was a step takes two days to see.
    """
    parts: dict[str, list[Case]] = {}
    for one in found.cases:
        since = one.known - shape.steps_at(one.seed)
        if shape.growth and one.known >= LONG_DAYS * DAY:
            parts.setdefault(f"{LONG_DAYS} days known", []).append(one)
        if shape.step == 1 or since <= -hours_ahead:
            continue
        parts.setdefault("step ahead" if since < 0 else "after it", []).append(one)
        if since >= SEEN_HOURS:
            parts.setdefault("after it was seen", []).append(one)
    return {name: Found(cases) for name, cases in parts.items()}


def work() -> float:
    """Return how many seconds of a core a forecast of a month takes, the least of five."""
    hours, took = SHAPES[0].hours(1), []
    for _ in range(5):
        begun = time.thread_time()
        tried(ladder(len(hours)), hours, HORIZONS["month"])
        took.append(time.thread_time() - begun)
    return min(took)


def _line(name: str, horizon: str, found: Found) -> str:
    return (
        f"| {name} | {horizon} | {found.forecasts} | {found.coverage:.0%} ± {found.doubt:.0%} "
        f"| {found.width:.0%} | {found.error:.1%} | {found.naive_error:.1%} "
        f"| {found.loss:.2%} | {found.naive_loss:.2%} |"
    )


def main() -> int:
    """Print a line for each shape and horizon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=SEEDS[0], help="the first seed")
    parser.add_argument("--seeds", type=int, default=len(SEEDS), help="so many, from that one on")
    parser.add_argument("--others", action="store_true", help="spending of other shapes")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    print(
        "| spending | ahead | forecasts | within p10..p90 | width | error | naive | loss | naive |"
    )
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|")
    for shape in OTHERS if asked.others else SHAPES:
        for name, hours in HORIZONS.items():
            found = play(shape, hours, seeds)
            print(_line(shape.name, name, found), flush=True)
            for part, some in parted(shape, hours, found).items():
                print(_line(f"— {part}", name, some), flush=True)
    print(f"\nA forecast made of {DAYS} days takes {work() * 1000:.0f} ms of a core.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
