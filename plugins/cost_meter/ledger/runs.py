"""Which process has an attempt under way, and whether that process is still alive.

Each holds a lock on a small file of its own beside the journal for as long as it lives. The
kernel releases it, however the process ends; a number of a process would be another's before long.
A reload makes a second journal in the same process, under the same name: the lock is a shared one,
and somebody is alive as long as it cannot be had alone.
"""

import fcntl
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["Run"]


class Run:
    """The name of this process, and its lock."""

    def __init__(self, journal: Path, name: str) -> None:
        """`journal` is the file beside which locks are; `name` is this process's, for its life."""
        self.name = name
        self._journal = journal
        self._lock: int | None = None

    def take(self) -> None:
        """Hold the lock until `release`. Raises OSError where no file can be made."""
        if self._lock is None:
            # Who looks whether we live holds it alone for a moment: that is waited for.
            self._lock = _locked(self._path(self.name), os.O_CREAT, fcntl.LOCK_SH)

    def release(self) -> None:
        """Let go of it; the last one who does so takes the file away."""
        if self._lock is None:
            return
        os.close(self._lock)
        self._lock = None
        if not self.lives(self.name):
            self.forget(self.name)

    def lives(self, name: str) -> bool:
        """Tell whether the process of that name has not ended."""
        try:
            os.close(_locked(self._path(name), 0, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def forget(self, name: str) -> None:
        """Take away the file of a process that has ended."""
        with suppress(OSError):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self._journal.with_name(f"{self._journal.name}-run-{name}")


def _locked(path: Path, making: int, how: int) -> int:
    opened = os.open(path, os.O_RDWR | os.O_CLOEXEC | making, 0o600)
    try:
        fcntl.flock(opened, how)
    except BaseException:
        os.close(opened)
        raise
    return opened
