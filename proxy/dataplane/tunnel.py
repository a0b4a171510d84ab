"""An upgraded connection: bytes both ways, each direction ending by itself.

The two transports get new protocols once the upstream has agreed (101). A FIN is
passed on as a FIN, so that a half-closed connection goes on in the other direction;
an error or a silence longer than the limit ends both.
"""

import asyncio

from proxy.dataplane.sweep import Sweep

__all__ = ["Tunnel"]


class _End(asyncio.Protocol):
    """One side; what it receives, the other side's transport sends."""

    __slots__ = ("ended", "other", "transport", "tunnel")

    other: "_End"

    def __init__(self, tunnel: "Tunnel", transport: asyncio.Transport) -> None:
        """Take over `transport`."""
        self.tunnel = tunnel
        self.transport = transport
        self.ended = False

    def data_received(self, data: bytes) -> None:
        """Pass the bytes on."""
        self.tunnel.alive()
        if not self.other.transport.is_closing():
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        """The peer reads slowly: stop reading the other."""
        if not self.other.ended:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """The peer has caught up."""
        if not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def eof_received(self) -> bool:
        """The peer sends no more; keep the other direction open if that can be said."""
        self.ended = True
        if self.other.ended or not self.other.transport.can_write_eof():
            self.tunnel.close()
            return False
        self.other.transport.write_eof()
        return self.transport.can_write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        """The peer is gone: flush and close the other."""
        del exc
        self.tunnel.close()


class Tunnel:
    """Joins two transports until both directions have ended; closes after `idle` seconds."""

    def __init__(
        self,
        sweep: Sweep,
        client: asyncio.Transport,
        upstream: asyncio.Transport,
        idle: float,
    ) -> None:
        """Take over both transports; `idle` is the longest silence in seconds."""
        self._sweep = sweep
        self._idle = idle
        self._loop = asyncio.get_running_loop()
        self._ends = (_End(self, client), _End(self, upstream))
        self._ends[0].other, self._ends[1].other = self._ends[1], self._ends[0]
        self.closed = False
        self.on_close = _nothing
        for end in self._ends:
            end.transport.set_protocol(end)
            end.transport.resume_reading()
        self.alive()
        sweep.watched.add(self)

    def alive(self) -> None:
        """Something came: the silence begins anew."""
        self.deadline = self._loop.time() + self._idle

    def on_deadline(self, now: float) -> None:
        """Silence, or a closing that does not come to its end: cut."""
        del now
        self.abort()

    def close(self) -> None:
        """Let both sides send what they hold, then close."""
        if not self.closed:
            self.closed = True
            self.deadline = self._loop.time() + min(self._idle, 10.0)
            for end in self._ends:
                end.transport.close()
            self.on_close()
        elif all(end.transport.is_closing() for end in self._ends):
            self._sweep.watched.discard(self)

    def abort(self) -> None:
        """Cut both sides."""
        self.close()
        for end in self._ends:
            end.transport.abort()
        self._sweep.watched.discard(self)


def _nothing() -> None:
    pass
