"""Alerts and their deliveries in a Redis: for a fleet, which tells of each alert once.

A script may be sent twice, where a connection dies: what is taken in twice is counted once, and
what is claimed twice waits until the first claim's lease is over.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from proxy.api.alerts import AlertView
from proxy.api.stores import RedisScripts, StoreError

from ..measuring import read_measured
from ..notice import Notice, read_notice, written
from ..store import SUMMED, Bounds, Cap, Delivery, Filter, Stats, Taken, Wanted

__all__ = ["RedisStore"]

_VERSION: Final = "1"
_LUA: Final = Path(__file__).with_name("lua")
_LOOKED_AT: Final = 500
"""So many alerts one script looks at to list some."""


class RedisStore:
    """See `plugins.notify.store.NotifyStore`."""

    def __init__(
        self, redis: RedisScripts, now: Callable[[], float] | None, bounds: Bounds
    ) -> None:
        """Keep `redis`; without `now` the time is that of its server."""
        self.url = redis.url
        self._redis = redis
        self._now = now
        self._bounds = bounds
        self._root = redis.key("alerts")

    async def open(self) -> None:
        """Note which version of the keys this is. Raises StoreError for keys of another."""
        place = f"{self._root}:version"
        await self._redis.call("SET", place, _VERSION, "NX")
        if await self._redis.call("GET", place) != _VERSION.encode():
            raise StoreError(
                f"{self.url}: the alerts there were written by another version of Crossfade; "
                "take another ?prefix=, or the version that wrote them"
            )

    # alerts

    async def take(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        """Take in what was raised."""
        bounds = self._bounds
        pairs = [part for one in wanted for part in (one.channel, str(int(one.free)))]
        what, queued, full = await self._run(
            "take",
            *(bounds.repeat, bounds.give_up, bounds.waiting, bounds.listed),
            *(int(notice.resolves), notice.id, notice.identity, notice.name, notice.subject),
            *(notice.text, notice.severity, notice.user, notice.at, written(notice)),
            *(notice.measured, *pairs),
        )
        return Taken(what.decode(), _texts(queued), _texts(full))

    async def list(self, which: Filter, limit: int) -> tuple[AlertView, ...]:
        """Return the newest first by id."""
        known = "" if which.acknowledged is None else int(which.acknowledged)
        since = "" if which.since is None else which.since
        asked = (*_of_user(which.user), which.severity or "", known, since)
        found: list[AlertView] = []
        after = ""
        while True:
            last, *rows = await self._run("list", *asked, limit - len(found), after, _LOOKED_AT)
            found += [_alert(row) for row in rows]
            after = last.decode()
            if not after or len(found) >= limit:
                return tuple(found)

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        """Note who knows of it."""
        row = await self._run("acknowledge", alert_id, by, *_of_user(user))
        return _alert(row) if row else None

    # the outbox

    async def claim(
        self, channel: str, cap: Cap, *, lease: float, most: int = SUMMED
    ) -> tuple[Delivery, ...]:
        """Lease what is to be sent to a channel next, as one message."""
        return _deliveries(await self._run("claim", channel, *cap, lease, most))

    async def delivered(self, claimed: Sequence[Delivery]) -> int:
        """Forget what the channel has taken."""
        return await self._settle("delivered", claimed)

    async def failed(self, claimed: Sequence[Delivery], due_at: float, why: str) -> int:
        """Have it tried again, or be dead."""
        return await self._settle("failed", claimed, due_at, why)

    async def bury(self, claimed: Sequence[Delivery], why: str) -> int:
        """Give up."""
        return await self._settle("bury", claimed, 0.0, why)

    async def outbox(self, *, dead: bool, channel: str | None, limit: int) -> tuple[Delivery, ...]:
        """Return deliveries that wait, or are dead."""
        return _deliveries(await self._run("outbox", int(dead), channel or "", limit))

    async def again(self, delivery_id: int | None, channel: str | None) -> int:
        """Have dead deliveries tried again."""
        return await self._dead("again", delivery_id, channel)

    async def drop(self, delivery_id: int | None, channel: str | None) -> int:
        """Forget dead deliveries."""
        return await self._dead("drop", delivery_id, channel)

    async def stats(self) -> Stats:
        """Count."""
        live, dead = await self._run("stats")
        return Stats(
            {channel.decode(): int(many) for channel, many, _ in live},
            {channel.decode(): float(oldest) for channel, _, oldest in live},
            {channel.decode(): int(many) for channel, many in dead},
        )

    async def next_moment(self, channel: str, cap: Cap) -> float | None:
        """Return when there may be something to claim."""
        found = await self._run("moment", channel, *cap)
        return None if found is None else float(found)

    async def purge(self) -> int:
        """Forget what is too old."""
        bounds = self._bounds
        return int(await self._run("purge", bounds.keep, bounds.dead, bounds.dead_keep))

    async def listen(self, ring: Callable[[], None]) -> None:
        """Call `ring` when another process has taken something in."""
        await self._redis.listen(f"{self._root}:bell", lambda _: ring())

    async def trouble(self) -> str:
        """Return how this Redis may lose alerts, and what to set; empty if it does not."""
        if await self._redis.call("GET", f"{self._root}:version") is None:
            return (
                f"{self.url} has lost what it had: alerts that waited to be told are gone; "
                "look why it was emptied, then reload"
            )
        info = await self._redis.call("INFO")
        if not info.get("aof_enabled"):
            return (
                f"{self.url} writes no append-only file: alerts are lost when it ends; "
                "set appendonly yes"
            )
        policy = str(info.get("maxmemory_policy"))
        if policy.startswith("allkeys"):
            return (
                f"{self.url} removes alerts when its memory is full (maxmemory-policy {policy}); "
                "set maxmemory-policy noeviction"
            )
        return ""

    # inside

    async def _settle(
        self, what: str, claimed: Sequence[Delivery], due_at: float = 0.0, why: str = ""
    ) -> int:
        pairs = [number for one in claimed for number in (one.id, one.generation)]
        return int(await self._run("settle", what, due_at, why, *pairs))

    async def _dead(self, what: str, delivery_id: int | None, channel: str | None) -> int:
        meant = "" if delivery_id is None else delivery_id
        return int(await self._run("dead", what, meant, channel or "", self._bounds.give_up))

    async def _run(self, script: str, *values: str | bytes | float) -> Any:
        now = "" if self._now is None else self._now()
        return await self._redis.run(_lua(script), (self._root,), (now, *values))


@cache
def _lua(name: str) -> str:
    common = (_LUA / "common.lua").read_text(encoding="utf-8")
    return common + (_LUA / f"{name}.lua").read_text(encoding="utf-8")


def _of_user(user: str | None) -> tuple[int, str]:
    return int(user is not None), user or ""


def _texts(found: Iterable[bytes]) -> tuple[str, ...]:
    return tuple(one.decode() for one in found)


def _moment(found: str) -> float | None:
    return float(found) if found else None


def _alert(row: Iterable[bytes | None]) -> AlertView:
    # Alerts of an earlier version have nothing measured.
    made, name, subject, text, severity, user, at, last, count, ended_at, *rest = _texts(
        one or b"" for one in row
    )
    ended, known, by, measured = rest
    return AlertView(
        id=made,
        name=name,
        subject=subject,
        text=text,
        severity=severity,
        user=user,
        at=float(at),
        last_at=float(last),
        times=int(count),
        ended_at=_moment(ended_at),
        ended=ended,
        acknowledged_at=_moment(known),
        acknowledged_by=by,
        measured=read_measured(measured),
    )


def _deliveries(rows: Iterable[Sequence[bytes]]) -> tuple[Delivery, ...]:
    return tuple(_delivery(row) for row in rows)


def _delivery(row: Sequence[bytes]) -> Delivery:
    made, channel, notice, at, due, expires, attempts, gen, dead, why = row
    return Delivery(
        id=int(made),
        channel=channel.decode(),
        notice=read_notice(notice),
        at=float(at),
        due_at=float(due),
        expires_at=float(expires),
        attempts=int(attempts),
        generation=int(gen),
        dead_at=_moment(dead.decode()),
        why=why.decode(),
    )
