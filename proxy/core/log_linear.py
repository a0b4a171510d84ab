"""Latency in log-linear buckets: eight to each power of two, so that none is wider than 1/8.

Made for windows that are compared: the error of a quantile is at most 12.5 % anywhere
between 0.1 ms and four minutes. (The fixed buckets of `proxy.core.histogram` are for
metrics, which have to be the same for ever.)
"""

from collections.abc import Mapping, Sequence
from math import frexp, ldexp

__all__ = ["BUCKETS", "bucket_of", "quantile", "upper"]

_EACH = 8
_LOWEST = -13
"""Below 2**-13 seconds (0.12 ms) everything is in the first bucket."""

_HIGHEST = 8
"""From 2**8 seconds (256 s) on everything is in the last one."""

_LEAST = ldexp(1.0, _LOWEST)

BUCKETS = (_HIGHEST - _LOWEST) * _EACH + 2
"""How many buckets there are."""


def bucket_of(seconds: float) -> int:
    """Return the bucket of a latency in seconds, from 0 to ``BUCKETS - 1``."""
    if seconds < _LEAST:
        return 0
    mantissa, exponent = frexp(seconds)  # mantissa in [0.5, 1)
    if exponent > _HIGHEST:
        return BUCKETS - 1
    return 1 + (exponent - 1 - _LOWEST) * _EACH + int((mantissa - 0.5) * 2 * _EACH)


def upper(bucket: int) -> float:
    """Return the upper bound in seconds of a bucket; what lies above all has the last bound."""
    if bucket <= 0:
        return ldexp(1.0, _LOWEST)
    octave, part = divmod(min(bucket, BUCKETS - 2) - 1, _EACH)
    return ldexp(1.0 + (part + 1) / _EACH, octave + _LOWEST)


def quantile(counts: Sequence[int] | Mapping[int, int], share: float) -> float | None:
    """Return the bound in seconds at or below which `share` (0..1) of the observations lie.

    `counts` is a sequence over all buckets, or a mapping of those that hold any. None
    without observations. The bound is that of a bucket: never below the true quantile.
    """
    found = counts if isinstance(counts, Mapping) else dict(enumerate(counts))
    rank = share * sum(found.values())
    below = 0
    for bucket in sorted(found):
        below += found[bucket]
        if found[bucket] and below >= rank:
            return upper(bucket)
    return None
