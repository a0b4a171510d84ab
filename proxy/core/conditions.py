"""Conditions of a rollout on the attributes of a caller.

A condition is a function from an attribute's value to whether it holds. The
value is text as a header or a claim carried it. An attribute that is absent
meets no condition; the caller of these functions sees to that.
"""

from collections.abc import Callable, Iterable
from math import inf, isfinite
from typing import NamedTuple

NUMBER_CHARACTERS = 64
"""The longest attribute that is read as a number; a longer one is no number."""


class Condition(NamedTuple):
    """One condition: on which attribute, the test, and the test in words."""

    attribute: str
    holds: Callable[[str], bool]
    wanted: str


def any_of(attribute: str, values: Iterable[str]) -> Condition:
    """The attribute is one of these values, compared exactly (case counts)."""
    allowed = frozenset(values)
    return Condition(attribute, allowed.__contains__, f"one of {', '.join(sorted(allowed))}")


def between(attribute: str, low: float | None, high: float | None) -> Condition:
    """The attribute is a finite decimal number, ``low <= number <= high``; None is no bound."""
    least = -inf if low is None else low
    most = inf if high is None else high

    def holds(value: str) -> bool:
        number = parse_number(value)
        return number is not None and least <= number <= most

    bounds = [
        f"{word} {bound:g}"
        for word, bound in (("at least", low), ("at most", high))
        if bound is not None
    ]
    return Condition(attribute, holds, f"a number, {' and '.join(bounds) or 'any'}")


def parse_number(text: str) -> float | None:
    """Return the finite number that a text of at most 64 characters spells in ASCII, or None."""
    if len(text) > NUMBER_CHARACTERS or not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None
