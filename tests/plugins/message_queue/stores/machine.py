"""Whatever is asked of a queue, in whatever order: it does what the model does."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from plugins.message_queue.message import Approval, Priority, Receipt, Record, State
from plugins.message_queue.store import Bounds, Filter, QueueFullError, QueueStore
from tests.kit.properties import examples
from tests.plugins.message_queue.stores.bench import (
    NOW,
    PRIORITIES,
    STATES,
    Clock,
    Opened,
    message,
)
from tests.plugins.message_queue.stores.model import Model

T = TypeVar("T")

USERS = st.sampled_from(["a", "b", "c", "ü"])
PRIORITY = st.sampled_from(PRIORITIES)
STEPS = st.sampled_from([0.125, 1.0, 5.0, 29.875, 30.0, 60.0, 300.0])
LATER = st.sampled_from([-5.0, 0.0, 0.125, 5.0, 30.0, 90.0])
LEASES = st.sampled_from([0.125, 5.0, 60.0])
WHICH = st.integers(0, 99)
PAUSES = st.sampled_from(["all", "user:a", "user:b", *(f"priority:{p.name}" for p in PRIORITIES)])
FLYING = ("leased", "sending")


def plain(record: Record | None) -> Record | None:
    """Without the words that each store has of its own."""
    own = record is not None and record.code in ("lease_lost", "expired")
    return record._replace(why="") if record and own else record


class Queue(RuleBasedStateMachine):
    """A store, and the model of one."""

    opened: Opened
    repeats = False

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.opening = self.opened(self.clock, self.repeats)
        self.store: QueueStore = self.run(self.opening.__aenter__())
        self.model = Model(self.clock, self.repeats)
        self.bounds = Bounds(messages=14, user_messages=6, user_bytes=1_000_000, in_flight=2)
        self.count = 0
        self.receipts: list[Receipt] = []

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    def some(self, which: int) -> str:
        """The id of one of the latest messages."""
        return f"m{max(1, self.count - which % 12):05}"

    def receipt(self, which: int) -> Receipt:
        """The latest ones are asked for most."""
        return self.receipts[-1 - min(which % 10, len(self.receipts) - 1)]

    @initialize(in_flight=st.integers(1, 3), most=st.sampled_from([6, 14]))
    def choose_bounds(self, in_flight: int, most: int) -> None:
        self.bounds = self.bounds._replace(in_flight=in_flight, messages=most)

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(
        user=USERS,
        priority=PRIORITY,
        due=LATER,
        life=st.sampled_from([5.0, 90.0, 9_000.0, 9_000.0]),
        key=st.sampled_from(["", "", "", "one", "two"]),
        approved=st.sampled_from([True, True, True, False]),
        attempts=st.integers(1, 3),
        lease=st.sampled_from([None, None, 5.0, 60.0]),
    )
    def put(  # noqa: PLR0913, RUF100 - each is a choice
        self,
        user: str,
        priority: Priority,
        due: float,
        life: float,
        key: str,
        approved: bool,
        attempts: int,
        lease: float | None,
    ) -> None:
        now = self.clock.at
        new = message(
            self.count + 1,
            user=user,
            priority=priority,
            due_at=now + due,
            expires_at=now + life,
            dedupe_key=key,
            max_attempts=attempts,
            **({} if approved else {"approval": None}),
        )
        try:
            right = self.model.put(new, self.bounds, lease)
        except QueueFullError:
            right = None
        try:
            found = self.run(self.store.put(new, self.bounds, lease=lease))
        except QueueFullError:
            assert right is None
            return
        assert (plain(found.record), found.created) == (right and (plain(right[0]), right[1]))
        leased = found.created and found.record.state == "leased"
        assert found.claimed == (self.model.claimed(new.id) if leased else None)
        self.count += found.created
        if found.claimed:
            self.receipts.append(found.claimed.receipt)

    @rule(most=st.sampled_from([1, 2, 3, 16]), lease=LEASES)
    def claim(self, most: int, lease: float) -> None:
        right = self.model.claim(self.bounds, most, lease)
        found = self.run(self.store.claim(self.bounds, most=most, lease=lease))
        assert [plain(one.record) for one in found] == [plain(one.record) for one in right]
        assert [one[1:] for one in found] == [one[1:] for one in right]
        self.receipts += [one.receipt for one in found]
        ahead = self.model.next_moment()
        if ahead is None or ahead > self.clock.at:
            moment = self.run(self.store.next_moment())
            assert moment is None or moment > self.clock.at

    @rule(in_flight=st.integers(1, 3))
    def set_another_bound(self, in_flight: int) -> None:
        self.bounds = self.bounds._replace(in_flight=in_flight)
        self.claim(1, 60.0)

    def told(self, which: int, store: Callable[[Receipt], Coroutine[Any, Any, bool]]) -> Any:
        """Do it to the store; what the model has of it if it was to be done."""
        receipt = self.receipt(which)
        mine = self.model.valid(receipt)
        assert self.run(store(receipt)) == (mine is not None)
        return mine

    @precondition(lambda self: self.receipts)
    @rule(which=WHICH, lease=LEASES, how=st.sampled_from(["begin", "begin", "extend"]))
    def hold(self, which: int, lease: float, how: str) -> None:
        mine = self.told(which, lambda receipt: getattr(self.store, how)(receipt, lease))
        if mine:
            getattr(self.model, how)(mine, lease)

    @precondition(lambda self: self.receipts)
    @rule(which=WHICH)
    def say_sent(self, which: int) -> None:
        mine = self.told(which, lambda receipt: self.store.sent(receipt, "p-7"))
        if mine:
            self.model.sent(mine, "p-7")

    @precondition(lambda self: self.receipts)
    @rule(which=WHICH, later=LATER)
    def retry(self, which: int, later: float) -> None:
        due_at = self.clock.at + later
        mine = self.told(which, lambda one: self.store.retry(one, due_at, "E", "failed"))
        if mine:
            self.model.retry(mine, due_at, "E", "failed")

    @precondition(lambda self: self.receipts)
    @rule(which=WHICH, later=LATER, whole_user=st.sampled_from([None, None, -5.0, 5.0, 90.0]))
    def throttle(self, which: int, later: float, whole_user: float | None) -> None:
        until = self.clock.at + later
        whole = 0.0 if whole_user is None else self.clock.at + whole_user
        mine = self.told(
            which, lambda one: self.store.throttle(one, until, "full", whole_user=whole)
        )
        if mine:
            self.model.throttle(mine, until, "full", whole)

    @precondition(lambda self: self.receipts)
    @rule(which=WHICH, buried=st.booleans())
    def give_up(self, which: int, buried: bool) -> None:
        store = self.store.bury if buried else self.store.park
        mine = self.told(which, lambda receipt: store(receipt, "E", "over"))
        if mine:
            self.model.end(mine, "dead" if buried else "uncertain", "E", "over")

    @rule(which=WHICH)
    def approve(self, which: int) -> None:
        name, approval = self.some(which), Approval(approved_by="p2", approved_at=NOW)
        right = self.model.approve(name, approval)
        assert plain(self.run(self.store.approve(name, approval))) == plain(right)

    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        name = self.some(which)
        right = self.model.cancel(name)
        assert plain(self.run(self.store.cancel(name))) == plain(right)

    @rule(which=WHICH, life=st.sampled_from([5.0, 9_000.0]))
    def requeue(self, which: int, life: float) -> None:
        name, until = self.some(which), self.clock.at + life
        right = self.model.requeue(name, until)
        assert plain(self.run(self.store.requeue(name, until))) == plain(right)

    @rule(which=WHICH, sent=st.booleans())
    def settle(self, which: int, sent: bool) -> None:
        name = self.some(which)
        right = self.model.settle(name, "sent" if sent else "dead", "S", "they say so")
        found = self.store.settle(name, "sent" if sent else "dead", "S", "they say so")
        assert plain(self.run(found)) == plain(right)

    @rule(state=st.sampled_from(STATES), ago=st.sampled_from([0.0, 60.0]))
    def purge(self, state: State, ago: float) -> None:
        before = self.clock.at - ago
        right = self.model.purge(state, before)
        assert self.run(self.store.purge(state, before)) == right

    @rule(what=PAUSES)
    def pause(self, what: str) -> None:
        assert self.run(self.store.pause(what)) == self.model.pause(what)

    @rule(what=PAUSES)
    def resume(self, what: str) -> None:
        assert self.run(self.store.resume(what)) == self.model.resume(what)

    @precondition(lambda self: self.model.paused)
    @rule()
    def resume_all_of_it(self) -> None:
        for what in sorted(self.model.paused):
            self.resume(what)

    @rule(
        state=st.none() | st.sampled_from(STATES),
        user=st.none() | USERS,
        priority=st.none() | PRIORITY,
        limit=st.integers(1, 5),
        after=WHICH,
    )
    def look_at_a_list(
        self,
        state: State | None,
        user: str | None,
        priority: Priority | None,
        limit: int,
        after: int,
    ) -> None:
        which, name = Filter(state, user, priority), self.some(after) if after % 2 else ""
        found = self.run(self.store.list(which, limit=limit, after=name))
        right = self.model.list(which, limit, name)
        assert [plain(one) for one in found] == [plain(one) for one in right]

    @rule(which=WHICH)
    def look_at_one(self, which: int) -> None:
        name = self.some(which)
        kept = self.model.kept.get(name)
        assert plain(self.run(self.store.get(name))) == plain(kept.record if kept else None)
        assert self.run(self.store.position(name)) == self.model.position(name)

    @invariant()
    def everything_is_as_it_was_left(self) -> None:
        found = self.run(self.store.list(Filter(), limit=999))
        right = self.model.list(Filter(), 999, "")
        assert [plain(one) for one in found] == [plain(one) for one in right]

    @invariant()
    def everything_is_accounted_for(self) -> None:
        stats = self.run(self.store.stats())
        assert stats.depth == self.model.depth()
        assert stats.oldest_due == self.model.oldest_due()
        assert stats.paused == tuple(sorted(self.model.paused))

    @invariant()
    def the_next_moment_is_never_late(self) -> None:
        ahead, found = self.model.next_moment(), self.run(self.store.next_moment())
        assert ahead is None or (found is not None and found <= max(ahead, self.clock.at))

    @invariant()
    def a_message_has_one_valid_receipt_at_most(self) -> None:
        valid = [receipt.id for receipt in set(self.receipts) if self.model.valid(receipt)]
        assert len(valid) == len(set(valid))

    def teardown(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))
        self.loop.close()


def play(opening: Opened, times: int, steps: int, *, repeating: bool) -> int:
    """Have the store and the model do the same; returns how often it was played."""
    played = 0

    class OfThisKind(Queue):
        opened = staticmethod(opening)
        repeats = repeating

        def __init__(self) -> None:
            nonlocal played
            played += 1
            super().__init__()

    run_state_machine_as_test(OfThisKind, settings=examples(times, steps=steps))
    return played
