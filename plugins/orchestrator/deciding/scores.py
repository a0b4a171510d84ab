"""How long deployments take to their first byte: what is expected of each, and what is slow."""

from collections import deque

__all__ = ["FirstBytes"]

_SHARE = 0.2
"""So much a new measure changes the mean."""

FRESH = 60.0
"""Seconds after which a mean is no longer believed: the deployment is worth a try again."""

KEPT = 100
LEAST = 20
"""Fewer measures have no p95."""


class FirstBytes:
    """The times of one deployment to its first byte, in seconds.

    Whole answers and streams are kept apart by whoever makes these: the first byte of a whole
    answer comes when all of it has been generated.
    """

    __slots__ = ("_at", "_last", "_mean")

    def __init__(self) -> None:
        """Begin without a measure."""
        self._mean = 0.0
        self._at = float("-inf")
        self._last: deque[float] = deque(maxlen=KEPT)

    def observe(self, seconds: float, now: float) -> None:
        """Take a measure, at `now` on a clock that only goes forward."""
        known = self.mean(now)
        self._mean = seconds if known is None else known + _SHARE * (seconds - known)
        self._at = now
        self._last.append(seconds)

    def mean(self, now: float) -> float | None:
        """Return the moving mean; None where there was no measure for a minute."""
        return None if now - self._at > FRESH else self._mean

    def p95(self) -> float | None:
        """Return what 95 % of the last hundred stayed below; None before there are twenty."""
        if len(self._last) < LEAST:
            return None
        return sorted(self._last)[int(0.95 * len(self._last))]
