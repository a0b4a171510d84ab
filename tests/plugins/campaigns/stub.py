"""The other side: workflows in memory, and an orchestrator that makes them up.

Also a plugin by itself: its text is written into the folder of a real proxy. So it imports
nothing but `proxy.api`.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from proxy.api import (
    Application,
    Reply,
    Request,
    Services,
    Settings,
    StoreError,
    Use,
    WorkflowError,
    WorkflowIntent,
    WorkflowResult,
    Workflows,
    WorkflowView,
    hook,
    setting,
)
from proxy.api.workflows import ProviderHealth, WorkflowCosts

BEGUN = 1_750_000_000.0
STATUSES = {
    "rate_limit_exceeded": 429,
    "provider_unavailable": 503,
    "invalid_request": 400,
    "cost_limit_exceeded": 429,
    "compliance_violation": 422,
    "onlyfans_api_error": 502,
}
READY = (
    ProviderHealth("azure-4o", "azure", "closed", throttled=False, why=""),
    ProviderHealth("openai-4o", "openai", "closed", throttled=False, why=""),
)


def view(workflow_id: str, user_id: str, status: str = "completed", **more: Any) -> WorkflowView:
    """A workflow, by default one that went well."""
    done = status not in ("running", "queued")
    told: dict[str, Any] = {
        "workflow_id": workflow_id,
        "user_id": user_id,
        "type": "content_planning",
        "status": status,
        "current_provider": "azure",
        "provider_states": {"azure": "completed" if done else "executing"},
        "started_at": BEGUN,
        "completed_at": BEGUN + 1.5 if done else None,
        "seconds": 1.5 if done else None,
        "cost_nano_usd": 2_500_001,
        "costs": {"azure": 2_500_001},
        "tokens": 120,
        "attempts": 1,
    }
    return WorkflowView.model_validate(told | more)


class InMemory:
    """Workflows that a test puts there.

    `careless` forgets whose they are; `broken` is what is wrong with the store.
    """

    def __init__(self, *views: WorkflowView, careless: bool = False) -> None:
        self.views = list(views)
        self.careless = careless
        self.broken = ""
        self.providers: tuple[ProviderHealth, ...] = READY
        self.rows: tuple[WorkflowCosts, ...] = ()
        self.costs_asked: list[tuple[str | None, float, float]] = []
        self.looks = 0
        self.listening: list[tuple[str | None, asyncio.Queue[WorkflowView | None]]] = []

    async def find(self, workflow_id: str) -> WorkflowView | None:
        self._check()
        return next((one for one in self.views if one.workflow_id == workflow_id), None)

    async def list(
        self, *, user_id: str | None, status: str | None = None, limit: int = 10
    ) -> tuple[WorkflowView, ...]:
        self._check()
        wanted = None if self.careless else user_id
        found = [
            one
            for one in self.views
            if wanted in (None, one.user_id) and status in (None, one.status)
        ]
        return tuple(reversed(found))[:limit]

    async def costs(
        self, *, user_id: str | None, since: float, until: float
    ) -> tuple[WorkflowCosts, ...]:
        self._check()
        self.costs_asked.append((user_id, since, until))
        return self.rows

    async def changes(self, user_id: str | None) -> AsyncIterator[WorkflowView]:
        queue: asyncio.Queue[WorkflowView | None] = asyncio.Queue()
        place = (None if self.careless else user_id, queue)
        self.listening.append(place)
        try:
            while (change := await queue.get()) is not None:
                yield change
        finally:
            self.listening.remove(place)

    def health(self) -> tuple[ProviderHealth, ...]:
        return self.providers

    async def store_health(self) -> str:
        self.looks += 1
        return self.broken

    def figures(self) -> Mapping[str, Any]:
        return {"workflows": len(self.views)}

    def changed(self, change: WorkflowView) -> None:
        """Keep a workflow as it is now, and tell those whom it concerns."""
        self.views = [one for one in self.views if one.workflow_id != change.workflow_id]
        self.views.append(change)
        for user, queue in self.listening:
            if user in (None, change.user_id):
                queue.put_nowait(change)

    def end(self) -> None:
        """Have no more changes: a reload puts another orchestrator in its place."""
        for _, queue in self.listening:
            queue.put_nowait(None)

    def _check(self) -> None:
        if self.broken:
            raise StoreError(self.broken)


class StubSettings(Settings):
    """Whose workflows there are from the beginning."""

    users: tuple[str, ...] = setting(default=())


class Stub(Application):
    """Offers workflows, and adds those that are asked for."""

    settings: StubSettings

    @hook
    async def startup(self, services: Services) -> None:
        """Offer them."""
        self.memory = InMemory(*(view(f"wf-{user}", user) for user in self.settings.users))
        self.replies: dict[tuple[str, str], Reply] = {}
        services.share(Workflows, self.memory)


class StubUse(Use):
    """Does what `data` says: ``{"fails": code}``, ``{"queued": true}``; else it repeats it."""

    settings: Settings
    application: Stub

    @hook
    async def dispatch(self, request: Request, body: bytes) -> Reply:
        """Answer."""
        intent = WorkflowIntent.model_validate_json(body)
        key = (intent.user_id, request.headers.get("idempotency-key") or "")
        known = self.application.replies.get(key)
        if known is not None and key[1]:
            return known
        reply = self._answered(intent)
        self.application.replies[key] = reply
        return reply

    def _answered(self, intent: WorkflowIntent) -> Reply:
        memory = self.application.memory
        name = f"wf-{len(memory.views)}"
        fails, queued = intent.data.get("fails"), bool(intent.data.get("queued"))
        error = WorkflowError(code=fails, message="It failed.") if fails in STATUSES else None
        status = "failed" if error else "queued" if queued else "completed"
        result = WorkflowResult(
            workflow_id=name,
            status=status,
            content="" if error or queued else json.dumps(intent.data),
            provider="" if error or queued else "azure",
            platforms=intent.platforms,
            trace_id="t" * 32,
            tokens=120,
            cost_nano_usd=2_500_001,
            seconds=0.25,
            error=error,
        )
        memory.changed(view(name, intent.user_id, status, type=intent.type, result=result))
        number = STATUSES[error.code] if error else 202 if queued else 200
        headers = {"Content-Type": "application/json"}
        if number == 429:
            headers["Retry-After"] = "7"
        return Reply(number, headers, result.model_dump_json(by_alias=True, exclude_none=True))
