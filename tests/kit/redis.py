"""A real Redis on a loopback port: started, stopped, paused, restarted with what it held."""

import asyncio
import signal
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.kit.running import free_port, wait_until
from tests.kit.wire import DEADLINE

COMMAND = ("redis-server", "--save", "", "--appendonly", "no", "--bind", "127.0.0.1")


class RedisServer:
    """One `redis-server` with a folder of its own; a context manager that starts and ends it.

    Nothing is written to the disk but by `restart`. All methods return when it is done.
    """

    def __init__(self, *options: str) -> None:
        """Keep further options of its command line, such as ``--requirepass x``."""
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._options = options
        self._folder = tempfile.TemporaryDirectory(prefix="crossfade-redis-")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        self._folder.cleanup()

    def start(self) -> None:
        """Start it, and wait until it answers. It begins with what `restart` has saved."""
        place = ("--port", str(self.port), "--dir", self._folder.name)
        with (Path(self._folder.name) / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [*COMMAND, *place, *self._options],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(self._answers, f"redis-server answers on port {self.port}")

    def stop(self) -> None:
        """End it at once, as a crash would; what it held is gone unless saved before."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(DEADLINE)
        self._process = None

    def restart(self) -> None:
        """End it in good order, and start it again with what it held."""
        self.save()
        self.stop()
        self.start()

    def save(self) -> None:
        """Write what it holds to its folder: the next start begins with that."""
        answer = self.say("SAVE")
        assert answer.startswith(b"+OK"), answer

    def pause(self) -> None:
        """Stop it in its tracks: connections are taken by the kernel, nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    def say(self, command: str) -> bytes:
        """Send one command in words; the first bytes of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=DEADLINE) as sock:
            sock.sendall(f"{command}\r\n".encode())
            return sock.recv(65536)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "redis-server was not started"
        self._process.send_signal(number)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.output()
        try:
            return self.say("PING")[:1] in b"+-"
        except OSError:
            return False

    def output(self) -> str:
        """Everything that it said."""
        return (Path(self._folder.name) / "output").read_text(errors="replace")


@asynccontextmanager
async def redis_server(*options: str) -> AsyncIterator[RedisServer]:
    """Start a server for an ``async with``, without holding up the loop."""
    server = RedisServer(*options)
    await asyncio.to_thread(server.start)
    try:
        yield server
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
