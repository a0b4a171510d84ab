"""How far what came lay from what was expected, and so how far it may lie this time."""

from collections.abc import Mapping, Sequence
from math import sqrt
from typing import NamedTuple

from .series import DAY

__all__ = ["FEW", "Spread", "spread"]

FEW = 4
"""With fewer errors at a horizon than this, its interval is taken from another one."""
_LEANING = 4.0
"""A bias shifts the forecast by half where it is the root of this as large as its own error."""
_UNKNOWN = (-0.6, -0.3, 0.0, 0.5, 1.5)
"""Errors to be reckoned with where nothing could be tried."""


class Spread(NamedTuple):
    """Errors at the horizons that were tried, each as a part of what was expected."""

    until: Mapping[int, Sequence[float]]
    """By hours ahead: of what is spent until then."""
    days: Mapping[int, Sequence[float]]
    """By days ahead: of that day alone."""

    def quantile(self, hours: float, probability: float) -> float:
        """Return by which part more will have been spent after so many hours than is expected.

        Between two horizons it lies between theirs. Beyond the last errors grow with the root
        of time.
        """
        known = [one for one, errors in self.until.items() if len(errors) >= FEW]
        if not known:
            return spread(_UNKNOWN, probability, 2.0)
        if hours >= known[-1]:
            return max(self._at(known[-1], probability) * sqrt(hours / known[-1]), -1.0)
        after = next(one for one in known if one > hours)
        before = max((one for one in known if one <= hours), default=after)
        part = (hours - before) / (after - before) if after > before else 0.0
        low, high = self._at(before, probability), self._at(after, probability)
        return low + part * (high - low)

    def day_quantile(self, ahead: int, probability: float) -> float:
        """Return by which part more the day will cost that is so many days ahead, from 1."""
        known = [one for one, errors in self.days.items() if len(errors) >= FEW]
        if not known:
            return self.quantile(ahead * DAY, probability)
        nearest = min(known, key=lambda one: abs(one - ahead))
        errors = self.days[nearest]
        farther = sqrt(max(ahead / nearest, 1.0))
        return max(spread(errors, probability, len(errors) / nearest) * farther, -1.0)

    def above(self, hours: float, excess: float) -> float:
        """Return the probability, 0.001 to 0.999, that the error is greater than this."""
        low, high = 0.001, 0.999
        if self.quantile(hours, high) <= excess:
            return 1 - high
        if self.quantile(hours, low) > excess:
            return 1 - low
        for _ in range(12):
            middle = (low + high) / 2
            if self.quantile(hours, middle) > excess:
                high = middle
            else:
                low = middle
        return 1 - (low + high) / 2

    def _at(self, horizon: int, probability: float) -> float:
        errors = self.until[horizon]
        # Those of stretches that overlap say much the same: so many are worth counting.
        return spread(errors, probability, len(errors) / max(horizon / DAY, 1.0))


def spread(errors: Sequence[float], probability: float, worth: float) -> float:
    """Return a quantile of errors, farther from their median the fewer of them there are.

    The factor is that by which Student's distribution is wider than the normal one. Their median,
    a bias of the models, is believed the more the clearer it is. Never below -1.
    """
    ordered, free = sorted(errors), max(worth, 1.0)
    centre = _quantile(ordered, 0.5)
    wider = 1 + 0.8 / free + 0.6 / free**2
    half = max((_quantile(ordered, 0.84) - _quantile(ordered, 0.16)) / 2, 1e-9)
    clear = (free - 1) * (centre / half) ** 2
    leaning = centre * clear / (clear + _LEANING)
    return max(leaning + (_quantile(ordered, probability) - centre) * wider, -1.0)


def _quantile(ordered: Sequence[float], probability: float) -> float:
    """Return a quantile such that each error, and what lies beyond all, is equally probable."""
    count = len(ordered)
    if count == 1:
        return ordered[0]
    place = probability * (count + 1) - 1
    left = min(max(int(place // 1), 0), count - 2)
    # Beyond the ends it goes on as steeply as the last step, but no farther than that.
    part = min(max(place - left, -1.0), 2.0)
    return ordered[left] + part * (ordered[left + 1] - ordered[left])
