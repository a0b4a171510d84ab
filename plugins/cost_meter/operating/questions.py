"""What operators may ask: every parameter at most once, none that is unknown."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from proxy.api.endpoints import count_of, query_of, time_of

from ..covering import Calendar, Span
from ..row import DIMENSIONS, GRAINS, NOT_SAID, UNVERIFIED, Dimension, Grain

__all__ = ["ROWS_MOST", "ReportAsked", "RowsAsked", "asked_report", "asked_rows", "covered"]

ROWS_MOST = 1000
"""The longest list."""

_DAYS_MOST: Mapping[Grain | None, int] = {
    None: 800,
    "month": 800,
    "day": 400,
    "hour": 31,
    "minute": 2,
}
_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"([0-9]{1,5})([mhdw])", re.ASCII)
_UTC = Calendar("UTC")
_DAYS = ("today", "yesterday")
_DATE_LENGTH = len("2026-11-01")
_SKIPPED_MOST = 10**6


class ReportAsked(NamedTuple):
    """Which report is wanted."""

    span: Span
    by: tuple[Dimension, ...]
    grain: Grain | None
    where: Mapping[Dimension, str]
    limit: int
    skip: int


class RowsAsked(NamedTuple):
    """Which rows are wanted."""

    span: Span
    where: Mapping[Dimension, str]
    limit: int
    after: str


def asked_report(query: str, calendar: Calendar, now: float) -> ReportAsked:
    """Read a query. Raises ValueError with what is wrong."""
    said = query_of(query, ("since", "until", "by", "grain", "limit", "skip", *DIMENSIONS))
    grain = _grain(said.get("grain", ""))
    span = _span(said, calendar, now)
    most = _DAYS_MOST[grain]
    if span.until - span.since > most * 86_400 + 3600:
        by = f" by {grain}" if grain else ""
        raise ValueError(f"since: a report{by} is of {most} days at most")
    if grain in ("day", "month") and said.get("since", "").endswith(("d", "w")):
        span = span._replace(since=calendar.day(span.since).since)  # no day is cut in two
    skip = said.get("skip", "0")
    return ReportAsked(
        span,
        _dimensions(said.get("by", "provider")),
        grain,
        _where(said),
        _count(said, "limit", "100", ROWS_MOST),
        0 if skip == "0" else _count(said, "skip", skip, _SKIPPED_MOST),
    )


def asked_rows(query: str, calendar: Calendar, now: float) -> RowsAsked:
    """Read a query. Raises ValueError with what is wrong."""
    said = query_of(query, ("since", "until", "limit", "after", *DIMENSIONS))
    return RowsAsked(
        _span(said, calendar, now),
        _where(said),
        _count(said, "limit", "100", ROWS_MOST),
        said.get("after", ""),
    )


def covered(since: str, until: str, now: float) -> tuple[float | None, float | None]:
    """Return which time a bill covers, in Unix seconds; None where nothing is said.

    Bills are of days in UTC, and so are dates here. Raises ValueError with what is wrong.
    """
    begins = _time("since", since, _UTC, now) if since else None
    ends = _end(until, _UTC, now) if until else None
    if begins is not None and ends is not None and begins >= ends:
        raise ValueError("since: has to be before until")
    return begins, ends


def _count(said: Mapping[str, str], name: str, usual: str, most: int) -> int:
    try:
        return count_of(said.get(name, usual), most)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _span(said: Mapping[str, str], calendar: Calendar, now: float) -> Span:
    since = calendar.month(now).since
    if "since" in said:
        since = _time("since", said["since"], calendar, now)
    until = _end(said["until"], calendar, now) if "until" in said else now
    if since >= until:
        raise ValueError("since: has to be before until")
    return Span(since, until)


def _end(text: str, calendar: Calendar, now: float) -> float:
    until = _time("until", text, calendar, now)
    whole = text in _DAYS or len(text) == _DATE_LENGTH
    return calendar.day(until).until if whole else until  # a day belongs to it as a whole


def _time(name: str, text: str, calendar: Calendar, now: float) -> float:
    if text in _DAYS:
        today = calendar.day(now)
        return calendar.day(today.since - 1).since if text == "yesterday" else today.since
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now - int(ago[1]) * _UNITS[ago[2]]
    try:
        read, local = time_of(text), datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{name}: a date such as 2026-11-01, a time, today, yesterday, or how long ago, such "
            "as 24h or 7d"
        ) from None
    return read.timestamp() if local.tzinfo is not None else calendar.begins(local)


def _grain(text: str) -> Grain | None:
    for grain in GRAINS:
        if text == grain:
            return grain
    if text:
        raise ValueError(f"grain: one of {', '.join(GRAINS)}, or nothing")
    return None


def _dimensions(text: str) -> tuple[Dimension, ...]:
    words = [word for word in text.split(",") if word]
    found = tuple(one for word in words for one in DIMENSIONS if one == word)
    if len(found) != len(words) or len(set(found)) != len(found):
        raise ValueError(f"by: some of {', '.join(DIMENSIONS)}, each once")
    return found


def _where(said: Mapping[str, str]) -> dict[Dimension, str]:
    """Return what dimensions have to be; what is empty has a name in reports."""
    empty: Sequence[str] = (UNVERIFIED, NOT_SAID)
    return {one: "" if said[one] in empty else said[one] for one in DIMENSIONS if one in said}
