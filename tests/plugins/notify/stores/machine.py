"""Whatever is asked of a store of alerts, in whatever order: it does what the model does."""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from plugins.notify.measuring import measured_text
from plugins.notify.notice import SEVERITIES, Severity
from plugins.notify.store import Cap, Delivery, Filter, NotifyStore, Wanted
from proxy.api import Measured
from tests.kit.properties import examples
from tests.plugins.notify.stores.bench import BOUNDS, LEASE, Clock, Opened, made_id, notice
from tests.plugins.notify.stores.model import Model

T = TypeVar("T")

CHANNELS = ("ops", "oncall")
CHANNEL = st.sampled_from(CHANNELS)
CAP = Cap(3, 50.0)
IDENTITY = st.sampled_from(["a", "b", "c", "d:e"])
USER = st.sampled_from(["", "ann", "bob:1"])
STEPS = st.sampled_from([0.125, 1.0, 10.0, 50.0, 60.0, 100.0, 200.0])
LATER = st.sampled_from([0.0, 0.5, 10.0, 70.0, 500.0])
MAYBE_CHANNEL = st.one_of(st.none(), CHANNEL)


class Telling(RuleBasedStateMachine):
    """A store, and the model of one."""

    opened: Opened

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = Clock()
        self.opening = self.opened(self.clock, BOUNDS)
        self.store: NotifyStore = self.run(self.opening.__aenter__())
        self.model = Model(self.clock, BOUNDS)
        self.count = 0
        self.claims: list[tuple[Delivery, ...]] = []

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    @rule(seconds=STEPS)
    def let_time_pass(self, seconds: float) -> None:
        self.clock.at += seconds

    @rule(
        identity=IDENTITY,
        severity=st.sampled_from(SEVERITIES),
        user=USER,
        resolves=st.sampled_from([False, False, True]),
        wanted=st.sampled_from([(), ("ops",), CHANNELS, CHANNELS]),
        earlier=st.sampled_from([0.0, 0.0, 30.0]),
        measured=st.sampled_from(["", measured_text(Measured("USD", Decimal(5), Decimal("5.01")))]),
    )
    def take(
        self,
        identity: str,
        severity: Severity,
        user: str,
        resolves: bool,
        wanted: tuple[str, ...],
        earlier: float,
        measured: str,
    ) -> None:
        self.count += 1
        at = self.clock.at - earlier
        said = {"severity": severity, "user": user, "resolves": resolves, "at": at}
        one = notice(self.count, identity, **said, measured=measured)
        to = tuple(Wanted(name, free=resolves and name == "oncall") for name in wanted)
        assert self.run(self.store.take(one, to)) == self.model.take(one, to)

    @rule(channel=CHANNEL, most=st.sampled_from([1, 2, 200]))
    def claim(self, channel: str, most: int) -> None:
        right = self.model.claim(channel, CAP, LEASE, most)
        found = self.run(self.store.claim(channel, CAP, lease=LEASE, most=most))
        assert found == right
        if found:
            self.claims.append(found)

    @precondition(lambda self: self.claims)
    @rule(which=st.integers(0, 3), what=st.sampled_from(["delivered", "failed", "failed", "bury"]),
          later=LATER)  # fmt: skip
    def settle(self, which: int, what: str, later: float) -> None:
        claimed = self.claims[-1 - min(which, len(self.claims) - 1)]
        due, store = self.clock.at + later, self.store
        right = self.model.settle(what, claimed, due, "busy")
        if what == "delivered":
            assert self.run(store.delivered(claimed)) == right
        elif what == "failed":
            assert self.run(store.failed(claimed, due, "busy")) == right
        else:
            assert self.run(store.bury(claimed, "busy")) == right

    @rule(which=st.one_of(st.none(), st.integers(0, 5)), channel=MAYBE_CHANNEL)
    def try_again(self, which: int | None, channel: str | None) -> None:
        one = None if which is None else max(1, self.model.last - which)
        assert self.run(self.store.again(one, channel)) == self.model.again(one, channel)

    @rule(which=st.one_of(st.none(), st.integers(0, 5)), channel=MAYBE_CHANNEL)
    def drop(self, which: int | None, channel: str | None) -> None:
        one = None if which is None else max(1, self.model.last - which)
        assert self.run(self.store.drop(one, channel)) == self.model.drop(one, channel)

    @precondition(lambda self: self.count)
    @rule(which=st.integers(0, 5), user=st.one_of(st.none(), USER))
    def acknowledge(self, which: int, user: str | None) -> None:
        one = made_id(max(1, self.count - which))
        right = self.model.acknowledge(one, "mia", user)
        assert self.run(self.store.acknowledge(one, "mia", user)) == right

    @rule()
    def purge(self) -> None:
        assert self.run(self.store.purge()) == self.model.purge()

    @rule(
        user=st.one_of(st.none(), USER),
        severity=st.one_of(st.none(), st.sampled_from(SEVERITIES)),
        known=st.one_of(st.none(), st.booleans()),
        since=st.one_of(st.none(), st.sampled_from([0.0, 20.0, 100.0])),
        limit=st.sampled_from([1, 3, 100]),
    )
    def list_some(
        self,
        user: str | None,
        severity: Severity | None,
        known: bool | None,
        since: float | None,
        limit: int,
    ) -> None:
        which = Filter(user, severity, known, None if since is None else self.clock.at - since)
        assert self.run(self.store.list(which, limit)) == self.model.listed(which, limit)

    @invariant()
    def everything_stands_as_in_the_model(self) -> None:
        assert self.run(self.store.stats()) == self.model.stats()
        for dead in (False, True):
            found = self.run(self.store.outbox(dead=dead, channel=None, limit=100))
            assert found == self.model.outbox(dead, None, 100)
        for channel in CHANNELS:
            moment = self.run(self.store.next_moment(channel, CAP))
            assert moment == self.model.next_moment(channel, CAP)
        assert self.run(self.store.list(Filter(), 100)) == self.model.listed(Filter(), 100)

    def teardown(self) -> None:
        self.run(self.opening.__aexit__(None, None, None))
        self.loop.close()


def does_as_the_model(opened_by: Opened, count: int) -> int:
    """Run so many lives of a store; how many were begun."""
    lives = 0

    class Opening(Telling):
        opened = staticmethod(opened_by)

        def __init__(self) -> None:
            nonlocal lives
            lives += 1
            super().__init__()

    run_state_machine_as_test(Opening, settings=examples(count, steps=40))
    return lives
