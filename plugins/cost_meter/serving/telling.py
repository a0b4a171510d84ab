"""Answers about alerts on costs: what was told, who knows of it, and what is raised by hand."""

from collections import Counter
from typing import Literal, get_args

from proxy.api import Alert, Caller, Measured, Reply, Request, Services
from proxy.api.alerts import AlertView
from proxy.api.documents import Document, Usd, document_reply, usd, usd_text
from proxy.api.endpoints import iso

from ..covering import Calendar
from .asking import AskedAcknowledgement, AskedAlert, key_of, read
from .callers import caller_of
from .declining import forbidden, none_such
from .listed import alerts_list
from .questions import AlertsAsked, Severity, asked_alerts, whose
from .raising import Raising
from .saying import REPLAYED
from .showing import Done, Metadata, Nano

__all__ = ["AlertsAnswer", "RaisedAnswer", "Telling"]

_KINDS = (
    "advice_",
    "budget_",
    "cost_",
    "journal_",
    "ledger_",
    "price_",
    "spend_",
    "too_many_users",
)
"""How the names of alerts begin that are about costs."""

_LOOKED_AT = 1000
_NOTHING = Measured("USD", None, None)
_CREATED = "Custom alert created successfully"


class ShownAlert(Document):
    """An alert; what it compares is null where it is about no amount.

    `percent` is `current_value` in percent of `threshold`, rounded down.
    """

    id: str
    user_id: str | None
    type: str
    subject: str
    severity: str
    threshold: Usd | None
    current_value: Usd | None
    percent: int | None
    period: str | None
    period_start: str | None
    period_end: str | None
    message: str
    timestamp: str
    last_raised_at: str
    count: int
    ended_at: str | None
    acknowledged: bool
    acknowledged_at: str | None


class AlertsSummary(Document):
    """How many of those that are shown."""

    total: int
    unacknowledged: int
    by_severity: dict[str, int]


class AlertsData(Document):
    """Alerts, the newest first."""

    alerts: tuple[ShownAlert, ...]
    summary: AlertsSummary


class AlertsAnswer(Document):
    """The answer to who looks."""

    success: Literal[True] = True
    data: AlertsData
    metadata: Metadata


class RaisedAlert(Document):
    """An alert that was raised by hand. Its id is known to who lists it."""

    id: str | None = None
    key: str
    user_id: str | None
    type: str
    severity: Severity
    threshold: Usd
    threshold_nano_usd: Nano
    message: str
    timestamp: str
    acknowledged: bool = False
    custom: Literal[True] = True
    created_by: str


class RaisedAnswer(Document):
    """The answer to who has raised one."""

    success: Literal[True] = True
    data: RaisedAlert
    message: str


class Telling:
    """The answers."""

    def __init__(self, raising: Raising, calendar: Calendar, services: Services) -> None:
        self._raising = raising
        self._calendar = calendar
        self._services = services

    async def alerts(self, request: Request, _: bytes) -> Reply:
        """List alerts about costs: one's own, for administrators all. Raises DeclinedError."""
        caller = await caller_of(request)
        asked = asked_alerts(request.query, self._calendar)
        views = await self._views(whose(caller, asked.user_id), asked)
        counts = Counter(one.severity for one in views)
        summary = AlertsSummary(
            total=len(views),
            unacknowledged=sum(one.acknowledged_at is None for one in views),
            by_severity={name: counts[name] for name in get_args(Severity)},
        )
        data = AlertsData(alerts=tuple(map(_shown_alert, views)), summary=summary)
        return document_reply(AlertsAnswer(data=data, metadata=self._metadata(caller)))

    async def raise_alert(self, request: Request, body: bytes) -> Reply:
        """Raise one by hand. Raises DeclinedError for who is no administrator.

        What was asked for within a day is not raised again.
        """
        caller = await caller_of(request)
        if not caller.is_admin:
            raise forbidden()
        asked, key = read(AskedAlert, body), key_of(request)
        alert = Alert(
            "cost_alert",
            asked.type,
            f"{asked.message} (threshold: {usd_text(asked.threshold)} USD)",
            severity=asked.severity,
            user=asked.user_id or "",
            measured=Measured("USD", usd(asked.threshold), None),
        )
        raised = await self._raising.raise_once(alert, caller.id, key)
        data = RaisedAlert(
            key=raised.key,
            user_id=asked.user_id,
            type=asked.type,
            severity=asked.severity,
            threshold=usd(asked.threshold),
            threshold_nano_usd=str(asked.threshold),
            message=asked.message,
            timestamp=iso(raised.at),
            created_by=caller.id,
        )
        says = "Custom alert had been created" if raised.before else _CREATED
        return document_reply(
            RaisedAnswer(data=data, message=says), 200, REPLAYED if raised.before else None
        )

    async def acknowledge(self, request: Request, body: bytes) -> Reply:
        """Note that the caller knows of an alert: one's own, administrators any."""
        caller = await caller_of(request)
        asked = read(AskedAcknowledgement, body)
        found = await alerts_list(self._services).acknowledge(
            asked.alert_id, caller.id, whose(caller, None)
        )
        if found is None:
            raise none_such("alert")
        return document_reply(Done(message="Alert acknowledged successfully"))

    async def _views(self, user: str | None, asked: AlertsAsked) -> tuple[AlertView, ...]:
        views = await alerts_list(self._services).list(
            user, asked.severity, asked.acknowledged, asked.since, _LOOKED_AT
        )
        # Looked through once more: a mistake there must not show anybody the alerts of others.
        fits = (
            one
            for one in views
            if one.name.startswith(_KINDS) and (user is None or one.user == user)
        )
        return tuple(fits)[: asked.limit]

    def _metadata(self, caller: Caller) -> Metadata:
        at = iso(self._services.now())
        return Metadata(requested_by=caller.id, requested_at=at, timezone=self._calendar.zone)


def _shown_alert(view: AlertView) -> ShownAlert:
    acknowledged = view.acknowledged_at
    measured = view.measured
    if measured is None or measured.unit != _NOTHING.unit:
        measured = _NOTHING
    return ShownAlert(
        id=view.id,
        user_id=view.user or None,
        type=view.name,
        subject=view.subject,
        severity=view.severity,
        threshold=measured.limit,
        current_value=measured.value,
        percent=measured.percent,
        period=measured.period or None,
        period_start=None if measured.since is None else iso(measured.since),
        period_end=None if measured.until is None else iso(measured.until),
        message=view.text,
        timestamp=iso(view.at),
        last_raised_at=iso(view.last_at),
        count=view.times,
        ended_at=None if view.ended_at is None else iso(view.ended_at),
        acknowledged=acknowledged is not None,
        acknowledged_at=None if acknowledged is None else iso(acknowledged),
    )
