"""Answers about thresholds and alerts: who wants to be told of what, and what was told."""

from collections import Counter
from collections.abc import Iterable, Mapping
from secrets import token_hex
from typing import Any, Literal, get_args

from proxy.api import Alert, Caller, Reply, Request, Services
from proxy.api.alerts import AlertsList, AlertView
from proxy.api.documents import Document, Usd, document_reply, usd, usd_text
from proxy.api.endpoints import iso

from ..covering import Calendar
from .asking import (
    AskedAcknowledgement,
    AskedAlert,
    AskedThreshold,
    ChangedThreshold,
    read,
)
from .callers import caller_of
from .declining import forbidden, none_such, unavailable
from .keeping import Thresholds
from .questions import (
    AlertsAsked,
    Severity,
    ThresholdType,
    asked_alerts,
    asked_id,
    asked_thresholds,
    whose,
)
from .showing import Metadata, Nano
from .thresholds import ShownThreshold, Threshold, shown_threshold

__all__ = [
    "AlertsAnswer",
    "Done",
    "OneThreshold",
    "RaisedAnswer",
    "Telling",
    "ThresholdsAnswer",
]

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


class ThresholdsSummary(Document):
    """How many there are of each."""

    total: int
    enabled: int
    by_type: dict[str, int]
    by_severity: dict[str, int]


class ThresholdsData(Document):
    """Thresholds, the oldest first."""

    thresholds: tuple[ShownThreshold, ...]
    summary: ThresholdsSummary


class ThresholdsAnswer(Document):
    """The answer to who looks."""

    success: Literal[True] = True
    data: ThresholdsData
    metadata: Metadata


class OneThreshold(Document):
    """The answer to who has made or changed one."""

    success: Literal[True] = True
    data: ShownThreshold
    message: str


class Done(Document):
    """The answer where there is no more to say."""

    success: Literal[True] = True
    message: str


class ShownAlert(Document):
    """An alert. What it compares is told in its `message` alone, hence the two nulls."""

    id: str
    user_id: str | None
    type: str
    subject: str
    severity: str
    threshold: Usd | None = None
    current_value: Usd | None = None
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
    message: str = "Custom alert created successfully"


class Telling:
    """The answers."""

    def __init__(self, thresholds: Thresholds, calendar: Calendar, services: Services) -> None:
        self._thresholds = thresholds
        self._calendar = calendar
        self._services = services

    # thresholds

    async def thresholds(self, request: Request, _: bytes) -> Reply:
        """List them: one's own, for administrators all. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        asked = asked_thresholds(request.query)
        user = whose(caller, asked.user_id)
        found = [
            one
            for one in await self._thresholds.all()
            if (user is None or one.user == user)
            and asked.type in (None, one.type)
            and asked.enabled in (None, one.enabled)
        ]
        data = ThresholdsData(
            thresholds=tuple(map(shown_threshold, found)), summary=_summary_of(found)
        )
        return document_reply(ThresholdsAnswer(data=data, metadata=self._metadata(caller)))

    async def add_threshold(self, request: Request, body: bytes) -> Reply:
        """Keep a new one; an ordinary user's is about themselves. Raises DeclinedError."""
        caller = await caller_of(request)
        asked, now = read(AskedThreshold, body), self._services.now()
        made = Threshold(
            id="",
            user=whose(caller, asked.user_id),
            type=asked.type,
            provider="" if asked.provider in (None, "all") else asked.provider or "",
            nano_usd=asked.threshold,
            severity=asked.severity,
            enabled=asked.enabled,
            channels=asked.notification_channels,
            created_at=now,
            updated_at=now,
            created_by=caller.id,
        )
        made = await self._thresholds.add(made, by_admin=caller.is_admin)
        self._changed("added", made, caller)
        says = "Alert threshold created successfully"
        return document_reply(OneThreshold(data=shown_threshold(made), message=says), 201)

    async def change_threshold(self, request: Request, body: bytes) -> Reply:
        """Change one's own, administrators any. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        asked = read(ChangedThreshold, body)
        before = await self._own(caller, asked.threshold_id)
        said: dict[str, Any] = {
            "enabled": asked.enabled,
            "nano_usd": asked.threshold,
            "severity": asked.severity,
            "channels": asked.notification_channels,
        }
        changes = {name: value for name, value in said.items() if value is not None}
        after = before._replace(**changes, updated_at=self._services.now())
        await self._thresholds.keep(after)
        self._changed("changed", after, caller)
        says = "Threshold updated successfully"
        return document_reply(OneThreshold(data=shown_threshold(after), message=says))

    async def delete_threshold(self, request: Request, _: bytes) -> Reply:
        """Forget one's own, administrators any. Raises DeclinedError, StoreError."""
        caller = await caller_of(request)
        found = await self._own(caller, asked_id(request.query))
        await self._thresholds.delete(found)
        self._changed("deleted", found, caller)
        return document_reply(Done(message="Threshold deleted successfully"))

    async def _own(self, caller: Caller, threshold_id: str) -> Threshold:
        """Return one that the caller may change: nobody switches off what is watched of them."""
        found = await self._thresholds.find(threshold_id, whose(caller, None))
        if not caller.is_admin and found.created_by != caller.id:
            raise forbidden("An administrator has made this threshold")
        return found

    # alerts

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
        """Raise one by hand. Raises DeclinedError for who is no administrator."""
        caller = await caller_of(request)
        if not caller.is_admin:
            raise forbidden()
        asked = read(AskedAlert, body)
        key = f"cost_alert:{token_hex(8)}"
        text = f"{asked.message} (threshold: {usd_text(asked.threshold)} USD)"
        user = asked.user_id or ""
        self._services.alert(
            Alert("cost_alert", asked.type, text, severity=asked.severity, key=key, user=user)
        )
        data = RaisedAlert(
            key=key,
            user_id=asked.user_id,
            type=asked.type,
            severity=asked.severity,
            threshold=usd(asked.threshold),
            threshold_nano_usd=str(asked.threshold),
            message=asked.message,
            timestamp=iso(self._services.now()),
            created_by=caller.id,
        )
        return document_reply(RaisedAnswer(data=data))

    async def acknowledge(self, request: Request, body: bytes) -> Reply:
        """Note that the caller knows of an alert: one's own, administrators any."""
        caller = await caller_of(request)
        asked = read(AskedAcknowledgement, body)
        found = await self._list().acknowledge(asked.alert_id, caller.id, whose(caller, None))
        if found is None:
            raise none_such("alert")
        return document_reply(Done(message="Alert acknowledged successfully"))

    async def _views(self, user: str | None, asked: AlertsAsked) -> tuple[AlertView, ...]:
        views = await self._list().list(
            user, asked.severity, asked.acknowledged, asked.since, _LOOKED_AT
        )
        # Looked through once more: a mistake there must not show anybody the alerts of others.
        fits = (
            one
            for one in views
            if one.name.startswith(_KINDS) and (user is None or one.user == user)
        )
        return tuple(fits)[: asked.limit]

    def _list(self) -> AlertsList:
        found = self._services.shared(AlertsList)
        if found is None:
            raise unavailable("Nobody keeps alerts here: the plugin notify is not configured")
        return found

    def _changed(self, what: str, one: Threshold, caller: Caller) -> None:
        by = "admin" if caller.is_admin else "user"  # not who: a user's id is in no log
        self._services.log.info("cost_threshold_changed", what=what, id=one.id, by=by)

    def _metadata(self, caller: Caller) -> Metadata:
        at = iso(self._services.now())
        return Metadata(requested_by=caller.id, requested_at=at, timezone=self._calendar.zone)


def _summary_of(found: Iterable[Threshold]) -> ThresholdsSummary:
    found = tuple(found)
    types = Counter[str](one.type for one in found)
    severities = Counter[str](one.severity for one in found)
    return ThresholdsSummary(
        total=len(found),
        enabled=sum(one.enabled for one in found),
        by_type=_counted(types, ThresholdType),
        by_severity=_counted(severities, Severity),
    )


def _counted(counts: Mapping[str, int], kind: object) -> dict[str, int]:
    return {name: counts.get(name, 0) for name in get_args(kind)}


def _shown_alert(view: AlertView) -> ShownAlert:
    acknowledged = view.acknowledged_at
    return ShownAlert(
        id=view.id,
        user_id=view.user or None,
        type=view.name,
        subject=view.subject,
        severity=view.severity,
        message=view.text,
        timestamp=iso(view.at),
        last_raised_at=iso(view.last_at),
        count=view.times,
        ended_at=None if view.ended_at is None else iso(view.ended_at),
        acknowledged=acknowledged is not None,
        acknowledged_at=None if acknowledged is None else iso(acknowledged),
    )
