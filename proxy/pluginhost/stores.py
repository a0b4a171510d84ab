"""Where the stores of plugins come from; the control plane hands it in."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn, Protocol

from proxy.api.stores import DynamoTable, RedisScripts, SqliteFile

__all__ = [
    "NoStores",
    "Opened",
    "OpenedDynamo",
    "OpenedRedis",
    "OpenedSqlite",
    "PluginStores",
]


class Opened(Protocol):
    """What was opened and has to be closed."""

    async def close(self) -> None:
        """Close it, in bounded time."""


class OpenedSqlite(SqliteFile, Opened, Protocol):
    """A SQLite file that can be closed."""


class OpenedRedis(RedisScripts, Opened, Protocol):
    """A Redis that can be closed."""


class OpenedDynamo(DynamoTable, Opened, Protocol):
    """A table that can be closed."""


class PluginStores(Protocol):
    """Opens stores for plugins; see `proxy.api.Services` for what they are."""

    def sqlite(self, plugin: str, path: Path, migrations: Sequence[str]) -> OpenedSqlite:
        """Return a file, with the tables of this plugin."""

    def redis(self, plugin: str, url: str) -> OpenedRedis:
        """Return a Redis, with the keys of this plugin. Raises ValueError."""

    def dynamodb(self, table: str, region: str, endpoint: str) -> OpenedDynamo:
        """Return a table."""


class NoStores:
    """Refuses every store: for a host that was given none."""

    def sqlite(self, plugin: str, path: Path, migrations: Sequence[str]) -> NoReturn:  # noqa: ARG002
        """Raise RuntimeError."""
        raise RuntimeError("this host gives no stores to plugins")

    def redis(self, plugin: str, url: str) -> NoReturn:  # noqa: ARG002
        """Raise RuntimeError."""
        raise RuntimeError("this host gives no stores to plugins")

    def dynamodb(self, table: str, region: str, endpoint: str) -> NoReturn:  # noqa: ARG002
        """Raise RuntimeError."""
        raise RuntimeError("this host gives no stores to plugins")
