"""Rows as they are written: their fields in a JSON array, in the order of `Row`.

The order is part of the file format: a further field comes last and has a default, so that what
was written before is still read.
"""

from operator import attrgetter
from typing import Any, Final

import orjson

from proxy.api.spending import Usage

from ..row import MOST_NANO_USD, MOST_USED, Row

__all__ = ["entry_of", "refuse_odd", "row_of"]

_LAST: Final = 2**36
_MOST_SECONDS: Final = 10**7
_USAGE: Final = Row._fields.index("usage")
_MOST_TEXT: Final = 512
_NUMBERS: Final = ("at", "settled", "seconds", "usage", "estimated", "nano_usd")
_TEXTS: Final = tuple(name for name in Row._fields if name not in _NUMBERS)
_texts_of: Final = attrgetter(*_TEXTS)


def entry_of(row: Row) -> str:
    """Return a row as it is written."""
    fields: list[Any] = list(row)
    fields[_USAGE] = tuple(row.usage)
    return orjson.dumps(fields).decode()


def row_of(entry: str) -> Row:
    """Return what was written."""
    fields = orjson.loads(entry)
    fields[_USAGE] = Usage(*fields[_USAGE])
    return Row(*fields)


def refuse_odd(row: Row) -> None:
    """Raise ValueError for a row that cannot be kept: what is too long, too much, or no number."""
    if max(map(len, _texts_of(row))) > _MOST_TEXT:
        for name, text in zip(_TEXTS, _texts_of(row), strict=True):
            if len(text) > _MOST_TEXT:
                raise ValueError(
                    f"{name} of a row has {len(text)} characters; at most {_MOST_TEXT} are kept"
                )
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
