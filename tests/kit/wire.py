"""One end of a TCP connection, read and written byte by byte with a hard deadline.

Nothing here sleeps: every read waits for bytes, for the end of the stream, or
for the deadline, whichever comes first.
"""

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable
from types import TracebackType
from typing import Literal, Self

DEADLINE = 20.0
"""Seconds that any one wait may take before the test fails: long, as some machines are slow."""

End = Literal["", "fin", "reset"]


class WireError(AssertionError):
    """What arrived is not valid HTTP/1.1."""


class SilentError(AssertionError):
    """The peer neither sent what was waited for nor ended the stream in time."""


class CutError(AssertionError):
    """The stream ended before the message was complete; `partial` is what had arrived of it."""

    def __init__(self, said: str, partial: bytes, end: End) -> None:
        super().__init__(f"{said}: {partial[-200:]!r} then {end}")
        self.partial = partial
        self.end = end


class Wire:
    """A connected socket with a read buffer. `received` holds every byte that ever came."""

    def __init__(self, sock: socket.socket, deadline: float = DEADLINE) -> None:
        self.sock = sock
        self.deadline = deadline
        self.received = bytearray()
        self.buffer = bytearray()
        self.end: End = ""
        self.closed = False
        if sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- writing ---------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Send all of it; fails when the peer has closed or takes nothing until the deadline."""
        self.sock.settimeout(self.deadline)
        self.sock.sendall(data)

    def offer(self, data: bytes) -> bool:
        """Send what the peer takes; False when it has closed or reset the connection."""
        try:
            self.send(data)
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False
        return True

    def drip(self, data: bytes, step: int = 1) -> None:
        """Send in pieces of `step` bytes, each as its own segment."""
        for start in range(0, len(data), step):
            self.send(data[start : start + step])

    def half_close(self) -> None:
        """Say that no more bytes will be sent (FIN), and keep reading."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both directions. Harmless when done twice."""
        self.closed = True
        self.sock.close()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    # -- reading ---------------------------------------------------------------

    def fill(self, until: float) -> bool:
        """Wait for more bytes; False at the end of the stream.

        `until` is a time.monotonic() instant; SilentError is raised when it passes.
        """
        if self.end:
            return False
        left = until - time.monotonic()
        if left <= 0:
            raise SilentError(f"nothing more came; so far {bytes(self.buffer[-300:])!r}")
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(262144)
        except TimeoutError:
            raise SilentError(f"nothing more came; so far {bytes(self.buffer[-300:])!r}") from None
        except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
            self.end = "reset"
            return False
        if not data:
            self.end = "fin"
            return False
        self.received += data
        self.buffer += data
        return True

    def take(self, count: int) -> bytes:
        """Remove `count` bytes from the read buffer."""
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    def read_exactly(self, count: int) -> bytes:
        """Wait for `count` bytes; CutError when the stream ends first."""
        until = time.monotonic() + self.deadline
        while len(self.buffer) < count:
            if not self.fill(until):
                raise CutError(f"wanted {count} bytes", self.take(len(self.buffer)), self.end)
        return self.take(count)

    def read_until(self, mark: bytes, most: int = 4 << 20) -> bytes:
        """Wait for `mark` and give everything up to and with it; CutError at an early end."""
        until = time.monotonic() + self.deadline
        seen = 0
        while (at := self.buffer.find(mark, seen)) < 0:
            seen = max(0, len(self.buffer) - len(mark) + 1)
            if len(self.buffer) > most:
                raise WireError(f"no {mark!r} within {most} bytes")
            if not self.fill(until):
                raise CutError(f"wanted {mark!r}", self.take(len(self.buffer)), self.end)
        return self.take(at + len(mark))

    def read_to_end(self) -> bytes:
        """Everything until the peer closes or resets; `end` tells which of the two it was."""
        until = time.monotonic() + self.deadline
        while self.fill(until):
            pass
        return self.take(len(self.buffer))

    def wait_for_end(self) -> End:
        """Wait until the peer has closed or reset, throwing away what it sends before."""
        self.read_to_end()
        return self.end

    def ready(self) -> bool:
        """Tell whether bytes or the end of the stream wait to be read right now."""
        if self.buffer or self.end:
            return True
        return bool(select.select([self.sock], [], [], 0)[0])


def first_ready(wires: Iterable[Wire], deadline: float = DEADLINE) -> list[Wire]:
    """Wait until at least one of the wires has something to read, and give those that have."""
    wires = list(wires)
    at_once = [wire for wire in wires if wire.buffer or wire.end]
    if at_once:
        return at_once
    found = select.select([wire.sock for wire in wires], [], [], deadline)[0]
    if not found:
        raise SilentError("none of the connections had anything to say")
    return [wire for wire in wires if wire.sock in found]
