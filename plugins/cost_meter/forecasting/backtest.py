"""How good models would have been: at each past day, what they said then against what came.

The forecast is the mean of all of them, each weighted by how near it was: the best one alone is
often the best by luck, and the naive one is among them.
"""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from math import sqrt
from typing import NamedTuple

from .models import AHEAD, FRESH_HOURS, Expected, Model, Path
from .series import DAY, WEEK
from .spread import FEW, Spread, spread

__all__ = ["HORIZONS", "OUTER", "Errors", "Tried", "tried"]

HORIZONS = (1, 2, 4, 8, 16, 24, 48, 72, 96, 120, 144, 168, 240, 336, 504, 744)
"""Hours ahead at which it is looked how far off a model was."""
OUTER = (0.1, 0.5, 0.9)
_EXACT = 1e-9
"""Nothing is off that is off by less: sums of floats are."""
_FLOOR = 0.02
"""A forecast counts as at least this part of what is usual: errors are divided by it."""
_SHARPNESS = 8
"""One that is off by a tenth more has a weight that is by 1.1 to this power smaller."""
_ENOUGH = 6.0
"""A horizon has its full say where so many stretches of its length were tried."""
_DAYS = 7
"""So many days ahead each day is looked at by itself."""


class _Break(NamedTuple):
    """A change of level: what was said before it of what came after it is no error."""

    at: int
    """So many hours were known."""
    told: int
    """From so many hours on models have had the time to see it."""


class Errors(NamedTuple):
    """How far off forecasts were of each of the next seven days."""

    mape: float | None
    """The mean error by what came, 0.1 for 10 %; None where nothing was spent or tried."""
    smape: float | None
    """The same by the mean of forecast and what came, 0..2."""
    mase: float | None
    """By the error of saying that a day costs what it did a week (or else a day) before."""
    wape: float | None
    """All errors together by all that came."""
    days: int
    """How many forecasts of days this is about."""


class Tried(NamedTuple):
    """What the models expect, and what came of trying them."""

    model: str
    """The one that has the most weight."""
    path: Path
    """What all of them expect."""
    spread: Spread
    errors: Errors
    naive: Errors
    """Those of the naive one alone, at the same moments."""
    coverage: float | None
    """How often what came a day later lay between p10 and p90 as they were then."""
    origins: int
    """At how many moments they were tried."""


class _Past(NamedTuple):
    """What came after the moments at which models are tried."""

    until: Mapping[int, Sequence[float]]
    """By hours ahead: what was spent until then."""
    begun: Mapping[int, Sequence[int]]
    """By hours ahead: how many hours were known at the moments that have such a time after them."""
    days: Mapping[int, Sequence[float]]
    """By days ahead: what that day cost."""
    lags: Sequence[float]
    """By how much days differed from those a week, or else a day, before."""
    usual: float
    """What an hour costs."""


class _Told(NamedTuple):
    """What a model said at these moments; the keys and places are those of `_Past`."""

    name: str
    path: Path
    until: Mapping[int, Sequence[float]]
    days: Mapping[int, Sequence[float]]


def tried(
    models: Sequence[Model], hours: Sequence[float], ahead: float, restarts: Sequence[int] = ()
) -> Tried:
    """Return what models, the naive one the last of them, expect, and how good they were.

    They are weighted by how near they were up to `ahead` hours. What lies across `restarts` (so
    many hours were known when something changed that is known of) is no error of theirs; nor is
    what lies across a step that has happened once. What happens twice may happen again.

    Raises ValueError for no hours.
    """
    fitting = [one for one in models if one.least <= len(hours)]
    if not fitting:
        raise ValueError("without hours there is nothing to be forecast")
    since = max(one.least for one in fitting)
    walks = [[each for each in one.walk(hours) if each.known >= since] for one in fitting]
    breaks = [*_lone_step(walks[0]), *(_Break(one, one + FRESH_HOURS) for one in restarts)]
    told = [
        _asked(one.name, walk, len(hours), breaks) for one, walk in zip(fitting, walks, strict=True)
    ]
    past = _past(hours, [each.known for each in walks[0]], breaks)
    scores = [_score(one, past, ahead) for one in told]
    weights = [(min(scores) / score) ** _SHARPNESS for score in scores]
    first = max(range(len(told)), key=weights.__getitem__)
    shares = [one / sum(weights) for one in weights]
    mixed = _mixed(told[first].name, told, shares)
    return Tried(
        mixed.name,
        mixed.path,
        Spread(*_misses(mixed, past), _apart(mixed.path, told, shares)),
        _errors(mixed, past),
        _errors(told[-1], past),
        _coverage(mixed, past),
        max(map(len, past.begun.values()), default=0),
    )


def _lone_step(walk: Sequence[Expected]) -> Sequence[_Break]:
    """Return the step that a model has seen by itself, if there was one and no other."""
    begun = {one.began for one in walk if one.began}
    return [_Break(one, one + 2 * DAY) for one in begun] if len(begun) == 1 else []


def _looks(known: int, left: int, breaks: Sequence[_Break]) -> list[int]:
    """Return how many hours ahead it is looked at a moment that has so many hours after it."""
    clear = min((max(one.at - known, 0) for one in breaks if one.told > known), default=left)
    return [one for one in HORIZONS if one <= min(left, clear)]


def _asked(name: str, walk: Sequence[Expected], count: int, breaks: Sequence[_Break]) -> _Told:
    if not walk:
        raise ValueError(f"{name} expects nothing")
    until: dict[int, list[float]] = {}
    days: dict[int, list[float]] = {}
    for known, path, _ in walk:
        looks = _looks(known, count - known, breaks)
        for horizon in looks:
            until.setdefault(horizon, []).append(path.total(horizon))
        for number in range(min(max(looks, default=0) // DAY, _DAYS)):
            days.setdefault(number + 1, []).append(path.days[number])
    return _Told(name, walk[-1].path, until, days)


def _past(hours: Sequence[float], origins: Sequence[int], breaks: Sequence[_Break]) -> _Past:
    spent = (0.0, *accumulate(hours))
    until: dict[int, list[float]] = {}
    begun: dict[int, list[int]] = {}
    days: dict[int, list[float]] = {}
    lags = []
    for known in origins:
        looks = _looks(known, len(hours) - known, breaks)
        for horizon in looks:
            until.setdefault(horizon, []).append(spent[known + horizon] - spent[known])
            begun.setdefault(horizon, []).append(known)
        for number in range(1, min(max(looks, default=0) // DAY, _DAYS) + 1):
            ends = known + number * DAY
            came, lag = spent[ends] - spent[ends - DAY], WEEK if ends >= WEEK + DAY else DAY
            days.setdefault(number, []).append(came)
            if ends >= lag + DAY:
                lags.append(abs(came - spent[ends - lag] + spent[ends - lag - DAY]))
    return _Past(until, begun, days, lags, max(spent[-1] / len(hours), 1e-9))


def _score(told: _Told, past: _Past, ahead: float) -> float:
    """Return the mean miss up to a horizon; the longer ones count less where few were tried."""
    looked = [one for one in past.until if DAY <= one <= max(ahead, DAY)] or [*past.until]
    misses, says = 0.0, 0.0
    for horizon in looked:
        came = sum(past.until[horizon])
        pairs = zip(told.until[horizon], past.until[horizon], strict=True)
        missed = sum(abs(expected - actual) for expected, actual in pairs)
        say = min(1.0, len(past.until[horizon]) * DAY / max(horizon, DAY) / _ENOUGH)
        misses += say * missed / max(came, _FLOOR * past.usual * horizon)
        says += say
    return max(misses / says, 1e-6) if says else 1.0


def _mixed(name: str, told: Sequence[_Told], weights: Sequence[float]) -> _Told:
    def together(lists: Sequence[Sequence[float]]) -> list[float]:
        return [
            sum(weight * one for weight, one in zip(weights, each, strict=True))
            for each in zip(*lists, strict=True)
        ]

    until = {horizon: together([one.until[horizon] for one in told]) for horizon in told[0].until}
    days = {ahead: together([one.days[ahead] for one in told]) for ahead in told[0].days}
    whole = together([one.path.days for one in told])
    return _Told(name, Path(whole, _shapes(told, weights, whole)), until, days)


def _shapes(
    told: Sequence[_Told], weights: Sequence[float], whole: Sequence[float]
) -> list[Sequence[float]]:
    """Return the shape of each day: of each model, as much as the day has of it."""
    found: list[Sequence[float]] = []
    for number in range(AHEAD):
        parts = [
            (weight * one.path.days[number], one.path.shapes[number % len(one.path.shapes)])
            for weight, one in zip(weights, told, strict=True)
        ]
        if whole[number] <= 0:
            found.append(parts[0][1])
            continue
        hours = range(DAY + 1)
        found.append(
            [sum(part * shape[at] for part, shape in parts) / whole[number] for at in hours]
        )
    return found


_Misses = dict[int, list[float]]


def _misses(told: _Told, past: _Past) -> tuple[_Misses, _Misses]:
    """Return by which part of what was expected more came: until horizons, and on single days."""

    def errors(expected: Sequence[float], came: Sequence[float], hours: int) -> list[float]:
        least = _FLOOR * past.usual * hours
        return [(two - one) / max(one, least) for one, two in zip(expected, came, strict=True)]

    until = {one: errors(told.until[one], past.until[one], one) for one in past.until}
    days = {one: errors(told.days[one], past.days[one], DAY) for one in sorted(past.days)}
    return until, days


def _apart(path: Path, told: Sequence[_Told], shares: Sequence[float]) -> Mapping[int, float]:
    """Return by hours ahead how far the models lie from their mean: a standard deviation."""
    found = {}
    for horizon in HORIZONS:
        mean = path.total(horizon)
        pairs = zip(shares, told, strict=True)
        square = sum(share * (one.path.total(horizon) - mean) ** 2 for share, one in pairs)
        found[horizon] = sqrt(square) / mean if mean > 0 else 0.0
    return found


def _coverage(told: _Told, past: _Past) -> float | None:
    """Look whether what came was where it would have been said to be, knowing no later error."""
    horizon = DAY if len(past.until.get(DAY, ())) > 2 * FEW else 1
    errors = _misses(told, past)[0].get(horizon, ())
    begun, covered = past.begun.get(horizon, ()), []
    for place, error in enumerate(errors):
        known = sum(1 for one in begun[:place] if one + horizon <= begun[place])
        if known >= 2 * FEW:
            low, high = (spread(errors[:known], one, known) for one in (OUTER[0], OUTER[-1]))
            covered.append(low - _EXACT <= error <= high + _EXACT)
    return sum(covered) / len(covered) if covered else None


def _errors(told: _Told, past: _Past) -> Errors:
    pairs = [
        pair for ahead in past.days for pair in zip(told.days[ahead], past.days[ahead], strict=True)
    ]
    missed, came = [abs(two - one) for one, two in pairs], sum(two for _, two in pairs)
    lag = _mean(past.lags)
    mean_missed = _mean(missed)
    return Errors(
        mape=_mean([abs(two - one) / two for one, two in pairs if two > 0]),
        smape=_mean([2 * abs(two - one) / (one + two) for one, two in pairs if one + two > 0]),
        mase=mean_missed / lag if mean_missed is not None and lag else None,
        wape=sum(missed) / came if came > 0 else None,
        days=len(pairs),
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None
