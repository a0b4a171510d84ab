"""Forecasts of synthetic spending against what comes of it; seeded.

`python -m scripts.simulation.forecasts` prints the table of docs/topics/forecasts.md: for each
shape and horizon, how often what came lay in the interval that is said to hold in 80 % of the
cases, and the error beside that of the naive forecast. Every seed is in it, none is chosen.
"""

import argparse
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import exp
from random import Random

from plugins.cost_meter.forecasting.backtest import OUTER, tried
from plugins.cost_meter.forecasting.models import Naive, ladder
from plugins.cost_meter.forecasting.series import DAY

HOURS_OF_DAY = (
    *(0.3, 0.2, 0.15, 0.12, 0.12, 0.2, 0.4, 0.8, 1.2, 1.5, 1.6, 1.7),
    *(1.6, 1.6, 1.7, 1.6, 1.5, 1.4, 1.3, 1.2, 1.1, 0.9, 0.7, 0.5),
)
DAYS_OF_WEEK = (1.1, 1.15, 1.1, 1.1, 1.0, 0.6, 0.5)
DAYS = 90
FIRST_DAYS = 28
"""History before the first forecast."""
STRIDE = 137
"""Hours from one forecast to the next: no hour of the day or the week is preferred."""
HORIZONS = {"day": DAY, "week": 7 * DAY, "month": 30 * DAY}
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

    def hours(self, seed: int, days: int = DAYS) -> list[float]:
        """Return what each hour costs, in nano-USD."""
        draw = Random(seed)
        found, level, today = [], 0.0, 0.0
        begins = DAY * (30 + seed * 7 % 20)
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


@dataclass
class Found:
    """What came of many forecasts."""

    forecasts: int = 0
    covered: int = 0
    errors: list[float] = field(default_factory=list)
    naive: list[float] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)

    @property
    def coverage(self) -> float:
        """Return how often what came lay between p10 and p90."""
        return self.covered / self.forecasts

    @property
    def error(self) -> float:
        """Return the mean error of p50, by what came."""
        return sum(self.errors) / len(self.errors)

    @property
    def naive_error(self) -> float:
        """Return the same of the naive forecast."""
        return sum(self.naive) / len(self.naive)

    @property
    def width(self) -> float:
        """Return the mean of p90 less p10, by what came."""
        return sum(self.widths) / len(self.widths)


def play(shape: Shape, hours_ahead: int, seeds: Iterable[int], stride: int = STRIDE) -> Found:
    """Forecast what so many hours will cost, again and again, knowing what was before."""
    found = Found()
    for seed in seeds:
        hours = shape.hours(seed)
        for known in range(FIRST_DAYS * DAY, len(hours) - hours_ahead, stride):
            _forecast(hours[:known], sum(hours[known : known + hours_ahead]), hours_ahead, found)
    return found


def _forecast(hours: list[float], came: float, ahead: int, found: Found) -> None:
    known = tried(ladder(len(hours)), hours, ahead)
    expected = known.path.total(ahead)
    low, middle, high = (expected * (1 + known.spread.quantile(ahead, one)) for one in OUTER)
    *_, (_, naive) = Naive().walk(hours)
    found.forecasts += 1
    found.covered += low <= came <= high
    found.errors.append(abs(middle - came) / came)
    found.naive.append(abs(naive.total(ahead) - came) / came)
    found.widths.append((high - low) / came)


def work() -> float:
    """Return how many seconds of a core a forecast of a month takes, the least of five."""
    hours, took = SHAPES[0].hours(1), []
    for _ in range(5):
        begun = time.thread_time()
        tried(ladder(len(hours)), hours, HORIZONS["month"])
        took.append(time.thread_time() - begun)
    return min(took)


def main() -> int:
    """Print a line for each shape and horizon."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="so many, from 0 on")
    asked = parser.parse_args()
    print("| spending | horizon | forecasts | within p10..p90 | width | error | naive |")
    print("|---|---|---:|---:|---:|---:|---:|")
    for shape in SHAPES:
        for name, hours in HORIZONS.items():
            found = play(shape, hours, range(asked.seeds))
            print(
                f"| {shape.name} | {name} | {found.forecasts} | {found.coverage:.0%} "
                f"| {found.width:.0%} | {found.error:.1%} | {found.naive_error:.1%} |",
                flush=True,
            )
    print(f"\nA forecast made of {DAYS} days takes {work() * 1000:.0f} ms of a core.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
