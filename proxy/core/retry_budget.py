"""How many retries a process may make: a share of its requests, and a few per second at least.

Without a budget each layer that tries again multiplies the load of whatever is failing
already. Retries and hedges draw on the same one, at the last moment before they are sent.
"""

from proxy.core.sliding import Sliding

__all__ = ["RetryBudget"]

_REQUEST, _TAKEN = 0, 1


class RetryBudget:
    """In `window` seconds: `share` of the requests, or `least` per second if that is more.

    Times are seconds on a clock that only goes forward.
    """

    __slots__ = ("_counts", "_least", "_share")

    def __init__(self, share: float, least: float, window: int = 10) -> None:
        """Begin with no request seen."""
        self._share = share
        self._least = least * window
        self._counts = Sliding(window, 2)

    def request(self, now: float) -> None:
        """Count a request; its retries are not counted here."""
        self._counts.add(now, _REQUEST)

    def take(self, now: float) -> bool:
        """Take one retry out of the budget; False: it is used up."""
        if self.left(now) < 1:
            return False
        self._counts.add(now, _TAKEN)
        return True

    def left(self, now: float) -> int:
        """Return how many retries could be taken now."""
        requests, taken = self._counts.sums(now)
        # The sum of two floats may lie a hair below the whole number that is meant.
        return max(0, int(max(self._share * requests, self._least) + 1e-9) - taken)
