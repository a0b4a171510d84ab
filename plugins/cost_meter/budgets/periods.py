"""The time a budget is for: a period of the calendar, or one that moves along. Arithmetic only.

What is spent is counted in slices. A period of the calendar is one slice. A rolling one is about
24 and the one that is running: it looks back for at least its length, and for less than two slices
longer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import ceil
from typing import Final, NamedTuple

from ..covering import Calendar
from ..row import Grain
from .declaring import Every

__all__ = ["Periodic", "Periods", "Rolling", "Span", "Window", "opens_in", "spans"]

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR
_SLICES: Final = 24


class Window(NamedTuple):
    """What counts at a moment."""

    name: str
    """Of a period of the calendar, the same only within it; of a rolling one always the same."""
    since: float
    until: float
    """Unix seconds. Of a rolling one: when the running slice ends, and the oldest leaves."""
    slice: int
    """In which is counted what is spent now."""
    slices: int
    """How many count, this one and those before it."""
    seconds: float
    """How long the budget is for."""

    @property
    def first(self) -> int:
        """The oldest slice that counts."""
        return self.slice - self.slices + 1

    @property
    def rolls(self) -> bool:
        """Whether what was spent leaves bit by bit."""
        return self.slices > 1


class Periodic:
    """Hours, days or months, one after the other without a gap.

    Days and months begin at midnight of their time zone, or when its clocks first show the new
    date; hours are those of UTC.
    """

    def __init__(self, every: Every, zone: str) -> None:
        """`zone` is the name of a time zone; see `Every`."""
        self.every: Every = every
        self._calendar = Calendar(zone)

    def at(self, moment: float) -> Window:
        """Return the period that a moment (Unix seconds) is in."""
        if self.every == "hour":
            since = float(moment // _HOUR * _HOUR)
            name = datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%dT%HZ")
            return Window(name, since, since + _HOUR, 0, 1, _HOUR)
        since, until = self._calendar.period(self.every, moment)
        date = self._calendar.date(since)
        name = date if self.every == "day" else date.removesuffix("-01")
        return Window(name, since, until, 0, 1, until - since)

    def slice_of(self, moment: float, window: Window) -> int | None:
        """Return the slice of a window in which a moment is counted; None: it is outside."""
        return 0 if window.since <= moment < window.until else None


class Rolling:
    """Any time of a length, in slices that begin at multiples of theirs."""

    def __init__(self, seconds: float) -> None:
        """Slices are whole minutes, or whole hours where the length is more than a day."""
        unit = 60 if seconds <= _DAY else _HOUR
        self._seconds = seconds
        self.length = max(unit, ceil(seconds / _SLICES / unit) * unit)
        self._slices = ceil(seconds / self.length) + 1

    def at(self, moment: float) -> Window:
        """Return what counts at a moment (Unix seconds)."""
        now = int(moment // self.length)
        since = float((now - self._slices + 1) * self.length)
        until = float((now + 1) * self.length)
        return Window("rolling", since, until, now, self._slices, self._seconds)

    def slice_of(self, moment: float, window: Window) -> int | None:
        """Return the slice of a window in which a moment is counted; None: it is outside."""
        found = int(moment // self.length)
        return found if window.first <= found <= window.slice else None


Periods = Periodic | Rolling


def opens_in(window: Window, spent: Mapping[int, int], too_much: int, now: float) -> float:
    """Return the seconds until so much of what is spent does not count any more.

    `spent` is by slice. Of a period of the calendar all of it goes at its end; where not that much
    is spent, the rest is under way, and the answer is when the window's next slice leaves.
    """
    wait = max(0.0, window.until - now)
    if not window.rolls:
        return wait
    length = (window.until - window.since) / window.slices
    left = too_much
    for passed in range(window.slices):
        left -= max(0, spent.get(window.first + passed, 0))
        if left <= 0:
            return wait + passed * length
    return wait


class Span(NamedTuple):
    """A part of a time, and the buckets of the ledger that it is made of."""

    grain: Grain
    since: float
    until: float


def spans(since: float, until: float) -> tuple[Span, ...]:
    """Return a time as whole hours of UTC, and what is left at its ends as minutes."""
    first, last = ceil(since / _HOUR) * _HOUR, until // _HOUR * _HOUR
    if first >= last:
        return (Span("minute", since, until),)
    parts = (
        Span("minute", since, float(first)),
        Span("hour", float(first), float(last)),
        Span("minute", float(last), until),
    )
    return tuple(part for part in parts if part.since < part.until)
