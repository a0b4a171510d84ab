"""Small documents in the file of the journal."""

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.api.stores import SqliteFile

__all__ = ["SqliteShelf"]

_MOST: Final = 1000
_PUT: Final = "INSERT OR REPLACE INTO cost_shelf (kind, key, document) VALUES (?, ?, ?)"
_ALL: Final = "SELECT key, document FROM cost_shelf WHERE kind = ? ORDER BY key LIMIT ?"
_GET: Final = "SELECT document FROM cost_shelf WHERE kind = ? AND key = ?"
_DELETE: Final = "DELETE FROM cost_shelf WHERE kind = ? AND key = ?"


class SqliteShelf:
    """A `books.Shelf`."""

    def __init__(self, file: SqliteFile) -> None:
        """Take a file that was made with the migrations of the journal."""
        self._file = file

    async def put(self, kind: str, key: str, document: Mapping[str, Any]) -> None:
        """Keep a document, in the place of an earlier one. Raises StoreError."""
        text = orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
        await self._file.write(lambda on: _done(on, _PUT, kind, key, text))

    async def get(self, kind: str, key: str) -> Mapping[str, Any] | None:
        """Return a document. Raises StoreError."""
        row = await self._file.ask(lambda on: on.execute(_GET, (kind, key)).fetchone())
        found: Mapping[str, Any] | None = None if row is None else orjson.loads(row[0])
        return found

    async def all(self, kind: str) -> Mapping[str, Mapping[str, Any]]:
        """Return all documents of a kind (1000 at most), by key. Raises StoreError."""
        rows = await self._file.ask(lambda on: on.execute(_ALL, (kind, _MOST)).fetchall())
        return {key: orjson.loads(text) for key, text in rows}

    async def delete(self, kind: str, key: str) -> bool:
        """Forget a document; whether there was one. Raises StoreError."""
        return await self._file.write(lambda on: _done(on, _DELETE, kind, key)) > 0


def _done(connection: sqlite3.Connection, query: str, *values: str) -> int:
    return connection.execute(query, values).rowcount
