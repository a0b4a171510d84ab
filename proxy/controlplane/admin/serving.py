"""What the admin listener tells of the running process, and what it changes of it.

Health, readiness, status, metrics, reload, plugins, history.
"""

import dataclasses
from typing import Literal

import structlog
from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, ConfigDict
from structlog.typing import FilteringBoundLogger

from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.bodies import body_of
from proxy.controlplane.admin.changes import changes_of
from proxy.controlplane.admin.reply import json_answer, problem, switched
from proxy.controlplane.admin.routes import AdminRoute, Parameter, caller_of
from proxy.controlplane.history import HistoryEntry
from proxy.controlplane.status import AdminView, ReloadOutcome, Status
from proxy.pluginhost.reports import PluginReport
from proxy.settings.problems import nearest, shown

__all__ = ["SERVING_ROUTES", "ServingAnswers"]

_log: FilteringBoundLogger = structlog.get_logger()


class Release(BaseModel):
    """Which plugin is let out of quarantine; all of them where none is named."""

    model_config = ConfigDict(strict=True)

    plugin: str | None = None


class BringBack(BaseModel):
    """Which generation serves again."""

    model_config = ConfigDict(strict=True)

    generation: int


@dataclasses.dataclass(frozen=True, slots=True)
class Health:
    """That the process is alive."""

    status: str


@dataclasses.dataclass(frozen=True, slots=True)
class Readiness:
    """Whether requests are welcome, and why (not)."""

    ready: bool
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plugins:
    """The plugins that serve."""

    plugins: tuple[PluginReport, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Released:
    """What was let out of quarantine."""

    released: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class History:
    """The generations that can be brought back."""

    generations: tuple[HistoryEntry, ...]


_Switch = Literal["0", "1"]
_TRY = (
    Parameter(
        "dry_run", "query", "1: nothing is changed, the answer is what it would be.", _Switch
    ),
    Parameter("file", "query", "With `dry_run`: another file beside the configuration."),
)

SERVING_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/healthz",
        None,
        "200 while the process is alive and its loop turns.",
        "healthz",
        answers=Health,
    ),
    AdminRoute(
        "GET",
        "/readyz",
        None,
        "200 when requests are welcome; 503 before the first generation and while draining. "
        "`reason` says which.",
        "readyz",
        answers=Readiness,
        others={503: Readiness},
    ),
    AdminRoute(
        "GET",
        "/status",
        Role.VIEWER,
        "Version, generation, configuration (file, digest, whether a newer one was refused and "
        "why), the generations that drain and those that can be brought back, listeners, "
        "rollouts, endpoints, plugins, and the counters in short.",
        "status",
        answers=Status,
    ),
    AdminRoute(
        "GET", "/metrics", Role.VIEWER, "The [metrics](metrics.md).", "metrics", media="text/plain"
    ),
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
        "reload",
        answers=ReloadOutcome,
        parameters=_TRY,
        problems=(400, 409),
    ),
    AdminRoute(
        "GET",
        "/plugins",
        Role.VIEWER,
        "Each plugin with its version, hooks, uses, settings (no secrets), faults, quarantine.",
        "plugins",
        answers=Plugins,
        tag="plugins",
    ),
    AdminRoute(
        "POST",
        "/plugins/reload",
        Role.OPERATOR,
        "The same as `POST /reload`.",
        "plugins_reload",
        tag="plugins",
        answers=ReloadOutcome,
        parameters=_TRY,
        problems=(400, 409),
    ),
    AdminRoute(
        "POST",
        "/plugins/release",
        Role.OPERATOR,
        "Lets what is quarantined serve again: everything, or one plugin with "
        '`{"plugin": "name"}`. `released` names the plugins.',
        "plugins_release",
        tag="plugins",
        body=Release,
        body_required=False,
        answers=Released,
        problems=(400, 404),
    ),
    AdminRoute(
        "GET",
        "/config/history",
        Role.VIEWER,
        "The generations that can be brought back (`number`, `digest`, `since` in unix seconds, "
        "`note`), the oldest first.",
        "config_history",
        tag="configuration",
        answers=History,
    ),
    AdminRoute(
        "POST",
        "/config/rollback",
        Role.OPERATOR,
        'Makes a new generation of what `{"generation": 12}` was made of. Answers like `/reload`. '
        "The file is not written: it serves again when it is changed or reloaded.",
        "config_rollback",
        tag="configuration",
        body=BringBack,
        answers=ReloadOutcome,
        problems=(400, 409),
    ),
)


class ServingAnswers:
    """One method per route."""

    def __init__(self, view: AdminView) -> None:
        """Answer about the process behind `view`."""
        self._view = view

    async def healthz(self, _: web.Request) -> web.Response:
        """Say that the loop turns."""
        return json_answer(200, {"status": "ok"})

    async def readyz(self, _: web.Request) -> web.Response:
        """Say whether requests are welcome."""
        ready, reason = self._view.ready()
        return json_answer(200 if ready else 503, {"ready": ready, "reason": reason})

    async def status(self, _: web.Request) -> web.Response:
        """Tell everything about this moment."""
        return json_answer(200, dataclasses.asdict(self._view.status()))

    async def metrics(self, request: web.Request) -> web.Response:
        """Give the metrics in the format that is asked for."""
        encoder, content_type = choose_encoder(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(
            body=encoder(self._view.registry), headers={hdrs.CONTENT_TYPE: content_type}
        )

    async def reload(self, request: web.Request) -> web.Response:
        """Read the file and the plugins now, or try it."""
        dry_run = switched(request, "dry_run")
        file = _file(request) if dry_run else ""
        await request.read()
        outcome = await changes_of(request).finish(
            self._view.reload(dry_run=dry_run, file=file), "reload"
        )
        _log.info("reload_asked", by=caller_of(request).name, dry_run=dry_run, done=outcome.done)
        refused, goes_on = ("would be", "nothing has changed") if dry_run else ("was", _GOES_ON)
        return _outcome(
            outcome,
            f"The configuration {refused} refused; {goes_on}.",
            "Correct the problems and ask again; `crossfade check` shows them beforehand.",
        )

    async def plugins(self, _: web.Request) -> web.Response:
        """List the plugins."""
        return json_answer(200, {"plugins": [dataclasses.asdict(p) for p in self._view.plugins()]})

    async def plugins_reload(self, request: web.Request) -> web.Response:
        """Do what `reload` does."""
        return await self.reload(request)

    async def plugins_release(self, request: web.Request) -> web.Response:
        """Let out of quarantine. Raises Refusal (400, 404)."""
        hint = 'Send {"plugin": "name"}, or nothing for all.'
        name = (await body_of(request, Release, hint, status=400)).plugin
        known = [report.name for report in self._view.plugins()]
        if name is not None and name not in known:
            more = nearest(name, known) or "`crossfade plugins` lists the plugins."
            raise Refusal(404, f'There is no plugin called "{shown(name)}".', more)
        released = self._view.release_quarantine(name)
        _log.info("release_asked", by=caller_of(request).name, released=released)
        return json_answer(200, {"released": released})

    async def config_history(self, _: web.Request) -> web.Response:
        """List what can be brought back."""
        entries = [dataclasses.asdict(entry) for entry in self._view.history()]
        return json_answer(200, {"generations": entries})

    async def config_rollback(self, request: web.Request) -> web.Response:
        """Bring a generation back. Raises Refusal (400)."""
        hint = 'Send {"generation": 12}, with a number that GET /config/history names.'
        number = (await body_of(request, BringBack, hint, status=400)).generation
        by = caller_of(request).name
        outcome = await changes_of(request).finish(self._view.rollback(number, by=by), "rollback")
        _log.info("rollback_asked", by=by, to=number, done=outcome.done)
        return _outcome(
            outcome,
            f"The generation {number} was not brought back; {_GOES_ON}.",
            "`crossfade config history` shows the generations that can be.",
        )


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
