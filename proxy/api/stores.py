"""Stores that a plugin can have: a SQLite file, a Redis, a DynamoDB table.

All of them belong to the plugin that asked for them and are closed when it ends. Nothing
of a request waits for one longer than its patience.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

__all__ = ["ConditionError", "DynamoTable", "RedisScripts", "SqliteFile", "StoreError"]

_Answer = TypeVar("_Answer")


class StoreError(Exception):
    """A store could not be reached, was late, or refused; the text says what to do."""

    code: str = ""
    """What the server called it, where there is one that has names for errors."""


class SqliteFile(Protocol):
    """One file that one thread reads and writes (WAL); for the file of one process."""

    @property
    def url(self) -> str:
        """Where it is, as it is told to people."""

    async def ask(self, job: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Have the thread do `job`, which only reads. Raises StoreError."""

    async def write(self, job: Callable[[sqlite3.Connection], _Answer]) -> _Answer:
        """Have the thread do `job` within a transaction that it shares with others waiting.

        All jobs that wait are done in one transaction (group commit), each in a savepoint of
        its own: one that raises undoes itself alone. Returns when it is committed. Raises
        StoreError, or what `job` raised.
        """


class RedisScripts(Protocol):
    """A Redis, of which a plugin uses keys below its own prefix."""

    @property
    def url(self) -> str:
        """Where it is, without credentials."""

    def key(self, *parts: str) -> str:
        """Return a key of the plugin's; all keys of one plugin have the same slot."""

    async def run(
        self, script: str, keys: Sequence[str], values: Sequence[str | bytes | float] = ()
    ) -> Any:
        """Run a Lua script, given as its text; its answer in bytes, numbers, lists.

        Raises StoreError. A script may be sent twice where a connection dies.
        """

    async def call(self, command: str, *values: str | bytes | float) -> Any:
        """Send one command. Raises StoreError."""

    async def listen(self, channel: str, told: Callable[[bytes], None]) -> None:
        """Hand each message that is published on a channel to `told`, until this is cancelled.

        An empty one says that listening has begun (again): what was said before is not known.
        Have it run by `Services.spawn`, and publish by ``call("PUBLISH", channel, …)``.
        """


class DynamoTable(Protocol):
    """A table of DynamoDB, through boto3 in a bounded pool of threads."""

    @property
    def name(self) -> str:
        """The table's name."""

    async def call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Call an operation of the low-level client, such as ``put_item``.

        `TableName` is filled in where the operation has one. Raises ConditionError where a
        condition did not hold, StoreError for the rest.
        """


class ConditionError(StoreError):
    """A conditional write found the condition not to hold."""
