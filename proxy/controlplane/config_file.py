"""The configuration file, written by the proxy: whole or not at all, and put back if need be."""

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from proxy.api.changes import Change, ChangeRefusedError
from proxy.config.patching import patched

__all__ = ["Rewrite"]


class Rewrite:
    """A change of the file that is prepared, and then made or not. Reads and writes: off the loop.

    - `content`: what the file will hold
    - `undo`: the changes that make it what it was
    """

    def __init__(self, path: Path, changes: Sequence[Change]) -> None:
        """Read the file and make the changes. Raises ChangeRefusedError, OSError."""
        self._path = path
        self._file = path.resolve(strict=True)  # what a symbolic link leads to is written
        self.before = self._file.read_bytes()
        self.content, self.undo = patched(self.before, changes)

    def write(self) -> None:
        """Put the new file in the place of the old one. Raises ChangeRefusedError."""
        self._replace(self.before, self.content)

    def put_back(self) -> None:
        """Put the old content back, unless somebody has written another one meanwhile."""
        with suppress(ChangeRefusedError):
            self._replace(self.content, self.before)

    def _replace(self, before: bytes, after: bytes) -> None:
        try:
            if self._file.read_bytes() != before:
                raise ChangeRefusedError([f"{self._path} was changed meanwhile; try again"])
            self._write(after)
        except OSError as error:
            reason = (error.strerror or type(error).__name__).lower()
            said = (
                f"{self._path} cannot be written ({reason}); make it and its folder writable "
                "for the proxy, or make the change where the file comes from"
            )
            raise ChangeRefusedError([said]) from None

    def _write(self, content: bytes) -> None:
        """Write beside the file, then rename: whoever reads it sees the old one or the new one."""
        known = self._file.stat()
        beside = self._file.with_name(f".{self._file.name}.{secrets.token_hex(4)}")
        writing = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(writing, "wb") as file:
                if (known.st_uid, known.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(writing, known.st_uid, known.st_gid)
                os.fchmod(writing, known.st_mode & 0o7777)
                file.write(content)
                file.flush()
                os.fsync(writing)
            beside.replace(self._file)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        with suppress(OSError):  # some file systems cannot; the file is there all the same
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
