"""How times are written: in whole microseconds for counting, in few letters for names."""

from math import ceil

from .claims import SECOND

__all__ = ["in_words", "micros", "shortly"]

_UNITS = ((3600 * SECOND, "h"), (60 * SECOND, "m"), (SECOND, "s"), (1000, "ms"))
_WORDS = ((3600, "hour"), (60, "minute"), (1, "second"))


def micros(seconds: float) -> int:
    """Return seconds as whole microseconds."""
    return round(seconds * SECOND)


def shortly(seconds: float) -> str:
    """Return a time as the configuration writes it, in the largest unit that fits: ``90s``."""
    whole = micros(seconds)
    for size, unit in _UNITS:
        if whole % size == 0:
            return f"{whole // size}{unit}"
    return f"{whole}us"


def in_words(seconds: float) -> str:
    """Return a time for people, rounded up: ``90 seconds``, ``2 hours``."""
    whole = ceil(seconds)
    size, word = next(one for one in _WORDS if whole % one[0] == 0)
    count = whole // size
    return f"{count} {word}{'' if count == 1 else 's'}"
