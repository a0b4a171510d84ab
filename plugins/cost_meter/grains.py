"""When the buckets of totals begin: minutes, hours, days and months, in UTC."""

import math
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from .row import Grain

__all__ = ["LENGTHS", "begins"]

_DAY: Final = 86_400
LENGTHS: Final = {"minute": 60, "hour": 3600, "day": _DAY}
"""Seconds; months differ."""


def begins(at: float, grain: Grain) -> int:
    """Return when the bucket begins that `at` is in; both in Unix seconds."""
    second = math.floor(at)  # a datetime would round, and the last microsecond be the next day
    if grain == "month":
        return _month(second // _DAY)
    length = LENGTHS[grain]
    return second // length * length


@lru_cache(maxsize=1000)
def _month(day: int) -> int:
    first = datetime.fromtimestamp(day * _DAY, UTC).replace(day=1)
    return int(first.timestamp())
