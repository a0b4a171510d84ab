"""The ledger of this process: durable before anything is sent, and exact.

Before its first byte leaves, an attempt is in a log that outlives the process, and its end likewise
as soon as it is told. From there it comes into the tables with others, row and totals in one
transaction. What a process has left in its log is settled by the next one: ends as they were told,
and what has none as unknown.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

from proxy.api import Alert, Services
from proxy.api.spending import PlannedSpend
from proxy.api.stores import SqliteFile, StoreError

from ..books import Asked, Page
from ..row import Dimension, Grain, Row, Total
from . import reading
from .batching import Batching
from .buckets import Horizons
from .checking import differences
from .entries import refuse_numbers, refuse_odd
from .expiring import Keep, expired, widened
from .groups import Groups
from .leftovers import Left, left_in, lost
from .log import Log
from .runs import Run
from .schema import MIGRATIONS
from .under_way import UnderWay
from .writing import Written, horizons_of, in_tables, write_batch

__all__ = ["MOST_USERS", "SqliteJournal"]

MOST_USERS: Final = 100_000
"""Users a day that have totals of their own."""

AGED: Final = 3600.0
"""Seconds after it has ended at the latest that an attempt's end is still waited for."""

_AGAIN: Final = 1.0
_TIDY_EVERY: Final = 60.0
_DAY: Final = 86_400
_SETTLED_AT_ONCE: Final = 1000


class SqliteJournal:
    """A `books.Journal` in a file, or in memory. Call `open` first, and `close` at the end."""

    def __init__(
        self,
        path: Path,
        keep: Keep,
        services: Services,
        memory: dict[str, Any] | None = None,
        *,
        most_users: int = MOST_USERS,
    ) -> None:
        """`path` may be ``:memory:``, which forgets all at the end.

        `memory` holds what is under way, plain values only: each journal of a process is given the
        same, and goes on with what the one before had under way.
        """
        self.file: SqliteFile = services.sqlite(path, MIGRATIONS)
        self.replica = ""
        """The random name of the file; known once it is open."""
        self.horizons = Horizons()
        """What is not kept any more."""
        self._process = services.sqlite(Path(":memory:"), MIGRATIONS)
        self._in_memory = str(path) == ":memory:"
        self._keep = keep
        self._services = services
        self._groups = Groups(most_users)
        self._batching = Batching(self._write, self._odd)
        self._under_way = UnderWay(self._locks(), {} if memory is None else memory)
        self._run: Run | None = None
        self._begun = False
        self._told: dict[str, float] = {}
        waits = services.gauge(
            "journal_waiting", "Rows that wait to be written; many only where the disk fails."
        )
        waits.set_function(self._batching.__len__)
        self._orphans = services.counter(
            "orphans", "Attempts whose end was never told, and that count as was planned."
        )
        self._lost = services.counter(
            "journal_lost", "Ends of attempts that could not be written; what was planned counts."
        )
        self._folded = services.counter(
            "folded_rows", "Rows counted under (others): too many users on one day."
        )

    # -- life --------------------------------------------------------------------------

    async def open(self) -> None:
        """Take the file, and settle what processes that have ended left. Raises StoreError."""
        name = await self._process.ask(reading.replica_of)
        self.replica = await self.file.ask(reading.replica_of)
        self.horizons = await self.file.ask(partial(horizons_of, now=self._now()))
        self._run = Run(self._locks(), name)
        if not self._in_memory:
            self._under_way.keep(await self.file.ask(lambda _: self._own_log()))
            await self._settle_the_dead()
        self._begun = True
        self._services.spawn(self._batching.run(), "write the journal")
        self._services.spawn(self._keep_tidy(), "tidy the journal")
        self._services.spawn(self._try_again(), "write what could not be written")

    async def close(self) -> None:
        """Write what was taken in; what cannot be written, or has no end, stays in the log."""
        if self._run is None:
            return
        if self._begun:  # else nobody would write it
            self._add_ended()
            with suppress(StoreError):
                await self._batching.flush()
        self._batching.close()
        self._under_way.close()
        if not self._in_memory:
            with suppress(StoreError):
                await self.file.write(lambda _: self._held().release())

    def health(self) -> str:
        """Return what is wrong, in a sentence; empty if all is well."""
        if self._batching.trouble:
            return (
                f"the journal of costs cannot be written ({self._batching.trouble}); "
                f"{len(self._batching)} ended attempts wait for it"
            )
        if self._under_way.trouble:
            return f"what is under way cannot be written down: {self._under_way.trouble}"
        if self._in_memory:
            return "the journal of costs is in memory: what is spent is forgotten with the process"
        return ""

    # -- attempts ----------------------------------------------------------------------

    def plan(self, attempt: PlannedSpend, row: Row) -> None:
        """Make durable that an attempt is about to be sent. Raises StoreError, ValueError.

        It takes microseconds: a line is handed to the kernel. Where it raises, nothing is noted.
        """
        refuse_numbers(row)
        self._under_way.plan(row, attempt.until)

    def withdraw(self, attempt_id: str) -> None:
        """Take in that a planned attempt was never sent; it leaves no row."""
        self._under_way.withdraw(attempt_id)

    def settle(self, row: Row) -> None:
        """Take in how an attempt has ended: a kill does not take it away, and soon it is a row."""
        try:
            refuse_numbers(row)
            noted = self._under_way.end(row)
        except ValueError as error:
            self._odd(row, error)
            return
        if not noted:
            self._dropped(row)
            return
        self._batching.add(row)

    async def flush(self) -> None:
        """Return when all that was taken in is written. Raises StoreError."""
        await self._batching.flush()

    async def write(self, rows: Sequence[Row]) -> int:
        """Have rows written that are not there yet; how many were not. Raises StoreError.

        Raises ValueError for rows that cannot be kept: odd ones, or from before what is kept.
        """
        for row in rows:
            refuse_odd(row)
            if row.at < self.horizons.rows:
                raise ValueError(
                    f"the row {row.id} is from before what is kept (keep.rows); it would count "
                    "again each time"
                )
        return (await self._write(rows)).rows if rows else 0

    # -- questions ---------------------------------------------------------------------

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        """Return what was spent, see `books.Ledger`. Raises StoreError."""
        await self._caught_up()
        return await self.file.ask(lambda on: reading.totals_of(on, asked, grain, by))

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        """Return rows, at most `limit` (1000 at most). Raises StoreError."""
        await self._caught_up()
        return await self.file.ask(lambda on: reading.rows_of(on, asked, limit, after))

    async def row(self, row_id: str) -> Row | None:
        """Return one row. Raises StoreError."""
        await self._caught_up()
        return await self.file.ask(lambda on: reading.single(on, row_id))

    async def rows_of_request(self, request_id: str) -> tuple[Row, ...]:
        """Return what a request has brought, and corrections of it. Raises StoreError."""
        await self._caught_up()
        return await self.file.ask(lambda on: reading.rows_of_request(on, request_id))

    async def differences(self) -> tuple[str, ...]:
        """Return where totals are not the sums of the rows: none. Raises StoreError."""
        return await self.file.ask(differences)

    async def planned(self) -> int:
        """Return how many attempts have no end yet, of all processes. Raises StoreError."""
        if self._in_memory:
            return self._under_way.planned()
        return self._under_way.planned() + await self.file.ask(self._planned_elsewhere)

    async def tidy(self) -> None:
        """Remove what is old, and settle what nobody can settle any more. Raises StoreError.

        Done by itself each minute.
        """
        if not self._in_memory:
            await self._settle_the_dead()
        now = self._now()
        await self._settle_lost([*self._under_way.overdue(now - AGED)], "its end is overdue")
        self._add_ended()
        self._under_way.shorten()
        await self.expire()

    async def expire(self) -> int:
        """Remove what is older than is kept, in small steps; how many lines. Raises StoreError."""
        now = self._now()
        old = await self.file.write(lambda on: widened(on, self._keep, now))
        self.horizons = await self.file.ask(partial(horizons_of, now=now))
        removed = 0
        while step := await self.file.write(lambda on: expired(on, old)):
            removed += step  # between two steps the file does what others want
        return removed

    # -- inside ------------------------------------------------------------------------

    async def _write(self, rows: Sequence[Row]) -> Written:
        groups, folded, now = self._groups, self._groups.folded, self._now()
        written = await self.file.write(lambda on: write_batch(on, rows, groups, now))
        groups.learn(written.groups)
        for row in rows:
            self._under_way.written(row.id)
        self._under_way.shorten()
        if groups.folded > folded:
            self._folded.add(groups.folded - folded)
            self._tell_once(_TOO_MANY_USERS)
        return written

    async def _caught_up(self) -> None:
        """Have written what was told before somebody asks."""
        if len(self._batching):
            with suppress(StoreError):  # health says so; what is there is answered
                await self._batching.flush()

    def _add_ended(self) -> None:
        """Have ends written that a journal was told that is closed, or had no room."""
        if not len(self._batching):
            for row in self._under_way.ended():
                self._batching.add(row)

    def _own_log(self) -> Log:
        """Take the lock, then a log: a log without a lock counts as a dead process's."""
        self._held().take()
        return self._held().log()

    async def _settle_the_dead(self) -> None:
        """Settle what processes that are no more have had under way."""
        run = self._held()
        for name in await self.file.ask(lambda _: run.dead()):
            left = await self._left_by(name)
            for begin in range(0, len(left.ended), _SETTLED_AT_ONCE):
                await self._write(left.ended[begin : begin + _SETTLED_AT_ONCE])
            rows = [planned.row for planned in left.planned]
            await self._settle_lost(rows, f"the process {name} has ended")
            await self.file.ask(partial(_forget, run=run, name=name))

    async def _left_by(self, name: str) -> Left:
        """Read logs, by a thread of their own: long ones outlast the patience of the file's."""
        logs = self._held().logs(name)
        try:
            return await asyncio.to_thread(left_in, logs)
        except OSError as error:
            raise StoreError(
                f"{error.filename} cannot be read ({error.strerror}), and it says what a process "
                "that has ended has spent; look at its rights"
            ) from error

    async def _settle_lost(self, planned: Sequence[Row], why: str) -> None:
        if not planned:
            return
        now = self._now()
        for begin in range(0, len(planned), _SETTLED_AT_ONCE):
            some = planned[begin : begin + _SETTLED_AT_ONCE]
            await self._write([lost(row, now) for row in some])
        self._orphans.add(len(planned))
        self._services.log.warning("attempts_without_an_end", attempts=len(planned), because=why)

    def _planned_elsewhere(self, on: sqlite3.Connection) -> int:
        run = self._held()
        logs = [path for name in run.others() for path in run.logs(name)]
        ids = [planned.row.id for planned in left_in(logs).planned]
        return len(ids) - len(in_tables(on, ids))

    async def _keep_tidy(self) -> None:
        while True:
            await self._services.sleep(_TIDY_EVERY)
            with suppress(StoreError):
                await self.tidy()

    async def _try_again(self) -> None:
        while True:
            await self._services.sleep(_AGAIN)
            self._batching.ring()

    def _odd(self, row: Row, error: Exception) -> None:
        self._lost.add()
        self._services.log.error("row_is_odd", attempt_id=row.id, error=str(error))

    def _dropped(self, row: Row) -> None:
        self._lost.add()
        self._tell_once(_FULL)
        self._services.log.error("row_dropped", attempt_id=row.id)

    def _tell_once(self, alert: Alert) -> None:
        """Raise an alert once a day."""
        today = self._now() // _DAY
        if self._told.get(alert.name) != today:
            self._told[alert.name] = today
            self._services.alert(alert)

    def _held(self) -> Run:
        if self._run is None:
            raise StoreError("the journal of costs is not open")
        return self._run

    def _locks(self) -> Path:
        return Path(self.file.url.removeprefix("sqlite://"))

    def _now(self) -> float:
        return self._services.now()


def _forget(_: sqlite3.Connection, run: Run, name: str) -> None:
    run.forget(name)


_TOO_MANY_USERS: Final = Alert(
    "too_many_users",
    "cost_meter",
    "So many users have spent something today that further ones have no totals of their own: they "
    "are counted under (others). Single rows still say who it was. Look who makes up users.",
)
_FULL: Final = Alert(
    "journal_full",
    "cost_meter",
    "The journal of costs cannot be written, and no more ended attempts can wait for it. Those "
    "beyond count as was planned for them. Look at the disk of the journal.",
    "critical",
)
