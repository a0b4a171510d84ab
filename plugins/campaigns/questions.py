"""What may be asked in a query: every parameter at most once, none that is unknown."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, TypeVar, get_args

from proxy.api.endpoints import count_of, query_of, time_of
from proxy.api.workflows import WorkflowStatus

from .declining import DeclinedError
from .spending import Grouping, Span

__all__ = [
    "DAYS_MOST",
    "LIMIT_MOST",
    "PERIODS",
    "TIME_PATTERN",
    "CostsAsked",
    "Period",
    "StatusAsked",
    "asked_costs",
    "asked_period",
    "asked_status",
]

LIMIT_MOST = 100
"""The longest list of workflows."""

DAYS_MOST = 90
"""The longest time over which costs are summed up, in days."""

TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$"
"""How a date or a time is written (RFC 3339, the zone left out for UTC)."""

Period = Literal["1h", "24h", "7d", "30d"]
PERIODS: Mapping[Period, float] = {"1h": 3600.0, "24h": 86400.0, "7d": 604800.0, "30d": 2592000.0}
"""Periods in seconds."""

_ID_MOST = 256
_TIME = re.compile(TIME_PATTERN, re.ASCII)
_WORDS: Mapping[str, bool] = {"true": True, "false": False}
_T = TypeVar("_T")


class StatusAsked(NamedTuple):
    """Which workflows are asked for."""

    workflow_id: str | None
    user_id: str | None
    status: str | None
    limit: int
    stream: bool


class CostsAsked(NamedTuple):
    """Whose costs are asked for, and of when."""

    span: Span
    grouping: Grouping
    user_id: str | None


def asked_status(query: str) -> StatusAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("workflowId", "userId", "status", "limit", "stream"))
    try:
        limit = count_of(said.get("limit", "10"), LIMIT_MOST)
    except ValueError as error:
        raise DeclinedError(400, f"limit is {error}") from None
    status = said.get("status")
    if status is not None and status not in get_args(WorkflowStatus):
        raise DeclinedError(400, f"status is one of {', '.join(get_args(WorkflowStatus))}")
    return StatusAsked(
        _name(said, "workflowId"),
        _name(said, "userId"),
        status,
        limit,
        _one_of(said, "stream", _WORDS, default="false"),
    )


def asked_costs(query: str) -> CostsAsked:
    """Read a query. Raises DeclinedError with what is wrong."""
    said = _said(query, ("startDate", "endDate", "groupBy", "userId"))
    groupings: dict[str, Grouping] = {one: one for one in get_args(Grouping)}
    return CostsAsked(
        _span(said),
        _one_of(said, "groupBy", groupings, default="day"),
        _name(said, "userId"),
    )


def asked_period(query: str) -> Period:
    """Read a query. Raises DeclinedError with what is wrong."""
    periods: dict[str, Period] = {one: one for one in PERIODS}
    return _one_of(_said(query, ("period",)), "period", periods, default="24h")


def _said(query: str, known: tuple[str, ...]) -> dict[str, str]:
    try:
        return query_of(query, known)
    except ValueError as error:
        raise DeclinedError(400, str(error)) from None


def _name(said: Mapping[str, str], name: str) -> str | None:
    value = said.get(name)
    if value is not None and not 1 <= len(value) <= _ID_MOST:
        raise DeclinedError(400, f"{name} has 1 to {_ID_MOST} characters")
    return value


def _one_of(said: Mapping[str, str], name: str, words: Mapping[str, _T], *, default: str) -> _T:
    word = said.get(name, default)
    if word not in words:
        raise DeclinedError(400, f"{name} is one of {', '.join(words)}")
    return words[word]


def _span(said: Mapping[str, str]) -> Span:
    missing = [name for name in ("startDate", "endDate") if name not in said]
    if missing:
        raise DeclinedError(400, f"{' and '.join(missing)} must be there, such as 2026-11-01")
    start, end = said["startDate"], said["endDate"]
    since, until = _time(start, "startDate"), _time(end, "endDate")
    if len(end) == len("2026-11-01"):
        until += timedelta(days=1)  # a day belongs to the range as a whole
    if since >= until:
        raise DeclinedError(400, "startDate has to be before endDate")
    if until - since > timedelta(days=DAYS_MOST):
        raise DeclinedError(400, f"from startDate to endDate are at most {DAYS_MOST} days")
    return Span(since.timestamp(), until.timestamp(), start, end)


def _time(text: str, name: str) -> datetime:
    wanted = DeclinedError(400, f"{name} is a date such as 2026-11-01, or a time")
    if _TIME.fullmatch(text) is None:
        raise wanted
    try:
        return time_of(text)
    except ValueError:
        raise wanted from None
