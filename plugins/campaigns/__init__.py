"""The v2 API of campaigns: who is calling, what is wanted, and what has become of it.

On the route of ``POST /api/v2/campaigns/hybrid`` a use turns v2 JSON into the intent of the caller
and the orchestrator's result into the v2 envelope. Everything else is answered here: status,
costs, health and figures of the workflows that the orchestrator offers to other plugins.
"""

from collections.abc import Awaitable, Callable
from functools import partial

from proxy.api import (
    Application,
    Body,
    Caller,
    EndpointRouter,
    Refused,
    Reply,
    Request,
    Services,
    Settings,
    StoreError,
    Use,
    WorkflowResult,
    Workflows,
    hook,
)
from proxy.api.endpoints import iso, preflight

from .answering import failed, ran, read_result
from .asking import intent_of
from .declining import DeclinedError, forbidden, no_orchestrator, unauthenticated
from .figures import figures_of
from .health import Checks, health_of
from .listening import Listeners
from .looking import Look, whose
from .openapi import document
from .paths import COSTS, HEALTH, HYBRID, METRICS, OPENAPI, STATUS
from .questions import PERIODS, asked_costs, asked_period, asked_status
from .settings import CampaignsSettings
from .showing import ShownOne, shown, shown_list
from .spending import Span, costs_of
from .writing import reply_of

_EVENTS = "text/event-stream"

_Answers = Callable[[Request], Awaitable[Reply]]


class Campaigns(Application):
    """What is answered to clients beside the route."""

    settings: CampaignsSettings

    @hook
    async def startup(self, services: Services) -> None:
        """Take the clocks, and the way to the orchestrator."""
        self._services = services
        self._checks = Checks(services.clock)
        self._listeners = Listeners(services, self.settings.listeners, self.settings.listen_for)

    @hook
    def provide_endpoints(self, router: EndpointRouter) -> None:
        """Answer lookups, and preflights of browsers (Fetch, CORS protocol)."""
        answers: dict[str, _Answers] = {
            STATUS: self._status,
            COSTS: self._costs,
            HEALTH: self._health,
            METRICS: self._figures,
            OPENAPI: self._document,
        }
        for path, answer in answers.items():
            router.add("GET", path, partial(_declining, answer))
        for path, method in {HYBRID: "POST", **dict.fromkeys(answers, "GET")}.items():
            router.add("OPTIONS", path, preflight(method))

    async def ended(self, result: WorkflowResult) -> float:
        """Return when a workflow came to its result, in Unix seconds; now, if nobody knows it.

        The same for every answer about it, also for those to requests that are sent again.
        """
        workflows = self._offered()
        try:
            view = await workflows.find(result.workflow_id) if workflows is not None else None
        except StoreError:
            view = None
        return self._services.now() if view is None else view.started_at + result.seconds

    async def _status(self, request: Request) -> Reply:
        caller, workflows = await _caller(request), self._workflows()
        asked = asked_status(request.query)
        look = Look(workflows, whose(caller, asked.user_id))
        if asked.stream or _EVENTS in (request.headers.get("accept") or ""):
            return await self._listeners.reply(caller.id, look, asked, request.time_limit)
        if asked.workflow_id is not None:
            return reply_of(ShownOne(data=shown(await look.one(asked.workflow_id))))
        return reply_of(shown_list(await look.many(asked)))

    async def _costs(self, request: Request) -> Reply:
        caller, workflows = await _caller(request), self._workflows()
        asked = asked_costs(request.query)
        look = Look(workflows, whose(caller, asked.user_id))
        rows = await look.costs(asked.span)
        return reply_of(costs_of(rows, asked.span, asked.grouping))

    async def _figures(self, request: Request) -> Reply:
        caller, workflows = await _caller(request), self._workflows()
        if not caller.is_admin:
            raise forbidden()
        period = asked_period(request.query)
        now = self._services.now()
        rows = await Look(workflows, None).costs(Span(now - PERIODS[period], now, "", ""))
        return reply_of(figures_of(period, rows, workflows.figures(), workflows.health()))

    async def _health(self, _: Request) -> Reply:
        now, workflows = iso(self._services.now()), self._offered()
        found = health_of(now)
        if workflows is not None:
            found = health_of(now, await self._checks.store(workflows), workflows.health())
        return reply_of(found, 503 if found.status == "unhealthy" else 200)

    async def _document(self, _: Request) -> Reply:
        return reply_of(document())

    def _offered(self) -> Workflows | None:
        return self._services.shared(Workflows)

    def _workflows(self) -> Workflows:
        workflows = self._offered()
        if workflows is None:
            raise no_orchestrator()
        return workflows


class CampaignsUse(Use):
    """One use on a route whose arm `new` is the orchestrator; legacy speaks v2 already."""

    settings: Settings
    application: Campaigns
    arm = "new"

    @hook
    async def rewrite_request(self, request: Request, body: Body) -> Body:
        """Turn v2 JSON into the caller's intent. Raises Refused."""
        try:
            caller = await _caller(request)
            intent = intent_of(body.data, caller)
        except DeclinedError as declined:
            raise Refused(declined.reply) from None
        request.notes[self] = caller.id
        return body._replace(data=intent)

    @hook
    async def rewrite_response(self, request: Request, reply: Reply) -> Reply:
        """Turn the result into the v2 envelope."""
        result = read_result(reply)
        if result is None or result.error is not None:
            return failed(reply, result)
        return ran(reply, result, request.notes[self], await self.application.ended(result))


async def _caller(request: Request) -> Caller:
    caller = await request.caller()
    if caller is None:
        raise unauthenticated()
    return caller


async def _declining(answer: _Answers, request: Request, _: bytes) -> Reply:
    try:
        return await answer(request)
    except DeclinedError as declined:
        return declined.reply
