"""A queue in plain Python that does what `store.py` says; it looks at everything each time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from plugins.message_queue.message import (
    LIVE,
    Approval,
    Claimed,
    Message,
    Priority,
    Receipt,
    Record,
    State,
)
from plugins.message_queue.store import AGING, SWEPT, WEIGHTS, Bounds, Filter, QueueFullError

Lane = tuple[Priority, str]
"""A class and a user."""


@dataclass
class Kept:
    """A message of the model."""

    message: Message
    state: State
    kind: Priority
    """Its class."""
    due_at: float
    changed_at: float
    ages_from: float
    attempts: int = 0
    throttles: int = 0
    generation: int = 0
    lease_until: float = 0.0
    platform_id: str = ""
    code: str = ""
    why: str = ""

    @property
    def record(self) -> Record:
        return Record(
            self.message,
            self.state,
            self.due_at,
            self.attempts,
            self.throttles,
            self.generation,
            self.changed_at,
            self.platform_id,
            self.code,
            self.why,
        )

    @property
    def place(self) -> tuple[float, str]:
        """Among those of its user and class."""
        return self.due_at, self.message.id

    @property
    def ages_at(self) -> float | None:
        """When it moves up."""
        if self.state != "queued" or self.kind <= Priority.high:
            return None
        return max(self.due_at, self.ages_from) + AGING

    @property
    def held_by_somebody(self) -> bool:
        return self.state in ("leased", "sending")


@dataclass
class Model:
    """The queue; all methods as in `QueueStore`."""

    now: Callable[[], float]
    repeats: bool
    kept: dict[str, Kept] = field(default_factory=dict)
    put_off: dict[str, float] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    rounds: dict[Priority, list[str]] = field(
        default_factory=lambda: {kind: [] for kind in WEIGHTS}
    )
    passes: dict[Priority, int] = field(default_factory=lambda: dict.fromkeys(WEIGHTS, 0))
    last_pass: int = 0
    in_flight: int = 0
    """The bound that was told last."""

    # -- putting and claiming --------------------------------------------------

    def put(self, message: Message, bounds: Bounds, lease: float | None) -> tuple[Record, bool]:
        self.in_flight = bounds.in_flight
        for one in self.kept.values():
            if one.message.id == message.id or (
                message.dedupe_key and one.message.dedupe_key == message.dedupe_key
            ):
                return one.record, False
        self._check_bounds(message, bounds)
        new = Kept(
            message,
            "queued" if message.approval else "held",
            message.priority,
            message.due_at,
            self.now(),
            self.now(),
        )
        at_once = lease is not None and self._goes_at_once(new)
        self.kept[message.id] = new
        if lease is not None and at_once:
            self._lease(new, lease)
        self._leave()
        return new.record, True

    def claim(self, bounds: Bounds, most: int, lease: float) -> list[Claimed]:
        self.in_flight = bounds.in_flight
        self._leave()
        most = 0 if self._set_right() == SWEPT or "all" in self.paused else most
        found: list[Claimed] = []
        while len(found) < most:
            kind = self._turn()
            if kind is None:
                break
            found.append(self._serve(kind, lease))
        return found

    def _goes_at_once(self, new: Kept) -> bool:
        message = new.message
        return (
            new.state == "queued"
            and "all" not in self.paused
            and self._claimable(new)
            and self._moment((new.kind, message.user), [new]) is not None
            and max(message.due_at, self.put_off.get(message.user, 0)) <= self.now()
            and message.expires_at > self.now()
            and not any(
                one.state == "queued" and one.kind <= new.kind and one.due_at <= self.now()
                for one in self._of(message.user)
            )
        )

    def _check_bounds(self, message: Message, bounds: Bounds) -> None:
        live = [one for one in self.kept.values() if one.state in LIVE]
        mine = [one for one in live if one.message.user == message.user]
        if len(live) >= bounds.messages or len(mine) >= bounds.user_messages:
            raise QueueFullError

    def _set_right(self) -> int:
        """Return how many have expired."""
        now = self.now()
        for one in self._overdue(lambda one: one.lease_until if one.held_by_somebody else None):
            self._lose(one)
        waiting = ("queued", "held")
        expired = self._overdue(
            lambda one: one.message.expires_at if one.state in waiting else None
        )
        for one in expired:
            self._change(one, "dead", code="expired", why=one.why)
        for one in self._overdue(lambda one: one.ages_at):
            one.kind = Priority(one.kind - 1)
            one.ages_from = now
        self._leave()
        for kind, users in self.rounds.items():
            able = [
                (moment, user)
                for user in self._users() - set(users)
                if (moment := self._moment((kind, user))) is not None and moment <= now
            ]
            users += [user for _, user in sorted(able)[:SWEPT]]
        return len(expired)

    def _overdue(self, when: Callable[[Kept], float | None]) -> list[Kept]:
        found = [(at, one) for one in self.kept.values() if (at := when(one)) is not None]
        due = [pair for pair in found if pair[0] <= self.now()]
        return [
            one for _, one in sorted(due, key=lambda pair: (pair[0], pair[1].message.id))[:SWEPT]
        ]

    def _lose(self, one: Kept) -> None:
        unknown = one.state == "sending"
        one.attempts += not unknown or self.repeats
        last = one.attempts >= one.message.max_attempts
        state: State = "dead" if last else "queued"
        if unknown and (last or not self.repeats):
            state = "uncertain"
        self._change(one, state, code="lease_lost", why=one.why)

    def _turn(self) -> Priority | None:
        able = [kind for kind in Priority if self.rounds[kind]]
        if not able:
            return None
        kind = min(able, key=lambda kind: (max(self.passes[kind], self.last_pass), kind))
        self.last_pass = max(self.passes[kind], self.last_pass)
        self.passes[kind] = self.last_pass + 8 // WEIGHTS[kind]
        return kind

    def _serve(self, kind: Priority, lease: float) -> Claimed:
        user = self.rounds[kind].pop(0)
        one = min(self._candidates((kind, user)), key=lambda one: one.place)
        claimed = self._lease(one, lease)
        self.rounds[kind].append(user)
        self._leave()
        return claimed

    def _lease(self, one: Kept, lease: float) -> Claimed:
        self._change(one, "leased", code=one.code, why=one.why)
        one.generation += 1
        one.lease_until = self.now() + lease
        return self.claimed(one.message.id)

    def claimed(self, message_id: str) -> Claimed:
        one = self.kept[message_id]
        return Claimed(one.record, Receipt(message_id, one.generation), one.lease_until)

    # -- who can be claimed from -----------------------------------------------

    def _of(self, user: str) -> Iterable[Kept]:
        return (one for one in self.kept.values() if one.message.user == user)

    def _users(self) -> set[str]:
        return {one.message.user for one in self.kept.values()}

    def _claimable(self, one: Kept) -> bool:
        return one.state == "queued" and f"priority:{one.message.priority.name}" not in self.paused

    def _candidates(self, lane: Lane) -> list[Kept]:
        kind, user = lane
        return [one for one in self._of(user) if one.kind == kind and self._claimable(one)]

    def _moment(self, lane: Lane, among: list[Kept] | None = None) -> float | None:
        """When something of a lane can be claimed; None if its own end is not foreseen."""
        user = lane[1]
        flying = sum(one.held_by_somebody for one in self._of(user))
        found = self._candidates(lane) if among is None else among
        if not found or flying >= self.in_flight or f"user:{user}" in self.paused:
            return None
        return max(min(one.due_at for one in found), self.put_off.get(user, 0))

    def _leave(self) -> None:
        for kind, users in self.rounds.items():
            moments = {user: self._moment((kind, user)) for user in users}
            users[:] = [
                user
                for user, moment in moments.items()
                if moment is not None and moment <= self.now()
            ]

    # -- changes ---------------------------------------------------------------

    def _change(self, one: Kept, state: State, *, code: str = "", why: str = "") -> Record:
        one.state, one.code, one.why = state, code, why
        one.changed_at = self.now()
        if state == "queued":
            one.ages_from = self.now()
        if state in ("sent", "cancelled"):
            gone = {"content": "", "media_urls": (), "approval": None}
            one.message = one.message.model_copy(update=gone)
        self._leave()
        return one.record

    def valid(self, receipt: Receipt) -> Kept | None:
        one = self.kept.get(receipt.id)
        if one is None or not one.held_by_somebody or one.generation != receipt.generation:
            return None
        return one if one.lease_until > self.now() else None

    def begin(self, one: Kept, lease: float) -> None:
        self._change(one, "sending", code=one.code, why=one.why)
        one.lease_until = self.now() + lease

    def extend(self, one: Kept, lease: float) -> None:
        one.lease_until = self.now() + lease

    def sent(self, one: Kept, platform_id: str) -> None:
        one.platform_id = platform_id
        self._change(one, "sent")

    def retry(self, one: Kept, due_at: float, code: str, why: str) -> None:
        one.attempts += 1
        dead = one.attempts >= one.message.max_attempts
        if not dead:
            one.due_at = due_at
        self._change(one, "dead" if dead else "queued", code=code, why=why)

    def throttle(self, one: Kept, until: float, why: str, whole_user: float) -> None:
        user = one.message.user
        if whole_user > self.now():
            self.put_off[user] = max(self.put_off.get(user, 0), whole_user)
        if until > max(self.now(), self.put_off.get(user, 0)):
            one.due_at = until
        one.throttles += 1
        self._change(one, "queued", why=why)

    def end(self, one: Kept, state: Literal["dead", "uncertain"], code: str, why: str) -> None:
        self._change(one, state, code=code, why=why)

    def approve(self, message_id: str, approval: Approval) -> Record | None:
        one = self.kept.get(message_id)
        if one is None or one.state != "held":
            return None
        one.message = one.message.model_copy(update={"approval": approval})
        return self._change(one, "queued")

    def cancel(self, message_id: str) -> Record | None:
        one = self.kept.get(message_id)
        if one is None or one.state not in ("held", "queued"):
            return None
        return self._change(one, "cancelled", code=one.code, why=one.why)

    def requeue(self, message_id: str, expires_at: float) -> Record | None:
        one = self.kept.get(message_id)
        if one is None or one.state not in ("dead", "uncertain", "queued"):
            return None
        if one.state == "queued":
            one.due_at = min(one.due_at, self.now())
        else:
            one.due_at, one.kind = self.now(), one.message.priority
        one.attempts = one.throttles = 0
        one.message = one.message.model_copy(update={"expires_at": expires_at})
        return self._change(one, "queued")

    def settle(
        self, message_id: str, state: Literal["sent", "dead"], code: str, why: str
    ) -> Record | None:
        one = self.kept.get(message_id)
        given_up = one is not None and one.state in ("held", "queued") and state == "dead"
        if one is None or not (given_up or one.state == "uncertain"):
            return None
        return self._change(one, state, code=code, why=why)

    def purge(self, state: State, before: float) -> int:
        gone = [
            name
            for name, one in self.kept.items()
            if one.state == state and state not in LIVE and one.changed_at < before
        ]
        for name in gone:
            del self.kept[name]
        return len(gone)

    def pause(self, what: str) -> bool:
        was = what in self.paused
        self.paused.add(what)
        self._leave()
        return not was

    def resume(self, what: str) -> bool:
        was = what in self.paused
        self.paused.discard(what)
        return was

    # -- what is known ---------------------------------------------------------

    def position(self, message_id: str) -> int | None:
        one = self.kept.get(message_id)
        if one is None or one.state != "queued":
            return None
        places = ((a.kind, *a.place) for a in self._of(one.message.user) if a.state == "queued")
        return sum(place < (one.kind, *one.place) for place in places)

    def list(self, which: Filter, limit: int, after: str) -> tuple[Record, ...]:
        found = sorted(
            (name, one.record)
            for name, one in self.kept.items()
            if name > after
            and which.state in (None, one.state)
            and which.user in (None, one.message.user)
            and which.priority in (None, one.message.priority)
        )
        return tuple(record for _, record in found[:limit])

    def depth(self) -> dict[tuple[State, Priority], int]:
        found: dict[tuple[State, Priority], int] = {}
        for one in self.kept.values():
            pair = one.state, one.message.priority
            found[pair] = found.get(pair, 0) + 1
        return found

    def oldest_due(self) -> dict[Priority, float]:
        found: dict[Priority, float] = {}
        for one in self.kept.values():
            if one.state == "queued" and one.due_at <= self.now():
                priority = one.message.priority
                found[priority] = min(one.due_at, found.get(priority, one.due_at))
        return found

    def next_moment(self) -> float | None:
        moments = [one.lease_until for one in self.kept.values() if one.held_by_somebody]
        waiting = [one for one in self.kept.values() if one.state in ("held", "queued")]
        moments += [one.message.expires_at for one in waiting]
        moments += [at for one in waiting if (at := one.ages_at) is not None]
        if "all" not in self.paused:
            lanes = [(kind, user) for kind in Priority for user in self._users()]
            moments += [at for lane in lanes if (at := self._moment(lane)) is not None]
        return min(moments, default=None)
