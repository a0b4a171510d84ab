"""Whether the table has what the journal says that it has: rows, and the totals of this replica."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from proxy.api import DynamoTable
from proxy.api.stores import SqliteFile

from ..books import Asked, Ledger
from ..dollars import dollars
from ..paging import each_row
from ..row import DIMENSIONS, GRAINS, Dimension, Grain, Row, Sums
from .items import BY, row_of, total_of
from .keys import EVERYBODY, USERS, Scope, shards_between, spans_between, total_key
from .querying import items_between

__all__ = ["LONGEST", "Difference", "Filed", "differences"]

LONGEST: Final = 31 * 86400.0
"""Seconds that are looked back: further back it takes too many questions."""

_TOLD_MOST: Final = 100
_SOON: Final = 3600.0
_NAMES: Final = "SELECT name, value FROM cost_meta WHERE name IN ('replica', 'brought')"
_HOURS: Final = """
    SELECT DISTINCT CAST(at AS INTEGER) / 3600 FROM cost_rows
    WHERE number <= ? AND at >= ? ORDER BY 1
"""
_WAITING: Final = "SELECT id FROM cost_rows WHERE number > ? AND at >= ? AND at < ?"
_MOST_OF_HOUR: Final = 10**7
_THERE: Final = "SELECT id FROM cost_rows WHERE id IN (SELECT value FROM json_each(?))"
_PAID: Final = """
    SELECT grain, begins, apart, sums, seq FROM cost_shared WHERE owed = 0 AND begins >= ?
"""


class Filed(Ledger, Protocol):
    """The ledger of this process, and its file."""

    file: SqliteFile


class Difference(NamedTuple):
    """Where the table is not as the journal says."""

    what: str
    """``row``, or the length of a total's bucket."""
    where: str
    """The row's id; of a total, when it begins, and what it is about but for the user."""
    journal: str
    """In US dollars; empty if it is not there."""
    table: str
    """Likewise; ``other contents`` where the amount is the same."""


class _Known(NamedTuple):
    """What the journal says of itself."""

    name: str
    brought: int
    hours: Sequence[int]


class _Paid(NamedTuple):
    """A total that is in the table, as the journal says."""

    sums: Sums
    seq: int


async def differences(
    table: DynamoTable, journal: Filed, now: float, keep_rows: float
) -> tuple[Difference, ...]:
    """Return where they differ, of the last 31 days; 100 at most. Raises StoreError.

    What is still on its way is not looked at. `now` is Unix time, `keep_rows` in seconds. Asks for
    each hour in which there were rows, and for each day.
    """
    since = now - min(LONGEST, keep_rows) + _SOON
    known = await journal.file.ask(lambda on: _known(on, since))
    found: list[Difference] = []
    async for one in _in_rows(table, journal, known, since):
        found.append(one)
        if len(found) == _TOLD_MOST:
            return tuple(found)
    async for one in _in_totals(table, journal.file, known.name, since):
        found.append(one)
        if len(found) == _TOLD_MOST:
            break
    return tuple(found)


async def _in_rows(
    table: DynamoTable, journal: Filed, known: _Known, since: float
) -> AsyncIterator[Difference]:
    for hour in known.hours:
        first = hour * 3600
        rows = await _brought(journal, known.brought, max(first, since), first + 3600)
        there = await _in_hour(table, first)
        for row in rows:
            told = _of_row(row, there.get(row.id))
            if told is not None:
                yield told
        ours = [one for one in there.values() if BY in one and one[BY]["S"] == known.name]
        ids = [one["id"]["S"] for one in ours]
        kept = await journal.file.ask(partial(_kept, ids=ids))
        for item in ours:
            row = row_of(item)
            if row.id not in kept and row.at >= since:
                yield Difference("row", row.id, "", dollars(row.nano_usd))


async def _brought(journal: Filed, brought: int, since: float, until: float) -> list[Row]:
    """Return the rows of a time that are in the table, as the journal says."""
    waiting = await journal.file.ask(partial(_waiting, asked=(brought, since, until)))
    rows = each_row(journal, Asked(since, until), _MOST_OF_HOUR)
    return [row async for row in rows if row.id not in waiting]


async def _in_hour(table: DynamoTable, first: int) -> dict[str, Mapping[str, Any]]:
    """Return the items of rows, by id."""

    async def one(shard: str) -> dict[str, Mapping[str, Any]]:
        return {item["id"]["S"]: item async for item in items_between(table, shard, None)}

    (shards,) = shards_between(first, first + 1)
    found: dict[str, Mapping[str, Any]] = {}
    for some in await asyncio.gather(*map(one, shards)):
        found |= some
    return found


async def _in_totals(
    table: DynamoTable, file: SqliteFile, name: str, since: float
) -> AsyncIterator[Difference]:
    paid = await file.ask(lambda on: _paid(on, since))
    for (grain, scope), wanted in _by_partition(paid).items():
        begins = [one[0] for one in wanted]
        keys = {total_key(scope, grain, at, name, by): (at, by, has) for at, by, has in wanted}
        there: dict[tuple[str, str], Mapping[str, Any]] = {}
        for span in spans_between(scope, grain, min(begins), max(begins) + 1):
            async for item in items_between(table, span, None):
                place = item["pk"]["S"], item["sk"]["S"]
                if place in keys:
                    there[place] = item
        for key, (at, by, has) in keys.items():
            told = _of_total(grain, at, by, has, there.get(key))
            if told is not None:
                yield told


def _of_row(row: Row, item: Mapping[str, Any] | None) -> Difference | None:
    if item is None:
        return Difference("row", row.id, dollars(row.nano_usd), "")
    found = row_of(item)
    if found.nano_usd != row.nano_usd:
        return Difference("row", row.id, dollars(row.nano_usd), dollars(found.nano_usd))
    if found._replace(replica="", settled=0, note="") != row._replace(
        replica="", settled=0, note=""
    ):
        return Difference("row", row.id, dollars(row.nano_usd), "other contents")
    return None


def _of_total(
    grain: Grain, at: int, by: Mapping[Dimension, str], has: _Paid, item: Mapping[str, Any] | None
) -> Difference | None:
    about = ", ".join(value for name, value in by.items() if name != "user" and value)
    begins = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ")
    where = f"{begins} {about}{', one user' if 'user' in by else ''}"
    said = dollars(has.sums.nano_usd)
    if item is None:
        return Difference(grain, where, said, "")
    seq, sums = int(item["seq"]["N"]), total_of(item)[1]
    if seq > has.seq or sums == has.sums:  # meanwhile there is more
        return None
    other = dollars(sums.nano_usd)
    return Difference(grain, where, said, "other contents" if other == said else other)


def _by_partition(
    paid: Iterable[tuple[Grain, int, dict[Dimension, str], _Paid]],
) -> dict[tuple[Grain, Scope], list[tuple[int, dict[Dimension, str], _Paid]]]:
    found: dict[tuple[Grain, Scope], list[tuple[int, dict[Dimension, str], _Paid]]] = {}
    for grain, begins, by, has in paid:
        scope = USERS if "user" in by else EVERYBODY
        found.setdefault((grain, scope), []).append((begins, by, has))
    return found


def _known(on: sqlite3.Connection, since: float) -> _Known:
    said = dict(on.execute(_NAMES).fetchall())
    brought = int(said["brought"])
    hours = [hour for (hour,) in on.execute(_HOURS, (brought, since))]
    return _Known(said["replica"], brought, hours)


def _waiting(on: sqlite3.Connection, asked: tuple[int, float, float]) -> set[str]:
    return {one for (one,) in on.execute(_WAITING, asked)}


def _kept(on: sqlite3.Connection, ids: Sequence[str]) -> set[str]:
    return {one for (one,) in on.execute(_THERE, (json.dumps(ids),))}


def _paid(
    on: sqlite3.Connection, since: float
) -> list[tuple[Grain, int, dict[Dimension, str], _Paid]]:
    found = []
    for grain, begins, apart, sums, seq in on.execute(_PAID, (since,)):
        values = zip(DIMENSIONS, json.loads(apart), strict=True)
        by = {name: value for name, value in values if value is not None}
        found.append((GRAINS[grain], begins, by, _Paid(Sums(*json.loads(sums)), seq)))
    return found
