"""What happens to rollouts, told as it happens: server-sent events (WHATWG HTML, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator

import orjson
from aiohttp import hdrs, web

from proxy.controlplane.admin.auth import Refusal, Role
from proxy.controlplane.admin.reply import plain
from proxy.controlplane.admin.routes import AdminRoute
from proxy.controlplane.rollouts.authority import Event
from proxy.controlplane.status import AdminView

__all__ = ["EVENT_ROUTES", "HEARTBEAT_SECONDS", "MOST_LISTENERS", "EventAnswers", "event_text"]

HEARTBEAT_SECONDS = 15.0
"""After so long without an event a comment is sent, so that both sides see a dead connection."""

MOST_LISTENERS = 32

_WRITE_SECONDS = 30.0
_LOOK_SECONDS = 1.0

EVENT_ROUTES: tuple[AdminRoute, ...] = (
    AdminRoute(
        "GET",
        "/v1/events",
        Role.VIEWER,
        "What happens to rollouts from now on, as server-sent events: `event` is "
        "`rollout_changed` (with the audit entry as `data`), `alert`, `store_lost` or "
        f"`store_found`. A comment every {HEARTBEAT_SECONDS:g} seconds. A listener that is too "
        f"slow misses the oldest; at most {MOST_LISTENERS} at a time. It ends when the proxy "
        "drains or the listener moves: connect again, and look at the rollouts first.",
        "events",
        tag="events",
        media="text/event-stream",
        problems=(503,),
    ),
)


def event_text(event: Event) -> bytes:
    """Return an event as it is sent; ids and kinds lose what would end their line."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        _line(event.id),
        _line(event.kind),
        orjson.dumps(event.data, default=plain),
    )


class EventAnswers:
    """Tells listeners what happens, until `end`."""

    def __init__(self, view: AdminView) -> None:
        """Listen to the rollouts of `view`."""
        self._view = view
        self._listeners = 0
        self._ended = asyncio.Event()

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Tell events as long as somebody listens. Raises Refusal (503)."""
        if self._listeners >= MOST_LISTENERS:
            raise Refusal(
                503,
                f"There are {MOST_LISTENERS} listeners already.",
                "Ask again later, or ask GET /v1/rollouts each second.",
            )
        self._listeners += 1
        try:
            response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: "text/event-stream"})
            events = self._view.rollouts.listen()
            await response.prepare(request)
            if request.method != hdrs.METH_HEAD:
                await self._tell(request, response, events)
        finally:
            self._listeners -= 1
        return response

    async def end(self, _: object = None) -> None:
        """End all streams now: the listener is closing."""
        self._ended.set()

    async def _tell(
        self, request: web.Request, response: web.StreamResponse, events: AsyncIterator[Event]
    ) -> None:
        ended = asyncio.create_task(self._ended.wait(), name="events-end")
        upcoming = asyncio.create_task(_next(events), name="events-next")
        try:
            await _write(response, b": listening\n\n")
            silent = 0.0
            while not self._over(request):
                look = min(_LOOK_SECONDS, HEARTBEAT_SECONDS)
                await asyncio.wait((upcoming, ended), timeout=look, return_when="FIRST_COMPLETED")
                if upcoming.done():
                    event = upcoming.result()
                    if event is None:
                        return
                    upcoming = asyncio.create_task(_next(events), name="events-next")
                    await _write(response, event_text(event))
                    silent = 0.0
                elif (silent := silent + look) >= HEARTBEAT_SECONDS:
                    await _write(response, b": still here\n\n")
                    silent = 0.0
        except (TimeoutError, ConnectionError):
            # The listener has left, or has stopped reading.
            if request.transport is not None:
                request.transport.abort()
        finally:
            for waiting in (ended, upcoming):
                waiting.cancel()
            await asyncio.gather(ended, upcoming, return_exceptions=True)

    def _over(self, request: web.Request) -> bool:
        """Return whether there is nobody to tell any more, or nothing."""
        left = request.transport is None or request.transport.is_closing()
        return left or self._ended.is_set() or self._view.ready()[1] == "draining"


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


async def _write(response: web.StreamResponse, piece: bytes) -> None:
    async with asyncio.timeout(_WRITE_SECONDS):
        await response.write(piece)


def _line(text: str) -> bytes:
    return " ".join(text.split()).encode("utf-8", "replace")
