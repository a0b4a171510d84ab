"""The audit over HTTP: who changed which rollout, when and why, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from aiohttp import web
from pydantic import BaseModel, Field

from proxy.controlplane.admin.auth import Role
from proxy.controlplane.admin.bodies import query_of
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.rollouts import refused
from proxy.controlplane.admin.routes import AdminRoute, query_parameters
from proxy.controlplane.status import AdminView
from proxy.stores.rollouts import AuditEntry, StoreLostError

__all__ = ["AUDIT_ROUTES", "MOST_ENTRIES", "AuditAnswers", "AuditPage", "EntryView"]

MOST_ENTRIES = 500
"""So many entries an answer has at most."""


class AuditQuery(BaseModel):
    """What is wanted of the audit."""

    rollout: str = Field("", max_length=64, description="Only the changes of this rollout.")
    before: str = Field(
        "", pattern=r"^[0-9-]{0,64}$", description="Only those before the entry with this id."
    )
    limit: int = Field(100, ge=1, le=MOST_ENTRIES, description="How many at most; 100 unless said.")


@dataclass(frozen=True, slots=True)
class EntryView:
    """One change: `before` and `after` hold what it made different, `version` is the new one."""

    id: str
    at: float
    rollout: str
    actor: str
    role: str
    action: str
    reason: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    version: int
    evidence: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries; `next` is what `before` must be for those that follow, null at the end."""

    entries: tuple[EntryView, ...]
    next: str | None


AUDIT_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/v1/audit",
        Role.VIEWER,
        "The changes of all rollouts, or of one with `?rollout=name`, the newest first: as many as "
        f"`limit` says (1 to {MOST_ENTRIES}, else 100). `next` is the `before` of the following "
        "page, or null. No keys of users are in it.",
        "audit",
        tag="audit",
        answers=AuditPage,
        parameters=query_parameters(AuditQuery),
        problems=(400, 503),
    ),
)


class AuditAnswers:
    """Answers about the past of the rollouts."""

    def __init__(self, view: AdminView) -> None:
        """Read the audit of `view`."""
        self._view = view

    async def audit(self, request: web.Request) -> web.Response:
        """List changes. Raises Refusal (400, 503)."""
        wanted = query_of(request, AuditQuery, "Ask as in /v1/audit?rollout=name&limit=50.")
        try:
            # One more than is shown tells whether there is more.
            found = await self._view.rollouts.audit(
                rollout=wanted.rollout or None, before=wanted.before, limit=wanted.limit + 1
            )
        except StoreLostError as error:
            raise refused(self._view, error) from None
        shown = tuple(map(_shown, found[: wanted.limit]))
        more = shown[-1].id if len(found) > wanted.limit else None
        return json_answer(200, {"entries": shown, "next": more})


def _shown(entry: AuditEntry) -> EntryView:
    """Return all of it but the idempotency key, which is between its sender and the store."""
    return EntryView(**{part.name: getattr(entry, part.name) for part in fields(EntryView)})
