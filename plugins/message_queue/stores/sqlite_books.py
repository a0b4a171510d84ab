"""The queue in SQLite within one transaction: rows, how they change, what is overdue."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from proxy.api.stores import StoreError

from ..message import Approval, Message, Priority, Receipt, State
from ..store import AGING, SWEPT, Bounds, QueueFullError
from .pauses import Pause
from .sqlite_lanes import Lanes, Turns

__all__ = ["HOUR", "Books", "Row", "select"]

HOUR: Final = 3_600
"""So many seconds the counts of what became of messages are kept."""

_IN_FLIGHT: Final[frozenset[State]] = frozenset(("leased", "sending"))
_GONE: Final[dict[str, Any]] = {"content": "", "media_urls": (), "approval": None}
_USERS_GONE: Final = """
    DELETE FROM queue_users WHERE user IN (
        SELECT user FROM queue_users WHERE live = 0 AND paused = 0 AND put_off <= ? LIMIT ?
    )
"""


class Row(NamedTuple):
    """A message as it is stored; `rank` is its class."""

    id: str
    user: str
    priority: int
    max_attempts: int
    size: int
    request_id: str
    state: State
    rank: int
    due_at: float
    expires_at: float
    ages_at: float | None
    lease_until: float
    generation: int
    attempts: int
    throttles: int
    changed_at: float
    platform_id: str
    code: str
    why: str
    body: str

    def message(self) -> Message:
        """Return what was put. Raises StoreError if it cannot be read."""
        try:
            return Message.model_validate_json(self.body)
        except ValueError:
            said = f"message {self.id} cannot be read; has a newer version of Crossfade put it?"
            raise StoreError(said) from None


_FIXED: Final = Row._fields.index("state")
_COLUMNS: Final = ", ".join(Row._fields)
_MARKS: Final = ", ".join("?" * len(Row._fields))
_INSERT: Final = f"INSERT INTO queue_messages ({_COLUMNS}, dedupe_key) VALUES ({_MARKS}, ?)"  # noqa: S608 - ours
_CHANGES: Final = ", ".join(f"{name} = ?" for name in Row._fields[_FIXED:])
_UPDATE: Final = f"UPDATE queue_messages SET {_CHANGES} WHERE id = ?"  # noqa: S608 - ours
_FIRST: Final = """
    state = 'queued' AND user = ? AND rank = ?
    AND priority NOT IN (SELECT rank FROM queue_ranks WHERE paused) ORDER BY due_at, id LIMIT 1
"""


def select(
    connection: sqlite3.Connection, where: str, *values: object, index: str = ""
) -> list[Row]:
    """Return the messages of which `where` (ours, with a mark for each value) is true.

    `index` is the one to be used, where SQLite would take another one that fits, too.
    """
    using = f"INDEXED BY {index}" if index else ""
    query = f"SELECT {_COLUMNS} FROM queue_messages {using} WHERE {where}"  # noqa: S608 - ours
    return [Row(*found) for found in connection.execute(query, values)]


class Books:
    """What can be done to the queue within one transaction, at one time."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        """Keep what it is in, and Unix seconds."""
        self.now = now
        self.connection = connection
        self._do = connection.execute
        self._lanes = Lanes(connection, now)

    # -- one message -----------------------------------------------------------

    def row(self, message_id: str) -> Row | None:
        """Return a message."""
        return self._one("id = ?", message_id)

    def held(self, receipt: Receipt) -> Row | None:
        """Return the message that this is a receipt for; None if it is of no use any more."""
        where = "id = ? AND generation = ? AND state IN ('leased', 'sending') AND lease_until > ?"
        return self._one(where, *receipt, self.now)

    def move(self, row: Row, state: State, **changes: Any) -> Row:
        """Bring a message into a state, and whatever else changes with it."""
        changed = row._replace(**{"changed_at": self.now, **changes}, state=state)
        aging = state == "queued" and changed.rank > Priority.high
        # The time counts anew whenever it is queued, or moves up.
        ages_at = max(changed.due_at, self.now) + AGING if aging else None
        changed = changed._replace(ages_at=ages_at)
        self._do(_UPDATE, (*changed[_FIXED:], row.id))
        if not {row.state, state} <= _IN_FLIGHT:  # else nothing of the user's waits or goes less
            self._lanes.place(row.user)
        return changed

    def forget(self, row: Row, state: State, **changes: Any) -> Row:
        """Bring it into a state in which its words are not needed any more."""
        body = row.message().model_copy(update=_GONE).model_dump_json()
        return self.move(row, state, body=body, **changes)

    def lease(self, row: Row, seconds: float) -> Row:
        """Give it to a worker."""
        until = self.now + seconds
        return self.move(row, "leased", generation=row.generation + 1, lease_until=until)

    def fail(self, row: Row, code: str, why: str, *, due_at: float, last: State = "dead") -> Row:
        """Count an attempt: queued again, or in the state `last` if it was the last one."""
        attempts = row.attempts + 1
        if attempts >= row.max_attempts:
            return self.move(row, last, attempts=attempts, code=code, why=why)
        return self.move(row, "queued", attempts=attempts, due_at=due_at, code=code, why=why)

    def throttle(self, row: Row, until: float, why: str, whole_user: float) -> None:
        """Put it off, and its user, see `QueueStore.throttle`."""
        later = "UPDATE queue_users SET put_off = max(put_off, ?) WHERE user = ? RETURNING put_off"
        (put_off,) = self._do(later, (whole_user, row.user)).fetchone()
        due_at = until if until > max(self.now, put_off) else row.due_at
        self.move(row, "queued", throttles=row.throttles + 1, due_at=due_at, code="", why=why)

    def approve(self, row: Row, approval: Approval) -> Row:
        """Let a held one go."""
        body = row.message().model_copy(update={"approval": approval}).model_dump_json()
        return self.move(row, "queued", body=body, code="", why="")

    def requeue(self, row: Row, expires_at: float) -> Row:
        """Have it begin anew, see `QueueStore.requeue`."""
        waits = row.state == "queued"
        body = row.message().model_copy(update={"expires_at": expires_at}).model_dump_json()
        return self.move(
            row,
            "queued",
            body=body,
            expires_at=expires_at,
            due_at=min(row.due_at, self.now) if waits else self.now,
            rank=row.rank if waits else row.priority,
            attempts=0,
            throttles=0,
            code="",
            why="",
        )

    # -- putting ---------------------------------------------------------------

    def same(self, message: Message) -> Row | None:
        """Return what is there already with the id or the dedupe key of a message."""
        found = self.row(message.id)
        if found is None and message.dedupe_key:
            found = self._one("dedupe_key = ? AND dedupe_key != ''", message.dedupe_key)
        return found

    def put(self, message: Message, body: str, bounds: Bounds) -> Row:
        """Store a new one. Raises QueueFullError."""
        size = len(body.encode())
        self._check(message.user, size, bounds)
        self._lanes.set_bound(bounds.in_flight)
        state: State = "queued" if message.approval else "held"
        rank = int(message.priority)
        aging = state == "queued" and rank > Priority.high
        row = Row(
            message.id,
            message.user,
            rank,
            message.max_attempts,
            size,
            message.request_id,
            state,
            rank,
            message.due_at,
            message.expires_at,
            max(message.due_at, self.now) + AGING if aging else None,
            0.0,
            0,
            0,
            0,
            self.now,
            "",
            "",
            "",
            body,
        )
        self._do(_INSERT, (*row, message.dedupe_key))
        self._lanes.place(message.user)
        return row

    def goes_at_once(self, row: Row) -> bool:
        """Whether a message just put may be leased to who put it."""
        if row.state != "queued" or row.expires_at <= self.now or self.all_paused():
            return False
        lane = "SELECT 1 FROM queue_lanes WHERE user = ? AND rank = ? AND moment <= ?"
        before = """
            SELECT 1 FROM queue_messages
            WHERE state = 'queued' AND user = ? AND rank <= ? AND due_at <= ? AND id != ? LIMIT 1
        """
        place = (row.user, row.rank, self.now)
        claimable = self._do(lane, place).fetchone() is not None
        return claimable and self._do(before, (*place, row.id)).fetchone() is None

    def _check(self, user: str, size: int, bounds: Bounds) -> None:
        live = (
            "SELECT sum(n) FROM queue_depths WHERE state IN ('held', 'queued', 'leased', 'sending')"
        )
        if (self._do(live).fetchone()[0] or 0) >= bounds.messages:
            raise QueueFullError(f"the queue holds {bounds.messages} messages; it takes no more")
        mine = "SELECT live, bytes FROM queue_users WHERE user = ?"
        count, taken = self._do(mine, (user,)).fetchone() or (0, 0)
        if count >= bounds.user_messages:
            raise QueueFullError(
                f"{bounds.user_messages} messages of this user wait; no more may at the same time"
            )
        if taken + size > bounds.user_bytes:
            raise QueueFullError(
                f"the messages of this user would take {taken + size} bytes; "
                f"{bounds.user_bytes} is the most"
            )

    # -- claiming --------------------------------------------------------------

    def claim(self, bounds: Bounds, most: int, lease: float, *, repeats: bool) -> list[Row]:
        """Set right what is overdue, then lease, see `QueueStore.claim`."""
        self._lanes.set_bound(bounds.in_flight)
        self._end_leases(repeats=repeats)
        expired = self._overdue("expires_at", "state IN ('held', 'queued')", "queue_by_deadline")
        for row in expired:
            self.move(row, "dead", code="expired", why="its time to be sent was over")
        for row in self._overdue("ages_at", "ages_at IS NOT NULL", "queue_by_age"):
            self.move(row, "queued", rank=row.rank - 1, changed_at=row.changed_at)
        self._do(_USERS_GONE, (self.now, SWEPT))
        self._do("DELETE FROM queue_rates WHERE second <= ?", (int(self.now) - HOUR,))
        turns = Turns(self.connection, self.now)
        turns.join()
        found: list[Row] = []
        if len(expired) < SWEPT and not self.all_paused():
            found += islice(self._served(turns, lease), most)
        turns.close()
        return found

    def all_paused(self) -> bool:
        """Whether nothing at all is claimed."""
        return bool(self._do("SELECT paused FROM queue_state").fetchone()[0])

    def _served(self, turns: Turns, lease: float) -> Iterator[Row]:
        while turn := turns.next():
            (first,) = select(self.connection, _FIRST, *turn)
            row = self.lease(first, lease)
            turns.served(*turn)
            yield row

    def _end_leases(self, *, repeats: bool) -> None:
        code = "lease_lost"
        lost = self._overdue("lease_until", "state IN ('leased', 'sending')", "queue_by_lease")
        for row in lost:
            if row.state == "leased":
                self.fail(row, code, "its worker was lost before sending", due_at=row.due_at)
            elif repeats:
                why = "its worker was lost while sending"
                self.fail(row, code, why, due_at=row.due_at, last="uncertain")
            else:
                self.move(row, "uncertain", code=code, why="its worker was lost while sending")

    def _overdue(self, when: str, among: str, index: str) -> list[Row]:
        """Return those of which it is time, the longest overdue first."""
        where = f"{among} AND {when} <= ? ORDER BY {when}, id LIMIT ?"
        return select(self.connection, where, self.now, SWEPT, index=index)

    # -- pauses ----------------------------------------------------------------

    def pause(self, what: Pause, *, on: bool) -> bool:
        """Begin or end a pause; whether that changed anything."""
        if what.user:
            return self._pause_user(what.user, on=on)
        if what.priority is None:
            return (
                self._do("UPDATE queue_state SET paused = ?1 WHERE paused != ?1", (on,)).rowcount
                > 0
            )
        change = "UPDATE queue_ranks SET paused = ?1 WHERE paused != ?1 AND rank = ?2"
        changed = self._do(change, (on, what.priority)).rowcount > 0
        if changed:
            self._lanes.place_all()
        return changed

    def paused(self) -> list[str]:
        """Return what is paused."""
        everything = ["all"] if self.all_paused() else []
        ranks = self._do("SELECT rank FROM queue_ranks WHERE paused")
        users = self._do("SELECT user FROM queue_users WHERE paused = 1")
        priorities = [f"priority:{Priority(rank).name}" for (rank,) in ranks]
        return everything + priorities + [f"user:{user}" for (user,) in users]

    def _pause_user(self, user: str, *, on: bool) -> bool:
        self._do("INSERT OR IGNORE INTO queue_users (user) VALUES (?)", (user,))
        change = "UPDATE queue_users SET paused = ?1 WHERE paused != ?1 AND user = ?2"
        changed = self._do(change, (on, user)).rowcount > 0
        self._lanes.place(user)
        return changed

    # -- looking ---------------------------------------------------------------

    def _one(self, where: str, *values: object) -> Row | None:
        return next(iter(select(self.connection, where, *values)), None)
