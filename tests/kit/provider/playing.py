"""Playing one step to one client: head, body, events, silence or a cut."""

import asyncio
import socket
import struct
import time

from aiohttp import web

from tests.kit.provider import bodies
from tests.kit.provider.bodies import Asked
from tests.kit.provider.record import Entry, Record
from tests.kit.provider.steps import Step

LINGER_NOT = struct.pack("ii", 1, 0)  # close sends RST
EVENTS = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
JSON = {"content-type": "application/json"}


class Player:
    """One call, from its body's end on.

    Its end is recorded before the last bytes of an answer go out: who has the whole answer
    finds it in the record.
    """

    def __init__(
        self, request: web.BaseRequest, asked: Asked, step: Step, entry: Entry, record: Record
    ) -> None:
        self._request = request
        self._asked = asked
        self._step = step
        self._entry = entry
        self._record = record

    async def play(self) -> web.StreamResponse:
        """Do what the step says; the response that was sent. Cancelled if the client leaves."""
        step = self._step
        if step.before:
            await asyncio.sleep(step.before)
        if step.hang == "head":
            await self._gone()
        if step.drop:
            self._ended()
            await self._hang_up(reset=step.drop == "reset")
        if step.status != 200:
            return await self._send(bodies.error(step, self._asked.dialect))
        if self._asked.streams:
            return await self._stream()
        return await self._whole()

    def _head(self, further: dict[str, str]) -> dict[str, str]:
        took = time.time() - self._entry.begun
        return {**further, **bodies.headers(self._asked, took), **self._step.headers}

    async def _send(self, body: bytes) -> web.StreamResponse:
        response = web.Response(
            status=self._step.status, body=body, headers=self._head(JSON), content_type=None
        )
        await response.prepare(self._request)
        self._ended()
        await response.write_eof()
        return response

    async def _whole(self) -> web.StreamResponse:
        step = self._step
        if step.then == "error":
            return await self._send(bodies.error(step, self._asked.dialect))
        body = bodies.whole(self._asked, step) if step.raw is None else step.raw.encode()
        if not (step.after or step.hang or step.then):
            return await self._send(body)
        response = web.StreamResponse(headers=self._head(JSON))
        response.content_length = len(body)
        await response.prepare(self._request)
        await self._before_body()
        if step.then:
            await response.write(body[: len(body) // 2])
            await self._break_off()
        self._ended()
        await response.write(body)
        await response.write_eof()
        return response

    async def _stream(self) -> web.StreamResponse:
        step = self._step
        response = web.StreamResponse(headers=self._head(EVENTS))
        await response.prepare(self._request)
        await self._before_body()
        *first, last = self._events()
        for event in first:
            await response.write(event)
            if step.pause:
                await asyncio.sleep(step.pause)
        if step.then in ("cut", "reset", "hang"):
            await response.write(last)
            await self._break_off()
        self._ended()
        await response.write(last)
        await response.write_eof()
        return response

    def _events(self) -> list[bytes]:
        step = self._step
        if step.raw is not None:
            return [b"data: %b\n\n" % step.raw.encode(), bodies.DONE]
        opening, content, closing = bodies.stream(self._asked, step)
        if step.stop_after >= 0:
            content, closing = content[: step.stop_after], []
        if step.then == "error":
            closing = [b"data: %b\n\n" % bodies.error(step, self._asked.dialect)]
        return [*opening, *content, *closing]

    async def _before_body(self) -> None:
        if self._step.hang == "body":
            await self._gone()
        if self._step.after:
            await asyncio.sleep(self._step.after)

    async def _break_off(self) -> None:
        if self._step.then == "hang":
            await self._gone()
        self._ended()
        await self._hang_up(reset=self._step.then == "reset")

    async def _hang_up(self, *, reset: bool) -> None:
        transport = self._request.transport
        if transport is not None and reset:
            with socket.fromfd(
                transport.get_extra_info("socket").fileno(), socket.AF_INET, socket.SOCK_STREAM
            ) as same:
                same.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            transport.abort()
        elif transport is not None:
            transport.close()
        await self._gone()

    def _ended(self) -> None:
        self._record.ends(self._entry, self._step.name)

    async def _gone(self) -> None:
        """Wait until the connection has ended: the server then cancels whoever serves it."""
        await asyncio.Event().wait()
