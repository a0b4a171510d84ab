"""How many different keys were seen, in bounded memory, and so that replicas can be added up.

Of all tags (48 random bits of a key's hash) only the smallest are kept. While there are
fewer than `KEPT`, their number is the answer; then the largest of them tells how dense they
lie: ``(k - 1) / largest`` (Bar-Yossef et al., "Counting distinct elements in a data stream",
2002; the estimator is that of Beyer et al., SIGMOD 2007). The relative error is about
``1 / sqrt(KEPT - 2)``, 4.4 %. The union of two sketches is that of their smallest tags.
"""

from collections.abc import Iterable
from heapq import heappush, heappushpop

__all__ = ["KEPT", "TAG_BITS", "Sketch", "estimate", "united"]

KEPT = 512
"""So many tags are kept."""

TAG_BITS = 48
_SPACE = 1 << TAG_BITS


class Sketch:
    """The smallest tags that were seen. `limit` is what a tag must be below to be news."""

    __slots__ = ("_heap", "limit", "tags")

    def __init__(self) -> None:
        """Begin with none."""
        self.tags: set[int] = set()
        self.limit = _SPACE
        self._heap: list[int] = []

    def add(self, tag: int) -> None:
        """Note a tag. Callers on a hot path look first whether it is below `limit`."""
        if tag >= self.limit or tag in self.tags:
            return
        self.tags.add(tag)
        if len(self.tags) <= KEPT:
            heappush(self._heap, -tag)
        else:
            self.tags.discard(-heappushpop(self._heap, -tag))
        if len(self.tags) == KEPT:
            self.limit = -self._heap[0]

    def count(self) -> float:
        """Return how many different tags were seen; exact below `KEPT`."""
        return estimate(self.tags)


def united(sketches: Iterable[Iterable[int]]) -> frozenset[int]:
    """Return the tags of the sketch that had seen what all of these saw."""
    tags = {tag for sketch in sketches for tag in sketch}
    return frozenset(sorted(tags)[:KEPT])


def estimate(tags: Iterable[int]) -> float:
    """Return how many different tags were seen by whom kept these."""
    kept = sorted(tags)
    if len(kept) < KEPT:
        return float(len(kept))
    return (len(kept) - 1) * _SPACE / kept[-1]
