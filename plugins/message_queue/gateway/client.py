"""The platform's HTTP API: one request for each sending, a connection of its own, no retries."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from proxy.api import Alert, Services
from proxy.api.resilience import Breaker, BreakerRules, Permit

from ..message import Message
from ..settings import GatewaySettings
from .answers import ANSWER_BYTES, UNAUTHORIZED_REST, lost, platform_id, refused, unreadable
from .asking import body_of, headers_of
from .sending import Failure, SendError

__all__ = ["Gateway"]

_CONNECT_SECONDS = 5.0
_PROBING: Final = 0.5
"""Seconds until it is looked again whether the one message that was tried has gone."""
_NO_EVIDENCE = frozenset(("RATE_LIMIT", "UNAUTHORIZED", "TOKEN_EXPIRED"))
_DOWN = frozenset(("NETWORK_ERROR", "TIMEOUT", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "UNKNOWN"))


class Gateway:
    """Sends messages to the platform, unless that is known to be down.

    Each message has a fresh connection: of one that was used before and dies, nobody could say
    whether the platform had read what was written to it.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        services: Services,
        *,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Connect to nobody yet. `chance`: at least 0, below 1.

        Raises ValueError for a token that no header can carry.
        """
        token = settings.token.get_secret_value()
        if not (token.isascii() and token.isprintable()):
            raise ValueError("gateway.token: a header carries visible ASCII characters alone")
        self._settings = settings
        self._services = services
        self._chance = chance
        self._breaker = Breaker(_rules(settings))
        self._unauthorized = False
        self._session: aiohttp.ClientSession | None = None
        self._answers = services.counter(
            "gateway_answers", "Sendings by how they ended: sent, or the error's code.", ("code",)
        )

    @property
    def idempotent(self) -> bool:
        """Whether a message that is sent again under the same id is executed once."""
        return self._settings.idempotent

    def rest(self) -> float:
        """Return for how many seconds nothing is to be sent; 0: it may be tried."""
        now = self._services.clock()
        if self._breaker.free(now):
            return 0.0
        until = max(self._breaker.reopens_at, self._breaker.throttled_until)
        return max(until - now, _PROBING)

    def trouble(self) -> str:
        """Return what is wrong with the platform, in a sentence; empty if nothing is known."""
        if self._unauthorized:
            return "the platform refuses our token: give the gateway another one"
        why = self._breaker.why(self._services.clock())
        return f"the platform fails: {why}" if why else ""

    async def send(self, message: Message, *, seconds: float) -> str:
        """Send it within `seconds`; return what the platform calls it.

        Raises SendError; also for a message that nobody has approved of.
        """
        body = body_of(message)
        headers = headers_of(message, self._settings.token.get_secret_value())
        permit = self._breaker.permit(self._services.clock())
        if permit is None:
            why = "the platform fails, and is left alone for a while"
            raise SendError(Failure("SERVICE_UNAVAILABLE", "no", "throttle", why, self.rest()))
        try:
            found = await self._sent(_Body(body), headers, seconds)
        except SendError as error:
            self._failed(permit, error.failure)
            raise
        except BaseException:
            self._breaker.ignored(permit)
            raise
        self._breaker.succeeded(permit, self._services.clock(), self._chance())
        self._unauthorized = False
        self._answers.add(code="sent")
        return found

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _sent(self, body: "_Body", headers: dict[str, str], seconds: float) -> str:
        try:
            async with asyncio.timeout(seconds):
                return await self._answered(body, headers)
        except TimeoutError:
            raise SendError(lost(sent=body.sent, late=True)) from None
        except (aiohttp.ClientError, OSError):
            raise SendError(lost(sent=body.sent, late=False)) from None

    async def _answered(self, body: "_Body", headers: dict[str, str]) -> str:
        async with self._connected().post(
            f"{self._settings.url}/messages", data=body, headers=headers, allow_redirects=False
        ) as response:
            if response.status not in (200, 201):
                said = b""
                with suppress(aiohttp.ClientError):  # the status alone says enough
                    said = await _read(response)
                now = self._services.now()
                raise SendError(refused(response.status, response.headers, said, now))
            if found := platform_id(await _read(response)):
                return found
            raise SendError(unreadable(response.status))

    def _failed(self, permit: Permit, failure: Failure) -> None:
        now = self._services.clock()
        self._answers.add(code=failure.code)
        if failure.code in _DOWN:
            connect = failure.code == "NETWORK_ERROR" and failure.executed == "no"
            self._breaker.failed(permit, now, self._chance(), connect=connect)
        elif failure.code in _NO_EVIDENCE:
            self._breaker.ignored(permit)
        else:  # a refusal is an answer, too: it is there
            self._breaker.succeeded(permit, now, self._chance())
        if failure.code in ("UNAUTHORIZED", "TOKEN_EXPIRED"):
            self._breaker.throttle(now + (failure.retry_after or UNAUTHORIZED_REST))
            self._tell()

    def _tell(self) -> None:
        """Raise the alert, once until something is sent again."""
        if self._unauthorized:
            return
        self._unauthorized = True
        self._services.alert(
            Alert(
                "gateway_unauthorized",
                "gateway",
                "The platform refuses our token, and no message is sent. Give the gateway "
                "another one; messages wait until then, and until they expire.",
                "critical",
            )
        )

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._settings.connections, force_close=True),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(sock_connect=_CONNECT_SECONDS),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session


def _rules(settings: GatewaySettings) -> BreakerRules:
    """Return when the platform is left alone.

    A try costs a message an attempt, or leaves open what has become of it: so few are risked, and
    one alone says whether the platform is back.
    """
    return BreakerRules(
        connect_failures=3,
        failures=4,
        open=5.0,
        open_most=60.0,
        probes=1,
        probe_lasts=2 * settings.timeout,
    )


class _Body(aiohttp.BytesPayload):
    """The body of a request, which notes when it goes out: then it may be executed."""

    def __init__(self, value: bytes) -> None:
        super().__init__(value)
        self.sent = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        self.sent = True
        await super().write_with_length(writer, content_length)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body; of one that is longer than `ANSWER_BYTES`, one byte more than these."""
    parts: list[bytes] = []
    size = 0
    while size <= ANSWER_BYTES and (part := await response.content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts)[: ANSWER_BYTES + 1]
