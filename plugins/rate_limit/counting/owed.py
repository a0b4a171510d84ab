"""What a store has to be told of when it is back."""

from collections import deque
from typing import Any, Final

from ..claims import SECOND, Claim, Kind, Window
from .redis import Op

__all__ = ["MOST", "Owed"]

MOST: Final = 10_000
"""So many things are kept; of more, the latest."""

_Plain = tuple[Any, ...]


class Owed:
    """Operations in the order in which they were owed, each with its time.

    They are plain values in a dict, so that a reload goes on with them, also one of the code.
    """

    def __init__(self, state: dict[str, Any], most: int = MOST) -> None:
        """Go on with `state`; `most` see `MOST`."""
        self._kept: deque[_Plain] = state.setdefault("owed", deque())
        self._most = most

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, op: Op, at: float) -> bool:
        """Keep an operation of the second `at`; False: the oldest one had to go for it."""
        fits = len(self._kept) < self._most
        if not fits:
            self._kept.popleft()
        claims = [_plain(claim) for claim in op.claims]
        self._kept.append((at, op.word, op.ticket, claims))
        return fits

    def taken(self, most: int) -> list[_Plain]:
        """Take out the oldest, to tell of them, or to put them back."""
        return [self._kept.popleft() for _ in range(min(most, len(self._kept)))]

    def put_back(self, those: list[_Plain]) -> None:
        """Keep again what was taken out."""
        self._kept.extendleft(reversed(those))

    @staticmethod
    def told(those: list[_Plain], now: float) -> list[Op]:
        """Return them as the operations that they are, at the second `now`."""
        return [
            Op(word, tuple(map(_claim, claims)), ticket, round((now - at) * SECOND))
            for at, word, ticket, claims in those
        ]


def _plain(claim: Claim) -> _Plain:
    kind, bucket, windows, *rest = claim
    return kind.value, bucket, [tuple(window) for window in windows], *rest


def _claim(plain: _Plain) -> Claim:
    kind, bucket, windows, *rest = plain
    return Claim(Kind(kind), bucket, tuple(Window(*window) for window in windows), *rest)
