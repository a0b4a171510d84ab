"""Rows as they are written, in tables and in logs: their fields in a JSON array, as `Row` has them.

The order is part of the file format: a further field comes last and has a default, so that what
was written before is still read. A line of a log is ``["planned", until, row]``, ``["ended", row]``
or ``["never", id]``, of an attempt that was not sent after all.
"""

from operator import attrgetter
from typing import Any, Final, NamedTuple

import orjson

from proxy.api.spending import Usage

from ..row import MOST_NANO_USD, MOST_USED, Row

__all__ = [
    "Ended",
    "Never",
    "Planned",
    "entry_of",
    "line_of",
    "read_line",
    "refuse_numbers",
    "refuse_odd",
    "row_of",
]

_LAST: Final = 2**36
_MOST_SECONDS: Final = 10**7
_USAGE: Final = Row._fields.index("usage")
_MOST_TEXT: Final = 512
_LONGEST: Final = 16_384
"""Bytes of a line of a log."""
_NUMBERS: Final = ("at", "settled", "seconds", "usage", "estimated", "nano_usd")
_TEXTS: Final = tuple(name for name in Row._fields if name not in _NUMBERS)
_texts_of: Final = attrgetter(*_TEXTS)


class Planned(NamedTuple):
    """An attempt that is about to be sent."""

    row: Row
    """What it counts for if its end is never known."""
    until: float
    """When it has ended at the latest, in Unix seconds."""


class Ended(NamedTuple):
    """An attempt that has ended."""

    row: Row


class Never(NamedTuple):
    """An attempt that was not sent after all."""

    id: str


def entry_of(row: Row) -> str:
    """Return a row as it is written."""
    return orjson.dumps(_fields(row)).decode()


def row_of(entry: str) -> Row:
    """Return what was written."""
    return _row(orjson.loads(entry))


def line_of(told: Planned | Ended | Never) -> bytes:
    """Return a line of a log, without its end. Raises ValueError for what no line can be."""
    try:
        match told:
            case Planned(row, until):
                line = orjson.dumps(("planned", until, _fields(row)))
            case Ended(row):
                line = orjson.dumps(("ended", _fields(row)))
            case Never(attempt_id):
                line = orjson.dumps(("never", attempt_id))
    except TypeError as error:  # orjson's, of half a surrogate pair
        raise ValueError(f"it cannot be written as UTF-8: {error}") from error
    if len(line) > _LONGEST:
        raise ValueError(f"its line has {len(line)} bytes; at most {_LONGEST} are kept")
    return line


def read_line(line: bytes) -> Planned | Ended | Never | None:
    """Return what a line says; None for what is no line of ours, or cut off by a full disk."""
    try:
        match orjson.loads(line):
            case ["planned", float(until), [*fields]]:
                return Planned(_told_row(fields), until)
            case ["ended", [*fields]]:
                return Ended(_told_row(fields))
            case ["never", str(attempt_id)]:
                return Never(attempt_id)
    except (ValueError, TypeError, IndexError):
        return None
    return None


def _fields(row: Row) -> list[Any]:
    fields: list[Any] = list(row)
    fields[_USAGE] = tuple(row.usage)
    return fields


def _row(fields: list[Any]) -> Row:
    fields[_USAGE] = Usage(*fields[_USAGE])
    return Row(*fields[: len(Row._fields)])  # a later version may have written more


def _told_row(fields: list[Any]) -> Row:
    """Return the row of a line. Raises ValueError, TypeError, IndexError for what is none."""
    row = _row(fields)
    "".join(_texts_of(row))  # no text is anything else
    refuse_numbers(row)
    return row


def refuse_odd(row: Row) -> None:
    """Raise ValueError for a row that cannot be kept: what is too long, too much, or no number."""
    for name, text in zip(_TEXTS, _texts_of(row), strict=True):
        if len(text) > _MOST_TEXT:
            raise ValueError(
                f"{name} of a row has {len(text)} characters; at most {_MOST_TEXT} are kept"
            )
    refuse_numbers(row)


def refuse_numbers(row: Row) -> None:
    """Raise ValueError for numbers that are too much, or none."""
    if not row.id:
        raise ValueError("a row needs an id: that of the attempt, or one that follows from it")
    if abs(row.nano_usd) > MOST_NANO_USD:
        raise ValueError(
            f"the row {row.id} is of {row.nano_usd} nano-USD; at most {MOST_NANO_USD} are believed"
        )
    for at in (row.at, row.settled):
        if not 0 <= at < _LAST:  # true as well of what is no number
            raise ValueError(f"the row {row.id} is of {at}, which is no time in Unix seconds")
    if not 0 <= row.seconds < _MOST_SECONDS:
        raise ValueError(f"the row {row.id} lasted {row.seconds} seconds, which is no duration")
    if not 0 <= min(row.usage) <= max(row.usage) <= MOST_USED:
        raise ValueError(f"the row {row.id} has a usage below zero, or above {MOST_USED}")
