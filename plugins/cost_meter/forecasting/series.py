"""What was spent, hour by hour: the matter that forecasts are made of."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import NamedTuple

from ..row import Total

__all__ = ["DAY", "HOUR", "MOST_HOURS", "WEEK", "Interval", "Series", "series_of"]

HOUR = 3600.0
DAY = 24
"""Hours."""
WEEK = 168
"""Hours."""
MOST_HOURS = 90 * DAY
"""Older ones tell nothing of what is to come."""

_LEAST_DAYS = 7
"""So many days are needed to say that an hour is like no other."""
_LONGEST_SPIKE = 3
"""Hours."""


class Interval(NamedTuple):
    """A stretch of time in Unix seconds, without its end."""

    begins: float
    ends: float


class Series(NamedTuple):
    """Hours without a gap, the last one of which is over. Estimates are made of it: floats."""

    begins: float
    """The first second of the first hour, in Unix seconds."""
    hours: tuple[float, ...]
    """What each has cost, in nano-USD."""

    @property
    def ends(self) -> float:
        """Return the second after the last hour, in Unix seconds."""
        return self.begins + HOUR * len(self.hours)

    def known_at(self, at: float) -> int:
        """Return how many hours have begun before this moment; 0 for one before the first."""
        return min(max(int(-((self.begins - at) // HOUR)), 0), len(self.hours))


def series_of(totals: Iterable[Total], now: float, excluded: Sequence[Interval] = ()) -> Series:
    """Return the hours that are over, from the first that cost something.

    `totals` are those of hours. What was spent in `excluded` (incidents) is replaced by what the
    same hour cost a week or a day before, or what hours cost in general. So is a spike that has
    happened once in all that time. Corrections are left out: they are about other hours.
    """
    spent: dict[float, int] = {}
    for one in totals:
        cost = one.sums.nano_usd - one.sums.adjusted_nano_usd
        spent[one.begins] = spent.get(one.begins, 0) + cost
    current = now // HOUR * HOUR
    over = [begins for begins, nano in spent.items() if begins < current and nano > 0]
    if not over:
        return Series(current, ())
    first = max(min(over), current - MOST_HOURS * HOUR)
    count = round((current - first) / HOUR)
    hours = [max(float(spent.get(first + HOUR * index, 0)), 0.0) for index in range(count)]
    known = _mended(first, hours, excluded)
    spike = _lone_spike(first, known)
    return Series(first, known if spike is None else _mended(first, [*known], (spike,)))


def _lone_spike(first: float, hours: Sequence[float]) -> Interval | None:
    """Return the only hours, three at most, that cost more than half a day; None if there are more.

    What happens twice may happen again.
    """
    days = [sum(hours[at : at + DAY]) for at in range(len(hours) % DAY, len(hours), DAY)]
    if len(days) < _LEAST_DAYS:
        return None
    half = median(days) / 2
    high = [index for index, cost in enumerate(hours) if cost > half > 0]
    if not high or high[-1] - high[0] >= _LONGEST_SPIKE:
        return None
    return Interval(first + HOUR * high[0], first + HOUR * (high[-1] + 1))


def _mended(first: float, hours: list[float], excluded: Sequence[Interval]) -> tuple[float, ...]:
    """Replace what was spent in incidents by what is usual."""
    bad = {
        index
        for index in range(len(hours))
        for one in excluded
        if one.begins < first + HOUR * (index + 1) and first + HOUR * index < one.ends
    }
    usual = median([hours[index] for index in range(len(hours)) if index not in bad] or [0.0])
    for index in sorted(bad):  # in order: what is looked back at is mended already
        before = [index - lag for lag in (WEEK, DAY) if index >= lag]
        hours[index] = hours[before[0]] if before else usual
    return tuple(hours)
