"""The admin listener: health, readiness, status, metrics, reload, plugins, history.

It runs on the proxy's own loop, so an answer also tells that the loop turns.
`ROUTES` is the list that the documentation prints.
"""

import asyncio
import dataclasses
import logging
import sys
from collections.abc import Coroutine, Iterable
from typing import Any, NamedTuple

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from prometheus_client.exposition import choose_encoder
from structlog.typing import FilteringBoundLogger

from proxy.config.models import Admin, Token
from proxy.controlplane.admin_plugins import PATIENCE_SECONDS, PLUGIN_PATHS, PluginAnswers
from proxy.controlplane.admin_reply import json_answer, mapping_of, problem, switched
from proxy.controlplane.auth import Caller, Guard, Refusal, Role
from proxy.controlplane.status import AdminView, ReloadOutcome
from proxy.settings.problems import nearest

LARGEST_BODY = 64 * 1024
"""Largest request body in bytes."""

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
        "why), the generations that drain and those that can be brought back, listeners, "
        "rollouts, endpoints, plugins, and the counters in short.",
    ),
    AdminRoute("GET", "/metrics", Role.VIEWER, "The [metrics](metrics.md)."),
    AdminRoute(
        "POST",
        "/reload",
        Role.OPERATOR,
        "Reads the configuration file and the plugins now. 200 when they serve (`changed` tells "
        "whether that made a new generation, `moves` who changes sides; without a change "
        "`released` tells what was let out of quarantine), 409 with `problems` when they were "
        "refused and the old ones go on serving. "
        "With `?dry_run=1` nothing changes: the answer is what it would be, with `&file=next.yaml` "
        "for another file in the folder of the configuration.",
    ),
    AdminRoute(
        "GET",
        "/plugins",
        Role.VIEWER,
        "Each plugin with its version, hooks, uses, settings (no secrets), faults, quarantine.",
    ),
    AdminRoute("POST", "/plugins/reload", Role.OPERATOR, "The same as `POST /reload`."),
    AdminRoute(
        "POST",
        "/plugins/release",
        Role.OPERATOR,
        "Lets what is quarantined serve again: everything, or one plugin with "
        '`{"plugin": "name"}`. `released` names the plugins.',
    ),
    AdminRoute(
        "GET",
        "/config/history",
        Role.VIEWER,
        "The generations that can be brought back (`number`, `digest`, `since` in unix seconds, "
        "`note`), the oldest first.",
    ),
    AdminRoute(
        "POST",
        "/config/rollback",
        Role.OPERATOR,
        'Makes a new generation of what `{"generation": 12}` was made of. Answers like `/reload`. '
        "The file is not written: it serves again when it is changed or reloaded.",
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
    plugins = PluginAnswers(view)
    answers = _Answers(view, plugins)
    app = web.Application(middlewares=[_gate(guard, plugins)], client_max_size=LARGEST_BODY)
    for route in ROUTES:
        handler: Handler = getattr(answers, route.path.lstrip("/").replace("/", "_"))
        if route.method == hdrs.METH_GET:
            app.router.add_get(route.path, handler)
        else:
            app.router.add_route(route.method, route.path, handler)
    app.router.add_route(hdrs.METH_ANY, PLUGIN_PATHS, answers.plugin)
    app.on_response_prepare.append(_harden)
    return app


def _gate(guard: Guard, plugins: PluginAnswers) -> Middleware:
    """Let a request through to its handler, or say as a problem why not."""
    needs = {route.path: route.needs for route in ROUTES}
    plugins_resource = PLUGIN_PATHS.partition(":")[0] + "}"

    def least(request: web.Request) -> Role | None:
        resource = request.match_info.route.resource
        # Whoever may not see what exists is not told what does not.
        if resource is None:
            return Role.VIEWER
        if resource.canonical == plugins_resource:
            return plugins.needs(request)
        return needs[resource.canonical]

    def check(request: web.Request) -> None:
        host = request.headers.get(hdrs.HOST, "")
        origin = request.headers.get(hdrs.ORIGIN)
        authorization = request.headers.get(hdrs.AUTHORIZATION, "")
        caller = guard.check(least(request), request.method, host, origin, authorization)
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
    """One method per route, called like its path, and one for those of plugins."""

    def __init__(self, view: AdminView, plugins: PluginAnswers) -> None:
        self._view = view
        self._plugins = plugins
        self._reloads: set[asyncio.Task[ReloadOutcome]] = set()

    async def healthz(self, _: web.Request) -> web.Response:
        return json_answer(200, {"status": "ok"})

    async def readyz(self, _: web.Request) -> web.Response:
        ready, reason = self._view.ready()
        return json_answer(200 if ready else 503, {"ready": ready, "reason": reason})

    async def status(self, _: web.Request) -> web.Response:
        return json_answer(200, dataclasses.asdict(self._view.status()))

    async def metrics(self, request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(
            body=encoder(self._view.registry), headers={hdrs.CONTENT_TYPE: content_type}
        )

    async def reload(self, request: web.Request) -> web.Response:
        dry_run = switched(request, "dry_run")
        file = _file(request) if dry_run else ""
        await request.read()
        outcome = await self._finish(self._view.reload(dry_run=dry_run, file=file))
        _log.info("reload_asked", by=request[_CALLER].name, dry_run=dry_run, done=outcome.done)
        refused, goes_on = ("would be", "nothing has changed") if dry_run else ("was", _GOES_ON)
        return _outcome(
            outcome,
            f"The configuration {refused} refused; {goes_on}.",
            "Correct the problems and ask again; `crossfade check` shows them beforehand.",
        )

    async def plugins(self, _: web.Request) -> web.Response:
        return json_answer(200, {"plugins": [dataclasses.asdict(p) for p in self._view.plugins()]})

    async def plugins_reload(self, request: web.Request) -> web.Response:
        return await self.reload(request)

    async def plugins_release(self, request: web.Request) -> web.Response:
        hint = 'Send {"plugin": "name"}, or nothing for all.'
        name = (await mapping_of(request, hint)).get("plugin")
        if name is not None and not isinstance(name, str):
            raise Refusal(400, "The plugin is not named by a text.", hint)
        known = [report.name for report in self._view.plugins()]
        if name is not None and name not in known:
            more = nearest(name, known) or "`crossfade plugins` lists the plugins."
            raise Refusal(404, "There is no plugin of this name.", more)
        released = self._view.release_quarantine(name)
        _log.info("release_asked", by=request[_CALLER].name, released=released)
        return json_answer(200, {"released": released})

    async def config_history(self, _: web.Request) -> web.Response:
        entries = [dataclasses.asdict(entry) for entry in self._view.history()]
        return json_answer(200, {"generations": entries})

    async def config_rollback(self, request: web.Request) -> web.Response:
        hint = 'Send {"generation": 12}, with a number that GET /config/history names.'
        number = (await mapping_of(request, hint)).get("generation")
        if not isinstance(number, int) or isinstance(number, bool):
            raise Refusal(400, "The generation is not named by its number.", hint)
        by = request[_CALLER].name
        outcome = await self._finish(self._view.rollback(number, by=by))
        _log.info("rollback_asked", by=by, to=number, done=outcome.done)
        return _outcome(
            outcome,
            f"The generation {number} was not brought back; {_GOES_ON}.",
            "`crossfade config history` shows the generations that can be.",
        )

    async def plugin(self, request: web.Request) -> web.StreamResponse:
        return await self._plugins.answer(request, request[_CALLER])

    async def _finish(self, change: Coroutine[Any, Any, ReloadOutcome]) -> ReloadOutcome:
        # A task of its own: what ends this request must not leave half a reload behind.
        task = asyncio.create_task(change, name="reload")
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)
        return await asyncio.shield(task)


_GOES_ON = "the old one goes on serving"


def _file(request: web.Request) -> str:
    """Return the name of the file that shall be tried; empty for the one that serves.

    Only a name: whoever can put a file into that folder can change the configuration too.
    """
    name = request.query.get("file", "")
    if name in {".", ".."} or any(not letter.isprintable() or letter in "/\\" for letter in name):
        raise Refusal(
            400, "The file is not named by a plain name.", "It stands beside the configuration."
        )
    return name


def _outcome(outcome: ReloadOutcome, detail: str, hint: str) -> web.Response:
    found = dataclasses.asdict(outcome)
    return json_answer(200, found) if outcome.done else problem(409, detail, hint, found)


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
    if refusal.allow:
        answer.headers[hdrs.ALLOW] = refusal.allow
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
        "Plugins answer below `/plugins/<name>`, each request for the role that the plugin asks.",
        "A plugin is not shown the token: the caller's key is the name of the token, and the",
        f"attribute `role` its role. It has {PATIENCE_SECONDS:g} seconds to answer.",
        "",
        "Errors are `application/problem+json` (RFC 9457) with a `hint`: 400 a body or query that",
        "is not what is wanted, 401 no or an unknown token, 403 a role too low or a caller that is",
        "not local, 404, 405, 409 a refused configuration, 413 a body above",
        f"{LARGEST_BODY} bytes, 500 or 504 a plugin that failed, 503 one that is quarantined.",
        "",
        "`crossfade status`, `reload`, `plugins`, `config` and the commands of plugins ask this",
        "listener; they take the token from `CROSSFADE_ADMIN_TOKEN`.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(admin_page())
