"""A streamed answer: held until there is content, then passed on byte for byte.

Until the first event with content nobody has seen anything, so a failure can still be
hidden by asking another deployment. Afterwards a stream that does not end as streams do is
told as broken; it never looks complete.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any, Self

import aiohttp
import orjson

from ..deciding.calls import Call, CallFailedError, Failure, FailureClass, Usage
from .classifying import Reached, error_in, lost, malformed
from .completing import first_choice
from .sse import MOST_BYTES, Event, EventTooLongError, Splitter
from .usage import tier_of, usage_of

__all__ = ["STREAM_BYTES", "ProviderStream"]

STREAM_BYTES = 64 * 1024 * 1024
"""The longest stream that is taken."""
CONTENT_CHARACTERS = 1024 * 1024
"""So much of the content is kept for scoring; what follows is passed on alone."""

_NEVER = float("inf")


class ProviderStream(AsyncIterator[bytes]):
    """One stream, from its first content on; made by `Clients.stream`.

    It is an iterator over its further parts: whole events, as many as came at once. An
    iteration that is cancelled loses nothing and can be gone on with.
    """

    def __init__(
        self, body: aiohttp.StreamReader, call: Call, begun: float, provider_id: str
    ) -> None:
        """Read from `body`; the call has begun at `begun`, in seconds of the loop's clock."""
        self.first = b""
        """All up to and including the first event with content."""
        self.usage: Usage | None = None
        """Known after the end."""
        self.doubt = ""
        """What the usage said that cannot be, and how it was read; empty: nothing."""
        self.finish_reason = ""
        self.model = ""
        """As the provider says it, with its date."""
        self.tier = ""
        """The service tier that it is served with, where the provider says so."""
        self.provider_id = provider_id
        self.first_byte = 0.0
        """Seconds from the call to the first event with content."""
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._waits_since = _NEVER
        self._watch: asyncio.TimerHandle | None = None
        self._begun = begun
        self._call = call
        self._splitter = Splitter()
        self._waiting: deque[Event] = deque()
        self._broken: Failure | None = None
        self._pieces: list[str] = []
        self._kept = 0
        self._committed = False
        self._over = False

    @property
    def content(self) -> str:
        """The text so far; of a very long one, its beginning."""
        return "".join(self._pieces)

    @property
    def failure(self) -> Failure | None:
        """Why it broke off (CUT); None: it has not."""
        return None if self._broken is None else self._told(self._broken)

    @property
    def whole(self) -> bool:
        """Whether it has come to its end, and to a good one."""
        return self._over and self._broken is None

    def parts(self) -> AsyncIterator[bytes]:
        """Return what follows `first`, without the usage event and ``[DONE]``.

        The iterator raises CallFailedError (CUT): it broke off, an error came, or nothing for
        `Call.timeout` seconds.
        """
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._waiting and (part := self._further()):
                return part
            if self._broken is not None:
                raise CallFailedError(self._told(self._broken))
            if self._over:
                raise StopAsyncIteration
            self._waits_since = self._loop.time()
            try:
                data = await self._body.readany()
            except (aiohttp.ClientError, OSError) as error:
                reached = Reached.CONTENT if self._committed else Reached.HEAD
                self._broken = lost(error, reached, self._call)
            else:
                self._came(data)
            finally:
                self._waits_since = _NEVER

    async def drain(self) -> Usage | None:
        """Read on to the end for nothing but the usage. Raises CallFailedError (CUT)."""
        async for _ in self:
            pass
        return self.usage

    async def begin(self) -> None:
        """Read up to the first content. Raises CallFailedError; called by `Clients.stream`."""
        held: list[bytes] = []
        size = 0
        while not self._committed:
            try:
                part = await anext(self)
            except StopAsyncIteration:
                raise CallFailedError(self._without_content()) from None
            held.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise CallFailedError(malformed(f"no content in the first {MOST_BYTES} bytes"))
        self.first = b"".join(held)
        self.first_byte = self._seconds
        self._watch = self._loop.call_later(self._call.timeout, self._look)

    def leave(self) -> None:
        """Stop watching; called by `Clients.stream`."""
        if self._watch is not None:
            self._watch.cancel()

    def _look(self) -> None:
        """Break it off if nothing has come for too long; a timer for each read would cost more."""
        left = self._waits_since + self._call.timeout - self._loop.time()
        if left <= 0:
            self._body.set_exception(aiohttp.SocketTimeoutError())
        else:
            self._watch = self._loop.call_later(min(left, self._call.timeout), self._look)

    def _came(self, data: bytes) -> None:
        """Put what came among what waits; note the end, or that it is too much."""
        try:
            self._waiting.extend(self._splitter.feed(data))
        except EventTooLongError:
            self._broken = malformed(f"an event of more than {MOST_BYTES} bytes")
        if self._body.total_bytes > STREAM_BYTES:
            self._broken = malformed(f"more than {STREAM_BYTES} bytes")
        if not data:
            self._ended()

    def _further(self) -> bytes:
        """Return what waits and is to be passed on; up to the first content, and from there on."""
        waiting, committed = self._waiting, self._committed
        if len(waiting) == 1:
            event = waiting.popleft()
            return event.raw if self._noted(event) else b""
        parts = []
        while waiting and self._committed == committed:
            event = waiting.popleft()
            if self._noted(event):
                parts.append(event.raw)
        return b"".join(parts)

    def _noted(self, event: Event) -> bool:
        """Note what an event says; return whether it is passed on."""
        if self._over or self._broken is not None:
            return False
        if event.data is None:
            return True
        if event.data == b"[DONE]":
            self._over = True
            return False
        try:
            chunk = orjson.loads(event.data)
        except orjson.JSONDecodeError:
            self._broken = malformed("an event is not JSON")
            return False
        if type(chunk) is not dict:
            return True
        if "error" in chunk and (failure := error_in(chunk)) is not None:
            self._broken = failure
            return False
        return self._chunk(chunk)

    def _chunk(self, chunk: dict[str, Any]) -> bool:
        if not self.tier and "service_tier" in chunk:
            self.tier = tier_of(chunk)
        if said := chunk.get("usage"):
            self.usage, self.doubt = usage_of(said)
        choice = first_choice(chunk)
        if choice is None:
            return not said  # what was asked for with include_usage is not for the client
        if not self.model and isinstance(model := chunk.get("model"), str):
            self.model = model[:256]
        if (reason := choice.get("finish_reason")) and isinstance(reason, str):
            self.finish_reason = reason
        delta = choice.get("delta")
        if type(delta) is dict:
            piece = delta.get("content")
            if piece or delta.get("refusal") or delta.get("tool_calls"):
                self._committed = True
                if type(piece) is str and self._kept < CONTENT_CHARACTERS:
                    self._pieces.append(piece)
                    self._kept += len(piece)
        return True

    def _ended(self) -> None:
        self._over = True
        # Some servers leave [DONE] out; none that is complete leaves out why it ended.
        if self._committed and not self.finish_reason:
            self._broken = Failure(FailureClass.CUT, "it ended without an end")

    @property
    def _seconds(self) -> float:
        return self._loop.time() - self._begun

    def _told(self, failure: Failure) -> Failure:
        """Return a failure as the reader is to hear it."""
        if not self._committed:
            return failure
        return failure._replace(
            kind=FailureClass.CUT,
            usage=self.usage,
            tier=self.tier,
            provider_id=self.provider_id,
            seconds=self._seconds,
        )

    def _without_content(self) -> Failure:
        if self.finish_reason == "content_filter":
            failure = Failure(FailureClass.CONTENT_FILTER, "finish_reason content_filter", 200)
        else:
            failure = malformed("the stream has no content")
        return failure._replace(usage=self.usage, tier=self.tier)
