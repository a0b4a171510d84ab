"""What stand-ins of others' services share: their scripts, their server, their process."""

import asyncio
import json
import os
import subprocess
import urllib.request
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import orjson
from aiohttp import web

from tests.kit.forking import Forked, forked
from tests.kit.wire import DEADLINE

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")

Control = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Scripts(Generic[K, S]):
    """What is done with which call: queued steps once, before those that stand."""

    def __init__(self) -> None:
        self._queued: dict[K, deque[S]] = {}
        self._standing: dict[K, S] = {}

    def queue(self, key: K, steps: Iterable[S]) -> None:
        """Have the next calls treated like this, each step once."""
        self._queued.setdefault(key, deque()).extend(steps)

    def stand(self, key: K, step: S | None) -> None:
        """Have every call treated like this from now on; None: as usual again."""
        if step is None:
            self._standing.pop(key, None)
        else:
            self._standing[key] = step

    def clear(self) -> None:
        """Forget all of it."""
        self._queued.clear()
        self._standing.clear()

    def next(self, keys: tuple[K, ...], usual: Callable[[], S]) -> S:
        """How a call is treated to which these keys apply, the first before the others."""
        for key in keys:
            if queued := self._queued.get(key):
                return queued.popleft()
        for key in keys:
            if key in self._standing:
                return self._standing[key]
        return usual()


class News:
    """What happened, line by line in a file if there is one, and who waits for it."""

    def __init__(self, file: Path | None) -> None:
        self._news = asyncio.Event()
        self._file = -1
        if file is not None:
            self._file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def until(self, truth: Callable[[], bool]) -> None:
        """Wait until it is true, looking again with each news. Raises TimeoutError."""
        async with asyncio.timeout(DEADLINE):
            while not truth():
                await self._news.wait()

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def write(self, said: object) -> None:
        """Write a line of JSON, durably for whoever kills this process."""
        if self._file >= 0:
            os.write(self._file, orjson.dumps(said) + b"\n")

    def tell(self) -> None:
        """Wake those who wait."""
        self._news.set()
        self._news = asyncio.Event()


class LoopbackServer(ABC):
    """Listens on one loopback port, on this loop; `port` 0 takes any."""

    def __init__(self) -> None:
        self.port = 0
        self._server: web.Server | None = None
        self._listener: asyncio.Server | None = None
        self._control: Control | None = None

    @abstractmethod
    async def serve(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request that is not about the stand-in itself."""

    def control(self, handle: Control) -> None:
        """Have paths that begin with ``/_`` answered by this function."""
        self._control = handle

    async def up(self) -> None:
        """Listen; after `down` on the same port again."""
        if self._server is None:
            self._server = web.Server(self._serve, handler_cancellation=True, access_log=None)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(
            self._server, "127.0.0.1", self.port, backlog=4096
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse connections, and end those that there are, whatever they wait for."""
        assert self._server is not None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        for connection in self._server.connections:
            if connection.transport is not None:
                connection.transport.abort()
        await self._server.shutdown(1.0)

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._control is not None and request.path.startswith("/_"):
            return await self._control(request)
        return await self.serve(request)


class StandInProcess:
    """`python -m MODULE OPTIONS`, started on entering and ended on leaving; `port` 0 takes any.

    It says in one line of JSON on which port it listens, and is told by HTTP what to do.
    """

    def __init__(self, module: str, options: Iterable[str], port: int = 0) -> None:
        self.port = port
        self._command = [module, *options]
        self._process: Forked | None = None

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

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None, "the stand-in was not started"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens; after `stop` on the same port again."""
        hears, says = os.pipe()
        with os.fdopen(hears, encoding="utf-8") as heard:
            process = forked(*self._command, "--port", str(self.port), stdout=says, stderr=2)
            os.close(says)
            self._process = process
            line = heard.readline()
        assert line, f"the stand-in ended with {process.wait(DEADLINE)} before it listened"
        self.port = json.loads(line)["port"]

    def stop(self) -> None:
        """End it; calls under way are cut off."""
        if self._process is None:
            return
        process, self._process = self._process, None
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(DEADLINE)

    def clear(self) -> None:
        """Forget all that was scripted."""
        self.say("DELETE", "/_script")

    def down(self, seconds: float) -> None:
        """Have it refuse connections for so long."""
        self.say("POST", "/_down", {"seconds": seconds})

    def say(self, method: str, path: str, document: Any = None) -> bytes:
        """Tell it something; what it answers."""
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(self.url + path, data=body, method=method)
        with urllib.request.urlopen(request, timeout=DEADLINE) as answer:
            said: bytes = answer.read()
        return said
