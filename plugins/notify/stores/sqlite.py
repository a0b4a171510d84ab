"""Alerts and their deliveries in a SQLite file, or in memory: for one process.

The file is written with ``synchronous=NORMAL`` in WAL mode: what has returned survives the
process, however it ends. Where the machine loses its power, what was written last may be lost.
"""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

from proxy.api.alerts import AlertView
from proxy.api.stores import SqliteFile

from ..measuring import read_measured
from ..notice import Notice, read_notice
from ..store import SUMMED, Bounds, Cap, Delivery, Filter, Stats, Taken, Wanted
from .sqlite_books import Books

__all__ = ["MIGRATIONS", "SqliteStore"]

_T = TypeVar("_T")

MIGRATIONS: Final = (
    """
    CREATE TABLE notify_alerts (
        id TEXT PRIMARY KEY,
        identity TEXT NOT NULL,
        name TEXT NOT NULL,
        subject TEXT NOT NULL,
        text TEXT NOT NULL,
        severity TEXT NOT NULL,
        user TEXT NOT NULL,
        at REAL NOT NULL,
        last_at REAL NOT NULL,
        told_at REAL NOT NULL,
        count INTEGER NOT NULL DEFAULT 1,
        ended_at REAL,
        ended TEXT NOT NULL DEFAULT '',
        acknowledged_at REAL,
        acknowledged_by TEXT NOT NULL DEFAULT '',
        channels TEXT NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX notify_open ON notify_alerts (identity) WHERE ended_at IS NULL;
    CREATE INDEX notify_by_user ON notify_alerts (user, id);
    -- `place` is the order in which those of one channel and identity go.
    CREATE TABLE notify_deliveries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        place INTEGER NOT NULL DEFAULT 0,
        identity TEXT NOT NULL,
        channel TEXT NOT NULL,
        free INTEGER NOT NULL,
        notice TEXT NOT NULL,
        at REAL NOT NULL,
        due_at REAL NOT NULL,
        expires_at REAL NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        generation INTEGER NOT NULL DEFAULT 0,
        lease_until REAL,
        dead_at REAL,
        why TEXT NOT NULL DEFAULT ''
    ) STRICT;
    CREATE INDEX notify_line ON notify_deliveries (channel, identity, place) WHERE dead_at IS NULL;
    CREATE INDEX notify_due ON notify_deliveries (channel, due_at) WHERE dead_at IS NULL;
    CREATE INDEX notify_dead ON notify_deliveries (dead_at) WHERE dead_at IS NOT NULL;
    -- What counts against a channel's cap: the first delivery of each message, and its claim.
    CREATE TABLE notify_sends (
        channel TEXT NOT NULL,
        at REAL NOT NULL,
        delivery INTEGER NOT NULL,
        generation INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX notify_sent ON notify_sends (channel, at);
    CREATE INDEX notify_sent_by ON notify_sends (delivery);
    """,
    "ALTER TABLE notify_alerts ADD COLUMN measured TEXT NOT NULL DEFAULT '';",
)

_SHOWN: Final = (
    "id, name, subject, text, severity, user, at, last_at, count, ended_at, ended, "
    "acknowledged_at, acknowledged_by, measured"
)
_DELIVERY: Final = "id, channel, notice, at, due_at, expires_at, attempts, generation, dead_at, why"


class SqliteStore:
    """A `NotifyStore` on one file, or on ``:memory:``."""

    def __init__(self, file: SqliteFile, now: Callable[[], float], bounds: Bounds) -> None:
        """Take a file that was made with `MIGRATIONS`; `now` gives Unix time in seconds."""
        self.url = file.url
        self._file = file
        self._now = now
        self._bounds = bounds

    async def open(self) -> None:
        """Create or upgrade the tables."""
        await self._file.write(lambda connection: connection.execute("SELECT 1").fetchone())

    # alerts

    async def take(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        """Take in what was raised."""
        return await self._write(lambda books: books.take(notice, wanted))

    async def list(self, which: Filter, limit: int) -> tuple[AlertView, ...]:
        """Return the newest first by id."""
        terms = ["1", *(term for value, term in _terms(which) if value is not None)]
        values = [value for value, _ in _terms(which) if value is not None]
        query = (
            f"SELECT {_SHOWN} FROM notify_alerts WHERE {' AND '.join(terms)} "  # noqa: S608
            "ORDER BY id DESC LIMIT ?"
        )
        rows = await self._file.ask(lambda on: on.execute(query, (*values, limit)).fetchall())
        return tuple(map(_view, rows))

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        """Note who knows of it."""

        def job(books: Books) -> AlertView | None:
            books.acknowledge(alert_id, by, user)
            row = books.on.execute(
                f"SELECT {_SHOWN} FROM notify_alerts WHERE id = ?1 AND (?2 IS NULL OR user = ?2)",  # noqa: S608
                (alert_id, user),
            ).fetchone()
            return None if row is None else _view(row)

        return await self._write(job)

    # the outbox

    async def claim(
        self, channel: str, cap: Cap, *, lease: float, most: int = SUMMED
    ) -> tuple[Delivery, ...]:
        """Lease what is to be sent to a channel next, as one message."""

        def job(books: Books) -> tuple[Delivery, ...]:
            ids = books.claim(channel, cap, lease, most)
            return _read(books.on, f"id IN ({','.join('?' * len(ids))})", ids, "due_at, id")

        return await self._write(job)

    async def delivered(self, claimed: Sequence[Delivery]) -> int:
        """Forget what the channel has taken."""
        return await self._write(lambda books: books.delivered(claimed))

    async def failed(self, claimed: Sequence[Delivery], due_at: float, why: str) -> int:
        """Have it tried again, or be dead."""
        return await self._write(lambda books: books.failed(claimed, due_at, why))

    async def bury(self, claimed: Sequence[Delivery], why: str) -> int:
        """Give up."""
        return await self._write(lambda books: books.bury(claimed, why))

    async def outbox(self, *, dead: bool, channel: str | None, limit: int) -> tuple[Delivery, ...]:
        """Return deliveries that wait, or are dead."""
        where = f"dead_at IS {'NOT ' if dead else ''}NULL AND (?1 IS NULL OR channel = ?1)"
        return await self._file.ask(lambda on: _read(on, where, (channel,), "id", limit))

    async def again(self, delivery_id: int | None, channel: str | None) -> int:
        """Have dead deliveries tried again."""
        return await self._write(lambda books: books.again(delivery_id, channel))

    async def drop(self, delivery_id: int | None, channel: str | None) -> int:
        """Forget dead deliveries."""
        return await self._write(lambda books: books.drop(delivery_id, channel))

    async def stats(self) -> Stats:
        """Count."""
        counted = (
            "SELECT channel, count(*), min(at) FROM notify_deliveries "
            "WHERE dead_at IS {}NULL GROUP BY channel"
        )

        def job(on: sqlite3.Connection) -> Stats:
            live = on.execute(counted.format("")).fetchall()
            dead = on.execute(counted.format("NOT ")).fetchall()
            return Stats(
                {channel: many for channel, many, _ in live},
                {channel: oldest for channel, _, oldest in live},
                {channel: many for channel, many, _ in dead},
            )

        return await self._file.ask(job)

    async def next_moment(self, channel: str, cap: Cap) -> float | None:
        """Return when there may be something to claim."""
        now = self._now()
        return await self._file.ask(
            lambda on: Books(on, now, self._bounds).next_moment(channel, cap)
        )

    async def purge(self) -> int:
        """Forget what is too old."""
        return await self._write(lambda books: books.purge())

    async def listen(self, ring: Callable[[], None]) -> None:
        """Return at once: there is no other process."""

    async def trouble(self) -> str:
        """Return that memory forgets, where it is that."""
        if self.url == "memory://":
            return "alerts are kept in memory: a restart forgets them; name a store to keep them"
        return ""

    async def _write(self, job: Callable[[Books], _T]) -> _T:
        return await self._file.write(lambda on: job(Books(on, self._now(), self._bounds)))


def _terms(which: Filter) -> tuple[tuple[str | float | None, str], ...]:
    known = None if which.acknowledged is None else int(which.acknowledged)
    return (
        (which.user, "user = ?"),
        (which.severity, "severity = ?"),
        (known, "(acknowledged_at IS NOT NULL) = ?"),
        (which.since, "at >= ?"),
    )


def _view(row: Sequence[Any]) -> AlertView:
    *plain, measured = row
    return AlertView(*plain)._replace(measured=read_measured(measured))


def _read(
    on: sqlite3.Connection,
    where: str,
    values: Sequence[object],
    order: str,
    limit: int = -1,
) -> tuple[Delivery, ...]:
    """Return deliveries; `where` and `order` are of this file alone."""
    rows = on.execute(
        f"SELECT {_DELIVERY} FROM notify_deliveries WHERE {where} "  # noqa: S608
        f"ORDER BY {order} LIMIT {int(limit)}",
        tuple(values),
    )
    return tuple(Delivery(one[0], one[1], read_notice(one[2]), *one[3:]) for one in rows.fetchall())
