"""The proxy that everyone writes first: web.Application and ClientSession. The upper yardstick.

python -m scripts.benchmarks.naive PORT LEGACY_URL NEW_URL
"""

import hashlib
import sys

import aiohttp
import uvloop
from aiohttp import web
from multidict import CIMultiDict

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "host"}
)
SESSION = web.AppKey("session", aiohttp.ClientSession)


def end_to_end(headers: "CIMultiDict[str]") -> "CIMultiDict[str]":
    """The fields that are passed on."""
    return CIMultiDict((n, v) for n, v in headers.items() if n.lower() not in HOP_BY_HOP)


def is_on_new(user: str) -> bool:
    """Half of the users, always the same ones."""
    return hashlib.blake2b(user.encode(), digest_size=8).digest()[0] < 128


def application(legacy: str, new: str) -> web.Application:
    """Forward every request to one of the two."""

    async def forward(request: web.Request) -> web.StreamResponse:
        upstream = new if is_on_new(request.headers.get("X-User-Id", "")) else legacy
        async with request.app[SESSION].request(
            request.method,
            upstream + request.path_qs,
            headers=end_to_end(CIMultiDict(request.headers)),
            data=request.content if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(
                status=answer.status, headers=end_to_end(CIMultiDict(answer.headers))
            )
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response

    async def open_session(app: web.Application) -> None:
        connector = aiohttp.TCPConnector(limit=256)
        app[SESSION] = aiohttp.ClientSession(connector=connector, auto_decompress=False)

    async def close_session(app: web.Application) -> None:
        await app[SESSION].close()

    app = web.Application(client_max_size=2**40)
    app.router.add_route("*", "/{path:.*}", forward)
    app.on_startup.append(open_session)
    app.on_cleanup.append(close_session)
    return app


def main() -> None:
    port, legacy, new = sys.argv[1:]
    uvloop.install()
    web.run_app(
        application(legacy, new), host="127.0.0.1", port=int(port), access_log=None, print=None
    )


if __name__ == "__main__":
    main()
