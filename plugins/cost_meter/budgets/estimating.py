"""How much is held back for an attempt: learned from what others like it have cost. Arithmetic.

What is learned is the share of its estimate that an attempt has cost, in thousandths.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from typing import Any, Final, Literal

__all__ = ["Estimates"]

Mode = Literal["strict", "statistical"]

_KEPT: Final = 200
_ENOUGH: Final = 20
_MOST_KINDS: Final = 1000
_WHOLE: Final = 1000
_MOST: Final = 4 * _WHOLE
"""However far off estimates were: more than four times one is not held back."""


_Seen = tuple[deque[int], list[int], deque[int], list[int]]
"""Of one kind: the latest shares as they came, and in order; by how much attempts have cost more
than was held back for them, likewise."""


class Estimates:
    """What attempts of each kind have cost lately."""

    def __init__(self, state: dict[str, Any]) -> None:
        """Go on with what `state` holds, plain values only."""
        self._kinds: dict[str, _Seen] = state.setdefault("ratios", {})

    def learn(self, kind: str, estimate: int, held: int, spent: int) -> None:
        """Take in an attempt: its estimate, what was held back for it, and what it has cost."""
        if estimate <= 0:
            return
        shares, ordered, excesses, worst = self._kinds.pop(kind, _nothing())
        _take_in(shares, ordered, spent * _WHOLE // estimate)
        _take_in(excesses, worst, max(0, spent - held))
        self._kinds[kind] = shares, ordered, excesses, worst
        if len(self._kinds) > _MOST_KINDS:
            del self._kinds[next(iter(self._kinds))]

    def amount(self, kind: str, estimate: int, mode: Mode) -> int:
        """Return what to hold back, in nano-USD.

        ``strict``: the estimate, and more where others of this kind have cost more than theirs.
        ``statistical``: what 95 of 100 others have cost at most; the same as ``strict`` until
        there were 20.
        """
        _, ordered, _, _ = self._kinds.get(kind) or _nothing()
        if mode == "statistical" and len(ordered) >= _ENOUGH:
            share = max(1, _quantile(ordered, 95))
        else:
            share = max(_WHOLE, ordered[-1] if ordered else 0)
        return -(-estimate * min(share, _MOST) // _WHOLE)

    def beyond(self, kind: str, estimate: int, mode: Mode) -> int:
        """Return by how much an attempt may cost more than is held back for it, in nano-USD.

        ``statistical``: what lies between 95 and 99 of 100. ``strict``: the most by which one of
        the latest has.
        """
        _, ordered, _, worst = self._kinds.get(kind) or _nothing()
        if mode == "statistical" and len(ordered) >= _ENOUGH:
            return estimate * (_quantile(ordered, 99) - _quantile(ordered, 95)) // _WHOLE
        return worst[-1] if worst else 0


def _nothing() -> _Seen:
    return deque(), [], deque(), []


def _take_in(latest: deque[int], ordered: list[int], value: int) -> None:
    """Add a value; the oldest goes where there are too many."""
    latest.append(value)
    insort(ordered, value)
    if len(latest) > _KEPT:
        del ordered[bisect_left(ordered, latest.popleft())]


def _quantile(ordered: Sequence[int], of_hundred: int) -> int:
    """Return the smallest value that so many of a hundred do not exceed."""
    return ordered[-(-len(ordered) * of_hundred // 100) - 1]
