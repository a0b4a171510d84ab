"""What one transaction does to the tables of alerts and deliveries."""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from ..notice import RANK, Notice, written
from ..store import Bounds, Cap, Delivery, Taken, Wanted

__all__ = ["EXPIRED", "Books"]

EXPIRED: Final = "nobody could be told in time"
"""Why a delivery is dead that was waiting when it expired, where no try says more."""

_CANDIDATES: Final = """
    SELECT id, free FROM notify_deliveries AS one
    WHERE channel = ?1 AND dead_at IS NULL AND lease_until IS NULL AND due_at <= ?2
        AND NOT EXISTS (
            SELECT 1 FROM notify_deliveries AS other
            WHERE other.channel = one.channel AND other.identity = one.identity
                AND other.dead_at IS NULL AND other.place < one.place
        )
    ORDER BY free DESC, due_at, id LIMIT ?3
"""
_MOMENT: Final = """
    SELECT free, min(coalesce(lease_until, due_at)) FROM notify_deliveries AS one
    WHERE channel = ?1 AND dead_at IS NULL
        AND NOT EXISTS (
            SELECT 1 FROM notify_deliveries AS other
            WHERE other.channel = one.channel AND other.identity = one.identity
                AND other.dead_at IS NULL AND other.place < one.place
        )
    GROUP BY free
"""
_DIE: Final = """
    UPDATE notify_deliveries
    SET dead_at = ?1, lease_until = NULL, why = CASE WHEN ?2 = '' AND why != '' THEN why
        WHEN ?2 = '' THEN ?3 ELSE ?2 END
"""


class Books:
    """The tables within a transaction, at one moment."""

    def __init__(self, on: sqlite3.Connection, now: float, bounds: Bounds) -> None:
        self.on = on
        self._now = now
        self._bounds = bounds

    # alerts

    def take(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        """Take in what was raised."""
        found = self.on.execute(
            "SELECT id, severity, told_at, channels FROM notify_alerts "
            "WHERE identity = ? AND ended_at IS NULL",
            (notice.identity,),
        ).fetchone()
        if notice.resolves:
            return self._resolve(found, notice, wanted)
        if found is not None:
            worse = RANK[notice.severity] > RANK[found[1]]
            if not worse and self._now < found[2] + self._bounds.repeat:
                if found[0] != notice.id:  # else it is taken in anew, as nobody knew whether it was
                    self._count(found[0], notice)
                return Taken("again")
            self._end(found[0], "replaced", notice.at)
        return self._tell(notice, wanted)

    def acknowledge(self, alert_id: str, by: str, user: str | None) -> None:
        """Note who knows of it, unless somebody did already."""
        self.on.execute(
            "UPDATE notify_alerts SET acknowledged_at = ?1, acknowledged_by = ?2 "
            "WHERE id = ?3 AND acknowledged_at IS NULL AND (?4 IS NULL OR user = ?4)",
            (self._now, by, alert_id, user),
        )

    def _count(self, alert_id: str, notice: Notice) -> None:
        self.on.execute(
            "UPDATE notify_alerts SET count = count + 1, last_at = max(last_at, ?), text = ?, "
            "measured = ? WHERE id = ?",
            (notice.at, notice.text, notice.measured, alert_id),
        )

    def _end(self, alert_id: str, how: str, at: float) -> None:
        self.on.execute(
            "UPDATE notify_alerts SET ended_at = ?, ended = ? WHERE id = ?", (at, how, alert_id)
        )

    def _resolve(
        self, found: tuple[Any, ...] | None, notice: Notice, wanted: Sequence[Wanted]
    ) -> Taken:
        if found is None:
            return Taken("nothing")
        self._end(found[0], "resolved", notice.at)
        told = set(orjson.loads(found[3]))
        queued, full = self._queue(notice, [one for one in wanted if one.channel in told])
        return Taken("ended", queued, full)

    def _tell(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        queued, full = self._queue(notice, wanted)
        self.on.execute(
            "INSERT INTO notify_alerts (id, identity, name, subject, text, severity, user, at, "
            "last_at, told_at, channels, measured) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(notice.id, notice.identity, notice.name, notice.subject, notice.text),
                *(notice.severity, notice.user, notice.at, notice.at, self._now),
                *(orjson.dumps(queued).decode(), notice.measured),
            ),
        )
        self.on.execute(
            "DELETE FROM notify_alerts WHERE id <= "
            "(SELECT id FROM notify_alerts ORDER BY id DESC LIMIT 1 OFFSET ?)",
            (self._bounds.listed,),
        )
        return Taken("told", queued, full)

    def _queue(
        self, notice: Notice, wanted: Iterable[Wanted]
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Have it delivered; to whom it is, and for whom there is no room."""
        queued, full = [], []
        text = written(notice).decode()
        for one in wanted:
            [waiting] = self.on.execute(
                "SELECT count(*) FROM notify_deliveries WHERE channel = ? AND dead_at IS NULL",
                (one.channel,),
            ).fetchone()
            if waiting >= self._bounds.waiting:
                full.append(one.channel)
                continue
            made = self.on.execute(
                "INSERT INTO notify_deliveries (identity, channel, free, notice, at, due_at, "
                "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(notice.identity, one.channel, int(one.free), text),
                    *(self._now, self._now, self._now + self._bounds.give_up),
                ),
            )
            self._to_the_end(made.lastrowid)
            queued.append(one.channel)
        return tuple(queued), tuple(full)

    # the outbox

    def claim(self, channel: str, cap: Cap, lease: float, most: int) -> tuple[int, ...]:
        """Set right what has run out, and lease what is next; the ids."""
        self.on.execute(
            "UPDATE notify_deliveries SET lease_until = NULL "
            "WHERE channel = ? AND dead_at IS NULL AND lease_until <= ?",
            (channel, self._now),
        )
        self.on.execute(
            f"{_DIE} WHERE channel = ?4 AND dead_at IS NULL AND lease_until IS NULL "
            "AND expires_at <= ?1",
            (self._now, "", EXPIRED, channel),
        )
        found = self.on.execute(_CANDIDATES, (channel, self._now, most)).fetchall()
        ids = self._next(channel, cap, found)
        if ids and not found[0][1]:
            self._count_message(channel, cap, ids[0])
        for one in ids:
            self.on.execute(
                "UPDATE notify_deliveries SET lease_until = ?, attempts = attempts + 1, "
                "generation = generation + 1 WHERE id = ?",
                (self._now + lease, one),
            )
        return ids

    def delivered(self, claimed: Sequence[Delivery]) -> int:
        """Forget what the channel has taken."""
        return self._of_claim(claimed, "DELETE FROM notify_deliveries", ())

    def failed(self, claimed: Sequence[Delivery], due_at: float, why: str) -> int:
        """Have it tried again, or be dead; how many are dead."""
        self._uncount(claimed)
        late = [one for one in claimed if due_at >= one.expires_at]
        soon = [one for one in claimed if due_at < one.expires_at]
        self._of_claim(
            soon,
            "UPDATE notify_deliveries SET lease_until = NULL, due_at = ?1, why = ?2",
            (due_at, why),
        )
        return self.bury(late, why)

    def bury(self, claimed: Sequence[Delivery], why: str) -> int:
        """Give up."""
        self._uncount(claimed)
        return self._of_claim(claimed, _DIE, (self._now, why, EXPIRED))

    def again(self, delivery_id: int | None, channel: str | None) -> int:
        """Have dead deliveries tried again."""
        found = self.on.execute(
            "UPDATE notify_deliveries SET dead_at = NULL, why = '', attempts = 0, due_at = ?1, "
            "expires_at = ?2 WHERE dead_at IS NOT NULL AND (?3 IS NULL OR id = ?3) "
            "AND (?4 IS NULL OR channel = ?4) RETURNING id",
            (self._now, self._now + self._bounds.give_up, delivery_id, channel),
        ).fetchall()
        for [one] in sorted(found):
            self._to_the_end(one)
        return len(found)

    def drop(self, delivery_id: int | None, channel: str | None) -> int:
        """Forget dead deliveries."""
        return self.on.execute(
            "DELETE FROM notify_deliveries WHERE dead_at IS NOT NULL AND (?1 IS NULL OR id = ?1) "
            "AND (?2 IS NULL OR channel = ?2)",
            (delivery_id, channel),
        ).rowcount

    def next_moment(self, channel: str, cap: Cap) -> float | None:
        """Return when there may be something to claim."""
        moments = dict(self.on.execute(_MOMENT, (channel,)).fetchall())
        sent = self._sent(channel, cap)
        if 0 in moments and len(sent) == cap.messages:
            # When the oldest one that counts leaves the window there is room for one message.
            moments[0] = max(moments[0], sent[0] + cap.seconds)
        return min(moments.values(), default=None)

    def purge(self) -> int:
        """Forget what is too old, and what is beyond the bounds."""
        old = self.on.execute(
            "DELETE FROM notify_alerts WHERE max(last_at, told_at) < ?",
            (self._now - self._bounds.keep,),
        ).rowcount
        dead = self.on.execute(
            "DELETE FROM notify_deliveries WHERE dead_at IS NOT NULL AND (dead_at < ? OR id NOT IN "
            "(SELECT id FROM notify_deliveries WHERE dead_at IS NOT NULL "
            "ORDER BY dead_at DESC, id DESC LIMIT ?))",
            (self._now - self._bounds.dead_keep, self._bounds.dead),
        ).rowcount
        return old + dead

    def _next(self, channel: str, cap: Cap, found: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        """Return which of the candidates go now, as one message."""
        left = cap.messages - len(self._sent(channel, cap))
        free = bool(found and found[0][1])
        if left <= 0 and not free:
            return ()
        return tuple(one for one, _ in (found if left == 1 and not free else found[:1]))

    def _count_message(self, channel: str, cap: Cap, delivery_id: int) -> None:
        """Note what is claimed now as sent; `_uncount` takes it back if it was not."""
        self.on.execute(
            "DELETE FROM notify_sends WHERE channel = ? AND at <= ?",
            (channel, self._now - cap.seconds),
        )
        self.on.execute(
            "INSERT INTO notify_sends SELECT channel, ?, id, generation + 1 "
            "FROM notify_deliveries WHERE id = ?",
            (self._now, delivery_id),
        )

    def _uncount(self, claimed: Iterable[Delivery]) -> None:
        for one in claimed:
            self.on.execute(
                "DELETE FROM notify_sends WHERE delivery = ? AND generation = ?",
                (one.id, one.generation),
            )

    def _sent(self, channel: str, cap: Cap) -> list[float]:
        """Return when the last messages were sent, of those within the window, the oldest first."""
        rows = self.on.execute(
            "SELECT at FROM notify_sends WHERE channel = ? AND at > ? ORDER BY at DESC LIMIT ?",
            (channel, self._now - cap.seconds, cap.messages),
        )
        return sorted(at for [at] in rows)

    def _of_claim(self, claimed: Iterable[Delivery], change: str, values: tuple[Any, ...]) -> int:
        """Change those that are still held by this claim; how many."""
        count = len(values)
        where = (
            f"id = ?{count + 1} AND generation = ?{count + 2} AND dead_at IS NULL "
            f"AND lease_until > ?{count + 3}"
        )
        return sum(
            self.on.execute(
                f"{change} WHERE {where}", (*values, one.id, one.generation, self._now)
            ).rowcount
            for one in claimed
        )

    def _to_the_end(self, delivery_id: int | None) -> None:
        self.on.execute(
            "UPDATE notify_deliveries SET place = "
            "(SELECT coalesce(max(place), 0) + 1 FROM notify_deliveries) WHERE id = ?",
            (delivery_id,),
        )
