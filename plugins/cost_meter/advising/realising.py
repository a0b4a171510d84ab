"""What advice has saved since it was followed, beside what it promised: with an interval.

Two windows of equal length are compared, before and after. Where the cost of an answer tells it,
volume does not matter; else the cost of an hour is compared, and volume does.
"""

from collections.abc import Iterable, Sequence
from math import sqrt
from typing import NamedTuple

from ..row import Sums
from .evidence import MONTH

__all__ = ["Realised", "by_answer", "by_hour", "kept_promises"]

_MICRO = 1000
_Z = 1.2816
"""Of a normal distribution 80 % are so many deviations around the middle."""

_LEAST = 10


class Realised(NamedTuple):
    """What was saved, in nano-USD a month; the bounds hold with 80 %."""

    p10: int
    p50: int
    p90: int
    before: int
    """Nano-USD of an answer, or of an hour, before."""
    after: int
    samples: tuple[int, int]
    """Answers, or hours, before and after."""
    seconds: float
    """How long each window was."""


def by_answer(before: Sums, after: Sums, seconds: float) -> Realised | None:
    """Compare what an answer has cost; None where there are too few of them."""
    if min(before.answered, after.answered) < _LEAST:
        return None
    then, now = before.nano_usd / before.answered, after.nano_usd / after.answered
    error = sqrt(_error(before) ** 2 + _error(after) ** 2)
    months = after.answered * MONTH / seconds
    return _realised(then, now, error, months, (before.answered, after.answered), seconds)


def by_hour(before: Sequence[int], after: Sequence[int], seconds: float) -> Realised | None:
    """Compare what an hour has cost; None where there are too few of them."""
    if min(len(before), len(after)) < _LEAST:
        return None
    (then, first), (now, second) = _mean(before), _mean(after)
    error = sqrt(first**2 + second**2)
    return _realised(then, now, error, MONTH / 3600, (len(before), len(after)), seconds)


def kept_promises(pairs: Iterable[tuple[int, int]]) -> int:
    """Return how much of what was promised has come true, in percent, 10 to 100.

    `pairs`: what was realised, and what was promised. 100 where nothing is known.
    """
    known = list(pairs)
    promised = sum(max(one, 0) for _, one in known)
    if promised <= 0:
        return 100
    return min(max(sum(one for one, _ in known) * 100 // promised, 10), 100)


def _realised(
    then: float,
    now: float,
    error: float,
    months: float,
    samples: tuple[int, int],
    seconds: float,
) -> Realised:
    saved = then - now
    p10, p50, p90 = (round((saved + z * error) * months) for z in (-_Z, 0.0, _Z))
    return Realised(p10, p50, p90, round(then), round(now), samples, seconds)


def _error(sums: Sums) -> float:
    """Return the standard error of what an answer costs, in nano-USD."""
    count = max(sums.attempts, 1)
    mean = sums.nano_usd / count / _MICRO
    variance = max(sums.square_micro_usd / count - mean * mean, 0.0)
    # A sum over attempts, divided by answers: each answer has so many attempts.
    return sqrt(variance * count) * _MICRO / sums.answered


def _mean(values: Sequence[int]) -> tuple[float, float]:
    count = len(values)
    mean = sum(values) / count
    variance = sum((one - mean) ** 2 for one in values) / (count - 1)
    return mean, sqrt(variance / count)
