"""Who is told, for real: an HTTP server and a mail server on loopback ports; both obey a test."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from tests.kit.running import free_port


class Got(NamedTuple):
    """A request that came in."""

    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Answer(NamedTuple):
    """What is answered to one request."""

    status: int = 200
    text: str = "ok"
    headers: dict[str, str] = {}  # noqa: RUF012 (nobody changes it)


@dataclass
class Receiver:
    """A program that takes what is posted to it."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    """For the next requests; then 200."""
    got: list[Got] = field(default_factory=list)
    stuck: bool = False
    """Whether nothing is answered."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(headers, await request.read()))
        if self.stuck:
            await asyncio.Event().wait()
        answer = self.answers.pop(0) if self.answers else Answer()
        return web.Response(status=answer.status, text=answer.text, headers=answer.headers)


@asynccontextmanager
async def receiver(port: int = 0) -> AsyncIterator[Receiver]:
    """Start one."""
    port = port or free_port()
    found = Receiver(f"http://127.0.0.1:{port}/hook/s3cr3t-path")
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield found
    finally:
        await runner.cleanup()


@dataclass
class MailServer:
    """A mail server (RFC 5321) that knows what a client of ours says, and no more."""

    port: int = 0
    context: ssl.SSLContext | None = None
    """For STARTTLS; without one it is not offered."""
    mails: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    """Answers by the first word of a command: ``{"RCPT": "550 no"}``."""
    stuck: bool = False
    encrypted: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if self.stuck:
                await reader.read()
                return
            self._say(writer, "220 mail.test ready")
            while line := await reader.readline():
                await self._answer(line.decode().rstrip(), reader, writer)
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, line: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        word = line.split(":")[0].split(" ")[0].upper()
        if word in self.refuses:
            self._say(writer, self.refuses[word])
        elif word == "EHLO":
            offers = ["AUTH PLAIN", *(["STARTTLS"] if self.context else [])]
            self._say(
                writer, "\r\n".join(["250-mail.test", *(f"250-{o}" for o in offers), "250 ok"])
            )
        elif word == "STARTTLS":
            self._say(writer, "220 go ahead")
            await writer.drain()
            assert self.context is not None
            await writer.start_tls(self.context)
            self.encrypted = True
        elif word == "AUTH":
            self.logins.append(line.split()[-1])
            self._say(writer, "235 welcome")
        elif word == "DATA":
            self._say(writer, "354 go on")
            text = await reader.readuntil(b"\r\n.\r\n")
            if "." in self.refuses:
                self._say(writer, self.refuses["."])
                return
            self.mails.append(text.decode())
            self._say(writer, "250 taken")
        elif word == "QUIT":
            self._say(writer, "221 bye")
        else:
            self._say(writer, "250 ok")

    @staticmethod
    def _say(writer: asyncio.StreamWriter, line: str) -> None:
        writer.write(f"{line}\r\n".encode())


@asynccontextmanager
async def mail_server(
    context: ssl.SSLContext | None = None, *, tls: bool = False
) -> AsyncIterator[MailServer]:
    """Start one; `tls`: encrypted from the start."""
    found = MailServer(context=None if tls else context)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context if tls else None)
    found.port = server.sockets[0].getsockname()[1]
    try:
        yield found
    finally:
        server.close()
