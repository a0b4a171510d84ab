"""How far what came lay from what was expected, and so how far it may lie this time.

A month ahead hardly anything could be tried: of 90 days three months are one after the other, and
of 40 none. So each horizon leans on the next shorter one, the more the fewer stretches of its own
length there are.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

from .series import DAY

__all__ = ["FEW", "Spread", "spread"]

FEW = 4
"""With fewer errors at a horizon than this, its interval is taken from another one."""
_LEANING = 4.0
"""A bias shifts the forecast by half where it is the root of this as large as its own error."""
_OWN = 4.0
"""Where so many stretches were tried, a horizon has half the say on its interval."""
_SHARED = 2.0
"""Models are made of the same days: from the truth they lie farther (by the root of this)."""
_UNKNOWN = (-0.6, -0.3, 0.0, 0.5, 1.5)
"""Errors to be reckoned with where nothing could be tried."""
_NORMAL = NormalDist()


class _Look(NamedTuple):
    """What is known of the errors at one horizon."""

    hours: int
    errors: Sequence[float]
    """In order. Up to a day: as they are. Beyond: without the bias, and mirrored. None: too few."""
    worth: float
    """How many stretches that do not overlap these are."""
    leaning: float
    """The bias that is believed; beyond a day only."""
    wider: float
    """By how much more than at the horizon before the models lie apart: a standard deviation."""
    own: float
    """Its say on its interval, 0..1; the rest is that of the horizon before."""

    def quantile(self, probability: float) -> float:
        """Return a quantile of these errors alone, without those of other horizons."""
        if self.hours <= DAY:
            return spread(self.errors, probability, self.worth)
        return self.leaning + _quantile(self.errors, probability)


class Spread:
    """Errors at the horizons that were tried, each as a part of what was expected."""

    def __init__(
        self,
        until: Mapping[int, Sequence[float]],
        days: Mapping[int, Sequence[float]],
        apart: Mapping[int, float] | None = None,
    ) -> None:
        """`until`: by hours ahead, of what is spent until then; `days`: by days ahead, of that day.

        `apart`: by hours ahead, how far the models lie apart now, as a part of what is expected.
        """
        self._looks = _looks(until, apart or {})
        self._days = {one: errors for one, errors in days.items() if len(errors) >= FEW}

    def quantile(self, hours: float, probability: float) -> float:
        """Return by which part more will have been spent after so many hours than is expected.

        Between two horizons it lies between theirs; beyond the last it is that of the last.
        """
        if not self._looks:
            return spread(_UNKNOWN, probability, 2.0)
        score = _NORMAL.inv_cdf(probability)
        before, lower = 0, 0.0
        for look in self._looks:
            here = (1 - look.own) * (lower + score * look.wider) if look.own < 1 else 0.0
            here += look.own * look.quantile(probability) if look.errors else 0.0
            if look.hours >= hours:
                part = (hours - before) / (look.hours - before) if before else 1.0
                return max(lower + part * (here - lower), -1.0)
            before, lower = look.hours, here
        return max(lower, -1.0)

    def day_quantile(self, ahead: int, probability: float) -> float:
        """Return by which part more the day will cost that is so many days ahead, from 1."""
        if not self._days:
            return self.quantile(ahead * DAY, probability)
        nearest = min(self._days, key=lambda one: abs(one - ahead))
        errors = self._days[nearest]
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


def _looks(until: Mapping[int, Sequence[float]], apart: Mapping[int, float]) -> list[_Look]:
    """Return what is known, from the first horizon on at which there are enough errors."""
    found: list[_Look] = []
    scale, lying = 0.0, 0.0
    for hours in sorted({*until, *apart}):
        errors = until.get(hours, ())
        if len(errors) < FEW:
            errors = ()
        if not (errors or found):
            continue
        # Of a longer time noise is a smaller part, and drift a greater one: together as much. What
        # the models differ by, more than they did at the shorter horizon, comes to it.
        more = max(apart.get(hours, 0.0) ** 2 - lying**2, 0.0)
        carried = sqrt(scale**2 + _SHARED * more)
        look = _look(hours, errors, carried - scale)
        if not found:
            look = look._replace(own=1.0)
        half = (look.quantile(0.84) - look.quantile(0.16)) / 2 if errors else 0.0
        scale, lying = look.own * half + (1 - look.own) * carried, apart.get(hours, 0.0)
        found.append(look)
    return found


def _look(hours: int, errors: Sequence[float], wider: float) -> _Look:
    # Those of stretches that overlap say much the same: so many are worth counting.
    worth = len(errors) / max(hours / DAY, 1.0)
    if not errors or hours <= DAY:
        return _Look(hours, sorted(errors), worth, 0.0, wider, 1.0 if errors else 0.0)
    leaning = _bias(sorted(errors), worth)
    # Stretches that overlap are off together: what counts is how far they are from the forecast,
    # not from one another. Had chance been the other way, they would be off on the other side.
    off = [one - leaning for one in errors]
    mirrored = [-one / (1 + max(one, 0.0)) for one in off]  # twice as much, or half
    return _Look(hours, sorted([*off, *mirrored]), worth, leaning, wider, worth / (worth + _OWN))


def spread(errors: Sequence[float], probability: float, worth: float) -> float:
    """Return a quantile of errors, farther from their median the fewer of them there are.

    The factor is that by which Student's distribution is wider than the normal one. Their median,
    a bias of the models, is believed the more the clearer it is. Never below -1.
    """
    ordered, free = sorted(errors), max(worth, 1.0)
    centre = _quantile(ordered, 0.5)
    wider = 1 + 0.8 / free + 0.6 / free**2
    return max(_bias(ordered, worth) + (_quantile(ordered, probability) - centre) * wider, -1.0)


def _bias(ordered: Sequence[float], worth: float) -> float:
    """Return their median as far as it is clear that it is none by chance."""
    free, centre = max(worth, 1.0), _quantile(ordered, 0.5)
    half = max((_quantile(ordered, 0.84) - _quantile(ordered, 0.16)) / 2, 1e-9)
    clear = (free - 1) * (centre / half) ** 2
    return centre * clear / (clear + _LEANING)


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
