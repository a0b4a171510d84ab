"""An upstream for tests: tells what reached it, keeps it, and answers as it is told."""

from collections import deque
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from proxy.api.headers import Headers
from proxy.api.reply import Reply, json_reply
from proxy.core.field import Field, joined, kind_of

__all__ = ["EchoUpstream", "Received", "headers_of"]

LARGEST_BODY = 64 * 1024 * 1024
_MOST_KEPT = 10_000


class Received(NamedTuple):
    """A request as it reached the upstream."""

    method: str
    path: str
    """As it came, percent-encoding included, without the query."""
    query: str
    headers: Headers
    body: bytes

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError if it is none."""
        return orjson.loads(self.body)


class EchoUpstream:
    """Answers 200 with the request as JSON: method, path, query, headers, body.

    In that JSON the headers are a mapping of lower-case names, and the body is text.
    `requests` holds what came, in order; the oldest are forgotten beyond 10 000.
    """

    def __init__(self) -> None:
        """Begin with no request; `start` listens."""
        self.requests: deque[Received] = deque(maxlen=_MOST_KEPT)
        self._replies: deque[Reply] = deque()
        self._runner: web.ServerRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Return the address as a configuration names it."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def last(self) -> Received:
        """Return the request that came last. Raises IndexError if none came."""
        return self.requests[-1]

    def reply_next(self, *replies: Reply) -> None:
        """Answer the next requests with these instead, one each, in this order."""
        self._replies.extend(replies)

    async def start(self) -> None:
        """Listen on a free port of the loopback address."""
        runner = web.ServerRunner(web.Server(self._answer, access_log=None), shutdown_timeout=1.0)
        await runner.setup()
        self._runner = runner
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self._port = runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening, and close all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        data = bytearray()
        async for chunk in request.content.iter_any():
            data += chunk
            if len(data) > LARGEST_BODY:
                return web.Response(status=413)
        path, _, query = request.raw_path.partition("?")
        headers = headers_of(request.raw_headers)
        received = Received(request.method, path, query, headers, bytes(data))
        self.requests.append(received)
        reply = self._replies.popleft() if self._replies else _echo(received)
        if isinstance(reply.body, bytes):
            response = web.Response(status=reply.status, body=reply.body)
            _set_headers(response, reply)
            return response
        return await _stream(request, reply)


def headers_of(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    """Return headers made of names and values as they came."""
    fields = [
        Field(name, name.lower(), value, b"%b: %b" % (name, value), kind_of(name.lower()))
        for name, value in raw
    ]
    return Headers(fields, joined(fields))


def _echo(received: Received) -> Reply:
    return json_reply(
        {
            "method": received.method,
            "path": received.path,
            "query": received.query,
            "headers": {name.lower(): received.headers.get(name) for name in received.headers},
            "body": received.body.decode("utf-8", "replace"),
        }
    )


async def _stream(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status)
    _set_headers(response, reply)
    await response.prepare(request)
    if not isinstance(reply.body, bytes):
        async for chunk in reply.body:
            await response.write(chunk)
    await response.write_eof()
    return response


def _set_headers(response: web.StreamResponse, reply: Reply) -> None:
    for name in reply.headers:
        response.headers.popall(name, None)
    for name, value in reply.headers.items():
        response.headers.add(name, value)
