"""Asks providers: one pool of connections for each, one request for each call, no retries.

Everything has a bound: connecting, the first byte, the whole answer, silence within a stream, the
size of what is answered, the number of connections. The environment has no say.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

import aiohttp
from aiohttp.abc import AbstractStreamWriter

from ..deciding.calls import Answer, Call, CallFailedError, Failure, FailureClass
from ..deciding.deployment import Deployment
from ..settings import OrchestratorSettings
from .asking import Asking, UnaskableError, body_of, headers_of, how_to_ask
from .classifying import (
    CONNECT_SECONDS,
    Reached,
    error_in_body,
    lost,
    malformed,
    provider_id,
    refused,
)
from .completing import answer_of
from .streaming import ProviderStream

__all__ = ["ANSWER_BYTES", "Clients"]

ANSWER_BYTES = 4 * 1024 * 1024
"""The longest whole answer that is taken."""
REFUSAL_BYTES = 64 * 1024
"""So much of a refusal is looked at."""

# For all else there are timers already; `sock_read` would set and cancel one for each read.
_TIMEOUT = aiohttp.ClientTimeout(connect=CONNECT_SECONDS)
_FAILURES = (CallFailedError, aiohttp.ClientError, OSError)


class Clients:
    """All connections to providers of one application; a pool is made when it is first needed."""

    def __init__(self, settings: OrchestratorSettings) -> None:
        """Connect to nobody yet."""
        self._providers = settings.providers
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._asking: dict[str, Asking] = {}

    async def complete(self, call: Call) -> Answer:
        """Return the whole answer, which takes at most `call.timeout` seconds.

        Raises CallFailedError. Cancelling it closes the connection.
        """
        trip = _Trip(call)
        try:
            async with asyncio.timeout_at(trip.begun + call.timeout):
                response = await self._answered(trip, stream=False)
                first_byte = trip.seconds
                body = await _read(response, ANSWER_BYTES)
            if len(body) > ANSWER_BYTES:
                raise CallFailedError(malformed(f"more than {ANSWER_BYTES} bytes"))
            answer = answer_of(call, body)
        except _FAILURES as error:
            raise trip.failed(error) from None
        finally:
            trip.leave()
        return answer._replace(
            provider_id=trip.provider_id, first_byte=first_byte, seconds=trip.seconds
        )

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncIterator[ProviderStream]:
        """Ask for a stream; entered when its first content is there, within `call.timeout`.

        Raises CallFailedError on entering. Leaving before the end closes the connection.
        """
        trip = _Trip(call)
        try:
            try:
                async with asyncio.timeout_at(trip.begun + call.timeout):
                    response = await self._answered(trip, stream=True)
                    found = ProviderStream(response.content, call, trip.begun, trip.provider_id)
                    await found.begin()
            except _FAILURES as error:
                raise trip.failed(error) from None
            try:
                yield found
            finally:
                found.leave()
        finally:
            trip.leave()

    async def warm(self, deployments: Iterable[Deployment]) -> None:
        """Find out how to ask these, so that no call has to wait for it; what cannot be is passed.

        It takes the SDK a third of a second to be imported, in a thread.
        """
        for deployment in deployments:
            with suppress(CallFailedError):  # which the first call tells
                await self._how_to_ask(deployment)

    async def close(self) -> None:
        """Close all connections."""
        for session in self._sessions.values():
            await session.close()

    async def _answered(self, trip: "_Trip", *, stream: bool) -> aiohttp.ClientResponse:
        """Send the question; return the response when its head is there and is a good one."""
        call = trip.call
        asking = await self._how_to_ask(call.deployment)
        response = await self._session(call.deployment.provider).post(
            asking.url,
            data=_Body(body_of(asking, call, stream=stream), trip),
            headers=headers_of(asking, call),
            allow_redirects=False,
            timeout=_TIMEOUT,
        )
        trip.arrived(response)
        if response.status != 200:
            body = await _read(response, REFUSAL_BYTES)
            raise CallFailedError(refused(response.status, response.headers, body, time.time()))
        if response.headers.get("content-encoding", "identity") != "identity":
            raise CallFailedError(malformed("the answer is packed, though that was not asked for"))
        if stream and response.content_type == "application/json":
            raise CallFailedError(error_in_body(await _read(response, REFUSAL_BYTES)))
        return response

    async def _how_to_ask(self, deployment: Deployment) -> Asking:
        asking = self._asking.get(deployment.name)
        if asking is None:
            try:
                asking = await asyncio.to_thread(how_to_ask, deployment)
            except UnaskableError as error:
                raise CallFailedError(Failure(FailureClass.AUTH, str(error))) from None
            self._asking[deployment.name] = asking
        return asking

    def _session(self, provider: str) -> aiohttp.ClientSession:
        session = self._sessions.get(provider)
        if session is None:
            limit = self._providers[provider].connections
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=limit),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
            )
            self._sessions[provider] = session
        return session


class _Trip:
    """How far one call has come."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.reached = Reached.NOTHING
        self.provider_id = ""
        self._loop = asyncio.get_running_loop()
        self.begun = self._loop.time()
        self._response: aiohttp.ClientResponse | None = None

    @property
    def seconds(self) -> float:
        return self._loop.time() - self.begun

    def arrived(self, response: aiohttp.ClientResponse) -> None:
        self.reached = Reached.HEAD
        self.provider_id = provider_id(response.headers)
        self._response = response

    def failed(self, error: BaseException) -> CallFailedError:
        if isinstance(error, CallFailedError):
            failure = error.failure
        else:
            failure = lost(error, self.reached, self.call)
        return CallFailedError(failure._replace(seconds=self.seconds, provider_id=self.provider_id))

    def leave(self) -> None:
        """Give the connection back, or close it in the middle of an answer."""
        response = self._response
        if response is None:
            return
        if response.content.is_eof():
            response.release()
        else:
            response.close()


class _Body(aiohttp.BytesPayload):
    """The body of a call, which notes when it goes out: then it may be executed."""

    def __init__(self, value: bytes, trip: _Trip) -> None:
        super().__init__(value)
        self._trip = trip

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        self._trip.reached = max(self._trip.reached, Reached.SENT)
        await super().write_with_length(writer, content_length)


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the body; of one with more than `most` bytes, one byte more than these."""
    parts: list[bytes] = []
    size = 0
    while size <= most and (part := await response.content.readany()):
        parts.append(part)
        size += len(part)
    return b"".join(parts)[: most + 1]
