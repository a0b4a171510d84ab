"""Why a request was answered as it was: the split's decision, and what plugins know of it.

Nothing is kept for it here: the decision is one of those that are remembered, and plugins
look into what they keep themselves (hook `explain`). No key of a user is told.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from aiohttp import web

from proxy.api.events import Note
from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.reply import json_answer
from proxy.controlplane.admin.routes import AdminRoute, Parameter
from proxy.controlplane.replaying import remembered
from proxy.controlplane.status import AdminView
from proxy.core.reason import DECISIONS
from proxy.dataplane.decided import Decided
from proxy.pluginhost.explaining import Explained

__all__ = ["WHY_ROUTES", "NoteView", "WhyAnswers", "WhyView"]

_MOST_WHAT = 64
_MOST_WHY = 1000
_LATEST = 1e11
"""Unix seconds, some thousand years from now: what lies beyond is no time."""


@dataclass(frozen=True, slots=True)
class NoteView:
    """What happened or was decided: at which time (Unix seconds; null: at none), who says so.

    `who` is `crossfade` or the name of a plugin.
    """

    at: float | None
    who: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class WhyView:
    """All that is known of a request, the earliest first; what has no time stands at the end."""

    request: str
    notes: tuple[NoteView, ...]


WHY_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/v1/why/{request_id}",
        Role.VIEWER,
        "Why a request was answered as it was: the remembered decision of its rollout, and what "
        "each plugin knows of it, by time. A plugin that fails to say is one of the `notes`.",
        "why",
        tag="decisions",
        answers=WhyView,
        parameters=(Parameter("request_id", "path", "The X-Request-Id of its answer."),),
        problems=(404,),
    ),
)


class WhyAnswers:
    """Answers about requests that were answered."""

    def __init__(self, view: AdminView) -> None:
        """Ask the decisions and the plugins of `view`."""
        self._view = view

    async def why(self, request: web.Request) -> web.Response:
        """Tell what is known of a request. Raises Refusal (404)."""
        request_id = request.match_info["request_id"]
        said = await self._view.explain(request_id)
        decided = remembered(self._view.decided, request_id)
        notes = sorted((*_decision(decided), *_said(said)), key=_when)
        silent = [one.plugin for one in said if one.trouble]
        if len(notes) == len(silent):
            raise _unknown(silent)
        return json_answer(200, asdict(WhyView(request_id, tuple(notes))))


def _unknown(silent: list[str]) -> Refusal:
    hint = (
        "Its decision is not kept (any more), and no plugin knows it. Only the replica that has "
        "answered it remembers; of a busy route it keeps a part."
    )
    if silent:
        hint += f" Failed to say: {', '.join(silent)}; see crossfade plugins."
    return Refusal(404, "Nothing is known of this request.", hint)


def _decision(decided: Decided | None) -> Iterator[NoteView]:
    if decided is None:
        return
    decision = decided.decision
    bucket = "" if decision.bucket is None else f", bucket {decision.bucket}"
    yield NoteView(
        decided.at,
        "crossfade",
        "decided",
        f"{decision.arm or 'no arm'} by {decision.reason}{bucket}, rollout {decided.rollout}, "
        f"route {decided.route}, generation {decided.generation}. {DECISIONS[decision.reason]}",
    )


def _said(said: Iterable[Explained]) -> Iterator[NoteView]:
    for one in said:
        if one.trouble:
            yield NoteView(None, one.plugin, "silent", one.trouble)
        for note in one.notes:
            yield NoteView(
                _time(note), one.plugin, str(note.what)[:_MOST_WHAT], str(note.why)[:_MOST_WHY]
            )


def _time(note: Note) -> float | None:
    """Return when it was; None where the plugin says something else than a time."""
    at: object = note.at
    is_time = isinstance(at, int | float) and math.isfinite(at) and 0 <= at < _LATEST
    return float(note.at) if is_time else None


def _when(note: NoteView) -> float:
    return math.inf if note.at is None else note.at
