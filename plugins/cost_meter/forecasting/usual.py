"""What an hour usually costs, and how far hours lie apart from that.

An hour is held against the same hour of other weeks. Three weeks alone tell badly how far hours lie
apart, so that all hours of the last four weeks say it together: each is held against its own past,
as it would have been judged then. Spending that has grown, or has risen at once, is the new
usual after a day; spending that has fallen is not, so that a Monday after holidays is well.
"""

from collections.abc import Mapping, Sequence
from math import inf
from statistics import median
from typing import NamedTuple

from .series import DAY, HOUR, WEEK

__all__ = ["WEEKS", "Spending", "Usual"]

WEEKS = 6
"""So many weeks back is looked."""
_DAYS = 14
"""So many days, where there are fewer than three weeks."""
_LEAST_PAST = 3
"""So many hours of the past are needed to say what is usual."""
_LEVEL_HOURS = 2 * DAY
_NOISE_HOURS = 4 * WEEK
_LEAST_HOURS = 12
"""From so many hours on they tell something of the level, or of how far hours lie apart."""
_SIGMA = 1.4826
"""Makes a median deviation a standard deviation."""
_CALM = 0.1
"""No hour is taken to be calmer than this part of what is usual."""


class Usual(NamedTuple):
    """What an hour may be expected to cost, in nano-USD."""

    middle: float
    spread: float
    """A standard deviation, robustly."""
    compared: tuple[float, ...]
    """The first seconds of the hours that it is compared with, without those that were odd."""


class _Slot(NamedTuple):
    """What the same hour of other weeks cost."""

    past: tuple[float, ...]
    costs: tuple[int, ...]
    middle: float


class Spending:
    """What hours have cost, those in which nothing was spent among them."""

    def __init__(self, costs: Mapping[float, int], least: int) -> None:
        """`costs`: in nano-USD, by the hour's first second; `least`: what is too little to matter.

        Hours before the first of them are unknown.
        """
        self._costs, self._least = costs, least
        self._first = min(costs, default=inf)
        self._slots: dict[float, _Slot | None] = {}

    def usual(self, begins: float) -> Usual | None:
        """Return what is usual at an hour; None where too little is known of the past."""
        slot = self._slot(begins)
        if slot is None:
            return None
        odd = () if slot.middle > 0 else self._irregular(begins)
        if len(odd) >= _LEAST_PAST:  # spending that keeps no hours is compared with itself
            costs = [self._costs[one] for one in odd]
            slot = _Slot(odd, tuple(costs), median(costs))
        middle = slot.middle * self._level(begins)
        spread = max(
            _deviation(slot.costs, slot.middle),
            max(self._noise(begins), _CALM) * middle,
            _CALM * self._least,
            1.0,
        )
        most = max(slot.middle + _LEAST_PAST * spread, 0.0)
        pairs = zip(slot.past, slot.costs, strict=True)
        return Usual(middle, spread, tuple(at for at, cost in pairs if cost <= most))

    def _slot(self, begins: float) -> _Slot | None:
        if begins not in self._slots:
            self._slots[begins] = self._looked_up(begins)
        return self._slots[begins]

    def _looked_up(self, begins: float) -> _Slot | None:
        for lag, most in ((WEEK, WEEKS), (DAY, _DAYS)):
            past = [begins - lag * HOUR * number for number in range(1, most + 1)]
            past = [one for one in past if one >= self._first]
            if len(past) >= _LEAST_PAST:
                costs = tuple(self._costs.get(one, 0) for one in past)
                return _Slot(tuple(past), costs, median(costs))
        return None

    def _before(self, begins: float, hours: int) -> list[float]:
        count = int(min(hours, (begins - self._first) // HOUR))
        return [begins - HOUR * number for number in range(1, count + 1)]

    def _ratios(self, begins: float, hours: int) -> list[tuple[float, float]]:
        """Return hours before, the latest first, each by what was usual then."""
        found = []
        for at in self._before(begins, hours):
            slot = self._slot(at)
            if slot is not None and slot.middle > 0:
                found.append((at, self._costs.get(at, 0) / slot.middle))
        return found

    def _level(self, begins: float) -> float:
        ratios = [ratio for _, ratio in self._ratios(begins, _LEVEL_HOURS)]
        return max(median(ratios), 1.0) if len(ratios) >= _LEAST_HOURS else 1.0

    def _noise(self, begins: float) -> float:
        """Return how far hours lie from what is usual, as a part of it."""
        ratios = self._ratios(begins, _NOISE_HOURS)
        levels: dict[float, float] = {}  # by day: hours of one day have nearly the same level
        for at, _ in ratios:
            day = at // (DAY * HOUR)
            if day not in levels:
                levels[day] = self._level(at)
        off = [ratio / levels[at // (DAY * HOUR)] - 1 for at, ratio in ratios]
        return _SIGMA * median(map(abs, off)) if len(off) >= _LEAST_HOURS else 0.0

    def _irregular(self, begins: float) -> tuple[float, ...]:
        """Return the hours that cost something although at that hour that was not usual."""
        found = []
        for at in self._before(begins, WEEKS * WEEK):
            slot = self._slot(at)
            if slot is not None and not slot.middle and self._costs.get(at, 0) > self._least:
                found.append(at)
        return tuple(found)


def _deviation(costs: Sequence[int], middle: float) -> float:
    return _SIGMA * median(abs(one - middle) for one in costs)
