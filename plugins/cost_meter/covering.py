"""Which buckets of totals a time is made of: the coarsest that fit, the finest at its ends."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from .row import Grain

__all__ = ["PERIODS", "Calendar", "Kept", "Period", "Piece", "Span", "pieces_of"]

Period = Literal["day", "week", "month"]

PERIODS: Mapping[str, Period] = {"daily": "day", "weekly": "week", "monthly": "month"}
"""By the names that they have in questions."""

_LENGTHS: Mapping[Grain, float] = {"minute": 60.0, "hour": 3600.0, "day": 86400.0}
_COARSE_FIRST: tuple[Grain, ...] = ("day", "hour", "minute")


class Span(NamedTuple):
    """A time in Unix seconds, the end not included."""

    since: float
    until: float


class Kept(NamedTuple):
    """For how many seconds totals are kept; days are kept for good."""

    minutes: float
    hours: float


class Piece(NamedTuple):
    """Buckets of one grain, side by side: each begins in ``since <= begins < until``."""

    grain: Grain
    since: float
    until: float


class Calendar:
    """Hours, days and months as they begin in one time zone."""

    def __init__(self, zone: str) -> None:
        """`zone` is one that zoneinfo knows."""
        self.zone = zone
        self._zone = ZoneInfo(zone)

    def hour(self, at: float) -> Span:
        """Return the hour of a time."""
        local = self._local(at)
        begins = int(at // 1) - local.minute * 60 - local.second
        return Span(begins, begins + 3600)

    def day(self, at: float) -> Span:
        """Return the day of a time: 23, 24 or 25 hours."""
        begins = self._local(at).replace(hour=0, minute=0, second=0, microsecond=0)
        return self._between(begins, begins + timedelta(days=1))

    def week(self, at: float) -> Span:
        """Return the week of a time, from Monday on."""
        local = self._local(at).replace(hour=0, minute=0, second=0, microsecond=0)
        begins = local - timedelta(days=local.weekday())
        return self._between(begins, begins + timedelta(days=7))

    def month(self, at: float) -> Span:
        """Return the month of a time."""
        begins = self._local(at).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return self._between(begins, (begins + timedelta(days=32)).replace(day=1))

    def period(self, which: Period, at: float) -> Span:
        """Return the day, the week or the month of a time."""
        spans = {"day": self.day, "week": self.week, "month": self.month}
        return spans[which](at)

    def days(self, span: Span) -> Iterator[Span]:
        """Return the days of a time, the first and the last only as far as they are within."""
        at = span.since
        while at < span.until:
            ends = min(self.day(at).until, span.until)
            yield Span(at, ends)
            at = ends

    def date(self, at: float) -> str:
        """Return the date of a time, such as ``2026-11-23``."""
        return self._local(at).date().isoformat()

    def hour_of_day(self, at: float) -> int:
        """Return the hour of a time, 0 to 23."""
        return self._local(at).hour

    def begins(self, date: datetime) -> float:
        """Return when the local time `date`, which names no zone, is, in Unix seconds."""
        return date.replace(tzinfo=self._zone, fold=0).timestamp()

    def _local(self, at: float) -> datetime:
        # Whole seconds: datetime rounds, and the last microsecond would be the next day.
        return datetime.fromtimestamp(int(at // 1), UTC).astimezone(self._zone)

    @staticmethod
    def _between(begins: datetime, ends: datetime) -> Span:
        # Of wall clocks: the zone says of each by itself when it is.
        return Span(begins.replace(fold=0).timestamp(), ends.replace(fold=0).timestamp())


def pieces_of(
    spans: Iterable[Span], now: float, kept: Kept, *, coarsest: Grain = "day"
) -> tuple[Piece, ...]:
    """Return the buckets that cover spans, which follow one another; no bucket twice.

    What begins or ends in the middle of the finest bucket that is kept counts it whole. Nothing
    has been spent after `now`: a bucket that is not over yet is exact.
    """
    found: list[Piece] = []
    for span in spans:
        if span.since > now:
            break
        for piece in _covering(span, now, kept, coarsest):
            if not found or piece.since >= found[-1].until:
                _append(found, piece)
    return tuple(found)


def _covering(span: Span, now: float, kept: Kept, coarsest: Grain) -> Iterator[Piece]:
    until, length = span.until, _LENGTHS[coarsest]
    if until >= now:
        until = _floor(now, length) + length
    at = _floor(span.since, _LENGTHS[_finest(span.since, now, kept)])
    while at < until:
        grain = _fitting(at, until, _finest(at, now, kept), coarsest)
        yield Piece(grain, at, at + _LENGTHS[grain])
        at += _LENGTHS[grain]


def _finest(at: float, now: float, kept: Kept) -> Grain:
    """Return the finest grain of which the bucket at a time is still kept."""
    if at >= now - kept.minutes + _LENGTHS["minute"]:
        return "minute"
    return "hour" if at >= now - kept.hours + _LENGTHS["hour"] else "day"


def _fitting(at: float, until: float, finest: Grain, coarsest: Grain) -> Grain:
    """Return the coarsest grain of which a bucket begins here and ends in time, or the finest."""
    for grain in _COARSE_FIRST[_COARSE_FIRST.index(coarsest) : _COARSE_FIRST.index(finest)]:
        if at % _LENGTHS[grain] == 0 and at + _LENGTHS[grain] <= until:
            return grain
    return finest


def _append(found: list[Piece], piece: Piece) -> None:
    if found and found[-1].grain == piece.grain and found[-1].until == piece.since:
        piece = Piece(piece.grain, found.pop().since, piece.until)
    found.append(piece)


def _floor(at: float, length: float) -> float:
    return at // length * length
