"""Tables for people, CSV for spreadsheets, JSON for machines."""

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

__all__ = ["csv_of", "print_csv", "print_json", "print_line", "print_table", "safe"]

_WIDE = 1000
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def safe(cell: object) -> str:
    """Return what a cell says, as no spreadsheet takes it for a formula (OWASP, CSV injection).

    Amounts below zero stay numbers.
    """
    if cell is None:
        return ""
    text = str(cell)
    if text.startswith(_FORMULA) and not _is_number(text):
        return f"'{text}"
    return text


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows as CSV (RFC 4180) with a line of names."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(map(safe, columns))
    writer.writerows([safe(row.get(name)) for name in columns] for row in rows)
    return out.getvalue()


def print_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Print rows as CSV."""
    sys.stdout.write(csv_of(columns, rows))


def print_json(value: object) -> None:
    """Print JSON with line breaks."""
    sys.stdout.write(f"{orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()}\n")


def print_table(
    columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]], title: str = ""
) -> None:
    """Print a table; `columns`: their heads by the names in the rows. Nothing without rows."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = tuple(rows)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name, head in columns.items():
        is_number = all(_is_amount(str(row.get(name) or "0")) for row in rows)
        table.add_column(
            head, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    for row in rows:
        # As text: what a name holds is never read as markup.
        table.add_row(*(Text(_shown(row.get(name))) for name in columns))
    console = Console(width=None if sys.stdout.isatty() else _WIDE)
    if title:
        console.print(Text(f"\n{title}", style="bold"))
    console.print(table)


def print_line(text: str) -> None:
    """Print a line, or several; nothing in it moves the terminal."""
    sys.stdout.write("".join(c if c.isprintable() or c == "\n" else " " for c in text) + "\n")


def _shown(value: object) -> str:
    return "-" if value is None else "".join(c if c.isprintable() else " " for c in str(value))


def _is_amount(text: str) -> bool:
    return _is_number(text.removesuffix(" %"))


def _is_number(text: str) -> bool:
    digits = text.removeprefix("-").replace(".", "", 1)
    return digits.isascii() and digits.isdigit()
