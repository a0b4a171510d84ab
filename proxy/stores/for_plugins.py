"""The stores that plugins can have; what they need is imported when one asks for it."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from proxy.stores.plugin_tables import migrate_plugin
from proxy.stores.sqlite_file import SqliteDoor, SqliteFile

if TYPE_CHECKING:
    from proxy.stores.dynamo import DynamoTable
    from proxy.stores.redis_link import RedisLink

__all__ = ["StoresForPlugins"]

_IN_MEMORY = Path(":memory:")
_DEFAULT_PREFIX = "default"


class StoresForPlugins:
    """One for the whole process. Whatever it returns is closed by who asked for it."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of the configuration file: relative paths begin there."""
        self._folder = folder.absolute()
        self._files: dict[Path, SqliteFile] = {}

    def sqlite(self, plugin: str, path: Path, migrations: Sequence[str]) -> SqliteDoor:
        """Return a door to a file, which has one thread, whoever else has a door to it.

        ``:memory:`` is the plugin's own, which ends with its last door: a reload opens the next
        one before the last is closed, and what is in it is still there.
        """
        file = self._file(plugin, path)
        return file.door(
            partial(migrate_plugin, url=file.url, plugin=plugin, migrations=tuple(migrations))
        )

    def redis(self, plugin: str, url: str) -> "RedisLink":
        """Return a link whose keys begin with ``crossfade:{plugin:<name>}``.

        With ``?prefix=shop`` in the URL it is ``crossfade:{shop:plugin:<name>}``. Raises
        ValueError for a URL that is none of Redis.
        """
        from proxy.stores.redis_link import RedisLink, place_of

        if not url.startswith(("redis://", "rediss://")):
            raise ValueError("a Redis is redis://host:6379/0, or rediss:// with TLS")
        place = place_of(url)
        above = "" if place.prefix == _DEFAULT_PREFIX else f"{place.prefix}:"
        return RedisLink(place._replace(prefix=f"{above}plugin:{plugin}"))

    def dynamodb(self, table: str, region: str, endpoint: str) -> "DynamoTable":
        """Return a table; nothing is imported or asked before it is used."""
        from proxy.stores.dynamo import DynamoTable

        return DynamoTable(table, region, endpoint)

    def _file(self, plugin: str, path: Path) -> SqliteFile:
        inside = path == _IN_MEMORY
        place = Path(f"{_IN_MEMORY}{plugin}") if inside else (self._folder / path).resolve()
        file = self._files.get(place)
        if file is None:
            file = SqliteFile(None if inside else place, closed=partial(self._files.pop, place))
            self._files[place] = file
        return file
