"""Asks the legacy system who has a session, with the caller's own cookies.

Its cookies are encrypted with a secret of its own (next-auth writes a JWE), so nobody else
can say. Answers are remembered by a keyed digest of the cookies, callers with the same cookies
share one question, and only so many questions are under way at a time: a service that is
slow or down leaves callers unknown, and is not run over. Nothing of a cookie or of an answer is
logged.
"""

import asyncio
import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

import aiohttp
import orjson
import structlog
from structlog.typing import FilteringBoundLogger
from yarl import URL

from proxy.config.identity import Session as Declared
from proxy.core.cookies import find_cookie
from proxy.core.key import normalise_value
from proxy.dataplane.identify import Fields
from proxy.dataplane.jwt_verifier import claim

__all__ = ["ANSWER_MOST", "ASKING_MOST", "NOBODY_SECONDS", "Session", "Sessions"]

ASKING_MOST = 20
"""So many questions are under way at a time; who comes then is not known."""

ANSWER_MOST = 64 * 1024
"""The longest answer, in bytes."""

KEPT_MOST = 10_000
"""How many sessions are remembered; of cookies without a session as many."""

NOBODY_SECONDS = 10.0
"""How long it is remembered that cookies have no session."""

_LOG_EVERY = 10.0
_NO_SESSION = (401, 403)
_log: FilteringBoundLogger = structlog.get_logger()


class Session(NamedTuple):
    """A user who has a session; `role` and `tier` are empty if nothing is said of them."""

    id: str
    role: str
    tier: str


class _Known(NamedTuple):
    """What a service said, and until when that holds, in Unix seconds."""

    session: Session | None
    since: float
    until: float


class _Failure(Exception):  # noqa: N818 (never leaves this file)
    """The service did not answer as one does; the text says how, and nothing of its answer."""


class Sessions:
    """The sessions of one generation; `close` it.

    `failures` counts the questions that nobody answered.
    """

    def __init__(self, declared: Declared, *, lower: bool) -> None:
        """Open nothing yet. `lower`: ids are lower-cased, as keys are."""
        self.failures = 0
        self._declared = declared
        self._lower = lower
        self._url = URL(declared.url, encoded=True)
        self._names = tuple(name.encode() for name in declared.cookies)
        self._secret = secrets.token_bytes(32)
        self._found: OrderedDict[bytes, _Known] = OrderedDict()
        self._nobody: OrderedDict[bytes, _Known] = OrderedDict()
        self._asking: dict[bytes, asyncio.Task[Session | None]] = {}
        self._client: aiohttp.ClientSession | None = None
        self._closed = False
        self._told = float("-inf")

    async def find(self, fields: Fields, now: float) -> Session | None:
        """Return whose session it is by the cookies among `fields`; None if that is not known.

        ``now`` in Unix seconds. Takes at most the declared timeout.
        """
        cookies = self._cookies(fields.get(b"cookie"))
        if not cookies or self._closed:
            return None
        digest = blake2b(cookies, digest_size=16, key=self._secret).digest()
        known = self._found.get(digest) or self._nobody.get(digest)
        if known is not None and known.since <= now < known.until:
            return known.session
        asking = self._asking.get(digest)
        if asking is None:
            if len(self._asking) >= ASKING_MOST:
                self._failed(f"{ASKING_MOST} questions are under way", now)
                return None
            asking = asyncio.create_task(self._ask(digest, cookies, now), name="session")
            self._asking[digest] = asking
            asking.add_done_callback(lambda _: self._asking.pop(digest, None))
        # A client that leaves must not take the answer from others with the same cookies.
        return await asyncio.shield(asking)

    async def close(self) -> None:
        """Give up what is under way, and the connections."""
        self._closed = True
        asking = tuple(self._asking.values())
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    def _cookies(self, header: bytes | None) -> bytes:
        """Return the declared ones of the caller's cookies, as a header carries them."""
        if header is None:
            return b""
        found = ((name, find_cookie(header, name)) for name in self._names)
        return b"; ".join(b"%b=%b" % (name, v) for name, v in found if v and v.isascii())

    async def _ask(self, digest: bytes, cookies: bytes, now: float) -> Session | None:
        try:
            session = self._session(await self._answer(cookies))
        except _Failure as failure:
            self._failed(str(failure), now)
            return None
        except TimeoutError:
            self._failed(f"no answer within {self._declared.timeout:g} s", now)
            return None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # Its text may quote what is nobody's business.
            self._failed(type(error).__name__, now)
            return None
        self._remember(digest, session, now)
        return session

    async def _answer(self, cookies: bytes) -> bytes:
        """Return the body of the answer; empty where it says that there is no session."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=self._declared.timeout),
                auto_decompress=False,
            )
        headers = {
            "Cookie": cookies.decode("ascii"),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        async with self._client.get(self._url, headers=headers, allow_redirects=False) as response:
            if response.status in _NO_SESSION:
                return b""
            if response.status != 200:
                raise _Failure(f"it answered {response.status}")
            return await _bounded(response.content)

    def _session(self, body: bytes) -> Session | None:
        document = orjson.loads(body) if body else None
        if document is None:
            return None
        if not isinstance(document, dict):
            raise _Failure("its answer is no JSON object")
        declared = self._declared
        user = normalise_value(claim(document, declared.id), lower=self._lower)
        if user is None:
            return None
        role, tier = claim(document, declared.role), claim(document, declared.tier)
        return Session(user.decode(), _text(role), _text(tier))

    def _remember(self, digest: bytes, session: Session | None, now: float) -> None:
        self._found.pop(digest, None)
        self._nobody.pop(digest, None)
        # Apart, so that made-up cookies displace nobody's session.
        kept = self._found if session is not None else self._nobody
        seconds = self._declared.ttl if session is not None else NOBODY_SECONDS
        kept[digest] = _Known(session, now, now + seconds)
        if len(kept) > KEPT_MOST:
            kept.popitem(last=False)

    def _failed(self, why: str, now: float) -> None:
        self.failures += 1
        if not 0 <= now - self._told < _LOG_EVERY:
            self._told = now
            _log.warning("session_service_failed", why=why, failures=self.failures)


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    async for part in content.iter_any():
        body += part
        if len(body) > ANSWER_MOST:
            raise _Failure(f"its answer is longer than {ANSWER_MOST} bytes")
    return bytes(body)


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
