"""A real proxy around a plugin: a process of its own, with an upstream that tells what it got."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import aiohttp
import orjson
from yarl import URL

from proxy.api.headers import Headers
from proxy.api.testing.building import HeaderPairs
from proxy.api.testing.echo import EchoUpstream, headers_of
from proxy.api.testing.process import ProxyError, ServingProcess

__all__ = ["RealProxy", "Reloaded", "Response", "real_proxy"]

_ANSWER_SECONDS = 30.0
_TOLD_LOG = 8_000
_SKIPPED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class Response(NamedTuple):
    """What a client of the proxy was answered."""

    status: int
    headers: Headers
    body: bytes

    @property
    def text(self) -> str:
        """Return the body as UTF-8 text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """Return the body as JSON. Raises ValueError if it is none."""
        return orjson.loads(self.body)


class Reloaded(NamedTuple):
    """What came of a reload."""

    done: bool
    """Whether the proxy serves what the files say now."""
    changed: bool
    """Whether that made a new generation."""
    generation: int
    problems: tuple[str, ...]
    """Why it was refused, one text for each problem."""


class RealProxy:
    """A running proxy. `upstream` is the upstream that it calls ``legacy``.

    `folder` holds the configuration file and the folder ``plugins``.
    """

    def __init__(
        self, process: ServingProcess, upstream: EchoUpstream, client: aiohttp.ClientSession
    ) -> None:
        """For `real_proxy`."""
        self.upstream = upstream
        self.folder = process.folder
        self._process = process
        self._client = client

    @property
    def url(self) -> str:
        """Return the address where clients are served."""
        return f"http://{self._process.address}"

    @property
    def log(self) -> str:
        """Return everything that the process has written so far."""
        return self._process.output()

    # as a client

    async def request(
        self,
        method: str,
        path: str,
        *,
        headers: HeaderPairs = (),
        body: bytes | str = b"",
        json: Any = None,
    ) -> Response:
        """Send a request and return the whole answer, redirects included.

        Nothing is added to the headers but Host and Content-Length (and Content-Type for
        `json`). Raises aiohttp.ClientError if there is no whole answer.
        """
        return await self._ask(f"{self.url}{path}", method, headers, body, json)

    async def get(self, path: str, *, headers: HeaderPairs = ()) -> Response:
        """Send a GET request."""
        return await self.request("GET", path, headers=headers)

    async def post(
        self, path: str, *, headers: HeaderPairs = (), body: bytes | str = b"", json: Any = None
    ) -> Response:
        """Send a POST request with a body, or with a value as JSON."""
        return await self.request("POST", path, headers=headers, body=body, json=json)

    # as an operator

    async def admin(
        self, path: str, method: str = "GET", *, headers: HeaderPairs = (), json: Any = None
    ) -> Response:
        """Ask the admin listener."""
        url = f"http://{self._process.admin_address}{path}"
        return await self._ask(url, method, headers, b"", json)

    async def status(self) -> dict[str, Any]:
        """Return what ``/status`` says."""
        found: dict[str, Any] = (await self.admin("/status")).json()
        return found

    async def reload(self) -> Reloaded:
        """Have the files read now, and return what came of it."""
        told = (await self.admin("/reload", "POST")).json()
        if "done" not in told:
            raise ProxyError(f"the reload was not answered as expected: {told}")
        return Reloaded(
            told["done"], told["changed"], told["generation"], tuple(told.get("problems", ()))
        )

    def edit_plugin(self, name: str, source: str) -> None:
        """Replace a file of a plugin in one step, as a careful editor does.

        `name` is the plugin's, or a path such as ``shop/prices.py`` in the folder
        ``plugins``. The proxy sees it by itself; `reload` waits for it.
        """
        self._process.write_plugin(name, source)

    def edit_config(self, config: str) -> None:
        """Replace the configuration; what it leaves out is filled in as at the start."""
        self._process.write_config(config)

    async def logged(self, event: str, times: int = 1) -> list[dict[str, Any]]:
        """Wait, at most ten seconds, until the log has so many lines of an event; return them."""
        return await self._process.lines(event, times)

    async def _ask(
        self, url: str, method: str, headers: HeaderPairs, body: bytes | str, json: Any
    ) -> Response:
        pairs = list(headers.items() if isinstance(headers, Mapping) else headers)
        data = body.encode() if isinstance(body, str) else body
        if json is not None:
            data = orjson.dumps(json)
            pairs.append(("Content-Type", "application/json"))
        async with self._client.request(
            method,
            URL(url, encoded=True),
            headers=pairs,
            data=data or None,
            allow_redirects=False,
        ) as answer:
            whole = await answer.read()
            return Response(answer.status, headers_of(answer.raw_headers), whole)


@asynccontextmanager
async def real_proxy(
    config: str, *, plugins: Mapping[str, str] | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[RealProxy]:
    """Start a proxy with this configuration, and end it.

    What `config` (YAML) leaves out is filled in: `listen` and `admin` with free ports,
    `upstreams` with one called ``legacy``, which is the echo (``${UPSTREAM}`` is its URL),
    and `plugins` with ``path: [plugins]``, the folder that `plugins` are written to:
    name or path in that folder -> source. `env` is added to the environment.

    Raises ProxyError, with the log, for a proxy that does not start. An error inside of
    the context gets the log as a note.
    """
    upstream = EchoUpstream()
    with TemporaryDirectory(prefix="crossfade-plugin-") as folder:
        process = ServingProcess(Path(folder), upstream, dict(env or {}))
        try:
            await upstream.start()
            for name, source in (plugins or {}).items():
                process.write_plugin(name, source)
            process.write_config(config)
            await process.start()
            async with _client() as client:
                yield RealProxy(process, upstream, client)
        except ProxyError:
            raise
        except BaseException as error:
            error.add_note(f"The proxy's log:\n{process.output()[-_TOLD_LOG:]}")
            raise
        finally:
            await process.stop()
            await upstream.close()


def _client() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=_SKIPPED,
        timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS),
    )
