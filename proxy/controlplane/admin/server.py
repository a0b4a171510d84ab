"""The admin listener: joins what its parts answer, and lets in who may ask.

It runs on the proxy's own loop, so an answer also tells that the loop turns. `ROUTES` is
the list that the documentation prints.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Admin, Token
from proxy.controlplane.admin.audit import AUDIT_ROUTES, AuditAnswers
from proxy.controlplane.admin.auth import Guard, Refusal, Role
from proxy.controlplane.admin.changes import CHANGES, Changes
from proxy.controlplane.admin.decisions import DECISION_ROUTES, DecisionAnswers
from proxy.controlplane.admin.events import EVENT_ROUTES, EventAnswers
from proxy.controlplane.admin.feature_flags import FEATURE_FLAG_ROUTES, FeatureFlagAnswers
from proxy.controlplane.admin.ofrep import OFREP_ROUTES, OfrepAnswers
from proxy.controlplane.admin.openapi import OPENAPI_ROUTES, OpenApiAnswers
from proxy.controlplane.admin.plugins import PLUGIN_PATHS, PluginAnswers
from proxy.controlplane.admin.reply import json_answer, problem
from proxy.controlplane.admin.rollout_routes import ROLLOUT_ROUTES
from proxy.controlplane.admin.rollouts import RolloutAnswers
from proxy.controlplane.admin.routes import CALLER, AdminRoute, add_routes
from proxy.controlplane.admin.serving import SERVING_ROUTES, ServingAnswers
from proxy.controlplane.admin.why import WHY_ROUTES, WhyAnswers
from proxy.controlplane.status import AdminView

__all__ = ["LARGEST_BODY", "PARTS", "ROUTES", "AdminServer", "build_app", "start_admin"]

LARGEST_BODY = 64 * 1024
"""Largest request body in bytes."""

_log: FilteringBoundLogger = structlog.get_logger()
# What the library says about malformed requests quotes their bytes, which may be tokens.
_SILENT = logging.getLogger("crossfade.admin.silent")
_SILENT.disabled = True

PARTS: tuple[tuple[tuple[AdminRoute, ...], Callable[[AdminView], object]], ...] = (
    (SERVING_ROUTES, ServingAnswers),
    (ROLLOUT_ROUTES, RolloutAnswers),
    (AUDIT_ROUTES, AuditAnswers),
    (EVENT_ROUTES, EventAnswers),
    (DECISION_ROUTES, DecisionAnswers),
    (WHY_ROUTES, WhyAnswers),
    (OFREP_ROUTES, OfrepAnswers),
    (FEATURE_FLAG_ROUTES, FeatureFlagAnswers),
    (OPENAPI_ROUTES, lambda _: OpenApiAnswers(lambda: ROUTES)),
)
"""The routes of each part, and what makes the object that answers them."""

ROUTES: tuple[AdminRoute, ...] = tuple(route for routes, _ in PARTS for route in routes)
"""All of them; plugins' own come after."""

_REFUSING = {
    (route.method, route.path): route.refusing for route in ROUTES if route.refusing is not None
}


class AdminServer:
    """A listening admin server; close it with `close`, or with `retire` while it is being asked."""

    def __init__(self, runner: web.AppRunner, guard: Guard) -> None:
        self._runner = runner
        self._guard = guard
        self._closing: asyncio.Task[None] | None = None

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """Return the (host, port) pairs it listens on, with the ports that were really taken."""
        return tuple((address[0], address[1]) for address in self._runner.addresses)

    def allow(self, tokens: Iterable[Token]) -> None:
        """Take other tokens from now on; the listener and its connections stay."""
        self._guard.allow(tokens)

    async def retire(self) -> None:
        """Stop listening now, and close once the answers under way are given.

        For a reload that was asked here and moves the listener: `close` would
        wait for that very answer.
        """
        for site in list(self._runner.sites):
            await site.stop()
        self._closing = asyncio.create_task(self._runner.cleanup(), name="admin-retiring")

    async def close(self) -> None:
        """Stop listening and end the open connections; answers under way get two seconds."""
        await self._runner.cleanup()


async def start_admin(settings: Admin, view: AdminView) -> AdminServer:
    """Listen for admin requests on the running loop. Raises `OSError` when it cannot listen."""
    guard = Guard(settings.tokens)
    runner = web.AppRunner(
        build_app(guard, view),
        access_log=None,
        logger=_SILENT,
        handle_signals=False,
        handler_cancellation=False,
        keepalive_timeout=75.0,
        shutdown_timeout=2.0,
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, settings.listen.host, settings.listen.port).start()
    except BaseException:
        await runner.cleanup()
        raise
    return AdminServer(runner, guard)


def build_app(guard: Guard, view: AdminView) -> web.Application:
    """Put the application together; `start_admin` serves it."""
    plugins = PluginAnswers(view)
    app = web.Application(middlewares=[_gate(guard, plugins)], client_max_size=LARGEST_BODY)
    app[CHANGES] = Changes()
    for routes, make in PARTS:
        answers = make(view)
        add_routes(app.router, routes, answers)
        if isinstance(answers, EventAnswers):
            app.on_shutdown.append(answers.end)

    async def of_plugin(request: web.Request) -> web.StreamResponse:
        return await plugins.answer(request, request[CALLER])

    app.router.add_route(hdrs.METH_ANY, PLUGIN_PATHS, of_plugin)
    app.on_response_prepare.append(_harden)
    return app


def _gate(guard: Guard, plugins: PluginAnswers) -> Middleware:
    """Let a request through to its handler, or say as a problem why not."""
    needs = {(route.method, route.path): route.needs for route in ROUTES}
    plugins_resource = PLUGIN_PATHS.partition(":")[0] + "}"

    def least(request: web.Request) -> Role | None:
        resource = request.match_info.route.resource
        # Whoever may not see what exists is not told what does not.
        if resource is None:
            return Role.VIEWER
        if resource.canonical == plugins_resource:
            return plugins.needs(request)
        method = hdrs.METH_GET if request.method == hdrs.METH_HEAD else request.method
        return needs[method, resource.canonical]

    def check(request: web.Request) -> None:
        host = request.headers.get(hdrs.HOST, "")
        origin = request.headers.get(hdrs.ORIGIN)
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        caller = guard.check(least(request), request.method, host, origin, authorization)
        if caller is not None:
            request[CALLER] = caller

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check(request)
            return await handler(request)
        except Refusal as refusal:
            _log.warning(
                "admin_refused",
                path=request.rel_url.raw_path,
                status=refusal.status,
                client=request.remote,
            )
            return _told(request, refusal)
        except web.HTTPException as error:
            return _told(request, _not_offered(error))
        except Exception:
            _log.exception("admin_failed", path=request.rel_url.raw_path)
            ours = Refusal(500, "The proxy failed.", "See its log; this is a fault of ours.")
            return _told(request, ours)

    return answer


def _told(request: web.Request, refusal: Refusal) -> web.Response:
    resource = request.match_info.route.resource
    path = "" if resource is None else resource.canonical
    refusing = _REFUSING.get((request.method, path))
    if refusing is None:
        answer = problem(refusal.status, refusal.detail, refusal.hint, refusal.more)
    else:
        answer = json_answer(refusal.status, refusing.tell(refusal))
    if refusal.status == 401:
        answer.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="crossfade"'
    if refusal.allow:
        answer.headers[hdrs.ALLOW] = refusal.allow
    return answer


def _not_offered(error: web.HTTPException) -> Refusal:
    offered = ", ".join(f"{route.method} {route.path}" for route in SERVING_ROUTES)
    hint = (
        f"Send at most {LARGEST_BODY} bytes."
        if error.status == 413
        else f"The admin listener answers {offered}, and what GET /v1/openapi.json describes."
    )
    allow = error.headers.get(hdrs.ALLOW, "")
    return Refusal(error.status, f"{error.reason}.", hint, allow)


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
