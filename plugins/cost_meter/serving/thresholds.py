"""Thresholds: whom they are about, in which periods, and what tells that they are passed."""

from collections.abc import Mapping
from typing import Any, NamedTuple, get_args

from proxy.api import Alert, Measured
from proxy.api.documents import Document, Usd, usd, usd_text
from proxy.api.endpoints import iso

from ..covering import Calendar, Span
from ..row import Dimension
from .questions import Severity, ThresholdType

__all__ = [
    "PERIODIC",
    "ShownThreshold",
    "Threshold",
    "alert_of",
    "kept_of",
    "period_of",
    "read_kept",
    "shown_threshold",
    "standing_of",
    "where_of",
]

PERIODIC: tuple[ThresholdType, ...] = ("hourly", "daily", "monthly")
"""Those that are compared with what a period has cost; the other, with each request."""

_PERIODS: Mapping[ThresholdType, str] = {
    "hourly": "hour",
    "daily": "day",
    "monthly": "month",
    "per_request": "request",
}


class Threshold(NamedTuple):
    """When somebody wants to know that so much was spent."""

    id: str
    user: str | None
    """About whom; None: all together."""
    type: ThresholdType
    provider: str
    """Empty: all."""
    nano_usd: int
    severity: Severity
    enabled: bool
    channels: tuple[str, ...]
    created_at: float
    updated_at: float
    created_by: str
    said: str = ""
    """A digest of what was asked for when it was made, whatever it was changed to later."""


class ShownThreshold(Document):
    """A threshold as it stands; `user_id` null: about all together."""

    id: str
    user_id: str | None
    type: ThresholdType
    provider: str
    threshold: Usd
    threshold_nano_usd: str
    severity: Severity
    enabled: bool
    notification_channels: tuple[str, ...]
    created_at: str
    updated_at: str


def shown_threshold(one: Threshold) -> ShownThreshold:
    """Return it as clients are shown it."""
    return ShownThreshold(
        id=one.id,
        user_id=one.user,
        type=one.type,
        provider=one.provider or "all",
        threshold=usd(one.nano_usd),
        threshold_nano_usd=str(one.nano_usd),
        severity=one.severity,
        enabled=one.enabled,
        notification_channels=one.channels,
        created_at=iso(one.created_at),
        updated_at=iso(one.updated_at),
    )


def kept_of(one: Threshold) -> dict[str, Any]:
    """Return it as it is kept; amounts and times as text, whatever the store makes of numbers."""
    return one._asdict() | {
        "nano_usd": str(one.nano_usd),
        "channels": list(one.channels),
        "created_at": repr(one.created_at),
        "updated_at": repr(one.updated_at),
    }


def read_kept(document: Mapping[str, Any]) -> Threshold | None:
    """Return what was kept; None for what a newer version has written otherwise."""
    try:
        found = Threshold(**document)
        read = found._replace(
            nano_usd=int(found.nano_usd),
            channels=tuple(found.channels),
            created_at=float(found.created_at),
            updated_at=float(found.updated_at),
        )
    except (TypeError, ValueError):
        return None
    return read if read.type in get_args(ThresholdType) else None


def period_of(one: Threshold, at: float, calendar: Calendar) -> Span:
    """Return the period of a time; that of a single request's threshold is a day."""
    if one.type == "hourly":
        return calendar.hour(at)
    return calendar.month(at) if one.type == "monthly" else calendar.day(at)


def where_of(one: Threshold) -> dict[Dimension, str]:
    """Return what is counted."""
    where: dict[Dimension, str] = {} if one.user is None else {"user": one.user}
    return where | ({"provider": one.provider} if one.provider else {})


def alert_of(one: Threshold, spent: int, period: Span, calendar: Calendar) -> Alert:
    """Return what is raised when `spent` nano-USD have reached it. Names no user in its text.

    It is one alert for each period and amount: a threshold that is raised may be reached again.
    """
    whose = "of a user" if one.user is not None else "of all"
    more = f" with {one.provider}" if one.provider else ""
    single = one.type == "per_request"
    measured = Measured(
        "USD",
        usd(one.nano_usd),
        usd(spent),
        _PERIODS[one.type],
        None if single else period.since,
        None if single else period.until,
    )
    return Alert(
        "cost_threshold",
        f"threshold {one.id}",
        f"{'One request' if single else 'Costs'} {whose}{more} {_when(one, period, calendar)} "
        f"{'has cost' if single else 'are'} {usd_text(spent)} USD, {measured.percent} % of the "
        f"threshold of {usd_text(one.nano_usd)} USD. Look where it comes from: "
        "crossfade costs report --by model",
        severity=one.severity,
        key=f"cost_threshold:{one.id}:{one.nano_usd}:{period.since:.0f}",
        user=one.user or "",
        channels=one.channels,
        measured=measured,
    )


def standing_of(found: Mapping[Threshold, int]) -> str | None:
    """Return the worst severity of those that are passed, by what was spent; None without any."""
    if not found:
        return None
    order = ("normal", *get_args(Severity))
    passed = [one.severity for one, spent in found.items() if spent >= one.nano_usd]
    return max(passed, key=order.index, default="normal")


def _when(one: Threshold, period: Span, calendar: Calendar) -> str:
    date = calendar.date(period.since)
    if one.type == "hourly":
        return f"in the hour from {iso(period.since)} on"
    return f"in {date[:7]} ({calendar.zone})" if one.type == "monthly" else f"on {date}"
