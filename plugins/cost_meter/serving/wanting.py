"""Answers about thresholds: who wants to be told of what is spent, and by which channels."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from proxy.api import Caller, Reply, Request, Services
from proxy.api.alerts import IN_APP
from proxy.api.documents import Document, document_reply
from proxy.api.endpoints import iso

from ..covering import Calendar
from .asking import AskedThreshold, ChangedThreshold, key_of, read
from .callers import caller_of
from .declining import forbidden, invalid
from .keeping import Thresholds
from .listed import alerts_list
from .questions import Severity, ThresholdType, asked_id, asked_thresholds, whose
from .saying import REPLAYED
from .showing import Done, Metadata
from .thresholds import ShownThreshold, Threshold, alert_of, period_of, shown_threshold

__all__ = ["OneThreshold", "ThresholdsAnswer", "Wanting"]


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


class Wanting:
    """The answers."""

    def __init__(self, thresholds: Thresholds, calendar: Calendar, services: Services) -> None:
        self._thresholds = thresholds
        self._calendar = calendar
        self._services = services

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
        """Keep a new one; an ordinary user's is about themselves. Raises DeclinedError.

        What was asked for before, with the same Idempotency-Key or in the same words, is there.
        """
        caller = await caller_of(request)
        asked, key, now = read(AskedThreshold, body), key_of(request), self._services.now()
        asked_for = Threshold(
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
        self._refuse_untold(asked_for, caller)
        made, is_new = await self._thresholds.add(asked_for, by_admin=caller.is_admin, key=key)
        if not is_new:
            there = OneThreshold(data=shown_threshold(made), message="There is such a threshold")
            return document_reply(there, 200, REPLAYED)
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
        if {"severity", "channels"} & changes.keys():
            self._refuse_untold(after, caller)
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

    def _refuse_untold(self, one: Threshold, caller: Caller) -> None:
        """Refuse channels that would not be told of it. Raises DeclinedError."""
        period = period_of(one, self._services.now(), self._calendar)
        alert = alert_of(one, one.nano_usd, period, self._calendar)._replace(channels=())
        found = alerts_list(self._services).channels(alert)
        kinds = {channel.kind for channel in found}
        known = {IN_APP, *kinds, *(channel.name for channel in found)}
        strange = [name for name in one.channels if name not in known]
        if strange:
            # What operators call their channels is not for everybody.
            shown = sorted((known if caller.is_admin else kinds) - {IN_APP})
            raise invalid([_untold(one, strange, (IN_APP, *shown))])

    def _changed(self, what: str, one: Threshold, caller: Caller) -> None:
        by = "admin" if caller.is_admin else "user"  # not who: a user's id is in no log
        self._services.log.info("cost_threshold_changed", what=what, id=one.id, by=by)

    def _metadata(self, caller: Caller) -> Metadata:
        at = iso(self._services.now())
        return Metadata(requested_by=caller.id, requested_at=at, timezone=self._calendar.zone)


def _untold(one: Threshold, strange: Iterable[str], told: Iterable[str]) -> str:
    what = "an alert about all" if one.user is None else "an alert about one user"
    return (
        f"notificationChannels: {', '.join(strange)} would not be told of {what} with severity "
        f"{one.severity}; {', '.join(told)} would be. An operator says which channels there are, "
        "and of what they are told: plugins.notify.channels"
    )


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
