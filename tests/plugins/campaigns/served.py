"""A real proxy with the plugin, a stub for an orchestrator, and a session service beside it."""

import asyncio
import http.client
import json
import socket
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from proxy.api.testing import RealProxy, real_proxy
from tests.kit.serving import serving

SECRET = "a secret that only the legacy system and the proxy know, of enough bytes"
SESSIONS = {
    "of-cleo": {"user": {"id": "cleo"}},
    "of-root": {"user": {"id": "root", "role": "SUPER_ADMIN"}},
    "of-nobody": {},
}
CONFIG = """
identity:
  key: [jwt:userId, jwt:sub, "header:X-User-Id", "cookie:sid"]
  jwt: {cookies: [access_token, auth_token], secret: "${JWT_SECRET}"}
  session: {url: "${SESSIONS}/api/auth/session"}
  trusted_proxies: [10.255.0.0/16]   # not where the tests are
rollouts:
  hybrid: {percentage: 100, blacklist: [dora], missing_key: new}
routes:
  - name: hybrid
    match: {path: /api/v2/campaigns/hybrid, methods: [POST]}
    rollout: hybrid
    arms: {legacy: {upstream: legacy}, new: {plugin: stub}}
    plugins: [campaigns]
plugins:
  path: [plugins]
  stub: {users: [ann, bob]}
"""


class Answered(NamedTuple):
    """What a client was answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """A proxy that runs beside the test, in a loop of its own."""

    def __init__(self, proxy: RealProxy, run: Callable[[Any], Any]) -> None:
        self.proxy = proxy
        self._run = run
        self.url = proxy.url

    def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, **body: Any
    ) -> Answered:
        """Ask as a client; `body` is sent as JSON."""
        connection = self._connection()
        try:
            data = json.dumps(body) if method == "POST" else None
            connection.request(method, path, data, dict(headers or {}))
            response = connection.getresponse()
            return Answered(response.status, dict(response.headers.items()), response.read())
        finally:
            connection.close()

    @contextmanager
    def listen(self, path: str, headers: Mapping[str, str]) -> Iterator[Callable[[], str]]:
        """Listen as a client: each call returns the next event; leaves at the end."""
        connection = self._connection()
        try:
            connection.request("GET", path, headers=dict(headers))
            response = connection.getresponse()
            assert response.headers["Content-Type"] == "text/event-stream"

            def event() -> str:
                lines = iter(lambda: response.readline().decode(), "\n")
                return "".join(lines)

            yield event
        finally:
            # Reset: after a mere end the proxy waits a second for what may still come.
            connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()

    def metric(self, name: str) -> float:
        """What a metric without labels is now."""
        text = self._run(self.proxy.admin("/metrics")).text
        [line] = [one for one in text.splitlines() if one.startswith(f"{name} ")]
        return float(line.split()[1])

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=10)


@contextmanager
def served_campaigns() -> Iterator[Served]:
    """Start all of it, and end it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = _running()

    def run(work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(60)

    try:
        proxy = run(running.__aenter__())
        try:
            yield Served(proxy, run)
        finally:
            run(running.__aexit__(None, None, None))
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def _running() -> AsyncIterator[RealProxy]:
    stub = Path(__file__).with_name("stub.py").read_text(encoding="utf-8")
    async with serving(_session) as url:
        env = {"JWT_SECRET": SECRET, "SESSIONS": url}
        async with real_proxy(CONFIG, plugins={"stub": stub}, env=env) as proxy:
            yield proxy


async def _session(request: web.BaseRequest) -> web.StreamResponse:
    known = SESSIONS.get(request.cookies.get("next-auth.session-token", ""), {})
    return web.json_response(known)
