"""One HTTP/1.1 connection to an endpoint: reads responses, tells its exchange.

A connection serves one exchange at a time. Bytes that come while it serves none, or
behind a response's end, belong to nobody: the connection is thrown away, so that they
can never become another client's answer.
"""

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

from proxy.core.field import MessageError
from proxy.core.forwarding import connection_options
from proxy.core.framing import (
    Body,
    ChunkedBody,
    Decoded,
    Framing,
    LengthBody,
    UntilCloseBody,
    response_framing,
)
from proxy.core.message import ResponseHead, parse_response_head
from proxy.core.reason import Reason

if TYPE_CHECKING:
    from proxy.dataplane.pool import EndpointPool

__all__ = ["Receiver", "UpstreamConnection"]

_HEAD_MOST = 256 * 1024
_INTERIM_MOST = 64
_NOTHING = Decoded(b"", b"", True, [])


class Receiver(Protocol):
    """What a connection tells of a response, in order; the exchange implements it."""

    method: bytes

    def interim(self, head: ResponseHead) -> None:
        """A 1xx head other than 101."""

    def switched(self, head: ResponseHead, rest: bytes) -> None:
        """A 101 head; `rest` already belongs to the new protocol."""

    def response(self, head: ResponseHead, framing: Framing, first: Decoded) -> None:
        """The final head with what came of the body along with it."""

    def body(self, part: Decoded) -> None:
        """More of the body."""

    def upstream_failed(self, reason: Reason, *, untouched: bool) -> None:
        """No (more) response will come. `untouched`: not one byte of it came."""

    def upstream_writable(self, *, writable: bool) -> None:
        """The connection takes (or takes no) more of the request for now."""


class UpstreamConnection(asyncio.Protocol):
    """See the module; made by a pool, which counts it from connecting to `close`."""

    __slots__ = (
        "_body",
        "_buffer",
        "_closed",
        "_framing",
        "_interims",
        "_persistent",
        "born",
        "expires",
        "pool",
        "receiver",
        "reused",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, pool: "EndpointPool", now: float) -> None:
        """Belong to `pool`; `now` is on the loop's clock."""
        self.pool = pool
        self.born = now
        self.expires = now
        self.reused = False
        self.receiver: Receiver | None = None
        self._body: Body | None = None
        self._framing = Framing.NONE
        self._buffer = b""
        self._persistent = False
        self._closed = False
        self._interims = 0

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        # uvloop's transports have the methods but not the base class.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on in the response."""
        receiver = self.receiver
        if receiver is None:
            self.close()
        elif self._body is None:
            try:
                self._read_head(receiver, data)
            except MessageError as error:
                self.fail(error.reason)
        else:
            self._read_body(receiver, data)

    def eof_received(self) -> bool:
        """The upstream sends no more: the end of a body that says so, else a cut."""
        if self._framing is Framing.UNTIL_CLOSE and self.receiver is not None:
            receiver, self._framing = self.receiver, Framing.NONE
            receiver.body(_NOTHING)
        else:
            self._lost()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone (an error is never a body's end)."""
        del exc
        self._lost()

    def pause_writing(self) -> None:
        """The upstream reads slower than the client sends."""
        if self.receiver is not None:
            self.receiver.upstream_writable(writable=False)

    def resume_writing(self) -> None:
        """The upstream has caught up."""
        if self.receiver is not None:
            self.receiver.upstream_writable(writable=True)

    # the exchange's side

    def begin(self, receiver: Receiver, data: bytes) -> None:
        """Serve `receiver`: send the request's first bytes, expect a response."""
        self.receiver = receiver
        self._body = None
        self._framing = Framing.NONE
        self._interims = 0
        self.transport.write(data)

    def release(self, *, reusable: bool) -> None:
        """The exchange is complete: back to the pool if the connection can serve another.

        It is not `reusable` if part of the request was never sent.
        """
        self.receiver = None
        if reusable and self._persistent and not self._closed and not self.transport.is_closing():
            self.reused = True
            self.pool.release(self)
        else:
            self.close()

    def close(self) -> None:
        """Give up the connection and its place in the pool, at once and for good."""
        self.receiver = None
        if not self._closed:
            self._closed = True
            self.transport.abort()
            self.pool.discard(self)

    @property
    def closed(self) -> bool:
        """Whether the connection has given up its place in the pool."""
        return self._closed

    def handed_over(self) -> None:
        """The transport is somebody else's now (a tunnel's); it does not count any more."""
        self.receiver = None
        self._closed = True
        self.pool.discard(self)

    def fail(self, reason: Reason) -> None:
        """End with a fault that the exchange shall hear of."""
        receiver, untouched = self.receiver, not self._buffer and self._body is None
        self.close()
        if receiver is not None:
            receiver.upstream_failed(reason, untouched=untouched and not self._interims)

    # reading

    def _lost(self) -> None:
        if self._body is None:
            self.fail(Reason.UPSTREAM_CLOSED)
        else:
            self.fail(Reason.UPSTREAM_CUT)

    def _read_head(self, receiver: Receiver, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
        while True:
            end = data.find(b"\r\n\r\n") + 4
            if end < 4 or end > _HEAD_MOST:
                self._buffer = data
                _check_unfinished(data)
                return
            head = parse_response_head(data[:end])
            data = data[end:]
            self._buffer = b""
            if head.status >= 200 or head.status == 101:
                break
            self._interims += 1
            if self._interims > _INTERIM_MOST:
                raise MessageError(Reason.UPSTREAM_INVALID, "The upstream sends 1xx without end.")
            receiver.interim(head)
            if not data or self.receiver is not receiver:
                return
        if head.status == 101:
            receiver.switched(head, data)
        else:
            self._start_body(receiver, head, data)

    def _start_body(self, receiver: Receiver, head: ResponseHead, data: bytes) -> None:
        framing, length = response_framing(head, receiver.method)
        self._framing = framing
        options = connection_options(head.by_name)
        self._persistent = b"close" not in options and (head.minor > 0 or b"keep-alive" in options)
        if framing is Framing.NONE:
            first = Decoded(b"", data, True, [])
        elif framing is Framing.LENGTH and length == len(data):
            first = Decoded(data, b"", True, [])
        else:
            if framing is Framing.LENGTH:
                self._body = LengthBody(length)
            elif framing is Framing.CHUNKED:
                self._body = ChunkedBody(Reason.UPSTREAM_INVALID)
            else:
                self._body = UntilCloseBody()
                self._persistent = False
            first = self._body.feed(data)
        if first.rest:
            self._persistent = False
        hint = head.by_name.get(b"keep-alive")
        if hint is not None:
            self.pool.heard_keep_alive(hint)
        receiver.response(head, framing, first)

    def _read_body(self, receiver: Receiver, data: bytes) -> None:
        try:
            part = self._body.feed(data)  # type: ignore[union-attr]
        except MessageError:
            self.fail(Reason.UPSTREAM_CUT)
            return
        if part.rest:
            self._persistent = False
        receiver.body(part)


def _check_unfinished(data: bytes) -> None:
    """Refuse early what can no longer become a valid head."""
    if len(data) > _HEAD_MOST:
        raise MessageError(Reason.UPSTREAM_INVALID, "The upstream's head is too large.")
    if data.count(b"\n") != data.count(b"\r\n") or not data.startswith(b"HTTP/1."[: len(data)]):
        raise MessageError(Reason.UPSTREAM_INVALID, "The upstream's head is not HTTP/1.1.")
