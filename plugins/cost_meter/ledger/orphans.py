"""Attempts whose end nobody will ever tell: they count as was planned, and are marked."""

import sqlite3
from collections.abc import Iterable
from typing import Final

from ..row import Row
from .entries import row_of
from .writing import LOST

__all__ = ["AGED", "aged", "lost_of", "runs_with_intents"]

AGED: Final = 3600.0
"""Seconds after it has ended at the latest that an attempt's end is still waited for."""

_AT_ONCE: Final = 5000
_OF_RUN: Final = "SELECT entry FROM cost_intents WHERE run = ? LIMIT ?"
_AGED: Final = "SELECT entry FROM cost_intents WHERE until < ? LIMIT ?"


def runs_with_intents(on: sqlite3.Connection) -> tuple[str, ...]:
    """Return the names of the processes that have something under way, or had."""
    return tuple(run for (run,) in on.execute("SELECT DISTINCT run FROM cost_intents"))


def lost_of(on: sqlite3.Connection, run: str, now: float) -> tuple[Row, ...]:
    """Return rows for some intents of a process that has ended."""
    return _lost(on.execute(_OF_RUN, (run, _AT_ONCE)), now)


def aged(on: sqlite3.Connection, before: float, now: float) -> tuple[Row, ...]:
    """Return rows for some intents that have ended before `before` at the latest."""
    return _lost(on.execute(_AGED, (before, _AT_ONCE)), now)


def _lost(entries: Iterable[tuple[str]], now: float) -> tuple[Row, ...]:
    rows = (row_of(entry) for (entry,) in entries)
    return tuple(
        row._replace(
            settled=now,
            outcome="unknown",
            failure=LOST,
            usage_source="estimate",
            estimated=True,
        )
        for row in rows
    )
