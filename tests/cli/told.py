"""A real HTTP server that tells commands of rollouts what a test has laid out for it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

MARKS = {"killed": None, "rolled_back": None, "frozen": None, "paused": None, "held": None}
SEEN = {"requests": 120, "errors": 3, "client_errors": 0, "slow": 6, "timeouts": 0}
GATES = {
    "metrics": True,
    "min_requests": 200,
    "approval": True,
    "webhook": None,
    "window": None,
}


def step(percentage: float, **changes: object) -> dict[str, Any]:
    """A step of a plan."""
    found = {"percentage": percentage, "settle": 30.0, "bake": 600.0, "max_duration": 0.0}
    return {**found, "gates": GATES, **changes}


PLAN = {"steps": [step(5.0), step(25.0), step(50.0), step(100.0)], "soak": 3600.0}


def mark(by: str = "ops", why: str = "a test", at: float = 1700000000.0) -> dict[str, Any]:
    """Who did it, why, when."""
    return {"by": by, "why": why, "at": at}


def rollout(standing: str = "draft", **changes: Any) -> dict[str, Any]:
    """A rollout as the admin listener shows it."""
    found = {
        "name": "hybrid",
        "version": 7,
        "enabled": True,
        "percentage": 25.0,
        "share": 25.0,
        "standing": standing,
        "phase": standing,
        "step": 1,
        "routes": ["campaigns"],
        "plan": PLAN,
        "next_plan": PLAN,
        "since": 1700000000.0,
        "healthy": 250.0,
        "remaining": 350.0,
        "marks": MARKS,
        "holds": [],
        "whitelist": 1,
        "blacklist": 2,
        "approved": False,
        "latched": False,
        "cooldown_until": 0,
        "unsafe_until": 0,
        "stale": False,
        "leader": True,
        "waiting_for": [],
        "verdict": None,
        "arms": {
            "legacy": {**SEEN, "p50": 0.01, "p95": 0.1},
            "new": {**SEEN, "requests": 0, "p50": None, "p95": None},
        },
        "evidence": {},
    }
    return {**found, **changes}


def problem(status: int, detail: str, hint: str = "", **more: Any) -> web.Response:
    """An error as the admin listener answers it."""
    body = {"type": "about:blank", "status": status, "detail": detail, "hint": hint, **more}
    return answer(body, status)


def answer(body: Mapping[str, Any], status: int = 200) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


@dataclass(frozen=True)
class Asked:
    """What a command has sent."""

    what: str
    """Method and path with query."""
    body: Any
    headers: Mapping[str, str]


LOST = object()
"""Instead of an answer: the connection is cut."""


@dataclass
class Told:
    """`answers` by method and path; of several the last one is given again and again."""

    answers: dict[str, list[Any]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def tell(self, what: str, *answers: Any) -> None:
        """Lay out answers: mappings, responses, or LOST."""
        self.answers[what] = list(answers)

    @property
    def changes(self) -> list[Asked]:
        """What was asked to be changed."""
        return [one for one in self.asked if not one.what.startswith("GET")]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = await request.read()
        what = f"{request.method} {request.path_qs}"
        self.asked.append(Asked(what, orjson.loads(raw) if raw else None, dict(request.headers)))
        waiting = self.answers.get(what)
        if waiting is None:
            return problem(404, f"Nothing is told of {what}.", "Did you mean hybrid?")
        found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        if found is LOST:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if isinstance(found, web.Response):
            # The same answer may be given again: a response is sent once.
            return web.Response(body=found.body, status=found.status, headers=found.headers)
        return answer(found)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Serve on a free port; gives the URL."""
        runner = web.ServerRunner(web.Server(self._answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()
