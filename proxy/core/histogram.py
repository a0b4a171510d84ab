"""Latency counted in fixed buckets: plain integers, made for one writer."""

from bisect import bisect_left
from itertools import accumulate

BOUNDS: tuple[float, ...] = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)
"""Upper bounds in seconds, each inclusive; what lies above the last is counted in one more."""


class Histogram:
    """How many observations fell below each bound, and their sum.

    `counts` has one entry per bound and one for everything above; the entries
    are not cumulative. `total` is the sum of all observations in seconds. Both
    may be updated in place by a hot path that cannot afford `observe`.
    """

    __slots__ = ("counts", "total")

    def __init__(self) -> None:
        self.counts: list[int] = [0] * (len(BOUNDS) + 1)
        self.total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one observation, in seconds."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    @property
    def count(self) -> int:
        """Return the number of observations."""
        return sum(self.counts)

    def cumulative(self) -> list[int]:
        """Return how many observations were at or below each bound, then all of them."""
        return list(accumulate(self.counts))

    def quantile(self, share: float) -> float | None:
        """Estimate the value in seconds below which `share` (0..1) of the observations lie.

        Interpolates inside the bucket, as Prometheus' `histogram_quantile` does;
        above the last bound it answers the last bound. None without observations.
        """
        seen = self.count
        if seen == 0:
            return None
        rank = share * seen
        below = 0
        lower = 0.0
        for bound, here in zip(BOUNDS, self.counts, strict=False):
            if here and below + here >= rank:
                return lower + (bound - lower) * max(0.0, rank - below) / here
            below += here
            lower = bound
        return BOUNDS[-1]
