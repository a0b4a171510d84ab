"""A TCP link that can be cut: what goes through it stops, in the middle of anything."""

import asyncio
from contextlib import suppress

from tests.kit.accepting import Accepting

_MOST = 64 * 1024


class Link(Accepting):
    """Forwards from a loopback port of its own to another; a context manager.

    While it is cut, connections through it are stalled and new ones are taken and never
    answered: what a network does that drops packets.
    """

    def __init__(self, port: int) -> None:
        """Lead to this loopback port."""
        super().__init__()
        self._to = port
        self._open = asyncio.Event()
        self._open.set()

    def cut(self) -> None:
        """Let nothing through any more."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through again."""
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward both ways, once the link is whole."""
        await self._open.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, back))
                group.create_task(self._pump(there, writer))
        finally:
            back.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(_MOST):
                await self._open.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
