"""When something is tried again: how long to wait, and what the other side says about it.

`retry-after`: RFC 9110, section 10.2.3, with dates as in section 5.6.7 (all three forms), and,
beyond the RFC, with decimals of a second. `retry-after-ms` and `x-should-retry` are said by
OpenAI, Azure and others.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

__all__ = ["LONGEST_WAIT", "backoff", "retry_after", "should_retry"]

LONGEST_WAIT = 3600.0
"""Seconds. Whoever asks for more is asked again after this: one wrong header costs an hour."""

_BASE = 0.25
_MOST = 8.0
_LONGEST_TEXT = 64

_NUMBER = re.compile(r"\d{1,15}(?:\.\d{0,15})?|\.\d{1,15}", re.ASCII)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH = rf"(?P<month>{'|'.join(_MONTHS)})"
_TIME = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_DAY = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_LONG_DAY = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_DATES = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{_DAY}, (?P<day>\d\d) {_MONTH} (?P<year>\d{{4}}) {_TIME} GMT",
        rf"{_LONG_DAY}, (?P<day>\d\d)-{_MONTH}-(?P<year>\d\d) {_TIME} GMT",
        rf"{_DAY} {_MONTH} (?P<day>[ \d]\d) {_TIME} (?P<year>\d{{4}})",
    )
)


def backoff(k: int, random: float) -> float:
    """Return how many seconds to wait before the k-th retry, from 0: full jitter.

    Anything from 0 to 0.25 x 2^k, at most 8, so that callers that failed together do not come
    back together. `random`: 0 <= r < 1.
    """
    return random * min(_MOST, _BASE * 2.0 ** min(max(k, 0), 16))


def retry_after(headers: Mapping[str, str], now_unix: float) -> float | None:
    """Return for how many seconds an answer asks to be left alone; None: it does not say.

    `retry-after-ms` counts before `retry-after`, which is a number or a date (compared with
    `now_unix`, Unix seconds). What is neither, or lies in the past, says nothing; more than
    `LONGEST_WAIT` counts as that. `headers`: names in lower case, or where case is no matter.
    """
    wait = _number(headers.get("retry-after-ms", ""))
    if wait is not None:
        return min(wait / 1000, LONGEST_WAIT)
    text = headers.get("retry-after", "").strip()
    wait = _number(text)
    if wait is None:
        date = _date(text, now_unix)
        wait = None if date is None or date < now_unix else date - now_unix
    return None if wait is None else min(wait, LONGEST_WAIT)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Return what `x-should-retry` says; None: nothing. Headers as in `retry_after`."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _number(text: str) -> float | None:
    text = text.strip() if len(text) <= _LONGEST_TEXT else ""
    return float(text) if _NUMBER.fullmatch(text) else None


def _date(text: str, now_unix: float) -> float | None:
    """Return an HTTP date in Unix seconds; None if it is none."""
    if len(text) > _LONGEST_TEXT:
        return None
    found = next((match for form in _DATES if (match := form.fullmatch(text))), None)
    if found is None:
        return None
    year = int(found["year"])
    if len(found["year"]) == 2:
        year = _full_year(year, now_unix)
    try:
        # A leap second is written as :60, which datetime does not know.
        at = datetime(
            year,
            _MONTHS.index(found["month"]) + 1,
            int(found["day"]),
            int(found["hour"]),
            int(found["minute"]),
            tzinfo=UTC,
        ) + timedelta(seconds=min(int(found["second"]), 60))
    except (OverflowError, ValueError):
        return None
    return at.timestamp()


def _full_year(year: int, now_unix: float) -> int:
    """Return the year that two digits mean: at most 50 years ahead (RFC 9110, section 5.6.7)."""
    latest = datetime.fromtimestamp(now_unix, UTC).year + 50
    return latest - (latest - year) % 100
