"""What processes that have ended left in their logs: ends to be written, and what has none."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from ..row import Row
from .entries import Ended, Never, Planned, read_line

__all__ = ["LOST", "Left", "left_in", "lost"]

LOST: Final = "lost"
"""How an attempt has failed of which nobody has ever told the end."""


_LONGEST: Final = 1 << 16
"""Bytes that are read at once; lines of ours are far shorter."""


class Left(NamedTuple):
    """What some logs of one process say, as a whole."""

    planned: tuple[Planned, ...]
    """Attempts without an end."""
    ended: tuple[Row, ...]
    """Ends, which may be in the tables already."""


def left_in(logs: Iterable[Path]) -> Left:
    """Read logs. Raises OSError."""
    planned: dict[str, Planned] = {}
    ended: dict[str, Row] = {}
    never: set[str] = set()
    for told in _lines(logs):
        match told:
            case Planned(row, _):
                planned[row.id] = told
            case Ended(row):
                ended.setdefault(row.id, row)  # of two ends the first counts
            case Never(attempt_id):
                never.add(attempt_id)
    over = never | ended.keys()
    open_ones = tuple(one for name, one in planned.items() if name not in over)
    return Left(open_ones, tuple(ended.values()))


def lost(planned: Row, now: float) -> Row:
    """Return the row of an attempt whose end is given up: it counts as was planned, marked."""
    return planned._replace(
        settled=now,
        outcome="unknown",
        failure=LOST,
        usage_source="estimate",
        estimated=True,
    )


def _lines(logs: Iterable[Path]) -> Iterator[Planned | Ended | Never]:
    for path in logs:
        with suppress(FileNotFoundError), path.open("rb") as lines:  # another was faster
            while line := lines.readline(_LONGEST):  # what is longer is no line of ours
                told = read_line(line)
                if told is not None:
                    yield told
