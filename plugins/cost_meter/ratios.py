"""Means, shares and savings of whole amounts: exact but for one rounding, and never by nothing."""

from collections.abc import Mapping
from decimal import Decimal

__all__ = ["mean", "saved", "share"]

_SHARE_DIGITS = 4


def mean(total: int, count: int) -> int | None:
    """Return ``total / count``, half to even; None where there is nothing to divide by."""
    if count <= 0:
        return None
    whole, rest = divmod(total, count)
    return whole + (2 * rest > count or (2 * rest == count and whole % 2 == 1))


def share(part: int, whole: int) -> Decimal | None:
    """Return which part of a whole it is, to four digits; None where there is no whole."""
    found = mean(part * 10**_SHARE_DIGITS, whole)
    if found is None:
        return None
    sign, digits, _ = Decimal(found).as_tuple()
    return Decimal((sign, digits, -_SHARE_DIGITS))


def saved(spent: Mapping[str, tuple[int, int]], baseline: Mapping[str, int]) -> int | None:
    """Return what new has saved, in nano-USD; below zero where it costs more than legacy.

    `spent`: by route, how many requests new has had, and what they have cost; `baseline`: what a
    request costs on legacy. Routes without a baseline do not count; None if there is no other.
    """
    counted = [
        requests * baseline[route] - cost
        for route, (requests, cost) in spent.items()
        if route in baseline and requests > 0
    ]
    return sum(counted) if counted else None
