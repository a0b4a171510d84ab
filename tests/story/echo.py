"""An upstream that tells what reached it, and a caller for it: both fast, on one event loop.

Requests and responses are of the plain kind (Content-Length, keep-alive): what is
tested with them is who answered and what was passed on, not the bytes.
"""

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

TOLD = (b"host", b"x-user-id", b"x-request-id", b"x-signed")
"""The request fields that an answer repeats."""


def parse_fields(head: bytes) -> dict[bytes, bytes]:
    """The fields of a head by lower-case name."""
    lines = head.split(b"\r\n")[1:]
    pairs = (line.split(b":", 1) for line in lines if line)
    return {name.lower(): value.strip() for name, value in pairs}


class _Served(asyncio.Protocol):
    """One connection from the proxy."""

    transport: asyncio.Transport

    def __init__(self, upstream: "EchoUpstream") -> None:
        self._upstream = upstream
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._upstream.transports.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._upstream.transports.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n") + 4) > 3:
            fields = parse_fields(self._buffer[: end - 4])
            whole = end + int(fields.get(b"content-length", b"0"))
            if len(self._buffer) < whole:
                return
            line = self._buffer.split(b"\r\n", 1)[0].decode()
            body, self._buffer = self._buffer[end:whole], self._buffer[whole:]
            self._answer(line, fields, body)

    def _answer(self, line: str, fields: dict[bytes, bytes], body: bytes) -> None:
        self._upstream.asked += 1
        told = {name.decode(): fields[name].decode() for name in TOLD if name in fields}
        answer = {"by": self._upstream.name, "line": line, "body": len(body), **told}
        text = json.dumps(answer).encode()
        status = b"500 Sick" if self._upstream.sick else b"200 OK"
        head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %%d\r\n\r\n"
        head = head % status
        delay = float(fields.get(b"x-delay", b"0"))
        loop = asyncio.get_running_loop()
        if delay:
            loop.call_later(delay, self.transport.write, head % len(text) + text)
        else:
            self.transport.write(head % len(text) + text)


class EchoUpstream:
    """Listens on loopback as `name`; `asked` counts the requests, `sick` answers them with 500."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0
        self.sick = False
        self.port = 0
        self.transports: set[asyncio.Transport] = set()
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Served(self), "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for transport in tuple(self.transports):
            transport.abort()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """The address as a configuration names it."""
        return f"http://127.0.0.1:{self.port}"


@dataclass(frozen=True)
class Reply:
    """A response: status, fields by lower-case name, and the body."""

    status: int
    fields: dict[bytes, bytes]
    body: bytes

    def field(self, name: str) -> str | None:
        """The value of a field, if it is there."""
        value = self.fields.get(name.encode())
        return None if value is None else value.decode()

    @property
    def told(self) -> dict[str, Any]:
        """What the upstream says that it was sent."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def arm(self) -> str | None:
        """The arm as the proxy tells it."""
        return self.field("x-crossfade-arm")

    @property
    def reason(self) -> str | None:
        """The reason as the proxy tells it."""
        return self.field("x-crossfade-reason")


class Caller:
    """A client's connection to the proxy; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int, source: str = "127.0.0.1") -> "Caller":
        """Connect from the loopback address `source`."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0)))

    async def ask(
        self, target: str, *lines: str, method: str = "GET", host: str = "t", body: bytes = b""
    ) -> Reply:
        """Send a request and read its response; raises when it does not come whole."""
        length = (f"Content-Length: {len(body)}",) if body else ()
        head = "\r\n".join((f"{method} {target} HTTP/1.1", f"Host: {host}", *lines, *length))
        self._writer.write(head.encode() + b"\r\n\r\n" + body)
        async with asyncio.timeout(20):
            raw = await self._reader.readuntil(b"\r\n\r\n")
            fields = parse_fields(raw[:-4])
            answer = await self._reader.readexactly(int(fields[b"content-length"]))
        return Reply(int(raw[9:12]), fields, answer)

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()
