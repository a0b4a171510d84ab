"""What plugins answer to operators: ``/plugins/<name>…`` of the admin listener.

A plugin's handler runs in the proxy and is its author's: it is given a request without
the caller's token, gets so much time and no more, and what it raises is its fault and
never ours.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web
from multidict import CIMultiDict

from proxy.api.reply import BODILESS, Refused, Reply
from proxy.api.request import Request
from proxy.controlplane.admin.auth import Caller, Refusal, Role
from proxy.controlplane.admin.reply import problem
from proxy.controlplane.status import AdminView
from proxy.core.field import MessageError
from proxy.core.identity import Identity
from proxy.core.message import RequestHead, parse_request_head
from proxy.dataplane.ids import new_trace
from proxy.pluginhost.guard import CATCHABLE, Guard, Quarantine
from proxy.pluginhost.routers import PluginAdmin

__all__ = ["PATIENCE_SECONDS", "PLUGIN_PATHS", "PluginAnswers", "plugin_request"]

PLUGIN_PATHS = "/plugins/{rest:.+}"
"""The paths that plugins answer, as the router writes them; our own come first."""

PATIENCE_SECONDS = 25.0
"""So long may a plugin take for an answer, and for each piece of one that is streamed."""

_HOOK = "provide_admin"


class PluginAnswers:
    """Passes requests on to the plugins that serve at this moment."""

    def __init__(self, view: AdminView, patience: float = PATIENCE_SECONDS) -> None:
        """`patience` in seconds."""
        self._view = view
        self._patience = patience

    def needs(self, request: web.Request) -> Role:
        """Return the least role for what is asked; the least of all for what does not exist."""
        found = self._offered(request).get(request.method)
        return Role.VIEWER if found is None else Role[found.role.upper()]

    async def answer(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """Answer; the caller's role is known to suffice. Raises Refusal (400, 404, 405)."""
        offered = self._offered(request)
        found = offered.get(request.method)
        if found is None:
            raise _not_offered(offered)
        guard = found.step.guard
        if guard.quarantined:
            return _quarantined(guard)
        body = await request.read()
        asked = plugin_request(request, caller)
        guard.calls += 1
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                reply = await found.step.call(asked, body)
            if not isinstance(reply, Reply):
                raise TypeError(f"the handler returned {type(reply).__name__}, not Reply")
        except Quarantine:
            return _quarantined(guard)
        except Refused as refused:
            reply = refused.reply
        except CATCHABLE as error:
            guard.fault(_HOOK, error)
            return _failed(guard, self._patience if limit.expired() else None)
        return await self._sent(request, reply, guard)

    def _offered(self, request: web.Request) -> dict[str, PluginAdmin]:
        """Return what the plugins answer on this path, by method."""
        path = request.raw_path.partition("?")[0]
        return {
            one.method: one
            for one in self._view.plugin_admin()
            if f"/plugins/{one.plugin}{one.path}" == path
        }

    async def _sent(self, request: web.Request, reply: Reply, guard: Guard) -> web.StreamResponse:
        headers = CIMultiDict(reply.headers.items())
        if isinstance(reply.body, bytes):
            body = None if reply.status in BODILESS else reply.body
            return web.Response(status=reply.status, headers=headers, body=body)
        response = web.StreamResponse(status=reply.status, headers=headers)
        await response.prepare(request)
        pieces = reply.body
        try:
            while (piece := await self._piece(pieces, guard)) is not None:
                await response.write(piece)
        except _BrokenOffError:
            # The answer has begun: all that is left is to let the caller see that it is cut.
            if request.transport is not None:
                request.transport.abort()
        finally:
            close = getattr(pieces, "aclose", None)
            if close is not None:
                with suppress(*CATCHABLE):
                    await close()
        return response

    async def _piece(self, pieces: AsyncIterator[bytes], guard: Guard) -> bytes | None:
        """Return the next piece, None after the last. Raises _BrokenOffError for a fault."""
        try:
            async with asyncio.timeout(self._patience):
                return bytes(await anext(pieces))
        except StopAsyncIteration:
            return None
        except CATCHABLE as error:
            guard.fault(_HOOK, error)
            raise _BrokenOffError from None


class _BrokenOffError(Exception):
    """A plugin failed within an answer that had begun; the fault is already noted."""


def plugin_request(request: web.Request, caller: Caller) -> Request:
    """Return the request as plugins see requests; its key is the caller's name.

    The token stays here. Raises Refusal (400) for a head that the proxy would refuse.
    """
    trace = new_trace()
    return Request(
        _head(request),
        route="admin",
        request_id=trace.trace_id,
        trace_id=trace.trace_id,
        client=request.remote or "",
        scheme=request.scheme,
        trusted=False,
        identity=Identity(
            caller.name.encode(),
            "admin",
            verified=True,
            attributes={"role": caller.role.name.lower()},
        ),
    )


def _head(request: web.Request) -> RequestHead:
    lines = [f"{request.method} {request.raw_path} HTTP/1.1".encode("utf-8", "surrogateescape")]
    lines += [
        name + b": " + value
        for name, value in request.raw_headers
        if name.lower() != b"authorization"
    ]
    try:
        return parse_request_head(b"\r\n".join(lines) + b"\r\n\r\n")
    except MessageError as error:
        raise Refusal(400, error.detail, "Ask with a plain HTTP/1.1 request.") from None


def _not_offered(offered: dict[str, PluginAdmin]) -> Refusal:
    if not offered:
        return Refusal(404, "No plugin answers this.", "`crossfade plugins` lists the plugins.")
    allowed = ", ".join(sorted(offered))
    return Refusal(405, f"The plugin answers {allowed} here.", "Ask with that method.", allowed)


def _quarantined(guard: Guard) -> web.Response:
    return problem(
        503,
        f"The plugin {guard.plugin} is quarantined: {guard.quarantined}.",
        f"Correct it, or let it try again: `crossfade plugins release {guard.plugin}`.",
    )


def _failed(guard: Guard, waited: float | None) -> web.Response:
    hint = "The log says how; this is a fault of the plugin."
    if waited is not None:
        return problem(
            504, f"The plugin {guard.plugin} gave no answer within {waited:g} seconds.", hint
        )
    return problem(500, f"The plugin {guard.plugin} failed.", hint)
