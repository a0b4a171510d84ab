"""The queue in a SQLite file, or in memory: for one process.

The file is written with ``synchronous=NORMAL`` in WAL mode. What has returned survives the
process, however it ends. Where the machine loses its power, what was written last may be lost
(never a part of a transaction): a message that was put then may be gone, and one that was sent
may be found as it was before, and sent again.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final, Literal, TypeVar

from proxy.api.stores import SqliteFile, StoreError

from ..message import Approval, Claimed, Message, Priority, Receipt, Record, State
from ..store import ASKED_MOST, PURGED, RATED, Bounds, Filter, Put, Stats
from .pauses import pause_of
from .sqlite_books import HOUR, Books, Row, select
from .sqlite_schema import MIGRATIONS

__all__ = ["MIGRATIONS", "SqliteQueue"]

_T = TypeVar("_T")


_PURGE: Final = """
    DELETE FROM queue_messages WHERE id IN (
        SELECT id FROM queue_messages
        WHERE state NOT IN ('held', 'queued', 'leased', 'sending') AND state = ? AND changed_at < ?
        ORDER BY changed_at LIMIT ?
    )
"""
_POSITION: Final = """
    SELECT count(*) FROM queue_messages
    WHERE state = 'queued' AND user = ? AND (rank, due_at, id) < (?, ?, ?)
"""
_OLDEST: Final = """
    SELECT rank, (
        SELECT min(due_at) FROM queue_messages AS messages
        WHERE messages.state = 'queued' AND messages.priority = ranks.rank
    ) AS oldest FROM queue_ranks AS ranks WHERE oldest <= ?
"""
_COUNTED: Final = """
    SELECT what, sum(n * (second > ?)), sum(n) FROM queue_rates WHERE second > ? GROUP BY what
"""
_NEXT: Final = """
    SELECT min(lease_until) FROM queue_messages INDEXED BY queue_by_lease
    WHERE state IN ('leased', 'sending')
    UNION ALL SELECT min(expires_at) FROM queue_messages INDEXED BY queue_by_deadline
    WHERE state IN ('held', 'queued')
    UNION ALL SELECT min(ages_at) FROM queue_messages WHERE ages_at IS NOT NULL
    UNION ALL SELECT (
        SELECT min(moment) FROM queue_lanes WHERE queue_lanes.rank = ranks.rank AND turn IS NULL
    ) FROM queue_ranks AS ranks, queue_state AS state WHERE NOT state.paused
    UNION ALL SELECT (
        SELECT moment FROM queue_lanes WHERE queue_lanes.rank = ranks.rank AND turn IS NOT NULL
    ) FROM queue_ranks AS ranks, queue_state AS state WHERE NOT state.paused
"""


class SqliteQueue:
    """A `QueueStore` on one file, or on ``:memory:``."""

    def __init__(self, file: SqliteFile, now: Callable[[], float], *, repeats: bool) -> None:
        """Take a file that was made with `MIGRATIONS`; `now` gives Unix time in seconds.

        `repeats`: what was lost while it was sent may be sent again, since the platform knows it.
        """
        self.url = file.url
        self._file = file
        self._now = now
        self._repeats = repeats

    async def open(self) -> None:
        """Create or upgrade the tables."""
        await self._write(Books.all_paused)

    async def put(self, message: Message, bounds: Bounds, *, lease: float | None = None) -> Put:
        """Store a message, see `QueueStore`."""
        body = message.model_dump_json()

        def job(books: Books) -> tuple[Row, bool]:
            row = books.same(message)
            if row is not None:
                return row, False
            row = books.put(message, body, bounds)
            if lease is not None and books.goes_at_once(row):
                row = books.lease(row, lease)
            return row, True

        row, created = await self._write(job)
        record = _record(row)
        leased = created and row.state == "leased"
        return Put(record, created, _claimed(row, record) if leased else None)

    async def claim(self, bounds: Bounds, *, most: int, lease: float) -> tuple[Claimed, ...]:
        """Set right what is overdue, then lease, see `QueueStore`.

        A message that cannot be read is left alone until it has no attempt left.
        """
        rows = await self._write(lambda on: on.claim(bounds, most, lease, repeats=self._repeats))
        return tuple(_claimed(row, record) for row, record in _readable(rows))

    async def begin(self, receipt: Receipt, lease: float) -> bool:
        """Note that its bytes may leave from now on."""
        return await self._held(
            receipt, lambda on, row: on.move(row, "sending", lease_until=on.now + lease)
        )

    async def extend(self, receipt: Receipt, lease: float) -> bool:
        """Let it last `lease` seconds from now on."""
        return await self._held(
            receipt,
            lambda on, row: on.move(
                row, row.state, lease_until=on.now + lease, changed_at=row.changed_at
            ),
        )

    async def sent(self, receipt: Receipt, platform_id: str) -> bool:
        """It was sent."""
        return await self._held(
            receipt,
            lambda on, row: on.forget(row, "sent", platform_id=platform_id, code="", why=""),
        )

    async def retry(self, receipt: Receipt, due_at: float, code: str, why: str) -> bool:
        """It failed for sure."""
        return await self._held(receipt, lambda on, row: on.fail(row, code, why, due_at=due_at))

    async def throttle(
        self, receipt: Receipt, until: float, why: str, *, whole_user: float = 0.0
    ) -> bool:
        """Put it off."""
        return await self._held(receipt, lambda on, row: on.throttle(row, until, why, whole_user))

    async def bury(self, receipt: Receipt, code: str, why: str) -> bool:
        """It will never go."""
        return await self._held(receipt, lambda on, row: on.move(row, "dead", code=code, why=why))

    async def park(self, receipt: Receipt, code: str, why: str) -> bool:
        """Nobody knows whether it was sent."""
        return await self._held(
            receipt, lambda on, row: on.move(row, "uncertain", code=code, why=why)
        )

    async def get(self, message_id: str) -> Record | None:
        """Return a message. Raises StoreError, too, for one that cannot be read."""
        rows = await self._file.ask(lambda connection: select(connection, "id = ?", message_id))
        return _record(rows[0]) if rows else None

    async def position(self, message_id: str) -> int | None:
        """Return how many queued messages of the same user go before it."""

        def job(connection: sqlite3.Connection) -> int | None:
            for row in select(connection, "id = ? AND state = 'queued'", message_id):
                place = (row.user, row.rank, row.due_at, row.id)
                return int(connection.execute(_POSITION, place).fetchone()[0])
            return None

        return await self._file.ask(job)

    async def list(self, which: Filter, *, limit: int, after: str = "") -> tuple[Record, ...]:
        """Return the oldest first; without those that cannot be read."""
        said = {name: value for name, value in which._asdict().items() if value is not None}
        by_state = "_and_state" if which.state is not None else ""
        index = "" if which.user is None else f"queue_by_user{by_state}"
        where = "".join(f"{name} = ? AND " for name in said) + "id > ? ORDER BY id LIMIT ?"

        def page(after: str, most: int) -> Callable[[sqlite3.Connection], list[Row]]:
            return lambda on: select(on, where, *said.values(), after, most, index=index)

        found: list[Record] = []
        while wanted := limit - len(found):
            rows = await self._file.ask(page(after, wanted))
            found += (record for _, record in _readable(rows))
            if len(rows) < wanted:
                break
            after = rows[-1].id
        return tuple(found)

    async def of_request(self, request_id: str) -> tuple[Record, ...]:
        """Return the messages that a request has brought, the oldest first."""
        where = "request_id = ? AND request_id != '' ORDER BY id LIMIT ?"
        rows = await self._file.ask(lambda on: select(on, where, request_id, ASKED_MOST))
        return tuple(record for _, record in _readable(rows))

    async def stats(self) -> Stats:
        """Count."""
        return await self._file.ask(lambda connection: _stats(Books(connection, self._now())))

    async def approve(self, message_id: str, approval: Approval) -> Record | None:
        """Give a held message its approval."""
        return await self._in(("held",), message_id, lambda on, row: on.approve(row, approval))

    async def cancel(self, message_id: str) -> Record | None:
        """Cancel a held or queued message."""
        waiting: tuple[State, ...] = ("held", "queued")
        return await self._in(waiting, message_id, lambda on, row: on.forget(row, "cancelled"))

    async def requeue(self, message_id: str, expires_at: float) -> Record | None:
        """Have a message tried again."""
        states: tuple[State, ...] = ("dead", "uncertain", "queued")
        return await self._in(states, message_id, lambda on, row: on.requeue(row, expires_at))

    async def settle(
        self, message_id: str, state: Literal["sent", "dead"], code: str, why: str
    ) -> Record | None:
        """Take a person's word for what became of a message."""
        if state == "sent":
            return await self._in(
                ("uncertain",),
                message_id,
                lambda on, row: on.forget(row, state, code=code, why=why),
            )
        return await self._in(
            ("uncertain", "held", "queued"),
            message_id,
            lambda on, row: on.move(row, state, code=code, why=why),
        )

    async def purge(self, state: State, before: float) -> int:
        """Remove old messages in an ended state."""
        values = (state, before, PURGED)
        return await self._file.write(
            lambda connection: connection.execute(_PURGE, values).rowcount
        )

    async def pause(self, what: str) -> bool:
        """Claim nothing of it."""
        pause = pause_of(what)
        return await self._write(lambda books: books.pause(pause, on=True))

    async def resume(self, what: str) -> bool:
        """End a pause."""
        pause = pause_of(what)
        return await self._write(lambda books: books.pause(pause, on=False))

    async def next_moment(self) -> float | None:
        """Return when there is something to do."""
        found = await self._file.ask(lambda connection: connection.execute(_NEXT).fetchall())
        return min((moment for (moment,) in found if moment is not None), default=None)

    async def listen(self, ring: Callable[[], None]) -> None:
        """Return at once: there is no other process."""

    async def trouble(self) -> str:
        """Say that memory forgets."""
        if self.url.startswith("memory:"):
            return "the queue is in memory: what waits is lost when the process ends"
        return ""

    async def close(self) -> None:
        """Do nothing: the file is closed by whoever gave it."""

    # -- how it is asked -------------------------------------------------------

    async def _write(self, job: Callable[[Books], _T]) -> _T:
        return await self._file.write(lambda connection: job(Books(connection, self._now())))

    async def _held(self, receipt: Receipt, change: Callable[[Books, Row], object]) -> bool:
        """Do it to the message that a receipt is for, if it is any good."""

        def job(books: Books) -> bool:
            row = books.held(receipt)
            if row is not None:
                change(books, row)
            return row is not None

        return await self._write(job)

    async def _in(
        self, states: Iterable[State], message_id: str, change: Callable[[Books, Row], Row]
    ) -> Record | None:
        """Do it to a message, if it is in one of these states."""

        def job(books: Books) -> Row | None:
            row = books.row(message_id)
            return change(books, row) if row is not None and row.state in states else None

        row = await self._write(job)
        return None if row is None else _record(row)


def _record(row: Row) -> Record:
    return Record(
        row.message(),
        row.state,
        row.due_at,
        row.attempts,
        row.throttles,
        row.generation,
        row.changed_at,
        row.platform_id,
        row.code,
        row.why,
    )


def _readable(rows: Iterable[Row]) -> Iterator[tuple[Row, Record]]:
    for row in rows:
        with suppress(StoreError):
            yield row, _record(row)


def _claimed(row: Row, record: Record) -> Claimed:
    return Claimed(record, Receipt(row.id, row.generation), row.lease_until)


def _stats(books: Books) -> Stats:
    do, now = books.connection.execute, int(books.now)
    depths = do("SELECT state, priority, n FROM queue_depths WHERE n > 0")
    counted = {what: (minute, hour) for what, minute, hour in do(_COUNTED, (now - 60, now - HOUR))}
    return Stats(
        {(state, Priority(priority)): n for state, priority, n in depths},
        {Priority(priority): oldest for priority, oldest in do(_OLDEST, (books.now,))},
        {what: counted.get(what, (0, 0)) for what in RATED},
        tuple(sorted(books.paused())),
    )
