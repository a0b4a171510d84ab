"""A client's connection: finds heads in its bytes, one exchange at a time, answers in order.

What comes while an exchange is under way is held (a bounded amount, then the client is
not read): it is the next request of a pipeline, or a protocol switched to.
"""

import asyncio
import re
import socket
import struct
from typing import TYPE_CHECKING, cast

import structlog
from structlog.typing import FilteringBoundLogger

from proxy.core.field import MessageError
from proxy.core.forwarding import forwarded_lines
from proxy.core.message import parse_request_head
from proxy.core.reason import FAULTS, Reason
from proxy.dataplane.exchange import Exchange
from proxy.dataplane.ids import new_trace
from proxy.dataplane.plugged_exchange import PluggedExchange
from proxy.dataplane.problem import problem
from proxy.dataplane.split_exchange import SplitExchange
from proxy.dataplane.sweep import NEVER

if TYPE_CHECKING:
    from proxy.dataplane.door import Door
    from proxy.dataplane.generation import Generation

__all__ = ["ClientConnection"]

_log: FilteringBoundLogger = structlog.get_logger()

_HELD_MOST = 64 * 1024
# RFC 9112 section 2.2: empty lines before a request line are to be ignored; a few are.
_EMPTY_LINES = re.compile(rb"(?:\r\n){1,4}")
_METHOD_START = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}(?: |\Z)")
# After a last answer, a client may still be sending: read that and throw it away for a
# while, or the kernel answers it with a reset that destroys the answer (RFC 9112, 9.6).
_LINGER_SECONDS = 2.0
_LINGER_MOST = 4 * 1024 * 1024
_FLUSH_SECONDS = 30.0


class ClientConnection(asyncio.Protocol):
    """See the module."""

    __slots__ = (
        "_buffer",
        "_exchange",
        "_forwarded",
        "_head_begun",
        "_lingered",
        "_paused",
        "_reading",
        "_trusted",
        "_trusted_by",
        "blocked",
        "deadline",
        "door",
        "ended",
        "peer",
        "scheme",
        "transport",
    )

    transport: asyncio.Transport

    def __init__(self, door: "Door") -> None:
        """Belong to `door`."""
        self.door = door
        self.deadline = NEVER
        self.peer = ""
        self.scheme = b"http"
        self.blocked = False
        self.ended = False
        self._buffer = b""
        self._exchange: Exchange | None = None
        self._forwarded = (b"", b"")
        self._head_begun = False
        self._lingered = -1
        self._paused = False
        self._reading = False
        self._trusted = False
        self._trusted_by: Generation | None = None

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or turn it away if there are too many."""
        # uvloop's transports have the methods but not the base class.
        self.transport = cast("asyncio.Transport", transport)
        address = self.transport.get_extra_info("peername")
        if address is None:  # the client left before it was accepted
            self._lingered = 0
            self.transport.abort()
            return
        self.peer = address[0]
        if transport.get_extra_info("ssl_object") is not None:
            self.scheme = b"https"
        door = self.door
        door.sweep.watched.add(self)
        self.deadline = door.clock() + door.generation.limits.head_timeout
        if not door.admit(self):
            self._refuse(Reason.TOO_MANY_CONNECTIONS, "")

    def data_received(self, data: bytes) -> None:
        """Bytes for the exchange under way, or a head (or a part of one)."""
        try:
            self._take(data)
        except Exception:
            self.broken()

    def _take(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.client_data(data)
        elif self._lingered >= 0:
            self._lingered += len(data)
            if self._lingered > _LINGER_MOST:
                self.transport.abort()
        else:
            if self._buffer:
                data = self._buffer + data
                self._buffer = b""
            self._read(data)

    def eof_received(self) -> bool:
        """The client sends no more. An answer under way may still be wanted."""
        self.ended = True
        if self._exchange is not None:
            self._exchange.client_eof()
            return self.transport.can_write_eof()
        self.transport.close()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone, and with it its exchange."""
        del exc
        self.door.sweep.watched.discard(self)
        self.door.left(self)
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.client_left()

    def pause_writing(self) -> None:
        """The client reads slower than it is sent to."""
        self.blocked = True
        if self._exchange is not None:
            self._exchange.client_writable(writable=False)

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.blocked = False
        if self._exchange is not None:
            self._exchange.client_writable(writable=True)
        elif self._buffer:
            self._read_held()

    # the exchange's side

    def trusted(self, generation: "Generation") -> bool:
        """Whether the peer is one of the generation's trusted proxies."""
        if self._trusted_by is not generation:
            self._trusted_by = generation
            self._trusted = generation.trusts(self.peer)
        return self._trusted

    def forwarded(self, host: bytes) -> bytes:
        """The forwarded fields of a request to `host` that begin here; mostly the same again."""
        for_host, lines = self._forwarded
        if for_host != host or not lines:
            lines = forwarded_lines({}, peer=self.peer.encode(), scheme=self.scheme, host=host)
            self._forwarded = (host, lines)
        return lines

    def hold(self, data: bytes) -> None:
        """Keep what belongs to the next request."""
        self._keep(self._buffer + data)

    def pause(self) -> None:
        """Stop reading the client."""
        if not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read the client again."""
        if self._paused:
            self._paused = False
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def exchange_over(self, *, keep: bool) -> None:
        """The answer is written: on to the next request, or close."""
        self._exchange = None
        if not keep or self.door.draining or (self.ended and not self._buffer):
            self.linger()
            return
        self.deadline = self.door.clock() + self.door.generation.limits.keep_alive
        if self._buffer and not self._reading:
            self._read_held()
        else:
            self.resume()

    def switched(self) -> bytes:
        """The connection becomes a tunnel; returns the held bytes, which belong to it."""
        held, self._buffer = self._buffer, b""
        self._exchange = None
        self.door.sweep.watched.discard(self)
        self.door.left(self)
        return held

    def linger(self) -> None:
        """Close after what is written, but let the client finish sending first."""
        self._exchange = None
        self._buffer = b""
        if self._lingered < 0:
            self._lingered = 0
            self.deadline = self.door.clock() + _LINGER_SECONDS
            if self.transport.can_write_eof() and not self.transport.is_closing():
                self.transport.write_eof()
                self.resume()
            else:
                self._close()

    def cut(self, *, reset: bool) -> None:
        """End in mid-answer. `reset` sends a RST: where only a clean close ends the body."""
        self._exchange = None
        if reset and not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._close()

    # the door's side

    def drain(self) -> None:
        """Close if nothing is under way; else the exchange's end closes."""
        if self._exchange is None and not self._buffer:
            self._close()

    def serves(self, generation: "Generation") -> bool:
        """Whether a request that needs the plugins of `generation` is under way here."""
        exchange = self._exchange
        return exchange is not None and exchange.plugged and exchange.generation is generation

    def abort(self) -> None:
        """End at once; a request under way is counted as one that was left."""
        exchange = self._exchange
        self.cut(reset=True)
        if exchange is not None:
            exchange.client_left()
        self.transport.abort()

    def on_deadline(self, now: float) -> None:
        """Time is over for the exchange, a head, an idle or a closing connection."""
        if self._exchange is not None:
            try:
                self._exchange.on_deadline(now)
            except Exception:  # of this one; the others' deadlines are to be kept
                self.broken()
        elif self.transport.is_closing() or self._lingered >= 0:
            self.transport.abort()
        elif self._buffer:
            self._refuse(Reason.HEAD_TIMEOUT, "")
        else:
            self._close()

    # reading

    def _read_held(self) -> None:
        held, self._buffer = self._buffer, b""
        self.resume()
        self._read(held)

    def _read(self, data: bytes) -> None:
        """Begin an exchange for each head in `data`; hold what is not yet one."""
        self._reading = True
        try:
            while data and self._exchange is None and self._lingered < 0 and not self.blocked:
                end = data.find(b"\r\n\r\n") + 4
                if end < 4 or data[0] == 0x0D:
                    empty = _EMPTY_LINES.match(data)
                    if empty is not None:
                        data = data[empty.end() :]
                        continue
                    self._unfinished(data)
                    break
                data = self._begin(data, end)
            if data and self._lingered < 0:
                self._keep(data)
        except MessageError as error:
            self._refuse(error.reason, error.detail)
        finally:
            self._reading = False

    def _keep(self, data: bytes) -> None:
        """Hold `data`; stop reading at some point if its turn has not come yet."""
        self._buffer = data
        if len(data) > _HELD_MOST and (self._exchange is not None or self.blocked):
            self.pause()

    def _begin(self, data: bytes, end: int) -> bytes:
        """Start the exchange whose head ends at `end`; returns what is left of `data`."""
        self._head_begun = False
        head = parse_request_head(data[:end])
        generation = self.door.generation
        limits = generation.limits
        if len(head.target) > limits.url_bytes:
            raise MessageError(Reason.URL_TOO_LONG, "")
        if end - len(head.target) > limits.header_bytes:
            raise MessageError(Reason.HEAD_TOO_LARGE, "")
        bound = generation.match(head)
        exchange: Exchange
        if bound.chains is not None:
            exchange = PluggedExchange(self, head, bound)
        elif bound.asks:
            exchange = SplitExchange(self, head, bound)
        else:
            exchange = Exchange(self, head, bound)
        self._exchange = exchange
        return exchange.begin(data[end:])

    def _unfinished(self, data: bytes) -> None:
        """Hold part of a head, or refuse early what can no longer become a good one."""
        limits = self.door.generation.limits
        line = data.find(b"\r\n")
        begun = data == b"\r" or _METHOD_START.match(data) is not None  # or half an empty line
        if not begun or data.count(b"\n") != data.count(b"\r\n"):
            raise MessageError(Reason.BAD_REQUEST, "The request is not HTTP/1.1.")
        if (len(data) if line < 0 else line) > limits.url_bytes + 80:
            raise MessageError(Reason.URL_TOO_LONG, "")
        if line >= 0 and len(data) - line > limits.header_bytes:
            raise MessageError(Reason.HEAD_TOO_LARGE, "")
        if not self._head_begun:
            self._head_begun = True
            self.deadline = self.door.clock() + limits.head_timeout

    def _refuse(self, reason: Reason, detail: str) -> None:
        """Answer a request that never became an exchange, and close."""
        request_id = new_trace().trace_id
        added = b"Connection: close\r\nX-Request-Id: %b\r\n" % request_id.encode()
        answer = problem(reason, request_id, added, detail)
        self.transport.write(answer)
        status = FAULTS[reason].status
        self.door.accounting.refused(reason, status, len(answer))
        # The head is not to be trusted, so nothing of it is logged.
        _log.warning(
            "request_refused",
            request_id=request_id,
            client=self.peer,
            reason=reason.value,
            status=status,
        )
        self.linger()

    def broken(self) -> None:
        """A fault of ours: say so in the log, and leave nobody waiting."""
        _log.exception("internal_error", client=self.peer)
        exchange = self._exchange
        if exchange is not None:
            self._exchange = None
            exchange.client_left()
        self._lingered = max(self._lingered, 0)
        self.transport.abort()

    def _close(self) -> None:
        self.deadline = self.door.clock() + _FLUSH_SECONDS
        self._lingered = max(self._lingered, 0)
        self.transport.close()
