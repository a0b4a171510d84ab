"""What may be asked in a query: every parameter at most once, none that is unknown."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeVar, get_args

from proxy.api import Caller
from proxy.api.documents import nano_usd_of
from proxy.api.endpoints import count_of, query_of, time_of

from ..covering import Calendar, Span
from ..row import OTHERS, UNVERIFIED
from .declining import forbidden, invalid

__all__ = [
    "DAYS_MOST",
    "LIMIT_MOST",
    "TIME_PATTERN",
    "AlertsAsked",
    "BreakdownAsked",
    "ForecastPeriod",
    "OptimizationAsked",
    "Severity",
    "ThresholdType",
    "ThresholdsAsked",
    "asked_alerts",
    "asked_breakdown",
    "asked_forecast",
    "asked_id",
    "asked_optimization",
    "asked_stats",
    "asked_thresholds",
    "whose",
]

DAYS_MOST = 90
"""The longest time over which costs are summed up, in days."""

LIMIT_MOST = 100
"""The longest list."""

TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$"
"""How a date or a time is written (RFC 3339; without a zone it is of the calendar's)."""

ForecastPeriod = Literal["daily", "weekly", "monthly"]
Severity = Literal["info", "warning", "critical"]
ThresholdType = Literal["hourly", "daily", "monthly", "per_request"]

_GROUPS = ("", UNVERIFIED, OTHERS)
"""What no user is, whatever they are called."""

_ID_MOST = 256
_DATE_LENGTH = len("2026-11-01")
_TIME = re.compile(TIME_PATTERN, re.ASCII)
_WORDS: Mapping[str, bool] = {"true": True, "false": False}
_T = TypeVar("_T")


class BreakdownAsked(NamedTuple):
    """Whose costs are asked for, and of when."""

    span: Span
    user_id: str | None


class OptimizationAsked(NamedTuple):
    """Which advice is asked for."""

    user_id: str | None
    least_nano_usd: int
    limit: int


class AlertsAsked(NamedTuple):
    """Which alerts are asked for; None: it does not matter."""

    user_id: str | None
    severity: Severity | None
    acknowledged: bool | None
    since: float | None
    limit: int


class ThresholdsAsked(NamedTuple):
    """Which thresholds are asked for; None: it does not matter."""

    user_id: str | None
    type: ThresholdType | None
    enabled: bool | None


def whose(caller: Caller, user_id: str | None) -> str | None:
    """Return the user who is asked about, None for all. Raises DeclinedError with 403."""
    if caller.is_admin:
        return "" if user_id == UNVERIFIED else user_id
    # Nobody becomes a group of others by being called like it.
    if user_id not in (None, caller.id) or caller.id in _GROUPS:
        raise forbidden("Insufficient permissions to see other users")
    return caller.id


def asked_breakdown(query: str, calendar: Calendar) -> BreakdownAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("startDate", "endDate", "userId"))
    return BreakdownAsked(_span(said, calendar), _name(said, "userId"))


def asked_stats(query: str) -> bool:
    """Return whether users are asked for. Raises DeclinedError with what is wrong."""
    return _one_of(_said(query, ("includeUsers",)), "includeUsers", _WORDS) or False


def asked_forecast(query: str) -> tuple[ForecastPeriod, str | None]:
    """Return the period, and whose. Raises DeclinedError with what is wrong."""
    said = _said(query, ("period", "userId"))
    return _one_of(said, "period", _words(ForecastPeriod)) or "daily", _name(said, "userId")


def asked_optimization(query: str) -> OptimizationAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("userId", "minSavings", "limit"))
    try:
        least = nano_usd_of(said.get("minSavings", "0"))
    except ValueError as error:
        raise invalid([f"minSavings: {error}"]) from None
    return OptimizationAsked(_name(said, "userId"), least, _limit(said))


def asked_alerts(query: str, calendar: Calendar) -> AlertsAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("userId", "severity", "acknowledged", "since", "limit"))
    acknowledged = None
    if said.get("acknowledged") != "all":
        acknowledged = _one_of(said, "acknowledged", _WORDS, also="all")
    return AlertsAsked(
        _name(said, "userId"),
        _one_of(said, "severity", _words(Severity)),
        acknowledged,
        _time(said["since"], "since", calendar).timestamp() if "since" in said else None,
        _limit(said),
    )


def asked_thresholds(query: str) -> ThresholdsAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("userId", "type", "enabled"))
    return ThresholdsAsked(
        _name(said, "userId"),
        _one_of(said, "type", _words(ThresholdType)),
        _one_of(said, "enabled", _WORDS),
    )


def asked_id(query: str) -> str:
    """Return the `id` that has to be there. Raises DeclinedError with what is wrong."""
    found = _name(_said(query, ("id",)), "id")
    if found is None:
        raise invalid(["id: is missing"])
    return found


def _said(query: str, known: tuple[str, ...]) -> dict[str, str]:
    try:
        return query_of(query, known)
    except ValueError as error:
        raise invalid([str(error)]) from None


def _name(said: Mapping[str, str], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not 1 <= len(value) <= _ID_MOST:
        raise invalid([f"{name}: 1 to {_ID_MOST} characters"])
    return value


def _words(kind: object) -> dict[str, _T]:
    return {word: word for word in get_args(kind)}


def _one_of(
    said: Mapping[str, str], name: str, words: Mapping[str, _T], *, also: str = ""
) -> _T | None:
    word = said.get(name)
    if word is None:
        return None
    if word not in words:
        raise invalid([f"{name}: one of {', '.join(filter(None, (*words, also)))}"])
    return words[word]


def _limit(said: Mapping[str, str]) -> int:
    try:
        return count_of(said.get("limit", "10"), LIMIT_MOST)
    except ValueError as error:
        raise invalid([f"limit: {error}"]) from None


def _span(said: Mapping[str, str], calendar: Calendar) -> Span:
    missing = [name for name in ("startDate", "endDate") if name not in said]
    if missing:
        raise invalid([f"{' and '.join(missing)} must be there, such as 2026-11-01"])
    since = _time(said["startDate"], "startDate", calendar)
    until = _time(said["endDate"], "endDate", calendar)
    if len(said["endDate"]) == _DATE_LENGTH:
        # A day belongs to the range as a whole, be it of 23 hours.
        day = calendar.day(until.timestamp())
        until += timedelta(seconds=day.until - until.timestamp())
    if since >= until:
        raise invalid(["startDate has to be before endDate"])
    if until - since > timedelta(days=DAYS_MOST, hours=1):  # clocks may have been put back
        raise invalid([f"from startDate to endDate are at most {DAYS_MOST} days"])
    return Span(since.timestamp(), until.timestamp())


def _time(text: str, name: str, calendar: Calendar) -> datetime:
    wanted = invalid([f"{name}: a date such as 2026-11-01, or a time"])
    if _TIME.fullmatch(text) is None:
        raise wanted
    try:
        # Read first, for years that not every zone has.
        read, local = time_of(text), datetime.fromisoformat(text)
    except ValueError:
        raise wanted from None
    if local.tzinfo is not None:
        return read
    return datetime.fromtimestamp(calendar.begins(local), read.tzinfo)
