"""How a message is posted: over HTTP, once, without redirects, within bounds."""

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from typing import Final
from urllib.parse import unquote, urlsplit

import aiohttp

from proxy.api.resilience import retry_after

from .channel import NotToldError, cleaned

__all__ = ["Posting"]

_ANSWER_BYTES: Final = 4096
_SECRET_LENGTH: Final = 8
_CONNECT_SECONDS: Final = 5.0
_FINAL: Final = frozenset((413, 422))
"""What is wrong with the message itself; all else may be set right, there or in the settings (a
wrong key is a 400 in some places)."""


class Posting:
    """Posts to one URL."""

    def __init__(
        self, url: str, timeout: float, now: Callable[[], float], secrets: tuple[str, ...] = ()
    ) -> None:
        """Connect to nobody yet. `secrets`: what may not be told, besides the URL and its parts."""
        self._url = url
        self._timeout = timeout
        self._now = now
        self._secrets = (*_told_nowhere(url), *secrets)
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    async def post(self, body: bytes, headers: Mapping[str, str]) -> str:
        """Send it; return what was answered, in words. Raises NotToldError."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._posted(body, headers)
        except TimeoutError:
            raise NotToldError(f"no answer within {self._timeout:g} s") from None
        except (aiohttp.ClientError, OSError) as error:
            # Its text may have the URL in it.
            raise NotToldError(f"no connection: {type(error).__name__}") from None

    async def close(self) -> None:
        """Close all connections; what is to be posted afterwards is not told."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _posted(self, body: bytes, headers: Mapping[str, str]) -> str:
        said = {"content-type": "application/json", "accept-encoding": "identity", **headers}
        async with self._connected().post(
            self._url, data=body, headers=said, allow_redirects=False
        ) as response:
            text = (await response.content.read(_ANSWER_BYTES)).decode("utf-8", "replace")
            answer = f"{response.status} {cleaned(text, *self._secrets)}".strip()
            if 200 <= response.status < 300:
                return answer
            raise NotToldError(
                f"answered {answer}",
                final=response.status in _FINAL,
                after=retry_after(response.headers, self._now()),
            )

    def _connected(self) -> aiohttp.ClientSession:
        if self._closed:  # nobody would close another one
            raise NotToldError("the channel is closed", final=False)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=2),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _told_nowhere(url: str) -> tuple[str, ...]:
    """Return what an answer may not quote of a URL, the longest first.

    Servers say `Cannot POST /hooks/…`: who knows the path and the query can write there, too.
    """
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    words = [*parts.path.split("/"), *(pair.partition("=")[2] for pair in parts.query.split("&"))]
    found = {url, target, parts.path, parts.query}
    found |= {word for word in words if len(word) >= _SECRET_LENGTH}
    found |= {unquote(text) for text in found} | {escape(text) for text in found}
    return tuple(sorted(found - {"", "/"}, key=lambda text: (-len(text), text)))
