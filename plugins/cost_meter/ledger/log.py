"""A file to which is appended what has to outlive this process, however it ends.

What `append` was given is in the kernel's hands when it returns: a kill takes nothing of it away.
Power that fails may, as in a database without ``fsync``.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from proxy.api.stores import StoreError

__all__ = ["Log"]

_HOW: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
_ONLY_MINE: Final = 0o600

_write = ctypes.PyDLL(None, use_errno=True).write
_write.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t)
_write.restype = ctypes.c_ssize_t
"""As `os.write`, but it keeps the interpreter: that writes into memory of the kernel, and giving
the interpreter to another thread and waiting until that lets go of it takes much longer."""


class Log:
    """One file that one journal writes. Its calls take microseconds, and wait for no other."""

    def __init__(self, path: Path) -> None:
        """Make the file. Raises FileExistsError where there is one, StoreError without a disk."""
        self.path = path
        self.size = 0
        """Bytes, of all that was appended."""
        self._torn = False
        try:
            self._file = os.open(path, _HOW | os.O_EXCL, _ONLY_MINE)
        except FileExistsError:
            raise
        except OSError as error:
            raise _lost(path, error) from error

    def append(self, line: bytes) -> None:
        """Write a line; its end is added. Raises StoreError, and then it is not there."""
        whole = b"\n%b\n" % line if self._torn else line + b"\n"
        written = _write(self._file, whole, len(whole))
        while written < 0 and ctypes.get_errno() == errno.EINTR:
            written = _write(self._file, whole, len(whole))
        if written < 0:
            number = ctypes.get_errno()
            raise _lost(self.path, OSError(number, os.strerror(number)))
        self.size += written
        self._torn = written < len(whole)
        if written < len(whole) - 1:  # else all is there but its end, which the next one brings
            raise StoreError(f"{self.path}: the disk took a part of a line only; make room")

    def rewrite(self, lines: Sequence[bytes]) -> None:
        """Have nothing but these lines in it. Raises StoreError, and then it is as it was."""
        fresh = self.path.with_name(f"{self.path.name}.new")
        try:
            with suppress(FileNotFoundError):
                fresh.unlink()
            log = Log(fresh)
            try:
                if lines:
                    log.append(b"\n".join(lines))
                fresh.replace(self.path)
            except BaseException:
                os.close(log._file)
                with suppress(OSError):  # what it says would be read as well, and it grows old
                    fresh.unlink()
                raise
        except OSError as error:
            raise _lost(self.path, error) from error
        os.close(self._file)
        self._file, self.size, self._torn = log._file, log.size, log._torn

    def close(self) -> None:
        """Append nothing more; the file stays."""
        os.close(self._file)


def _lost(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path} cannot be written ({error.strerror}); look at the disk")
