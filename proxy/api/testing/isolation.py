"""A plugin alone: no proxy, no network, time that jumps; requests go through all its hooks."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple, TypeVar

from proxy.api.events import Outcome
from proxy.api.plugin import Application, Use
from proxy.api.reply import BODILESS, Refused, Reply, ReplyHead, Unserved
from proxy.api.request import Body, Outgoing, Request
from proxy.api.testing.building import outcome, outgoing
from proxy.api.testing.checks import annotation, hooks_of, read_settings
from proxy.api.testing.clock import JumpingClock
from proxy.api.testing.offers import AdminOffers, CommandOffers, EndpointOffers
from proxy.api.testing.services import FakeServices

__all__ = ["ARMS", "Isolated", "Passed", "isolated"]

ARMS = ("legacy", "new")
LARGEST_BODY = 10 * 1024 * 1024
"""The real proxy's default of `limits.buffered_body`, in bytes."""

HOOK_SECONDS = 10.0
"""How much real time a coroutine hook may take."""

_SHUTDOWN_SECONDS = 5.0
_OF_ONE_ARM = frozenset(("edit_request", "rewrite_request", "rewrite_response", "edit_response"))
_T = TypeVar("_T")


class Passed(NamedTuple):
    """What became of a request that went through a plugin."""

    request: Request
    admitted: Reply | None
    """What `admit` answered; None if it let the request in."""
    arm: str | None
    """What `assign` returned; None if it left the choice to the rollout."""
    left: Unserved | None
    """What was raised to leave it to legacy; None if nothing was."""
    sent: Outgoing | None
    """What went upstream: path, query, headers. None where a plugin answered."""
    body: Body | None
    """The body that went upstream, or to `dispatch`, as `rewrite_request` made it; None if
    `admit` answered."""
    reply: Reply
    """What the client was sent; its body is always bytes."""
    chunks: tuple[bytes, ...]
    """The pieces in which the body came, more than one for a plugin that streams."""
    outcome: Outcome
    """What `finished` was told."""


class Isolated:
    """A plugin that has been started, alone.

    - `use`, `application`: the instances, or None; their methods can be called as they are
    - `services`: what the plugin did with its services; `clock`: its jumping clock
    - `endpoints`, `admin`: handlers by (method, path); `commands`: functions by name
    """

    def __init__(self, use: Use | None, application: Application | None) -> None:
        """For `isolated`."""
        self.use: Any = use
        self.application: Any = application
        self.clock = JumpingClock()
        self.services = FakeServices(self.clock, _name_of(use or application))
        self.endpoints = EndpointOffers()
        self.admin = AdminOffers()
        self.commands = CommandOffers(self.admin)
        self._of_use = {} if use is None else _used(use)
        self._of_application = hooks_of(type(application)) if application is not None else {}

    async def through(
        self, request: Request, upstream: Reply | None = None, body: bytes = b"", *, arm: str = ""
    ) -> Passed:
        """Let a request pass through all hooks in the order of the real proxy.

        `upstream` is what the upstream answers (200 and nothing, by default). With an
        `arm` the route has a rollout, which decides for that arm where `assign` does not;
        what new leaves unserved, the upstream then answers as legacy. A use that is for one
        arm alone edits and rewrites nothing of the other. A streamed answer is read to its end.

        What a hook raises is raised here. Raises TypeError for what a hook may not return,
        TimeoutError for a hook that takes more than ten seconds of real time.
        """
        begun = self.clock.clock()
        way = _Way()
        try:
            answer = await self._ask(request, upstream or Reply(), body, arm, way)
        except Refused as refusal:
            answer = refusal.reply
        answer = answer.copied()  # what a plugin returns may be one reply for all
        self._edit_response(request, answer)
        chunks = await _bounded("the streamed answer", _chunks(answer.body))
        answer.body = b"".join(chunks)
        told = outcome(
            route=request.route,
            arm=request.arm,
            reason=request.reason,
            status=answer.status,
            seconds=self.clock.clock() - begun,
            bytes_in=len(body),
            bytes_out=len(answer.body),
            endpoint="" if way.sent is None else "http://upstream.test",
        )
        self._finished(request, told)
        return Passed(
            request, way.admitted, way.arm, way.left, way.sent, way.body, answer, chunks, told
        )

    async def _ask(
        self, request: Request, upstream: Reply, data: bytes, arm: str, way: "_Way"
    ) -> Reply:
        """All from the door to the answer; raises Refused for one that is given instead."""
        request.reason = "answered"
        way.admitted = await self._admit(request)
        if way.admitted is not None:
            return way.admitted
        way.arm = self._assign(request, arm)
        return await self._serve(request, upstream, data, way)

    async def _serve(self, request: Request, upstream: Reply, data: bytes, way: "_Way") -> Reply:
        """From the decision to the answer; once more where new leaves it to legacy."""
        way.body = Body(request.method, request.path, request.query, data)
        answer, asked = None, False
        try:
            if self._has("rewrite_request", request):
                way.body = await self._rewrite_request(request, way.body)
            asked = "dispatch" in self._of_use and way.left is None
            if asked:
                answer = await self._dispatch(request, way.body)
        except Unserved as left:
            way.left = left
            if request.arm != "new":
                reply = left.reply.copied()
                return await self._rewrite_response(request, reply) if asked else reply
            request.arm, request.reason = "legacy", "failover" if left.failed else "declined"
            return await self._serve(request, upstream, data, way)
        if answer is None:
            way.sent = self._send(request, way)
            answer = upstream
        elif not answer.body or not isinstance(answer.body, bytes):
            return answer
        return await self._rewrite_response(request, answer.copied())

    # the hooks of a request, in order

    async def _admit(self, request: Request) -> Reply | None:
        if "admit" not in self._of_use:
            return None
        answer = self._call("admit", request=request)
        if inspect.isawaitable(answer):
            answer = await _bounded("admit", answer)
        return None if answer is None else _returned("admit", answer, Reply, "a Reply or None")

    def _assign(self, request: Request, arm: str) -> str | None:
        assigned = None
        if "assign" in self._of_use:
            assigned = self._call("assign", request=request, arms=ARMS)
            if assigned is not None and assigned not in ARMS:
                raise ValueError(f"assign returned {assigned!r}; wanted one of {ARMS} or None")
        request.arm = assigned or arm or "none"
        request.reason = "assigned" if assigned else "percentage" if arm else "route"
        return assigned

    async def _dispatch(self, request: Request, body: Body) -> Reply:
        called = self._call("dispatch", request=request, body=body.data)
        return _returned("dispatch", await _bounded("dispatch", called), Reply, "a Reply")

    async def _rewrite_request(self, request: Request, body: Body) -> Body:
        called = self._call("rewrite_request", request=request, body=body)
        found = await _bounded("rewrite_request", called)
        return _returned("rewrite_request", found, Body, "a Body")

    def _send(self, request: Request, way: "_Way") -> Outgoing:
        rewritten = way.body if self._has("rewrite_request", request) else None
        whole = self._has("rewrite_response", request)
        sent = outgoing(request, rewritten, whole_answer=whole)
        if self._has("edit_request", request):
            self._call("edit_request", request=request, outgoing=sent)
        return sent

    async def _rewrite_response(self, request: Request, answer: Reply) -> Reply:
        bodiless = answer.status in BODILESS or request.method == "HEAD"
        if bodiless or not self._has("rewrite_response", request):
            return answer
        answer.body = b"".join(await _bounded("the upstream's answer", _chunks(answer.body)))
        called = self._call("rewrite_response", request=request, reply=answer)
        found = await _bounded("rewrite_response", called)
        return _returned("rewrite_response", found, Reply, "a Reply")

    def _edit_response(self, request: Request, answer: Reply) -> None:
        if self._has("edit_response", request):
            head = ReplyHead(answer.status, answer.headers)
            self._call("edit_response", request=request, reply=head)
            answer.status = head.status

    def _finished(self, request: Request, told: Outcome) -> None:
        owners = ((self.use, self._of_use), (self.application, self._of_application))
        for owner, hooks in owners:
            if "finished" in hooks:
                given = {"request": request, "outcome": told}
                owner.finished(**_some(given, hooks["finished"]))

    def _has(self, hook: str, request: Request) -> bool:
        """Whether the use has this hook for requests of this arm."""
        if hook not in self._of_use:
            return False
        everybody = hook not in _OF_ONE_ARM or request.arm == "none"
        return everybody or self.use.arm in ("", request.arm)

    def _call(self, hook: str, **given: Any) -> Any:
        return getattr(self.use, hook)(**_some(given, self._of_use[hook]))

    # life

    async def start(self) -> None:
        """Call what the proxy calls before the first request; for `isolated`."""
        hooks = self._of_application
        if "startup" in hooks:
            given = _some({"services": self.services}, hooks["startup"])
            await _bounded("startup", self.application.startup(**given))
        for name, argument in (
            ("provide_endpoints", {"router": self.endpoints}),
            ("provide_admin", {"router": self.admin}),
            ("provide_commands", {"cli": self.commands}),
        ):
            if name in hooks:
                getattr(self.application, name)(**_some(argument, hooks[name]))

    async def stop(self) -> None:
        """Call `shutdown` and cancel the background tasks; for `isolated`."""
        try:
            if "shutdown" in self._of_application:
                called = self.application.shutdown()
                await _bounded("shutdown", called, _SHUTDOWN_SECONDS)
        finally:
            await self.services.close()


class _Way:
    """What has happened to a request so far."""

    def __init__(self) -> None:
        self.admitted: Reply | None = None
        self.arm: str | None = None
        self.left: Unserved | None = None
        self.body: Body | None = None
        self.sent: Outgoing | None = None


@asynccontextmanager
async def isolated(
    use: type[Use] | None = None,
    settings: Mapping[str, Any] | None = None,
    *,
    application: type[Application] | None = None,
    application_settings: Mapping[str, Any] | None = None,
) -> AsyncIterator[Isolated]:
    """Start a plugin alone, and end it as the proxy does.

    `settings` are written as in the configuration (``{"timeout": "2s"}``). Without
    `application`, a use that says in its annotation which one it needs gets that.

    Raises ValueError, with everything that is wrong, for settings and hooks that the proxy
    would refuse; and what the plugin raises when it is made or started.
    """
    if use is None and application is None:
        raise ValueError("give the plugin's Use, its Application, or both")
    application = application or _application_of(use)
    for plugin in (application, use):
        if plugin is not None:
            hooks_of(plugin)
    running = None
    if application is not None:
        running = application(read_settings(application, application_settings or {}))
    used = None if use is None else use(read_settings(use, settings or {}), running)
    alone = Isolated(used, running)
    try:
        await alone.start()
        yield alone
    finally:
        await alone.stop()


async def _bounded(what: str, work: Awaitable[_T], seconds: float | None = None) -> _T:
    seconds = HOOK_SECONDS if seconds is None else seconds
    try:
        async with asyncio.timeout(seconds) as bound:
            return await work
    except TimeoutError:
        if not bound.expired():
            raise
        raise TimeoutError(
            f"{what} did not end within {seconds:g} s of real time; one that waits by "
            "services.sleep needs somebody who calls clock.jump meanwhile"
        ) from None


def _application_of(use: type[Use] | None) -> type[Application] | None:
    if use is None:
        return None
    wanted = annotation(use, "application")
    known = isinstance(wanted, type) and issubclass(wanted, Application)
    return wanted if known and wanted is not Application else None


def _used(use: Use) -> dict[str, tuple[str, ...]]:
    """Return the hooks of a use, without those that it can do without."""
    return {name: said for name, said in hooks_of(type(use)).items() if name not in use.unused}


def _name_of(plugin: Use | Application | None) -> str:
    return type(plugin).__module__.rpartition(".")[2]


def _some(given: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    return {name: given[name] for name in wanted}


def _returned(hook: str, found: object, kind: type[_T], wanted: str) -> _T:
    if not isinstance(found, kind):
        raise TypeError(f"{hook} returned {type(found).__name__}; wanted {wanted}")
    return found


async def _chunks(body: bytes | AsyncIterator[bytes]) -> tuple[bytes, ...]:
    if isinstance(body, bytes):
        return (body,) if body else ()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in body:
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_BODY:
                raise ValueError(f"the streamed answer has more than {LARGEST_BODY} bytes")
    finally:
        if isinstance(body, AsyncGenerator):
            await body.aclose()
    return tuple(chunks)
