"""What a journal has to come to: plain dicts, all counted anew each time it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from plugins.cost_meter.row import Dimension, Grain, Row, Sums, plus, sums_of
from proxy.api.spending import NanoUSD

Key = tuple[float, tuple[str, ...]]


@dataclass
class Model:
    """Slow, and plain."""

    intents: dict[str, tuple[int, Row, float]] = field(default_factory=dict)
    """By id: the process, what counts if the end is never known, when it is over at the latest."""
    rows: dict[str, Row] = field(default_factory=dict)
    since: dict[str, float] = field(
        default_factory=lambda: {"rows": 0.0, "minute": 0.0, "hour": 0.0}
    )
    gone: dict[str, Row] = field(default_factory=dict)
    """Rows that are not kept any more; days and months still count them."""

    def plan(self, process: int, row: Row, until: float) -> None:
        self.intents.setdefault(row.id, (process, row, until))

    def settle(self, row: Row) -> None:
        self.intents.pop(row.id, None)
        before = self.rows.get(row.id)
        if before is None:
            self.write(row)
            return
        counted = sum(one.nano_usd for one in self.rows.values() if row.id in (one.id, one.ref))
        if before.failure == "lost" != row.failure and row.nano_usd != counted:
            self.write(
                row._replace(
                    id=f"{row.id}:late",
                    kind="adjust",
                    ref=row.id,
                    at=before.at,
                    nano_usd=NanoUSD(row.nano_usd - counted),
                    note="its end was told after it had been given up",
                )
            )

    def write(self, row: Row) -> bool:
        if row.id in self.rows or row.at < self.since["rows"]:
            return False
        self.rows[row.id] = row
        return True

    def lose(self, ids: Sequence[str], now: float) -> None:
        """Settle what has no end."""
        for one in ids:
            _, row, _ = self.intents[one]
            self.settle(
                row._replace(
                    settled=now,
                    outcome="unknown",
                    failure="lost",
                    usage_source="estimate",
                    estimated=True,
                )
            )

    def under_way(self, process: int) -> list[str]:
        return [one for one, (whose, _, _) in self.intents.items() if whose == process]

    def overdue(self, now: float) -> list[str]:
        return [one for one, (_, _, until) in self.intents.items() if until + 3600 < now]

    def expire(self, rows: float, minutes: float, hours: float) -> None:
        """Keep nothing that began before these."""
        self.since = {
            "rows": moved(self.since["rows"], rows, "day", 86400.0),
            "minute": moved(self.since["minute"], minutes, "minute", 3600.0),
            "hour": moved(self.since["hour"], hours, "hour", 3600.0),
        }
        for one in [one for one in self.rows.values() if one.at < self.since["rows"]]:
            self.gone[one.id] = self.rows.pop(one.id)

    def totals(self, grain: Grain, by: Sequence[Dimension]) -> dict[Key, Sums]:
        found: dict[Key, Sums] = {}
        for row in [*self.gone.values(), *self.rows.values()]:
            begins = bucket(row.at, grain)
            if begins >= self.since.get(grain, 0.0):
                key = begins, tuple(str(getattr(row, one)) for one in by)
                found[key] = plus(found.get(key, Sums()), sums_of(row))
        return found


def moved(since: float, wanted: float, grain: Grain, most: float) -> float:
    """Return before when nothing is kept: it goes at most so far in one look."""
    return max(since, bucket(min(wanted, since + most) if since else wanted, grain))


def bucket(at: float, grain: Grain) -> float:
    """Return when a bucket begins, by the calendar."""
    moment = datetime.fromtimestamp(at, UTC).replace(microsecond=0, second=0)
    if grain != "minute":
        moment = moment.replace(minute=0)
    if grain in ("day", "month"):
        moment = moment.replace(hour=0)
    if grain == "month":
        moment = moment.replace(day=1)
    return moment.timestamp()
