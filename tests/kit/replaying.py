"""Replays what was admitted and refused: was a limit exceeded, was anything refused for nothing?

Written from the definition of a window alone, so that it can contradict the code that counts.
Times are whole microseconds; a window is half open, ``(t - period, t]``.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

SECOND = 1_000_000


class Policy(NamedTuple):
    """At most `limit` units in any `period`."""

    name: str
    limit: int
    period: int

    def __str__(self) -> str:
        return f"{self.name} ({self.limit} per {self.period / SECOND:g} s)"


class Refused(NamedTuple):
    """A refusal: decided at some moment between two others, for so many units."""

    since: int
    until: int
    cost: int = 1


class Taken:
    """What was admitted under one rule for one scope: pairs of time and units, in any order."""

    def __init__(self, entries: Iterable[tuple[int, int]] = ()) -> None:
        ordered = sorted(entries)
        self.times = [at for at, _ in ordered]
        self._sums = [0, *accumulate(units for _, units in ordered)]

    @property
    def units(self) -> int:
        """Return all of them."""
        return self._sums[-1]

    def within(self, at: int, period: int) -> int:
        """Return the units of the window that ends with `at`."""
        first = bisect_right(self.times, at - period)
        return self._sums[bisect_right(self.times, at)] - self._sums[first]

    def fullest(self, period: int, since: int | None = None, until: int | None = None) -> int:
        """Return the units of the fullest window of those that end from `since` to `until`.

        A window gains only at an entry, so that of all moments only these have to be looked at,
        and `since` itself.
        """
        if since is None or until is None:
            moments: Sequence[int] = self.times
        else:
            first, end = bisect_left(self.times, since), bisect_right(self.times, until)
            moments = [since, *self.times[first:end]]
        return max((self.within(at, period) for at in moments), default=0)

    def exceeded(self, policies: Iterable[Policy]) -> Iterator[str]:
        """Say which of the policies were not kept."""
        for one in policies:
            if (most := self.fullest(one.period)) > one.limit:
                yield f"{most} units in a window of {one}"

    def would_exceed(self, policy: Policy, refused: Refused) -> bool:
        """Tell whether there was a moment at which it had to be refused."""
        most = self.fullest(policy.period, refused.since, refused.until)
        return most + refused.cost > policy.limit


def most_members(entries: Iterable[tuple[int, str]], period: int) -> int:
    """Return the most different members that are in any window of such a length."""
    ordered = sorted(entries)
    inside: Counter[str] = Counter()
    first = most = 0
    for at, member in ordered:
        inside[member] += 1
        while ordered[first][0] <= at - period:
            gone = ordered[first][1]
            inside[gone] -= 1
            if not inside[gone]:
                del inside[gone]
            first += 1
        most = max(most, len(inside))
    return most


def admissible(policies: Iterable[Policy], until: int) -> int:
    """Return how many units fit from 0 until a moment, that one included, if all were wanted.

    Each goes at the first moment that all windows allow: no order lets more go.
    """
    limits = tuple(policies)
    times: list[int] = []
    while True:
        at = max(
            (times[-one.limit] + one.period for one in limits if len(times) >= one.limit),
            default=0,
        )
        if at > until:
            return len(times)
        times.append(at)
