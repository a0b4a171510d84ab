"""A test double of asyncio's side: transports in memory, and a loop whose clock jumps.

`MemoryLoop` is a real event loop but for two things: its time stands still until the
test lets it `jump`, and what is dialled waits until the test accepts or refuses it.
A transport behaves as asyncio's do where our code could notice: nothing is delivered
while reading is paused or after a close, writing behind an EOF is an error.
"""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any, ParamSpec, cast

P = ParamSpec("P")

__all__ = ["Dial", "MemoryLoop", "MemoryTransport", "on_memory_loop", "turns"]


class FakeSocket:
    """Keeps what was set on it."""

    def __init__(self) -> None:
        self.options: list[tuple[object, ...]] = []

    def setsockopt(self, *option: object) -> None:
        """Note an option."""
        self.options.append(option)


class MemoryTransport(asyncio.Transport):
    """The near end of a connection; the test plays the far end with the `peer_` methods."""

    def __init__(self, protocol: asyncio.BaseProtocol, *, half_closes: bool = True) -> None:
        super().__init__()
        self._protocol = cast("asyncio.Protocol", protocol)
        self._half_closes = half_closes
        self._lost = False
        self._inbox: list[bytes | None] = []
        self.written = bytearray()
        self.eof_written = False
        self.closing = False
        self.aborted = False
        self.paused = False
        self.unsent = 0
        self.socket = FakeSocket()
        self.peername: tuple[str, int] | None = ("127.0.0.1", 50000)
        self.ssl_object: object = None

    # asyncio's interface

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        known = {"peername": self.peername, "socket": self.socket, "ssl_object": self.ssl_object}
        return known.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = cast("asyncio.Protocol", protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self._protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.eof_written:
            raise RuntimeError("Cannot call write() after write_eof()")
        if not self.closing:
            self.written += data

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return self._half_closes

    def write_eof(self) -> None:
        if not self._half_closes:
            raise NotImplementedError
        if not self.closing:
            self.eof_written = True

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            if not self.unsent:
                asyncio.get_running_loop().call_soon(self._lose, None)

    def abort(self) -> None:
        self.aborted = True
        self.closing = True
        self.unsent = 0
        asyncio.get_running_loop().call_soon(self._lose, None)

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        if self.paused:
            self.paused = False
            asyncio.get_running_loop().call_soon(self._deliver)

    # the far end

    def peer_sends(self, data: bytes) -> None:
        """Bytes come, at once or when they are read again."""
        self._inbox.append(data)
        self._deliver()

    def peer_ends(self) -> None:
        """The peer sends no more (FIN)."""
        self._inbox.append(None)
        self._deliver()

    def peer_resets(self) -> None:
        """The peer is gone (RST)."""
        self.closing = True
        self._lose(ConnectionResetError())

    def peer_blocks(self, unsent: int) -> None:
        """The peer does not read: so many bytes wait to be sent."""
        self.unsent = unsent
        self._protocol.pause_writing()

    def peer_reads(self) -> None:
        """The peer has read everything."""
        self.unsent = 0
        if self.closing:
            self._lose(None)
        else:
            self._protocol.resume_writing()

    def sent(self) -> bytes:
        """What was written since the last call."""
        data = bytes(self.written)
        self.written.clear()
        return data

    def _deliver(self) -> None:
        while self._inbox and not self.paused and not self.closing:
            data = self._inbox.pop(0)
            if data is not None:
                self._protocol.data_received(data)
            elif not self._protocol.eof_received():
                self.close()

    def _lose(self, error: Exception | None) -> None:
        if not self._lost:
            self._lost = True
            self._protocol.connection_lost(error)


class Dial:
    """A connection that our side is opening."""

    def __init__(self, host: str, port: int, outcome: "asyncio.Future[None]") -> None:
        self.host = host
        self.port = port
        self.outcome = outcome
        self.transport: MemoryTransport | None = None

    @property
    def wanted(self) -> bool:
        """Whether it is still waited for."""
        return not self.outcome.done()

    def accept(self) -> None:
        """Let it succeed."""
        self.outcome.set_result(None)

    def refuse(self, error: Exception | None = None) -> None:
        """Let it fail."""
        self.outcome.set_exception(error or ConnectionRefusedError())


class MemoryLoop(asyncio.SelectorEventLoop):
    """See the module. `dials` are the connections opened so far, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0
        self.dials: list[Dial] = []

    def time(self) -> float:
        return self._now

    async def create_connection(  # type: ignore[override]
        self, protocol_factory: Callable[[], asyncio.Protocol], host: str, port: int, **_: object
    ) -> tuple[MemoryTransport, asyncio.Protocol]:
        dial = Dial(host, port, self.create_future())
        self.dials.append(dial)
        await dial.outcome
        protocol = protocol_factory()
        dial.transport = transport = MemoryTransport(protocol)
        made = self.create_future()
        self.call_soon(protocol.connection_made, transport)
        self.call_soon(_done, made)
        try:
            await made
        except BaseException:
            transport.close()
            raise
        return transport, protocol

    def stall(self, seconds: float) -> None:
        """Let time pass in which nothing runs, as where somebody holds up the loop."""
        self._now += seconds

    async def jump(self, seconds: float) -> None:
        """Let time pass and run everything that is due; a sweep runs at most once."""
        self.stall(seconds)
        await turns()


def _done(made: "asyncio.Future[None]") -> None:
    if not made.done():
        made.set_result(None)


async def turns(count: int = 12) -> None:
    """Let everything run that is ready, and what becomes ready by it."""
    for _ in range(count):
        await asyncio.sleep(0)


def on_memory_loop(
    test: Callable[P, Coroutine[Any, Any, None]],
) -> Callable[P, None]:
    """Run a coroutine on a `MemoryLoop` of its own."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with asyncio.Runner(loop_factory=MemoryLoop) as runner:
            runner.run(test(*args, **kwargs))

    return run
