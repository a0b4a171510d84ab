"""Who was refused how often, by which rule: by minute, hour and day, in this process.

Pure but for its table, which is bounded and made of plain values: it outlives a reload.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

__all__ = ["DAY", "HOUR", "MINUTE", "Violation", "Violations"]

MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400

MOST: Final = 10_000
"""So many pairs of rule and user are known; the one that was refused longest ago goes first."""


class Violation(NamedTuple):
    """How often a rule has refused a user in the minute, hour and day that it is now (UTC)."""

    rule: str
    user: str | None
    """None: nobody vouches for who it was."""
    minute: int
    hour: int
    day: int
    last: float
    """Unix seconds."""


class Violations:
    """Counts them."""

    def __init__(self, table: dict[Any, Any], refused: int, per: int, most: int = MOST) -> None:
        """`table` is what the one before has left; `refused` within `per` seconds is too often."""
        self._table = table
        self._refused = refused
        self._periods = (MINUTE, HOUR, DAY, per)
        self._most = most

    def add(self, rule: str, user: str | None, now: float) -> bool:
        """Count a refusal at `now` in Unix seconds.

        True if that makes it too often: once for each rule and user in each period.
        """
        counted = self._counted(self._table.pop((rule, user), (0.0,)), now)
        counted = [count + 1 for count in counted]
        self._table[rule, user] = (now, *counted)
        while len(self._table) > self._most:
            del self._table[next(iter(self._table))]
        return counted[-1] == self._refused

    def latest(self, now: float, most: int) -> Iterator[Violation]:
        """Yield what was counted, the latest first."""
        for (rule, user), entry in islice(reversed(self._table.items()), most):
            minute, hour, day, _ = self._counted(entry, now)
            yield Violation(rule, user, minute, hour, day, entry[0])

    def _counted(self, entry: tuple[float, ...], now: float) -> list[int]:
        """Return the counts of each period that is still the same as that of the entry."""
        last, *counts = entry
        return [
            int(count) if last // period == now // period else 0
            for count, period in zip(counts or (0,) * 4, self._periods, strict=True)
        ]
