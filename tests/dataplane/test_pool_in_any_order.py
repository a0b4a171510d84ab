"""Seekers, connections, failures and time in any order: what a pool promises holds after each."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import cast

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from proxy.dataplane.upstream_connection import UpstreamConnection
from tests.kit.properties import examples
from tests.kit.seeking import RULE, Asking, new_pool
from tests.kit.transport import Dial, MemoryLoop, MemoryTransport, turns


class Seeking(RuleBasedStateMachine):
    """Seekers, connections and failures in any order, on a loop in memory."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = MemoryLoop()
        self.loop.run_until_complete(self._start())
        self.seekers: list[Asking] = []
        self.gone: set[Asking] = set()
        self.in_use: dict[UpstreamConnection, Asking] = {}
        self.order: list[Asking] = []

    async def _start(self) -> None:
        self.pool = new_pool(replace(RULE, line=3))

    def teardown(self) -> None:
        try:
            self.loop.run_until_complete(self._end())
        finally:
            self.loop.close()

    async def _end(self) -> None:
        for seeker in self.seekers:
            self.pool.give_up(seeker)
        for connection in list(self.in_use):
            connection.close()
        self.pool.close()
        await turns()
        assert repr(self.pool) == "<pool 127.0.0.1:3000 open 0 idle 0 waiting 0>"

    def settle(self) -> None:
        """Let the loop run, and note who got what."""
        self.loop.run_until_complete(turns())
        for seeker in self.seekers:
            assert len(seeker.told) <= 1, "told twice"
            for told in seeker.told:
                assert seeker not in self.gone, "told after it gave up"
                if isinstance(told, UpstreamConnection) and seeker not in self.in_use.values():
                    self.in_use[told] = seeker
        self.seekers = [s for s in self.seekers if not s.told and s not in self.gone]
        waiting = [s for s in self.order if s in self.pool.waiting]
        assert list(self.pool.waiting) == waiting, "the line keeps its order"

    def within(self, act: Callable[[], object]) -> object:
        """Do something while the loop runs, for one turn."""

        async def run() -> object:
            return act()

        return self.loop.run_until_complete(run())

    @rule(turns_first=st.integers(0, 4))
    def seek(self, turns_first: int) -> None:
        self.loop.run_until_complete(turns(turns_first))
        asking = Asking()

        def act() -> bool:
            connection = self.pool.take_idle()
            if connection is not None:
                asking.connected(connection)
                return True
            return self.pool.seek(asking)

        room = len(self.pool.waiting) < 3
        if self.within(act):
            self.seekers.append(asking)
            self.order.append(asking)
        else:
            assert not room
            assert asking.told == []
        self.settle()

    def dials(self) -> list[Dial]:
        return [dial for dial in self.loop.dials if dial.wanted]

    @precondition(lambda self: self.dials())
    @rule(number=st.integers(0, 9))
    def a_connection_opens(self, number: int) -> None:
        dials = self.dials()
        dials[number % len(dials)].accept()
        self.settle()

    @precondition(lambda self: self.dials())
    @rule(number=st.integers(0, 9))
    def a_connection_is_refused(self, number: int) -> None:
        dials = self.dials()
        dials[number % len(dials)].refuse()
        self.settle()

    @rule()
    def someone_seeks_and_gives_up_at_once(self) -> None:
        asking = Asking()

        def act() -> None:
            if self.pool.seek(asking):
                self.pool.give_up(asking)

        self.within(act)
        self.settle()
        assert asking.told == []

    @precondition(lambda self: self.dials() and self.seekers)
    @rule(number=st.integers(0, 9), after=st.integers(0, 5))
    def someone_gives_up_while_a_connection_opens(self, number: int, after: int) -> None:
        self.dials()[0].accept()
        self.loop.run_until_complete(turns(after))
        self.someone_gives_up(number)

    @precondition(lambda self: self.seekers)
    @rule(number=st.integers(0, 9))
    def someone_gives_up(self, number: int) -> None:
        seeker = self.seekers[number % len(self.seekers)]

        def act() -> None:
            if not seeker.told:
                self.gone.add(seeker)
                self.pool.give_up(seeker)

        self.within(act)
        self.settle()

    @precondition(lambda self: self.in_use)
    @rule(number=st.integers(0, 9), good=st.booleans())
    def a_connection_is_released(self, number: int, good: bool) -> None:
        connection = list(self.in_use)[number % len(self.in_use)]
        del self.in_use[connection]
        first = cast("Asking | None", next(iter(self.pool.waiting), None))
        connection._persistent = good
        self.within(partial(connection.release, reusable=True))
        if good and first is not None and not self.pool.closed:
            assert first.connection is connection, "the first in line comes first"
        self.settle()

    @precondition(lambda self: self.pool.idle)
    @rule(ends=st.booleans())
    def an_idle_connection_is_lost(self, ends: bool) -> None:
        transport = cast("MemoryTransport", self.pool.idle[0].transport)
        self.within(transport.peer_ends if ends else transport.peer_resets)
        self.settle()

    @rule(seconds=st.sampled_from([1.0, 11.0]))
    def time_passes(self, seconds: float) -> None:
        self.loop.run_until_complete(self.loop.jump(seconds))
        self.within(lambda: self.pool.expire(self.loop.time()))
        self.settle()

    @rule()
    def the_pool_closes(self) -> None:
        self.within(self.pool.close)
        self.settle()

    @invariant()
    def never_more_are_open_than_may_be(self) -> None:
        assert 0 <= self.pool.open <= RULE.most
        assert self.pool.open == len(self.dials()) + len(self.in_use) + len(self.pool.idle)

    @invariant()
    def nobody_waits_while_there_is_room(self) -> None:
        assert not self.pool.waiting or self.pool.open == RULE.most
        assert not (self.pool.closed and self.pool.idle)


TestSeeking = Seeking.TestCase
TestSeeking.settings = examples(80, steps=40)
