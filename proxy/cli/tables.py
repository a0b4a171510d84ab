"""Tables for people to read, and JSON for machines."""

import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = ["add_row", "console", "duration", "new_table", "print_json", "print_table", "when"]


def console() -> Console:
    """Return where tables go: as wide as the terminal, or wide enough for a file."""
    return Console(width=None if sys.stdout.isatty() else 160)


def new_table(*columns: str) -> Table:
    """Return a table without lines; without columns it is one of labels and values."""
    if not columns:
        return Table(box=None, show_header=False, pad_edge=False)
    table = Table(box=None, pad_edge=False, title=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column)
    return table


def add_row(table: Table, *cells: object) -> None:
    """Add cells as text: what a name holds is never read as markup. None is a dash."""
    table.add_row(*(Text("-" if cell is None else str(cell)) for cell in cells))


def print_table(out: Console, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a table, or nothing when there are no rows."""
    table = new_table(*columns)
    for row in rows:
        add_row(table, *row)
    if table.row_count:
        out.print(table)


def print_json(value: Mapping[str, Any]) -> None:
    """Print a JSON object with line breaks."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n")


def duration(seconds: float) -> str:
    """Return a span of time in its two largest units, such as ``2d 4h``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "m"), (rest, "s"))
    shown = [f"{amount}{unit}" for amount, unit in parts if amount][:2]
    return " ".join(shown) or "0s"


def when(since: float) -> str:
    """Return a moment, given in unix seconds, in UTC and for people."""
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(since))
