"""Whose turn it is, in SQLite: the round of each class, and the turns of the classes.

A lane is a user with something queued in a class. Whatever changes a message or a user has the
user's lanes placed anew, so that a claim reads the next one from an index, however many messages
wait. A lane joins its round at the beginning of a claim alone: until then it waits, even if its
moment has come.
"""

import sqlite3
from typing import Final

from ..message import Priority
from ..store import SWEPT, WEIGHTS

__all__ = ["Lanes", "Turns"]

_STRIDES: Final = {rank: max(WEIGHTS.values()) // weight for rank, weight in WEIGHTS.items()}

_PLACES: Final = """
    SELECT ranks.rank, lanes.turn, lanes.moment,
        users.in_flight < state.in_flight AND NOT users.paused,
        max(users.put_off, (
            SELECT due_at FROM queue_messages AS messages
            WHERE messages.state = 'queued' AND messages.user = users.user
            AND messages.rank = ranks.rank
            AND messages.priority NOT IN (SELECT rank FROM queue_ranks WHERE paused)
            ORDER BY due_at, id LIMIT 1
        ))
    FROM queue_users AS users, queue_state AS state, queue_ranks AS ranks
    LEFT JOIN queue_lanes AS lanes ON lanes.user = users.user AND lanes.rank = ranks.rank
    WHERE users.user = ?
"""
_HEADS: Final = """
    SELECT rank, pass, (
        SELECT user FROM queue_lanes AS lanes
        WHERE lanes.rank = ranks.rank AND turn IS NOT NULL ORDER BY turn LIMIT 1
    ) AS head FROM queue_ranks AS ranks WHERE head IS NOT NULL
"""


class Lanes:
    """All lanes, within one transaction at one time."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        """Keep what they are in, and Unix seconds."""
        self._do = connection.execute
        self._now = now

    def place(self, user: str) -> None:
        """Have the lanes of a user be what the messages and the user say."""
        for rank, turn, was, able, moment in self._do(_PLACES, (user,)).fetchall():
            if not able or moment is None:
                if was is not None:
                    self._do("DELETE FROM queue_lanes WHERE user = ? AND rank = ?", (user, rank))
            elif (turn is None and moment != was) or (turn is not None and moment > self._now):
                self._do("REPLACE INTO queue_lanes VALUES (?, ?, ?, NULL)", (rank, user, moment))

    def place_all(self) -> None:
        """Do so for each user who has messages."""
        for (user,) in self._do("SELECT user FROM queue_users WHERE live > 0").fetchall():
            self.place(user)

    def set_bound(self, in_flight: int) -> None:
        """Have each user have so many in flight from now on."""
        changed = self._do(
            "UPDATE queue_state SET in_flight = ? WHERE in_flight != ?", (in_flight, in_flight)
        )
        if changed.rowcount:
            self.place_all()


class Turns:
    """The turns that one claim gives."""

    def __init__(self, connection: sqlite3.Connection, now: float) -> None:
        """Begin where the last claim ended."""
        self._do = connection.execute
        self._now = now
        self._pass, self._turn = self._do("SELECT pass, turn FROM queue_state").fetchone()

    def join(self) -> None:
        """Let who has waited until now into the round of each class."""
        waiting = """
            SELECT user FROM queue_lanes WHERE rank = ? AND turn IS NULL AND moment <= ?
            ORDER BY moment, user LIMIT ?
        """
        for rank in Priority:
            for (user,) in self._do(waiting, (rank, self._now, SWEPT)).fetchall():
                self._turn += 1
                joins = "UPDATE queue_lanes SET turn = ? WHERE user = ? AND rank = ?"
                self._do(joins, (self._turn, user, rank))

    def next(self) -> tuple[str, int] | None:
        """Give the next turn: to a user in a class. None if there is nothing to claim."""
        heads = self._do(_HEADS).fetchall()
        if not heads:
            return None
        self._pass, rank, user = min(
            (max(own, self._pass), rank, user) for rank, own, user in heads
        )
        reached = self._pass + _STRIDES[rank]
        self._do("UPDATE queue_ranks SET pass = ? WHERE rank = ?", (reached, rank))
        return user, rank

    def served(self, user: str, rank: int) -> None:
        """Let a user who has been served go to the end of the round, if still in it."""
        self._turn += 1
        still = "UPDATE queue_lanes SET turn = ? WHERE user = ? AND rank = ? AND turn IS NOT NULL"
        self._do(still, (self._turn, user, rank))

    def close(self) -> None:
        """Note where the next claim begins."""
        self._do("UPDATE queue_state SET pass = ?, turn = ?", (self._pass, self._turn))
