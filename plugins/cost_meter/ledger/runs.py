"""Which processes have logs beside a journal, and whether they are still alive.

Each holds a lock on a small file of its own for as long as it lives. The kernel releases it,
however the process ends; a number of a process would be another's before long. A reload makes a
second journal in the same process, under the same name: the lock is a shared one, and somebody is
alive as long as it cannot be had alone. Each journal has a log of its own.
"""

import fcntl
import glob
import os
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from .log import Log

__all__ = ["Run"]


class Run:
    """The name of this process, its lock, and whose files there are."""

    def __init__(self, journal: Path, name: str) -> None:
        """`journal` is the file beside which locks are; `name` is this process's, for its life."""
        self.name = name
        self._journal = journal
        self._lock: int | None = None

    def take(self) -> None:
        """Hold the lock until `release`. Raises OSError where no file can be made."""
        path = self._path(self.name)
        while self._lock is None:
            # Who looks whether we live holds it alone for a moment: that is waited for.
            lock = _locked(path, os.O_CREAT, fcntl.LOCK_SH)
            if _is(lock, path):
                self._lock = lock
            else:  # it was taken away before we had it: a lock that nobody would find
                os.close(lock)

    def release(self) -> None:
        """Let go of it; the last one who does so takes the file away.

        Logs stay: whoever comes next settles what they say.
        """
        if self._lock is None:
            return
        os.close(self._lock)
        self._lock = None
        self._take_away(self.name, ())

    def lives(self, name: str) -> bool:
        """Tell whether the process of that name has not ended."""
        try:
            os.close(_locked(self._path(name), 0, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False
        return False

    def log(self) -> Log:
        """Return a log of its own, empty. Raises StoreError."""
        for number in count(1):
            with suppress(FileExistsError):
                return Log(self._journal.with_name(f"{self._logs(self.name)}{number}"))
        raise AssertionError("numbers do not end")

    def logs(self, name: str) -> list[Path]:
        """Return the logs that journals of a process have written or write."""
        return sorted(self._journal.parent.glob(f"{glob.escape(self._logs(name))}*"))

    def others(self) -> list[str]:
        """Return the names of other processes that have files here."""
        prefix = f"{self._journal.name}-"
        found = {
            path.name.removeprefix(prefix).split("-")[1]
            for kind in ("run", "log")
            for path in self._journal.parent.glob(f"{glob.escape(prefix)}{kind}-*")
        }
        return sorted(found - {self.name})

    def dead(self) -> list[str]:
        """Return the names of those that have ended. Raises OSError."""
        return [name for name in self.others() if not self.lives(name)]

    def forget(self, name: str) -> None:
        """Take away the files of a process that has ended; of one that lives, nothing."""
        self._take_away(name, self.logs(name))

    def _take_away(self, name: str, logs: Sequence[Path]) -> None:
        path, lock = self._path(name), -1
        with suppress(FileNotFoundError):
            try:
                lock = _locked(path, 0, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
        try:
            for one in (*logs, path):
                with suppress(OSError):
                    one.unlink()
        finally:
            if lock >= 0:
                os.close(lock)

    def _path(self, name: str) -> Path:
        return self._journal.with_name(f"{self._journal.name}-run-{name}")

    def _logs(self, name: str) -> str:
        return f"{self._journal.name}-log-{name}-"


def _is(opened: int, path: Path) -> bool:
    """Tell whether a file that is open is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


def _locked(path: Path, making: int, how: int) -> int:
    opened = os.open(path, os.O_RDWR | os.O_CLOEXEC | making, 0o600)
    try:
        fcntl.flock(opened, how)
    except BaseException:
        os.close(opened)
        raise
    return opened
