"""The way to Redis: where it is, what a call may take, and how its failures are told."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from proxy.stores.rollouts import StoreLostError

__all__ = ["AGAIN_SECONDS", "PATIENCE", "RedisLink", "RedisPlace", "end_all", "lua", "place_of"]

PATIENCE: Final = 1.9
"""Seconds that a call waits before the store counts as lost."""

AGAIN_SECONDS: Final = 0.5
"""After so many seconds it is listened again where that was cut off."""

_LISTEN_SECONDS: Final = 30.0
_CONNECTIONS: Final = 8
_CANCELS: Final = 20
_LUA: Final = Path(__file__).with_name("lua")
_PREFIX = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_QUERY: Final = frozenset({"prefix", "copy"})


class RedisPlace(NamedTuple):
    """Where a Redis is, and which keys in it are ours."""

    host: str
    port: int
    database: int
    tls: bool
    prefix: str
    username: str | None
    password: str | None

    @property
    def url(self) -> str:
        """The address without credentials."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"redis{'s' if self.tls else ''}://{host}:{self.port}/{self.database}"

    def __repr__(self) -> str:
        """Show the address, never the password."""
        return f"RedisPlace({self.url!r}, prefix={self.prefix!r})"

    def key(self, *parts: str) -> str:
        """Return the key of this name; all of them have the same slot in a cluster."""
        return ":".join((f"crossfade:{{{self.prefix}}}", *parts))


def place_of(url: str) -> RedisPlace:
    """Read ``redis[s]://[user:password@]host[:port][/database][?prefix=name]``.

    Raises ValueError that says what is wrong, without credentials.
    """
    try:
        parts = urlsplit(url)
        port, database = parts.port or 6379, int(parts.path.strip("/") or 0)
    except ValueError:  # whose text may have the password in it
        raise ValueError("a redis:// address is redis://host:6379/0: host, port, number") from None
    query = parse_qs(parts.query, keep_blank_values=True)
    if unknown := sorted(query.keys() - _QUERY):
        raise ValueError(f"a redis:// address takes ?prefix=, not {', '.join(unknown)[:60]!r}")
    prefix = query.get("prefix", ["default"])[-1]
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError("prefix is 1 to 64 letters, digits and .:_-")
    return RedisPlace(
        host=parts.hostname or "127.0.0.1",
        port=port,
        database=database,
        tls=parts.scheme == "rediss",
        prefix=prefix,
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
    )


class RedisLink:
    """A pool of connections, and the scripts that are run over it.

    A connection that has died is replaced, once for each call: every script can be sent
    again without harm. A server that does not answer is not asked twice.
    """

    def __init__(self, place: RedisPlace, patience: float = PATIENCE) -> None:
        """Connect to nothing yet; `patience` see `PATIENCE`."""
        self.place = place
        self.patience = patience
        self.client = Redis(connection_pool=_pool(place, patience))
        self._scripts: dict[str, AsyncScript] = {}
        self._under_way: set[asyncio.Future[Any]] = set()

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return self.place.url

    def key(self, *parts: str) -> str:
        """Return the key of this name; all of them have the same slot in a cluster."""
        return self.place.key(*parts)

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        """Run a script, given as its text; its answer in bytes, numbers and lists.

        Raises StoreLostError.
        """
        prepared = self._scripts.get(script)
        if prepared is None:
            prepared = self._scripts[script] = self.client.register_script(script)
        return await self._bounded(prepared(keys, values))

    async def call(self, command: str, *values: str | bytes | float) -> Any:
        """Send a command, and return its answer. Raises StoreLostError."""
        answer = self.client.execute_command(command, *values)  # type: ignore[no-untyped-call]
        return await self._bounded(answer)

    async def listen(
        self, channel: str, told: Callable[[bytes], None], again: float = AGAIN_SECONDS
    ) -> None:
        """Hand each message on a channel to `told`, until this is cancelled.

        An empty one says that listening has begun (again): what was said before is not known.
        After an outage it listens again, `again` seconds later.
        """
        while True:
            listener = self.client.pubsub()
            with suppress(RedisError, OSError, TimeoutError):
                await listener.subscribe(channel)
                while True:
                    message = await listener.get_message(timeout=_LISTEN_SECONDS)
                    if message is not None:
                        data = message["data"]
                        told(data if isinstance(data, bytes) else b"")
            with suppress(RedisError, OSError, TimeoutError):
                await listener.aclose()  # type: ignore[no-untyped-call]
            await asyncio.sleep(again)

    async def close(self) -> None:
        """Close all connections; calls under way end with StoreLostError."""
        await end_all(self._under_way)
        await self.client.aclose()
        await self.client.connection_pool.disconnect()

    async def _bounded(self, answer: Awaitable[Any]) -> Any:
        """Wait for an answer, but not longer than patience lasts.

        In a task of its own: when a call is given up, putting its connection in order may take
        the client a while, too.
        """
        task = asyncio.ensure_future(answer)
        self._under_way.add(task)
        task.add_done_callback(self._over)
        try:
            await asyncio.wait((task,), timeout=self.patience)
        finally:
            waited_in_vain = not task.done()
            task.cancel()
        if waited_in_vain:
            said = f"did not answer within {self.patience:g} s"
        elif task.cancelled():
            said = "was closed"
        else:
            try:
                return task.result()
            except (RedisError, OSError, TimeoutError) as error:
                said = str(error) or type(error).__name__
            except RuntimeError:  # so uvloop says that a connection is closed already
                said = "Connection lost."
        raise StoreLostError(f"{self.place.url}: {said}")

    def _over(self, task: asyncio.Future[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # of one that was given up nobody else asks


@cache
def lua(name: str) -> str:
    """Return the text of `lua/<name>.lua`."""
    return (_LUA / f"{name}.lua").read_text(encoding="utf-8")


async def end_all(tasks: Collection[asyncio.Future[Any]]) -> None:
    """Cancel tasks and wait for their end, a second at most.

    Again and again, since `asyncio.wait_for` loses a cancellation that comes as it returns.
    """
    for _ in range(_CANCELS):
        ending = [task for task in tasks if not task.done()]
        if not ending:
            break
        for task in ending:
            task.cancel()
        await asyncio.wait(ending, timeout=0.05)


def _pool(place: RedisPlace, patience: float) -> BlockingConnectionPool:
    return BlockingConnectionPool(
        max_connections=_CONNECTIONS,
        timeout=patience,
        connection_class=SSLConnection if place.tls else Connection,
        host=place.host,
        port=place.port,
        db=place.database,
        username=place.username,
        password=place.password,
        protocol=2,
        socket_timeout=patience,
        socket_connect_timeout=patience,
        socket_keepalive=True,
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
