"""The admin listener: health, readiness, status, metrics, reload.

It runs on the proxy's own loop, so an answer also tells that the loop turns.
`ROUTES` is the list that the documentation prints.
"""

import asyncio
import dataclasses
import logging
import sys
from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

import orjson
import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.exposition import choose_encoder
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Admin, Token
from proxy.controlplane.auth import Caller, Guard, Refusal, Role
from proxy.controlplane.status import AdminView, ReloadOutcome

LARGEST_BODY = 64 * 1024
"""Largest request body in bytes; nothing here needs one."""

_log: FilteringBoundLogger = structlog.get_logger()
# What the library says about malformed requests quotes their bytes, which may be tokens.
_SILENT = logging.getLogger("crossfade.admin.silent")
_SILENT.disabled = True

_CALLER = web.RequestKey("caller", Caller)


class AdminRoute(NamedTuple):
    """One thing the admin listener answers; `needs` is the least role, None for everybody."""

    method: str
    path: str
    needs: Role | None
    says: str


ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute("GET", "/healthz", None, "200 while the process is alive and its loop turns."),
    AdminRoute(
        "GET",
        "/readyz",
        None,
        "200 when requests are welcome; 503 before the first generation and while draining. "
        "`reason` says which.",
    ),
    AdminRoute(
        "GET",
        "/status",
        Role.VIEWER,
        "Version, generation, configuration (file, digest, whether a newer one was refused and "
        "why), listeners, rollouts, endpoints, and the counters in short.",
    ),
    AdminRoute("GET", "/metrics", Role.VIEWER, "The [metrics](metrics.md)."),
    AdminRoute(
        "POST",
        "/reload",
        Role.OPERATOR,
        "Reads the configuration file now. 200 when it serves (`changed` tells whether it made a "
        "new generation), 409 with `problems` when it was refused and the old one goes on serving.",
    ),
)


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
    answers = _Answers(view)
    app = web.Application(middlewares=[_gate(guard)], client_max_size=LARGEST_BODY)
    for route in ROUTES:
        handler: Handler = getattr(answers, route.path.lstrip("/"))
        if route.method == hdrs.METH_GET:
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app.on_response_prepare.append(_harden)
    return app


def _gate(guard: Guard) -> Middleware:
    """Let a request through to its handler, or say as a problem why not."""
    needs = {route.path: route.needs for route in ROUTES}

    def check(request: web.Request) -> None:
        resource = request.match_info.route.resource
        # Whoever may not see what exists is not told what does not.
        least = needs[resource.canonical] if resource else Role.VIEWER
        host = request.headers.get(hdrs.HOST, "")
        origin = request.headers.get(hdrs.ORIGIN)
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        caller = guard.check(least, request.method, host, origin, authorization)
        if caller is not None:
            request[_CALLER] = caller

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            check(request)
            return await handler(request)
        except Refusal as refusal:
            return _refused(request, refusal)
        except web.HTTPException as error:
            return _not_offered(error)
        except Exception:
            _log.exception("admin_failed", path=request.rel_url.raw_path)
            return problem(500, "The proxy failed.", "See its log; this is a fault of ours.")

    return answer


class _Answers:
    """One method per route, called like its path."""

    def __init__(self, view: AdminView) -> None:
        self._view = view
        self._reloads: set[asyncio.Task[ReloadOutcome]] = set()

    async def healthz(self, _: web.Request) -> web.Response:
        return _json(200, {"status": "ok"})

    async def readyz(self, _: web.Request) -> web.Response:
        ready, reason = self._view.ready()
        return _json(200 if ready else 503, {"ready": ready, "reason": reason})

    async def status(self, _: web.Request) -> web.Response:
        return _json(200, dataclasses.asdict(self._view.status()))

    async def metrics(self, request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(
            body=encoder(self._view.registry), headers={hdrs.CONTENT_TYPE: content_type}
        )

    async def reload(self, request: web.Request) -> web.Response:
        await request.read()
        # A task of its own: what ends this request must not leave half a reload behind.
        reload = asyncio.create_task(self._view.reload(), name="reload")
        self._reloads.add(reload)
        reload.add_done_callback(self._reloads.discard)
        outcome = await asyncio.shield(reload)
        _log.info("reload_asked", by=request[_CALLER].name, done=outcome.done)
        found = dataclasses.asdict(outcome)
        if outcome.done:
            return _json(200, found)
        return problem(
            409,
            "The configuration file was refused; the old one goes on serving.",
            "Correct the problems and ask again; `crossfade check` shows them beforehand.",
            found,
        )


def problem(
    status: int, detail: str, hint: str, more: dict[str, object] | None = None
) -> web.Response:
    """Make an error answer as RFC 9457 describes it, with a `hint` about what to do next."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    return _json(status, body | (more or {}), "application/problem+json")


def _json(
    status: int, value: dict[str, object], content_type: str = "application/json"
) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type=content_type)


def _refused(request: web.Request, refusal: Refusal) -> web.Response:
    _log.warning(
        "admin_refused",
        path=request.rel_url.raw_path,
        status=refusal.status,
        client=request.remote,
    )
    answer = problem(refusal.status, refusal.detail, refusal.hint)
    if refusal.status == 401:
        answer.headers[hdrs.WWW_AUTHENTICATE] = 'Bearer realm="crossfade"'
    return answer


def _not_offered(error: web.HTTPException) -> web.Response:
    offered = ", ".join(f"{route.method} {route.path}" for route in ROUTES)
    hint = (
        f"Send at most {LARGEST_BODY} bytes."
        if error.status == 413
        else f"The admin listener answers {offered}."
    )
    answer = problem(error.status, f"{error.reason}.", hint)
    if hdrs.ALLOW in error.headers:
        answer.headers[hdrs.ALLOW] = error.headers[hdrs.ALLOW]
    return answer


async def _harden(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop(hdrs.SERVER, None)
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"


def admin_page() -> str:
    """Return the reference page of the admin listener, in Markdown."""
    lines = [
        "# Admin listener",
        "",
        "`admin.listen`, on loopback unless the configuration says otherwise. With `admin.tokens`",
        "a request carries `Authorization: Bearer <token>`; each role may do what those before it",
        f"may: {', '.join(role.name.lower() for role in Role)}. Without tokens only this machine",
        "is answered: the `Host` must be a loopback name or address, and nothing is changed for a",
        "request with an `Origin` (a page in a browser).",
        "",
        "| request | least role | answer |",
        "|---|---|---|",
    ]
    for route in ROUTES:
        needs = route.needs.name.lower() if route.needs else "none"
        lines.append(f"| `{route.method} {route.path}` | {needs} | {route.says} |")
    lines += [
        "",
        "Errors are `application/problem+json` (RFC 9457) with a `hint`: 401 no or an unknown",
        "token, 403 a role too low or a caller that is not local, 404, 405, 409 a refused",
        f"configuration, 413 a body above {LARGEST_BODY} bytes.",
        "",
        "`crossfade status` and `crossfade reload` ask this listener; they take the token from",
        "`CROSSFADE_ADMIN_TOKEN`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(admin_page())
