"""A link to an HTTP server on a loopback port, over which each request fares as a test wants."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, Literal, NamedTuple, get_args

from tests.kit.accepting import Accepting

__all__ = ["FAULTS", "Fate", "FlakyLink", "Request"]

Fate = Literal["served", "refused", "cut", "silent", "lost", "half"]
"""What becomes of a request: it is served; answered by `FlakyLink.refusal`; the connection is
closed before the server hears of it; nothing happens until `let_go`, and then the server hears of
it, and nobody of its answer; the server's answer is dropped; half of it arrives."""

FAULTS: Final[tuple[Fate, ...]] = get_args(Fate)[1:]

_MOST: Final = 16 * 1024 * 1024
_END: Final = b"\r\n\r\n"


class Request(NamedTuple):
    """What goes over the link."""

    head: bytes
    body: bytes


class FlakyLink(Accepting):
    """Forwards requests from a port of its own to another; a context manager.

    - `fares`: says what becomes of a request
    - `refusal`: status and body of what is refused
    - `seen`: how requests have fared so far
    - `silent`: how many wait at the moment for `let_go`
    """

    def __init__(self, port: int, fares: Callable[[Request], Fate] = lambda _: "served") -> None:
        """Lead to this loopback port."""
        super().__init__(_MOST)
        self.fares = fares
        self.refusal: tuple[int, bytes] = (503, b"{}")
        self.seen: Counter[Fate] = Counter()
        self.silent = 0
        self._to = port
        self._going_on = asyncio.Event()
        self._is_silent = asyncio.Event()

    def let_go(self) -> None:
        """Let the server hear of what was silent until now."""
        self._going_on.set()
        self._going_on = asyncio.Event()

    async def until_silent(self) -> None:
        """Return when a request waits for `let_go`."""
        await self._is_silent.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Have each request of a connection fare as it should."""
        while await self._one(await _message(reader), writer):
            pass

    async def _one(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Have one request fare as it should; whether there may be more on this connection."""
        fate = self.fares(request)
        self.seen[fate] += 1
        if fate == "cut":
            return False
        if fate == "refused":
            status, body = self.refusal
            head = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}{_END.decode()}"
            writer.write(head.encode() + body)
            await writer.drain()
            return True
        if fate == "silent":
            await self._wait()
        answer = await self._asked(request)
        if fate == "served":
            writer.write(answer.head + answer.body)
            await writer.drain()
            return True
        if fate == "half":
            writer.write(answer.head + answer.body[: len(answer.body) // 2])
            await writer.drain()
        return False

    async def _wait(self) -> None:
        going_on = self._going_on
        self.silent += 1
        self._is_silent.set()
        try:
            await going_on.wait()
        finally:
            self.silent -= 1
            if not self.silent:
                self._is_silent.clear()

    async def _asked(self, request: Request) -> Request:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._to, limit=_MOST)
        try:
            writer.write(request.head + request.body)
            await writer.drain()
            return await _message(reader)
        finally:
            writer.close()


async def _message(reader: asyncio.StreamReader) -> Request:
    """Return a request or an answer: its head, and as much body as it says."""
    head = await reader.readuntil(_END)
    length = 0
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            length = int(value)
    return Request(head, await reader.readexactly(length) if length else b"")
