"""Whether new costs more for each request that it answers than it may. Arithmetic.

An attempt costs c and brings an answer (s = 1) or none (s = 0). New costs too much where the mean
of c - L s is above 0: then it costs more than L for each answer, the money for failures and
repetitions counted in. The bound is one that holds at every look at once (an asymptotic
confidence sequence), since it is looked at each second.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import log, sqrt
from typing import NamedTuple

from ..row import Sums

__all__ = ["Judged", "Reference", "answered", "excess", "half_width", "judged", "reference_of"]

_MICRO = 1000
"""Nano-USD."""
_LEAST_LEGACY = 30
"""Answers that legacy has to have given before its own costs are what new is compared with."""


class Reference(NamedTuple):
    """What a request may be taken to cost on legacy, in nano-USD."""

    cost: Fraction
    """For each request that is answered."""
    at_most: float
    """The same, as high as it may really be."""
    source: str
    """``metered`` or ``baseline``."""


class Judged(NamedTuple):
    """What was found of one bound."""

    too_much: bool
    cost: Fraction
    """Of new, in nano-USD for each request that it answers."""
    allowed: Fraction
    """The same that it may cost, in the mean of its routes."""
    surely: float
    """By so much a request is dearer than allowed at least, in nano-USD; below 0: perhaps it is
    not."""
    answered: int


def answered(sums: Sums) -> int:
    """Return how many requests were answered: of a hedged one both attempts may be."""
    return min(sums.answered, sums.requests)


def half_width(count: int, least: int, alpha: float) -> float:
    """Return how many standard deviations a mean of `count` lies at most below the truth.

    But for a probability of `alpha`, at all counts at once; it is narrowest near `least`.
    """
    rho = (-2 * log(alpha) + log(-2 * log(alpha)) + 1) / least
    room = count * rho + 1
    return sqrt(2 * room / (count * count * rho) * log(1 + sqrt(room) / (2 * alpha)))


def excess(sums: Sums, allowed: float) -> tuple[float, float]:
    """Return the sum of c - L s in nano-USD, and the sum of its squares about its mean."""
    total = sums.nano_usd - allowed * sums.answered
    squares = float(sums.square_micro_usd) * _MICRO * _MICRO
    of_answered = sums.nano_usd - sums.adjusted_nano_usd - sums.failed_nano_usd
    squares += -2 * allowed * of_answered + allowed * allowed * sums.answered
    return total, max(squares - total * total / max(sums.attempts, 1), 0.0)


def reference_of(legacy: Sums, baseline: int | None, alpha: float) -> Reference | None:
    """Return what legacy costs: what is metered, or else the baseline; None if nobody knows."""
    count = answered(legacy)
    if count >= _LEAST_LEGACY:
        cost = Fraction(legacy.nano_usd, count)
        _, squares = excess(legacy, float(cost))
        deviation = sqrt(squares / max(legacy.attempts - 1, 1))
        width = half_width(legacy.attempts, _LEAST_LEGACY, alpha) * deviation
        return Reference(cost, float(cost) + width * legacy.attempts / count, "metered")
    if baseline is None:
        return None
    return Reference(Fraction(baseline), float(baseline), "baseline")


def judged(
    new: Mapping[str, Sums],
    allowed: Mapping[str, tuple[Fraction, float]],
    least: int,
    alpha: float,
) -> Judged | None:
    """Return what is found of new; None where too few requests came to say something.

    `new` is by route, `allowed` what an answer may cost there (exactly, and as high as that may
    be), in nano-USD. Routes of which that is not known are left out.
    """
    known = [(sums, *allowed[route]) for route, sums in new.items() if route in allowed]
    count = sum(sums.attempts for sums, _, _ in known)
    if count < 2 or sum(sums.requests for sums, _, _ in known) < least:
        return None
    answers = sum(answered(sums) for sums, _, _ in known)
    spent = sum(sums.nano_usd for sums, _, _ in known)
    may = sum((bound * answered(sums) for sums, bound, _ in known), Fraction(0))
    parts = [excess(_once(sums), highest) for sums, _, highest in known]
    mean = sum(total for total, _ in parts) / count
    # Routes are strata: what lies between them is chance, too, and counted in.
    between = sum(
        total * total / max(sums.attempts, 1)
        for (total, _), (sums, _, _) in zip(parts, known, strict=True)
    )
    squares = sum(own for _, own in parts) + max(between - count * mean * mean, 0.0)
    deviation = sqrt(squares / (count - 1))
    surely = (mean - half_width(count, least, alpha) * deviation) * count / max(answers, 1)
    return Judged(
        surely > 0 and spent > may,
        Fraction(spent, max(answers, 1)),
        may / max(answers, 1),
        surely,
        answers,
    )


def _once(sums: Sums) -> Sums:
    """Return the same with no more answers than requests."""
    return sums._replace(answered=answered(sums))
