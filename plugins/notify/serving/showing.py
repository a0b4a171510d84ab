"""Alerts as clients are shown them: JSON in camel case."""

from collections.abc import Mapping, Sequence

from pydantic import BaseModel

from proxy.api import Reply, json_reply
from proxy.api.alerts import AlertView
from proxy.api.documents import Document
from proxy.api.endpoints import iso

from ..measuring import shown_measured

__all__ = [
    "ShownAlert",
    "ShownAlerts",
    "ShownMeasured",
    "ShownOne",
    "reply_of",
    "shown",
    "shown_list",
]


class ShownMeasured(Document):
    """What an alert compares."""

    unit: str
    limit: str | None
    value: str | None
    percent: int | None
    period: str | None
    since: str | None
    until: str | None


class ShownAlert(Document):
    """An alert as it stands."""

    id: str
    name: str
    subject: str
    text: str
    severity: str
    user_id: str | None
    raised_at: str
    last_raised_at: str
    times: int
    resolved: bool
    ended_at: str | None
    acknowledged: bool
    acknowledged_at: str | None
    acknowledged_by: str | None
    """For administrators."""
    measured: ShownMeasured | None


class AlertsData(Document):
    """Some of them, the newest first."""

    alerts: tuple[ShownAlert, ...]


class ListMetadata(Document):
    """What was asked for, and how much of it there was."""

    count: int
    limit: int


class ShownAlerts(Document):
    """A list of alerts."""

    success: bool = True
    data: AlertsData
    metadata: ListMetadata


class ShownOne(Document):
    """One alert."""

    success: bool = True
    data: ShownAlert


def shown(view: AlertView, *, admin: bool) -> ShownAlert:
    """Return an alert as whoever asks may see it."""
    measured = view.measured
    return ShownAlert(
        id=view.id,
        name=view.name,
        subject=view.subject,
        text=view.text,
        severity=view.severity,
        user_id=view.user or None,
        raised_at=iso(view.at),
        last_raised_at=iso(view.last_at),
        times=view.times,
        resolved=view.ended == "resolved",
        ended_at=None if view.ended_at is None else iso(view.ended_at),
        acknowledged=view.acknowledged_at is not None,
        acknowledged_at=None if view.acknowledged_at is None else iso(view.acknowledged_at),
        acknowledged_by=(view.acknowledged_by or None) if admin else None,
        measured=None if measured is None else ShownMeasured(**shown_measured(measured)),
    )


def shown_list(views: Sequence[AlertView], limit: int, *, admin: bool) -> ShownAlerts:
    """Return a list."""
    alerts = tuple(shown(view, admin=admin) for view in views)
    return ShownAlerts(
        data=AlertsData(alerts=alerts), metadata=ListMetadata(count=len(alerts), limit=limit)
    )


def reply_of(
    document: BaseModel, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Return an answer that nobody on the way may keep; what is None is left out of it."""
    said = document.model_dump(by_alias=True, exclude_none=True)
    return json_reply(said, status, {"Cache-Control": "no-store", **(headers or {})})
