"""The ledger of this process: durable before anything is sent, and exact.

An attempt is an intent from before its first byte leaves until its row is written, in one file
that survives the process. Row and totals are written in one transaction, in which its intent goes
away; so after any end of the process each attempt is either an intent or a row, and never both.
What a process has left as intents when it ended is settled by the next one, as unknown.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from proxy.api import Alert, Services
from proxy.api.spending import PlannedSpend
from proxy.api.stores import SqliteFile, StoreError

from ..books import Asked, Page
from ..row import Dimension, Grain, Row, Total
from . import reading
from .batching import Batching
from .buckets import Horizons
from .checking import differences
from .entries import refuse_odd
from .expiring import Keep, expired, widened
from .groups import Groups
from .orphans import AGED, aged, lost_of, runs_with_intents
from .runs import Run
from .schema import MIGRATIONS
from .writing import Batch, Intent, Written, horizons_of, write_batch

__all__ = ["MOST_USERS", "SqliteJournal"]

MOST_USERS: Final = 100_000
"""Users a day that have totals of their own."""

_AGAIN: Final = 1.0
_TIDY_EVERY: Final = 60.0
_DAY: Final = 86_400
_SETTLED_AT_ONCE: Final = 1000


class SqliteJournal:
    """A `books.Journal` in a file, or in memory. Call `open` first, and `close` at the end."""

    def __init__(
        self, path: Path, keep: Keep, services: Services, *, most_users: int = MOST_USERS
    ) -> None:
        """`path` may be ``:memory:``, which forgets all at the end."""
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
        self._batching = Batching(self._write, self._odd, self._dropped)
        self._run: Run | None = None
        self._told: dict[str, float] = {}
        self._waits = services.gauge(
            "journal_waiting", "Rows that wait to be written; many only where the disk fails."
        )
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
            await self.file.write(lambda _: self._held().take())
            await self._settle_the_dead()
        self._services.spawn(self._batching.run(), "write the journal")
        self._services.spawn(self._keep_tidy(), "tidy the journal")
        self._services.spawn(self._try_again(), "write what could not be written")

    async def close(self) -> None:
        """Write what was taken in; what cannot be written stays an intent."""
        if self._run is None:
            return
        with suppress(StoreError):
            if self._batching:
                await self._batching.flush()
        self._batching.close()
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
        if self._in_memory:
            return "the journal of costs is in memory: what is spent is forgotten with the process"
        return ""

    # -- attempts ----------------------------------------------------------------------

    async def plan(self, attempt: PlannedSpend, row: Row) -> None:
        """Make durable that an attempt is about to be sent. Raises StoreError, ValueError.

        Where it raises, or is cancelled, call `withdraw`: the intent may be written or not.
        """
        refuse_odd(row)
        await self._batching.plan(Intent(row, attempt.until))

    def withdraw(self, attempt_id: str) -> None:
        """Take in that a planned attempt was never sent; it leaves no row."""
        self._batching.withdraw(attempt_id)

    def settle(self, row: Row) -> None:
        """Take in how an attempt has ended; written within milliseconds, or tried again."""
        try:
            refuse_odd(row)
        except ValueError as error:
            self._odd((row,), error)
            return
        self._batching.add(row)
        self._waits.set(len(self._batching))

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
        return (await self._write(Batch(rows=rows))).rows if rows else 0

    # -- questions ---------------------------------------------------------------------

    async def totals(
        self, asked: Asked, grain: Grain, by: Sequence[Dimension] = ()
    ) -> tuple[Total, ...]:
        """Return what was spent, see `books.Ledger`. Raises StoreError."""
        return await self.file.ask(lambda on: reading.totals_of(on, asked, grain, by))

    async def rows(self, asked: Asked, *, limit: int = 100, after: str = "") -> Page:
        """Return rows, at most `limit` (1000 at most). Raises StoreError."""
        return await self.file.ask(lambda on: reading.rows_of(on, asked, limit, after))

    async def row(self, row_id: str) -> Row | None:
        """Return one row. Raises StoreError."""
        return await self.file.ask(lambda on: reading.single(on, row_id))

    async def rows_of_request(self, request_id: str) -> tuple[Row, ...]:
        """Return what a request has brought, and corrections of it. Raises StoreError."""
        return await self.file.ask(lambda on: reading.rows_of_request(on, request_id))

    async def differences(self) -> tuple[str, ...]:
        """Return where totals are not the sums of the rows: none. Raises StoreError."""
        return await self.file.ask(differences)

    async def intents(self) -> int:
        """Return how many attempts have no end yet. Raises StoreError."""
        return await self.file.ask(_intents)

    async def tidy(self) -> None:
        """Remove what is old, and settle what nobody can settle any more. Raises StoreError.

        Done by itself each minute.
        """
        if not self._in_memory:
            await self._settle_the_dead()
        now = self._now()
        while lost := await self.file.ask(partial(aged, before=now - AGED, now=now)):
            await self._settle_lost(lost, "its end is overdue")
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

    async def _write(self, batch: Batch) -> Written:
        run, folded, now = self._held().name, self._groups.folded, self._now()
        written = await self.file.write(lambda on: write_batch(on, batch, run, self._groups, now))
        self._groups.learn(written.groups)
        self._waits.set(len(self._batching))
        if self._groups.folded > folded:
            self._folded.add(self._groups.folded - folded)
            self._tell_once(_TOO_MANY_USERS)
        return written

    async def _settle_the_dead(self) -> None:
        """Settle what processes that are no more have had under way."""
        run = self._held()
        for name in await self.file.ask(runs_with_intents):
            if name != run.name and not run.lives(name):
                while lost := await self.file.ask(partial(lost_of, run=name, now=self._now())):
                    await self._settle_lost(lost, f"the process {name} has ended")
                run.forget(name)

    async def _settle_lost(self, rows: Sequence[Row], why: str) -> None:
        for begin in range(0, len(rows), _SETTLED_AT_ONCE):
            await self._write(Batch(rows=rows[begin : begin + _SETTLED_AT_ONCE]))
        self._orphans.add(len(rows))
        self._services.log.warning("attempts_without_an_end", attempts=len(rows), because=why)

    async def _keep_tidy(self) -> None:
        while True:
            await self._services.sleep(_TIDY_EVERY)
            with suppress(StoreError):
                await self.tidy()

    async def _try_again(self) -> None:
        while True:
            await self._services.sleep(_AGAIN)
            self._batching.ring()

    def _odd(self, rows: Sequence[Row], error: Exception) -> None:
        self._lost.add(len(rows))
        for row in rows:
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


def _intents(on: sqlite3.Connection) -> int:
    return int(on.execute("SELECT count(*) FROM cost_intents").fetchone()[0])


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
