"""The stores of a plugin in a test: real ones, for whose answers the jumping clock waits."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from proxy.api.testing.clock import JumpingClock

__all__ = ["HeldDynamo", "HeldRedis", "HeldSqlite"]

_Answer = TypeVar("_Answer")


class HeldSqlite:
    """A `SqliteFile` whose thread is waited for before time passes."""

    def __init__(self, clock: JumpingClock, real: Any) -> None:
        """Ask `real`, as `proxy.stores` has opened it."""
        self._clock = clock
        self._real = real

    @property
    def url(self) -> str:
        """Where it is, as it is told to people."""
        return str(self._real.url)

    async def ask(self, job: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Have the thread do `job`, which only reads. Raises StoreError."""
        with self._clock.held():
            answer: _Answer = await self._real.ask(job)
            return answer

    async def write(self, job: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Have the thread do `job` within a transaction. Raises StoreError, or what it raised."""
        with self._clock.held():
            answer: _Answer = await self._real.write(job)
            return answer

    async def close(self) -> None:
        """Take no more."""
        await self._real.close()


class HeldRedis:
    """A `RedisScripts` whose answers are waited for before time passes."""

    def __init__(self, clock: JumpingClock, real: Any) -> None:
        """Ask `real`, as `proxy.stores` has opened it."""
        self._clock = clock
        self._real = real

    @property
    def url(self) -> str:
        """Where it is, without credentials."""
        return str(self._real.url)

    def key(self, *parts: str) -> str:
        """Return a key of the plugin's."""
        return str(self._real.key(*parts))

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        """Run a Lua script, given as its text. Raises StoreError."""
        with self._clock.held():
            return await self._real.run(script, keys, values)

    async def call(self, command: str, *values: str | bytes | float) -> Any:
        """Send one command. Raises StoreError."""
        with self._clock.held():
            return await self._real.call(command, *values)

    async def listen(self, channel: str, told: Callable[[bytes], None]) -> None:
        """Hand each message of a channel to `told` until cancelled; nobody waits for these."""
        await self._real.listen(channel, told)

    async def close(self) -> None:
        """Take no more."""
        await self._real.close()


class HeldDynamo:
    """A `DynamoTable` whose threads are waited for before time passes."""

    def __init__(self, clock: JumpingClock, real: Any) -> None:
        """Ask `real`, as `proxy.stores` has opened it."""
        self._clock = clock
        self._real = real

    @property
    def name(self) -> str:
        """The table's name."""
        return str(self._real.name)

    async def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation of the low-level client. Raises ConditionError, StoreError."""
        with self._clock.held():
            answer: Mapping[str, Any] = await self._real.call(operation, **parameters)
            return answer

    async def close(self) -> None:
        """Take no more."""
        await self._real.close()
