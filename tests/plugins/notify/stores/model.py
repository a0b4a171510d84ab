"""What a store of alerts does, written as plainly as can be: lists in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from plugins.notify.measuring import read_measured
from plugins.notify.notice import RANK, Notice
from plugins.notify.store import Bounds, Cap, Delivery, Filter, Stats, Taken, Wanted
from plugins.notify.stores.sqlite_books import EXPIRED
from proxy.api.alerts import AlertView
from tests.plugins.notify.stores.bench import Clock


@dataclass
class Kept:
    """An alert."""

    notice: Notice
    told_at: float
    channels: tuple[str, ...]
    last_at: float
    times: int = 1
    text: str = ""
    measured: str = ""
    ended_at: float | None = None
    ended: str = ""
    known_at: float | None = None
    known_by: str = ""

    @property
    def view(self) -> AlertView:
        one = self.notice
        return AlertView(
            *(one.id, one.name, one.subject, self.text, one.severity, one.user, one.at),
            *(self.last_at, self.times, self.ended_at, self.ended, self.known_at, self.known_by),
            read_measured(self.measured),
        )


@dataclass
class Way:
    """A delivery."""

    id: int
    place: int
    channel: str
    free: bool
    notice: Notice
    at: float
    due: float
    expires: float
    attempts: int = 0
    generation: int = 0
    lease: float | None = None
    dead_at: float | None = None
    why: str = ""

    @property
    def view(self) -> Delivery:
        return Delivery(
            *(self.id, self.channel, self.notice, self.at, self.due, self.expires, self.attempts),
            *(self.generation, self.dead_at, self.why),
        )


@dataclass
class Model:
    """The store."""

    now: Clock
    bounds: Bounds
    alerts: list[Kept] = field(default_factory=list)
    ways: list[Way] = field(default_factory=list)
    sends: list[tuple[str, float, int, int]] = field(default_factory=list)
    last: int = 0
    places: int = 0

    def take(self, notice: Notice, wanted: Sequence[Wanted]) -> Taken:
        same = [one for one in self.alerts if one.notice.identity == notice.identity]
        open_ = next((one for one in same if one.ended_at is None), None)
        if notice.resolves:
            if open_ is None:
                return Taken("nothing")
            open_.ended_at, open_.ended = notice.at, "resolved"
            told = [one for one in wanted if one.channel in open_.channels]
            return Taken("ended", *self._queue(notice, told))
        if open_ is not None:
            worse = RANK[notice.severity] > RANK[open_.notice.severity]
            if not worse and self.now() < open_.told_at + self.bounds.repeat:
                open_.times += 1
                open_.last_at = max(open_.last_at, notice.at)
                open_.text, open_.measured = notice.text, notice.measured
                return Taken("again")
            open_.ended_at, open_.ended = notice.at, "replaced"
        queued, full = self._queue(notice, wanted)
        kept = Kept(notice, self.now(), queued, notice.at, text=notice.text)
        kept.measured = notice.measured
        self.alerts.append(kept)
        del self.alerts[: -self.bounds.listed]
        return Taken("told", queued, full)

    def listed(self, which: Filter, limit: int) -> tuple[AlertView, ...]:
        def meant(one: Kept) -> bool:
            known = one.known_at is not None
            return (
                which.user in (None, one.notice.user)
                and which.severity in (None, one.notice.severity)
                and which.acknowledged in (None, known)
                and (which.since is None or one.notice.at >= which.since)
            )

        return tuple(one.view for one in reversed(self.alerts) if meant(one))[:limit]

    def acknowledge(self, alert_id: str, by: str, user: str | None) -> AlertView | None:
        for one in self.alerts:
            if one.notice.id == alert_id and user in (None, one.notice.user):
                if one.known_at is None:
                    one.known_at, one.known_by = self.now(), by
                return one.view
        return None

    def claim(self, channel: str, cap: Cap, lease: float, most: int) -> tuple[Delivery, ...]:
        for one in self._live(channel):
            if one.lease is not None and one.lease <= self.now():
                one.lease = None
            if one.lease is None and one.expires <= self.now():
                self._die(one, "")
        due = [one for one in self._heads(channel) if one.lease is None and one.due <= self.now()]
        due.sort(key=lambda one: (not one.free, one.due, one.id))
        left = cap.messages - len(self._counted(channel, cap))
        if not due or (left <= 0 and not due[0].free):
            return ()
        found = due[:most] if left == 1 and not due[0].free else due[:1]
        for one in found:
            one.lease, one.attempts = self.now() + lease, one.attempts + 1
            one.generation += 1
        if not found[0].free:
            self.sends.append((channel, self.now(), found[0].id, found[0].generation))
        return tuple(one.view for one in found)

    def settle(self, what: str, claimed: Sequence[Delivery], due: float, why: str) -> int:
        many = 0
        for one in claimed:
            if what != "delivered":
                self.sends = [s for s in self.sends if s[2:] != (one.id, one.generation)]
            way = next((way for way in self.ways if way.id == one.id), None)
            if way is None or way.dead_at is not None or way.generation != one.generation:
                continue
            if way.lease is None or way.lease <= self.now():
                continue
            many += 1
            if what == "delivered":
                self.ways.remove(way)
            elif what == "bury" or due >= way.expires:
                self._die(way, why)
            else:
                way.lease, way.due, way.why = None, due, why
                many -= 1
        return many

    def outbox(self, dead: bool, channel: str | None, limit: int) -> tuple[Delivery, ...]:
        found = [one for one in self.ways if (one.dead_at is not None) == dead]
        found = [one for one in found if channel in (None, one.channel)]
        return tuple(one.view for one in sorted(found, key=lambda one: one.id))[:limit]

    def again(self, delivery_id: int | None, channel: str | None) -> int:
        found = self._dead(delivery_id, channel)
        for one in found:
            one.dead_at, one.why, one.attempts, one.due = None, "", 0, self.now()
            one.expires = self.now() + self.bounds.give_up
            self.places += 1
            one.place = self.places
        return len(found)

    def drop(self, delivery_id: int | None, channel: str | None) -> int:
        found = self._dead(delivery_id, channel)
        self.ways = [one for one in self.ways if one not in found]
        return len(found)

    def stats(self) -> Stats:
        channels = {one.channel for one in self.ways}
        live = {channel: self._live(channel) for channel in channels if self._live(channel)}
        dead: dict[str, int] = {}
        for one in self._dead(None, None):
            dead[one.channel] = dead.get(one.channel, 0) + 1
        return Stats(
            {channel: len(ways) for channel, ways in live.items()},
            {channel: min(one.at for one in ways) for channel, ways in live.items()},
            dead,
        )

    def next_moment(self, channel: str, cap: Cap) -> float | None:
        moments: list[float] = []
        counted = self._counted(channel, cap)
        for one in self._heads(channel):
            at = one.due if one.lease is None else one.lease
            if not one.free and len(counted) >= cap.messages:
                at = max(at, sorted(counted)[-cap.messages] + cap.seconds)
            moments.append(at)
        return min(moments, default=None)

    def purge(self) -> int:
        before = len(self.alerts) + len(self.ways)
        self.alerts = [
            one
            for one in self.alerts
            if max(one.last_at, one.told_at) >= self.now() - self.bounds.keep
        ]
        old = self.now() - self.bounds.dead_keep
        self.ways = [o for o in self.ways if o.dead_at is None or o.dead_at >= old]
        return before - len(self.alerts) - len(self.ways)

    # inside

    def _queue(self, notice: Notice, wanted: Sequence[Wanted]) -> Any:
        queued, full = [], []
        for one in wanted:
            if len(self._live(one.channel)) >= self.bounds.waiting:
                full.append(one.channel)
                continue
            self.last, self.places = self.last + 1, self.places + 1
            now = self.now()
            self.ways.append(
                Way(
                    *(self.last, self.places, one.channel, one.free, notice, now, now),
                    expires=now + self.bounds.give_up,
                )
            )
            queued.append(one.channel)
        return tuple(queued), tuple(full)

    def _live(self, channel: str) -> list[Way]:
        return [one for one in self.ways if one.channel == channel and one.dead_at is None]

    def _heads(self, channel: str) -> list[Way]:
        live = self._live(channel)
        return [
            one
            for one in live
            if not any(
                other.notice.identity == one.notice.identity and other.place < one.place
                for other in live
            )
        ]

    def _dead(self, delivery_id: int | None, channel: str | None) -> list[Way]:
        return [
            one
            for one in sorted(self.ways, key=lambda one: one.id)
            if one.dead_at is not None
            and delivery_id in (None, one.id)
            and channel in (None, one.channel)
        ]

    def _die(self, one: Way, why: str) -> None:
        one.dead_at, one.lease = self.now(), None
        one.why = why or one.why or EXPIRED

    def _counted(self, channel: str, cap: Cap) -> list[float]:
        since = self.now() - cap.seconds
        return [at for name, at, *_ in self.sends if name == channel and at > since]
