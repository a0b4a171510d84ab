"""Which file a journal is, and what it has in common with another of the same name.

A file that is copied has the name of the first one in it, and both go on with numbers of their own.
What tells them apart is where they are, and what does, whether one is all that the other was: the
row of a number.
"""

import secrets
import sqlite3
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from platform import node
from typing import Final, NamedTuple

from proxy.api.stores import SqliteFile

__all__ = ["Branch", "Mark"]

_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_META: Final = "SELECT value FROM cost_meta WHERE name = ?"
_ID: Final = "SELECT id FROM cost_rows WHERE number = ?"
_RENAME: Final = "UPDATE cost_meta SET value = ? WHERE name = 'replica' AND value = ?"


class Mark(NamedTuple):
    """A place in a journal."""

    number: int = 0
    """Of a row; 0: before the first one."""
    id: str = ""
    """The row's; empty if it is not kept any more."""


class Branch:
    """The file of one journal."""

    def __init__(self, file: SqliteFile) -> None:
        """Nothing is asked yet; the file is there once it was opened."""
        self._file = file
        self._where = ""

    async def holder(self) -> str:
        """Return what is the same for all who have this file open, and for nobody else.

        It stays so until the machine starts again. Raises StoreError.
        """
        if not self._where:
            url, name = self._file.url, await self.name()
            self._where = await self._file.ask(lambda _: _place_of(url, name))
        return self._where

    async def name(self) -> str:
        """Return the journal's name. Raises StoreError."""
        return await self._file.ask(lambda on: str(on.execute(_META, ("replica",)).fetchone()[0]))

    async def brought(self) -> Mark:
        """Return up to where it has been brought to the ledger of the fleet. Raises StoreError."""

        def read(on: sqlite3.Connection) -> Mark:
            number = int(on.execute(_META, ("brought",)).fetchone()[0])
            row = on.execute(_ID, (number,)).fetchone()
            return Mark(number, "" if row is None else row[0])

        return await self._file.ask(read)

    async def has(self, mark: Mark) -> bool:
        """Tell whether that row is in this file: all before it are then, too. Raises StoreError."""
        return await self._file.ask(lambda on: _has(on, mark))

    async def rename(self, before: str) -> str:
        """Give it another name than `before`, unless that was done meanwhile; return its name.

        What has been brought stays what the other one counts; totals begin anew with what is
        brought from now on. Raises StoreError.
        """
        fresh = secrets.token_hex(8)

        def write(on: sqlite3.Connection) -> str:
            if on.execute(_RENAME, (fresh, before)).rowcount:
                on.execute("DELETE FROM cost_shared")
            return str(on.execute(_META, ("replica",)).fetchone()[0])

        return await self._file.write(write)


def _has(on: sqlite3.Connection, mark: Mark) -> bool:
    if not mark.id:
        return True
    row = on.execute(_ID, (mark.number,)).fetchone()
    if row is not None:
        return bool(row[0] == mark.id)
    (oldest,) = on.execute("SELECT min(number) FROM cost_rows").fetchone()
    return oldest is not None and oldest > mark.number  # it was, and is not kept any more


def _place_of(url: str, name: str) -> str:
    boot = node()
    with suppress(OSError):
        boot = _BOOT.read_text().strip()
    try:
        found = Path(url.removeprefix("sqlite://")).stat()
    except OSError:  # in memory, of which there are no copies
        return name
    what = f"{boot}/{found.st_dev}/{found.st_ino}"
    return blake2b(what.encode(), digest_size=12).hexdigest()
