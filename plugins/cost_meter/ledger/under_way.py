"""What is in a journal's log and not in its tables yet.

Kept as plain values, so that after a reload the next journal of the process goes on with it, also
where that was made from other sources. Both write logs of their own for a while, and tell each
other through these values what has ended; the one that stays takes the other's log away.
"""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from proxy.api.stores import StoreError

from ..row import Row
from .entries import Ended, Never, Planned, line_of, read_line
from .log import Log

__all__ = ["MOST", "UnderWay"]

MOST: Final = 200_000
"""So many at most; more come together only where the tables cannot be written for long."""

_LARGE: Final = 8 << 20
"""Bytes of a log that is written anew, with only what counts."""
_TOO_MANY: Final = 10_000
"""So many lines are not written anew: that would take too long, and there will be fewer."""


class UnderWay:
    """Attempts by id, each with the line by which it is found again after a kill."""

    def __init__(self, path: Path, memory: dict[str, Any]) -> None:
        """`path` is the journal's, absolute; `memory` what the process knows of journals."""
        mine = memory.setdefault(str(path), {"lines": {}, "left": [], "never": {}, "open": []})
        self._lines: dict[str, tuple[float, bytes]] = mine["lines"]
        """When it has ended at the latest (Unix seconds; infinite: it has), and the line."""
        self._left: list[str] = mine["left"]
        """Logs of journals of this process that are closed."""
        self._never: dict[str, None] = mine["never"]
        """What was withdrawn while several logs were open: each of them may have the plan."""
        self._open: list[str] = mine["open"]
        """Logs that journals of this process write."""
        self._unsaid: list[bytes] = []
        """That something was withdrawn, which the disk did not take."""
        self._log: Log | None = None
        self._shortest = 0
        """Bytes of the log when it was written anew last."""
        self._closed = False
        self.trouble = ""
        """Why the last line could not be written; empty if it could."""

    def __len__(self) -> int:
        return len(self._lines)

    def keep(self, log: Log) -> None:
        """Write into this log from now on; without one, nothing outlives the process."""
        self._log = log
        self._open.append(str(log.path))

    def plan(self, row: Row, until: float) -> None:
        """Note what is about to be sent. Raises StoreError, ValueError."""
        if self._closed:
            raise StoreError("the journal is closed")
        if not until < math.inf:
            raise ValueError(f"the attempt {row.id} ends at {until}, which is no time")
        if len(self._lines) >= MOST:
            raise StoreError(f"{MOST} attempts wait to be written already; look at the disk")
        line = line_of(Planned(row, float(until)))
        self._append(line)
        self._lines[row.id] = float(until), line

    def end(self, row: Row) -> bool:
        """Note an end; whether there was room for it. Raises ValueError.

        Where the log cannot be written, the plan stands for it until the tables have it.
        """
        if len(self._lines) >= MOST and row.id not in self._lines:
            return False
        line = line_of(Ended(row))
        with suppress(StoreError):
            self._append(line)
        self._lines[row.id] = math.inf, line
        return True

    def withdraw(self, attempt_id: str) -> None:
        """Note that a plan was not carried out."""
        if self._lines.pop(attempt_id, None) is None:
            return
        if len(self._open) > 1:
            self._never[attempt_id] = None
        line = line_of(Never(attempt_id))
        try:
            self._append(line)
        except StoreError:
            self._unsaid.append(line)

    def written(self, attempt_id: str) -> None:
        """Take in that the tables have it."""
        self._lines.pop(attempt_id, None)

    def planned(self) -> int:
        """Return how many have no end yet."""
        return sum(until < math.inf for until, _ in self._lines.values())

    def overdue(self, now: float) -> Iterator[Row]:
        """Yield what counts for attempts that have ended before `now` at the latest."""
        for until, line in self._lines.values():
            if until < now:
                told = read_line(line)
                if isinstance(told, Planned):
                    yield told.row

    def ended(self) -> Iterator[Row]:
        """Yield ends that are not in the tables."""
        for until, line in self._lines.values():
            if until == math.inf:
                told = read_line(line)
                if isinstance(told, Ended):
                    yield told.row

    def shorten(self) -> None:
        """Write the log anew where it has become long, or others have left theirs."""
        log, left = self._log, tuple(self._left)
        if log is None or len(self._lines) > _TOO_MANY:
            return
        with suppress(StoreError):
            while self._unsaid:
                self._append(self._unsaid[-1])
                self._unsaid.pop()
        if not left and log.size <= max(_LARGE, 2 * self._shortest):
            return
        with suppress(StoreError, OSError):
            never = [line_of(Never(one)) for one in self._never]
            log.rewrite([*(line for _, line in self._lines.values()), *never, *self._unsaid])
            self._unsaid.clear()
            self._shortest = log.size
            for path in left:
                Path(path).unlink(missing_ok=True)
                self._left.remove(path)
            if len(self._open) == 1:
                self._never.clear()

    def close(self) -> None:
        """Write no more; whoever stays takes the log away, or whoever comes next reads it."""
        self._closed = True
        if self._log is None:
            return
        self._log.close()
        self._open.remove(str(self._log.path))
        self._left.append(str(self._log.path))  # others may have copied plans from it
        self._log = None
        if self._lines or self._open:
            return
        for path in self._left:
            Path(path).unlink(missing_ok=True)
        self._left.clear()
        self._never.clear()

    def _append(self, line: bytes) -> None:
        if self._log is None:
            return
        try:
            self._log.append(line)
        except StoreError as error:
            self.trouble = str(error)
            raise
        self.trouble = ""
