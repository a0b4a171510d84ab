"""Models of what will be spent, from the plainest to one that knows hours of the week.

Each walks through the hours of a series once, and says after each day (the plainest: after each
hour) what it expects then, knowing nothing of what comes later: that is how models are compared.
Days here are 24 hours that are counted back from the last one; they begin whenever that makes it.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from math import exp, log
from typing import NamedTuple, Protocol

from .series import DAY

__all__ = [
    "AHEAD",
    "FRESH_HOURS",
    "Damped",
    "Expected",
    "Model",
    "Naive",
    "Path",
    "RunRate",
    "ladder",
]

AHEAD = 38
"""So many days are looked ahead: a month, and a week more."""

_FLAT = tuple(hour / DAY for hour in range(DAY + 1))
_STEP_SIGMAS = 2.5
_STEP_LEAST = 0.25
"""A step is this much, as a logarithm, on two days one after the other."""
_MOST_SURPRISE = 5.0
_STEEPEST = 0.05
"""No trend is steeper, by day, as a logarithm."""
_TREND = 0.3
"""How much faster than the trend the level follows."""
_LASTING = 1.0
"""A trend of which so much is left after a day is that of all days, not of the last ones."""
_LINE_DAYS = 14
"""So many days are needed for a line through them."""
_CHANCE = 2.0
"""The square of a trend is believed as far as it is above so many times its own variance."""
FRESH_HOURS = 6
"""From so many hours on they tell something of the level after a known step."""


class Path(NamedTuple):
    """What a model expects from a moment on."""

    days: Sequence[float]
    """What each coming day costs, in nano-USD."""
    shapes: Sequence[Sequence[float]]
    """By day, and again from the first: which part of it is spent after 0, 1, .. 24 hours."""

    def total(self, hours: float) -> float:
        """Return what is spent within so many hours, in nano-USD."""
        day, rest = divmod(hours, DAY)
        whole = min(int(day), len(self.days))
        spent = sum(self.days[:whole])
        if not rest or whole >= len(self.days):
            return spent
        shape, hour = self.shapes[whole % len(self.shapes)], int(rest)
        part = shape[hour] + (shape[min(hour + 1, DAY)] - shape[hour]) * (rest - hour)
        return spent + self.days[whole] * part


class Expected(NamedTuple):
    """What a model expects when it knows the first `known` hours."""

    known: int
    path: Path
    began: int = 0
    """So many hours were known when the last step came that it has seen by itself; 0: none."""


class Model(Protocol):
    """A way to look ahead."""

    @property
    def name(self) -> str:
        """Return what it is called in answers."""

    @property
    def least(self) -> int:
        """Return how many hours it has to know before it says something."""

    def walk(self, hours: Sequence[float]) -> Iterator[Expected]:
        """Yield what it expects, in order of time; the last knows all hours."""


class RunRate(NamedTuple):
    """What the last day cost for each hour goes on."""

    name: str = "run_rate"
    least: int = 1

    def walk(self, hours: Sequence[float]) -> Iterator[Expected]:
        """Yield after each hour."""
        for known in range(self.least, len(hours) + 1):
            last = hours[max(known - DAY, 0) : known]
            yield Expected(known, Path([sum(last) / len(last) * DAY] * AHEAD, (_FLAT,)))


class Naive(NamedTuple):
    """All is again as it was a week ago; a day ago, or an hour, where there is not a week."""

    name: str = "seasonal_naive"
    least: int = 1

    def walk(self, hours: Sequence[float]) -> Iterator[Expected]:
        """Yield after each hour of the first two days, then after each day."""
        if len(hours) < 2 * DAY:
            for known in range(1, len(hours) + 1):
                days = [hours[known - DAY : known]] if known >= DAY else [[hours[known - 1]] * DAY]
                yield Expected(known, _again(days))
            return
        first = len(hours) % DAY
        days = _days(hours)
        for known in range(1, len(days) + 1):
            last = days[known - 7 : known] if known >= 7 else days[known - 1 : known]
            yield Expected(first + known * DAY, _again(last))


def _again(days: Sequence[Sequence[float]]) -> Path:
    totals = [sum(day) for day in days]
    ahead = [totals[number % len(days)] for number in range(AHEAD)]
    return Path(ahead, [_shape(day) for day in days])


def _days(hours: Sequence[float]) -> list[Sequence[float]]:
    first = len(hours) % DAY
    return [hours[at : at + DAY] for at in range(first, len(hours), DAY)]


def _shape(day: Sequence[float]) -> Sequence[float]:
    whole = sum(day)
    return (0.0, *accumulate(hour / whole for hour in day)) if whole > 0 else _FLAT


class _Profile:
    """Which part of a day is spent in which hour: by day of the week, leaning on all days."""

    def __init__(self, period: int) -> None:
        """`period` days, 7 or 1, are told apart."""
        self._own = [_FLAT] * period
        self._every: Sequence[float] = _FLAT
        self._seen = [0] * period
        self.shapes = [_FLAT] * period

    def see(self, slot: int, day: Sequence[float]) -> None:
        """Take in a day."""
        if sum(day) <= 0:
            return
        shape, count = _shape(day), sum(self._seen)
        self._every = _towards(self._every, shape, max(1 / (count + 1), 0.05))
        self._own[slot] = _towards(self._own[slot], shape, max(1 / (self._seen[slot] + 1), 0.15))
        self._seen[slot] += 1
        trust = self._seen[slot] / (self._seen[slot] + 2)
        self.shapes[slot] = _towards(self._every, self._own[slot], trust)


def _towards(before: Sequence[float], after: Sequence[float], weight: float) -> tuple[float, ...]:
    return tuple(old + weight * (new - old) for old, new in zip(before, after, strict=True))


class _Season:
    """By how much days of the week differ from the week's mean."""

    def __init__(self, period: int) -> None:
        self._period = period
        self._raw = [1.0] * period
        self._seen = [0] * period
        self._calm = 0
        self.factors = (1.0,) * period

    def disturbed(self) -> None:
        """Learn nothing of a week that has two levels."""
        self._calm = 0

    def see(self, slot: int, totals: Sequence[float]) -> None:
        """Take in the last of these days. Every week has each day once: its mean has no season."""
        self._calm += 1
        week = sum(totals[-self._period :]) / self._period
        if self._period == 1 or self._calm < self._period or week <= 0:
            return
        self._seen[slot] += 1
        weight = max(1 / self._seen[slot], 0.2)
        self._raw[slot] += weight * (totals[-1] / week - self._raw[slot])
        leaning = [
            1 + (raw - 1) * seen / (seen + 0.5)
            for raw, seen in zip(self._raw, self._seen, strict=True)
        ]
        mean = sum(leaning) / self._period
        self.factors = tuple(max(one / mean, 0.02) for one in leaning)


class _Level:
    """What a day costs without its season, and how that changes: Holt's method, damped."""

    def __init__(self, alpha: float, phi: float, learning: int) -> None:
        """In the first `learning` days nothing is a surprise."""
        self._alpha, self._phi, self._learning = alpha, phi, learning
        self._level, self._trend, self._seen = 0.0, 0.0, 0
        self._noise = 0.15
        """How far days lie apart, as a logarithm."""
        self._pending: list[float] = []
        """Surprising days in a row, on the same side."""

    def see(self, value: float) -> bool:
        """Take in a day; whether that makes a step.

        A surprise is left out. A second one of its kind in a row is a step: begin anew there.
        """
        self._seen += 1
        before = self._level * exp(self._phi * self._trend)
        if self._seen > self._learning and self._surprises_by(value, before):
            is_step = len(self._pending) == 2
            if is_step:
                self.begin(sum(self._pending) / 2)
            return is_step
        weight = max(self._alpha, 1 / self._seen)
        level = before + weight * (value - before)
        if 0 < self._phi < _LASTING and self._seen > 2:
            change = log(max(level, 1e-9) / max(self._level, 1e-9))
            trend = self._phi * self._trend
            trend += _TREND * weight * (change - trend)
            self._trend = min(max(trend, -_STEEPEST), _STEEPEST)
        self._level = level
        return False

    def lean(self, trend: float) -> None:
        """Take a trend that others have found."""
        self._trend = trend

    def begin(self, level: float) -> None:
        """Begin anew."""
        self._level, self._trend, self._pending = level, 0.0, []
        self._seen, self._learning = 2, 2

    def _surprises_by(self, value: float, expected: float) -> bool:
        surprise = log(max(value, 1e-9) / max(expected, 1e-9))
        surprise = min(max(surprise, -_MOST_SURPRISE), _MOST_SURPRISE)
        if abs(surprise) < max(_STEP_SIGMAS * self._noise, _STEP_LEAST):
            self._noise += 0.1 * (1.25 * abs(surprise) - self._noise)
            self._pending = []
            return False
        one_way = [one for one in self._pending if (one > expected) == (surprise > 0)]
        self._pending = [*one_way[-1:], value]
        return True

    def ahead(self) -> list[float]:
        """Return the days to come, without their season."""
        found, trend, level = [], self._trend, self._level
        for _ in range(AHEAD):
            trend *= self._phi
            level *= exp(trend)
            found.append(level)
        return found


def _growth(logs: Sequence[float], factors: Sequence[float], slot: int) -> float:
    """Return how fast days grow, as a logarithm by day; the last of them is of this slot.

    It is the slope of a line through the days without their season. Days that lie far apart make a
    slope by chance: it is taken smaller by what chance would make of it (James and Stein), so that
    there is none until it is clear.
    """
    count, period = len(logs), len(factors)
    if count < _LINE_DAYS:
        return 0.0
    seasons = [log(one) for one in factors]
    bare = [one - seasons[(slot + 1 - count + at) % period] for at, one in enumerate(logs)]
    middle, mean = (count - 1) / 2, sum(bare) / count
    reach = count * (count * count - 1) / 12
    slope = sum((at - middle) * one for at, one in enumerate(bare)) / reach
    apart = max(sum((one - mean) ** 2 for one in bare) - slope * slope * reach, 1e-12)
    chance = apart / (count - 2) / reach
    believed = max(1 - _CHANCE * chance / max(slope * slope, 1e-18), 0.0)
    return min(max(slope * believed, -_STEEPEST), _STEEPEST)


class Damped(NamedTuple):
    """A level with a trend, times the day of the week, in the shape of the day."""

    name: str
    period: int
    """7: days of the week differ; 1: they do not."""
    alpha: float
    """How much of the level is the last day's, 0..1."""
    phi: float
    """How much of the trend is left after a day, 0..1; 1: it lasts, and is that of all days."""
    restarts: tuple[int, ...] = ()
    """Hours before which the level was another one: the price, or the share, has changed."""

    @property
    def least(self) -> int:
        """Return a week and a day, or two days."""
        return 8 * DAY if self.period > 1 else 2 * DAY

    def walk(self, hours: Sequence[float]) -> Iterator[Expected]:
        """Yield after each day."""
        first, days = len(hours) % DAY, _days(hours)
        profile, season = _Profile(self.period), _Season(self.period)
        level, totals = _Level(self.alpha, self.phi, 2 * self.period + 1), list[float]()
        logs, began = list[float](), 0  # of the days since the last step
        for number, day in enumerate(days):
            slot, begins = number % self.period, first + number * DAY
            totals.append(sum(day))
            logs.append(log(max(totals[-1], 1e-9)))
            factor, since = season.factors[slot], self._restart(begins)
            if since is None:
                if level.see(totals[-1] / factor):
                    season.disturbed()
                    del logs[:-2]
                    began = begins - DAY
            elif DAY - since >= FRESH_HOURS:
                season.disturbed()
                logs.clear()
                left = 1 - profile.shapes[slot][since]
                level.begin(sum(day[since:]) / max(left, 0.01) / factor)
            season.see(slot, totals)
            if self.phi >= _LASTING:
                level.lean(_growth(logs, season.factors, slot))
            profile.see(slot, day)
            known = begins + DAY
            if known >= self.least or known == len(hours):
                yield Expected(known, self._path(number + 1, level, season, profile), began)

    def _restart(self, begins: int) -> int | None:
        """Return after how many hours of this day the level has changed; None if it has not."""
        found = [one - begins for one in self.restarts if 0 <= one - begins < DAY]
        return max(found, default=None)

    def _path(self, number: int, level: _Level, season: _Season, profile: _Profile) -> Path:
        period, factors = self.period, season.factors
        slots = [(number + ahead) % period for ahead in range(AHEAD)]
        days = [one * factors[slot] for one, slot in zip(level.ahead(), slots, strict=True)]
        return Path(days, [profile.shapes[slot] for slot in slots[:period]])


_ALPHAS = (0.1, 0.25)


def ladder(hours: int, restarts: Sequence[int] = ()) -> list[Model]:
    """Return the models that so many hours of history allow, the naive one last.

    Less than two days: the run rate. Less than two weeks: a level by day, with a damped trend or
    without one, and the hours of the day. From there on: a damped trend or one that lasts, with the
    days, and the hours, of the week.
    """
    if hours < 2 * DAY:
        return [RunRate(), Naive()]
    weekly, known = hours >= 14 * DAY, tuple(restarts)
    name, period, phis = ("weekly", 7, (0.9, _LASTING)) if weekly else ("daily", 1, (0.0, 0.9))
    found = [Damped(name, period, alpha, phi, known) for alpha in _ALPHAS for phi in phis]
    return [*found, Naive()]
