"""Units that are counted by the time at which they were taken: what stands in sorted times.

All windows of a claim look at the same times, one for each unit: how many a window has is a
bisection, and the unit that has to leave before something fits stands at a known place.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from ..claims import NEVER, Reading, Window

__all__ = ["MOST", "drop", "longest", "put", "reading", "readings", "room", "waits"]

MOST: Final = 10_000
"""So many units of a bucket are told apart; more where a limit is more than half of that."""

reading: Final[Callable[[tuple[int, int, int]], Reading]] = partial(tuple.__new__, Reading)
"""Makes one in half the time that its constructor takes; half of a check is to make them."""


def longest(windows: tuple[Window, ...]) -> int:
    """Return for how many microseconds a unit counts in any of the windows."""
    longest = 0
    for _, _, period, _ in windows:
        if period > longest:
            longest = period
    return longest


def waits(times: list[int], windows: tuple[Window, ...], cost: int, now: int) -> list[int]:
    """Return the microseconds until `cost` units fit; NEVER if they are more than the limit."""
    found = []
    wanted = len(times) + cost
    for _, limit, period, _ in windows:
        if wanted <= limit:
            found.append(0)
        elif cost > limit:
            found.append(NEVER)
        else:
            # When the first units, those above the limit, have left, there is room.
            left = times[wanted - limit - 1] + period - now
            found.append(left if left > 0 else 0)
    return found


def readings(
    times: list[int], windows: tuple[Window, ...], waits: list[int], now: int
) -> tuple[Reading, ...]:
    """Return how the windows stand; `waits` is what stands in them as `Reading.wait`."""
    found = []
    count = len(times)
    for (_, limit, period, _), wait in zip(windows, waits, strict=True):
        before = now - period
        used = count - bisect_right(times, before)
        if not used:
            found.append(reading((limit, 0, wait)))
        elif used < limit:
            found.append(reading((limit - used, times[-used] - before, wait)))
        else:
            found.append(reading((0, times[-limit] - before, wait)))
    return tuple(found)


def put(times: list[int], at: int, units: int) -> None:
    """Add so many units of one time, which mostly is the latest."""
    late = times and times[-1] > at
    if units == 1:
        times.append(at)
    else:
        times += [at] * units
    if late:
        times.sort()


def drop(times: list[int], at: int, units: int) -> None:
    """Take out so many units of one time; those that are gone already cost nothing."""
    place = bisect_left(times, at)
    units = min(units, bisect_right(times, at) - place)
    del times[place : place + units]


def room(
    times: list[int], held: dict[str, Any], windows: tuple[Window, ...], cost: int, before: int
) -> int:
    """Make room for `cost` units, and return for how many there is room.

    What was taken at `before` or earlier goes once that is more than half of all. Beyond `MOST`,
    which only debits come to, the oldest go, and count as taken for good: more than the limit
    says no more than the limit. `held` says by name what was taken, its time first; it is about
    in the order of time.
    """
    if times and times[len(times) // 2] <= before:
        del times[: bisect_right(times, before)]
        _forget(held, before)
    if len(times) + cost > MOST:
        most = max(MOST, *[2 * window.limit for window in windows])
        cost = min(cost, most)
        over = len(times) + cost - most
        if over > 0:
            last = times[over - 1]
            del times[:over]
            _forget(held, last)
    return cost


def _forget(held: dict[str, Any], before: int) -> None:
    old = []
    for name, (at, *_) in held.items():
        if at > before:
            break
        old.append(name)
    for name in old:
        del held[name]
