"""Counts of the last seconds: a ring of buckets of one second each.

What leaves the ring is subtracted from the sums, so that asking for a sum costs the same
however long the ring is. Nothing is ever counted again from the start.
"""

__all__ = ["Sliding"]


class Sliding:
    """How often each of a few kinds (0, 1, ...) was counted in the last `seconds`.

    Times are seconds on a clock that only goes forward; an earlier one than the last counts
    as the last.
    """

    __slots__ = ("_newest", "_ring", "_sums")

    def __init__(self, seconds: int, kinds: int = 1) -> None:
        """Begin with nothing counted."""
        self._ring = [[0] * kinds for _ in range(seconds)]
        self._sums = [0] * kinds
        self._newest: int | None = None
        """The second that the newest bucket stands for."""

    def add(self, now: float, *kinds: int) -> None:
        """Count one of each of these kinds."""
        bucket = self._ring[self._advance(now) % len(self._ring)]
        for kind in kinds:
            bucket[kind] += 1
            self._sums[kind] += 1

    def sums(self, now: float) -> tuple[int, ...]:
        """Return how many of each kind there are in this second and those before it."""
        self._advance(now)
        return tuple(self._sums)

    def last(self) -> tuple[int, ...]:
        """Return the sums as they were when something was last counted or asked for."""
        return tuple(self._sums)

    def clear(self) -> None:
        """Forget all counts."""
        for bucket in (*self._ring, self._sums):
            bucket[:] = [0] * len(bucket)

    def _advance(self, now: float) -> int:
        """Empty the buckets whose seconds have gone by; return the second that is counted in."""
        second = int(now // 1)
        if self._newest is None:
            self._newest = second
        first = max(self._newest + 1, second - len(self._ring) + 1)
        for passed in range(first, second + 1):
            bucket = self._ring[passed % len(self._ring)]
            for kind, count in enumerate(bucket):
                self._sums[kind] -= count
                bucket[kind] = 0
        self._newest = max(self._newest, second)
        return self._newest
