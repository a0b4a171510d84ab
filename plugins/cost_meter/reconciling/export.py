"""Reads a provider's export: lines, and what is wrong with others, by their numbers."""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import NamedTuple

from .columns import Layout, places_of
from .items import direction_of, factor_of

__all__ = ["MOST_BYTES", "MOST_LINES", "Billed", "Export", "Problem", "Tokens", "read_export"]

MOST_BYTES = 64 * 2**20
MOST_LINES = 500_000
MOST_PROBLEMS = 1000

_DAY = 86400
_NANO = 10**9
_AMERICAN = re.compile(r"([01]?\d)/([0-3]?\d)/(\d{4})")
_UNIX = re.compile(r"\d{9,11}(?:\.\d{1,9})?")
_NUMBER = re.compile(r"[+-]?\d{1,18}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,2})?")
_TIMES = (
    datetime(2000, 1, 1, tzinfo=UTC).timestamp(),
    datetime(2100, 1, 1, tzinfo=UTC).timestamp(),
)
"""What is outside of these is no time of a bill."""

_MOST_TEXT = 200
_MOST_USD = 9_000_000
"""No line is of more than the ledger believes of an attempt."""


class Tokens(NamedTuple):
    """As providers count them: those of the cache and of reasoning are inside the others."""

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0


class Billed(NamedTuple):
    """One line of an export."""

    line: int
    at: float
    """Unix seconds; of a line that is about a day, its first one."""
    id: str
    """The attempt's, or the provider's own of the call; empty: the line is about several."""
    model: str
    """As the provider calls it."""
    tokens: Tokens | None
    """None: the line does not say."""
    requests: int | None
    nano_usd: Fraction | None
    """What it says that it costs: not always a whole number. None: it does not say."""

    @property
    def day(self) -> int:
        """The first second of its day in UTC, in Unix seconds."""
        return int(self.at // _DAY) * _DAY


class Problem(NamedTuple):
    """What cannot be read."""

    line: int
    says: str


class Export(NamedTuple):
    """What was read."""

    lines: tuple[Billed, ...]
    skipped: int
    """Lines about something else, or about nothing."""
    problems: tuple[Problem, ...]


def read_export(text: str, layout: Layout) -> Export:
    """Return the lines of an export.

    Raises ValueError if it is too large, or is nothing that could be read at all.
    """
    if len(text) > MOST_BYTES:
        raise ValueError(f"the export has more than {MOST_BYTES // 2**20} MiB: bring it by months")
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = next(rows, None)
    except csv.Error as error:
        raise ValueError(f"line 1: no CSV ({error})") from None
    if not header:
        raise ValueError("the export is empty; its first line has to name the columns")
    reader = _Reader(layout, places_of(layout, header), len(header))
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            reader.wrong(rows.line_num, f"no CSV ({error})")
            break  # what follows could be read from the middle
        if row is None:
            break
        if rows.line_num > MOST_LINES:
            raise ValueError(f"the export has more than {MOST_LINES:,} lines: bring it by months")
        reader.take(rows.line_num, row)
    return Export(tuple(reader.lines), reader.skipped, tuple(reader.problems))


class _Reader:
    """Takes line after line."""

    def __init__(self, layout: Layout, places: Mapping[str, int], width: int) -> None:
        self._layout = layout
        self._places = places
        self._width = width
        self.lines: list[Billed] = []
        self.problems: list[Problem] = []
        self.skipped = 0

    def wrong(self, line: int, says: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(line, says))

    def take(self, line: int, row: Sequence[str]) -> None:
        if not any(cell.strip() for cell in row):
            self.skipped += 1
            return
        if len(row) != self._width:
            self.wrong(line, f"{len(row)} cells, and {self._width} columns are named in line 1")
            return
        said = {field: row[place].strip() for field, place in self._places.items()}
        if self._is_other(said) or self._says_nothing(said):
            self.skipped += 1
            return
        try:
            self.lines.append(_billed(line, said))
        except ValueError as error:
            self.wrong(line, str(error))

    def _is_other(self, said: Mapping[str, str]) -> bool:
        categories = self._layout.categories
        return bool(categories and "category" in said) and (
            said["category"].lower() not in categories
        )

    def _says_nothing(self, said: Mapping[str, str]) -> bool:
        """Days on which nothing was used are lines, too, with nothing but their time."""
        return not any(text for field, text in said.items() if field not in ("time", "category"))


def _billed(line: int, said: Mapping[str, str]) -> Billed:
    model = said.get("model") or said.get("item", "")
    if not (model or said.get("id")):
        raise ValueError("no model; group the export by model or line item")
    for text in (model, said.get("id", "")):
        if len(text) > _MOST_TEXT:
            raise ValueError(f"{text[:40]!r}… has more than {_MOST_TEXT} characters")
    return Billed(
        line,
        _time(said["time"]),
        said.get("id", ""),
        model,
        _tokens(said),
        None if not said.get("requests") else _whole("requests", said["requests"]),
        _cost(said),
    )


def _tokens(said: Mapping[str, str]) -> Tokens | None:
    if said.get("input") or said.get("output"):
        return Tokens(
            *(_whole(name, said[name]) if said.get(name) else 0 for name in Tokens._fields)
        )
    factor, kind = factor_of(said.get("unit", "")), direction_of(said.get("item", ""))
    if not said.get("quantity") or factor is None or not kind:
        return None
    count = round(_number("quantity", said["quantity"]) * factor)
    if kind == "cached":
        return Tokens(input=count, cached=count)
    return Tokens(input=count) if kind == "input" else Tokens(output=count)


def _cost(said: Mapping[str, str]) -> Fraction | None:
    currency = said.get("currency", "")
    if said.get("cost_nano_usd"):
        nano = _number("cost_nano_usd", said["cost_nano_usd"])
    elif not said.get("cost_usd"):
        return None
    elif currency and currency.upper() != "USD":
        raise ValueError(f"a cost in {currency[:10]}; wanted USD: choose a column that has it")
    else:
        nano = _number("cost_usd", said["cost_usd"]) * _NANO
    if abs(nano) > _MOST_USD * _NANO:
        raise ValueError(f"a cost of more than {_MOST_USD:,} US dollars in one line")
    return nano


def _whole(field: str, text: str) -> int:
    number = _number(field, text)
    if number.denominator != 1 or number < 0:
        raise ValueError(f"{field} is {text[:40]!r}; wanted a whole number of at least 0")
    return number.numerator


def _number(field: str, text: str) -> Fraction:
    try:
        if not _NUMBER.fullmatch(text):
            raise InvalidOperation
        return Fraction(Decimal(text))
    except InvalidOperation:
        raise ValueError(f"{field} is {text[:40]!r}; wanted a number such as 0.0125") from None


def _time(text: str) -> float:
    try:
        at = _seconds(text)
    except (ValueError, OverflowError):
        at = 0.0
    if not _TIMES[0] <= at < _TIMES[1]:
        raise ValueError(
            f"time is {text[:40]!r}; wanted a date such as 2026-11-01, a time in ISO 8601, or Unix "
            "seconds"
        )
    return at


def _seconds(text: str) -> float:
    american = _AMERICAN.fullmatch(text)
    if american:
        month, day, year = map(int, american.groups())
        return datetime(year, month, day, tzinfo=UTC).timestamp()
    if _UNIX.fullmatch(text):
        return float(text)
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
