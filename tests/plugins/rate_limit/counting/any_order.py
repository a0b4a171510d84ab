"""Whatever is asked of a store of counts, in whatever order: it agrees with a recount of all."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from plugins.rate_limit.claims import Claim, Counted, Kind, Window
from tests.kit.properties import examples
from tests.plugins.rate_limit.counting.behaviour import START, Clock, Maker
from tests.plugins.rate_limit.counting.recount import Recount

__all__ = ["Decisions", "play"]

T = TypeVar("T")

BUCKETS = {
    "log": Kind.LOG,
    "other log": Kind.LOG,
    "level": Kind.LEVEL,
    "other level": Kind.LEVEL,
    "distinct": Kind.DISTINCT,
    "lease": Kind.LEASE,
}
LIMITS = st.integers(1, 5)
PERIODS = st.integers(1, 20)
MEMBERS = st.sampled_from("abcd")
COSTS = st.sampled_from([1, 1, 1, 0, 2, 3, 6])


@st.composite
def windows(draw: st.DrawFn, kind: Kind) -> tuple[Window, ...]:
    """One to three, each of another length; of a lease, one."""
    made = []
    most = 1 if kind is Kind.LEASE else 3
    for number, period in enumerate(
        draw(st.lists(PERIODS, min_size=1, max_size=most, unique=True))
    ):
        limit = draw(LIMITS)
        burst = draw(LIMITS) if kind is Kind.LEVEL else limit
        made.append(Window(f"w{number}", limit, period, burst))
    return tuple(made)


RULES = st.fixed_dictionaries({name: windows(kind) for name, kind in BUCKETS.items()})
"""What the buckets' rules are; they stay the same for a whole play."""

ASKED = st.lists(
    st.tuples(st.sampled_from(sorted(BUCKETS)), COSTS, MEMBERS),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one[0],
)


class Decisions(RuleBasedStateMachine):
    """A store, and the recount that it must agree with."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = Clock()
        self.counts = self.run(self.stack.enter_async_context(maker(self.clock)))
        self.right = Recount(START)
        self.number = 0
        self.taken: list[tuple[tuple[Claim, ...], str]] = []
        self.last: dict[tuple[str, str], str] = {}

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    @initialize(rules=RULES)
    def agree_on_rules(self, rules: dict[str, tuple[Window, ...]]) -> None:
        self.windows = rules

    def claims(self, asked: list[tuple[str, int, str]]) -> tuple[Claim, ...]:
        made = []
        for bucket, cost, member in asked:
            kind = BUCKETS[bucket]
            one = (1, member) if kind is Kind.DISTINCT else (cost, "")
            made.append(Claim(kind, bucket, self.windows[bucket], *one))
        return tuple(made)

    def ticket(self) -> str:
        self.number += 1
        return f"t{self.number}"

    def remember(self, claims: tuple[Claim, ...], ticket: str) -> None:
        self.taken.append((claims, ticket))
        for claim in claims:
            self.last[claim.bucket, claim.member] = ticket

    @rule(microseconds=st.sampled_from([1, 1, 2, 5, 9, 30]))
    def let_time_pass(self, microseconds: int) -> None:
        self.clock.now += microseconds
        self.right.now += microseconds

    @rule(asked=ASKED, twice=st.booleans())
    def take(self, asked: list[tuple[str, int, str]], twice: bool) -> None:
        claims, ticket = self.claims(asked), self.ticket()
        said = self.run(self.counts.take(claims, ticket))
        assert said == self.right.take(claims, ticket)
        if twice and all(claim.kind is not Kind.LEVEL for claim in claims):
            assert self.run(self.counts.take(claims, ticket)) == said
        if said.admitted:
            self.remember(claims, ticket)

    @rule(asked=ASKED)
    def peek(self, asked: list[tuple[str, int, str]]) -> None:
        claims = self.claims(asked)
        said = self.run(self.counts.peek(claims))
        assert said == self.right.peek(claims)
        assert said.admitted == (longest_wait(said) == 0)

    @rule(asked=ASKED)
    def debit(self, asked: list[tuple[str, int, str]]) -> None:
        claims, ticket = self.claims(asked), self.ticket()
        self.run(self.counts.debit(claims, ticket))
        self.right.debit(claims, ticket)
        self.remember(claims, ticket)

    @precondition(lambda self: self.taken)
    @rule(which=st.integers(0, 5))
    def refund(self, which: int) -> None:
        """Give back one of the latest; of a member, only the last can be given back."""
        claims, ticket = self.taken[-1 - which % len(self.taken)]
        seen = [(one.bucket, one.member) for one in claims if one.kind is Kind.DISTINCT]
        if any(self.last.get(one) != ticket for one in seen):
            return
        for one in seen:
            del self.last[one]
        self.taken.remove((claims, ticket))
        self.run(self.counts.refund(claims, ticket))
        self.right.refund(claims, ticket)

    @precondition(lambda self: self.taken)
    @rule(which=st.integers(0, 5))
    def extend(self, which: int) -> None:
        claims, ticket = self.taken[-1 - which % len(self.taken)]
        leases = tuple(one for one in claims if one.kind is Kind.LEASE and one.cost)
        if leases:
            said = self.run(self.counts.extend(leases, ticket))
            assert said == self.right.extend(leases, ticket)

    @rule(asked=ASKED)
    def clear(self, asked: list[tuple[str, int, str]]) -> None:
        claims = self.claims(asked[:1])
        self.run(self.counts.clear(claims))
        self.right.clear(claims)

    @rule()
    def look_at_everything(self) -> None:
        claims = self.claims([(bucket, 1, "a") for bucket in BUCKETS])
        assert self.run(self.counts.peek(claims)) == self.right.peek(claims)

    def teardown(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


def longest_wait(said: Counted) -> int:
    """The longest wait; NEVER, which is below zero, counts as one, too."""
    return max(abs(reading.wait) for each in said.readings for reading in each)


def play(maker: Maker, times: int, *, steps: int = 40, machine: type[Decisions] = Decisions) -> int:
    """Play so many random sequences, the same in each run; return how many were played."""
    played = 0

    class OfThisStore(machine):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            nonlocal played
            played += 1
            super().__init__(maker)

    run_state_machine_as_test(OfThisStore, settings=examples(times, steps=steps))
    return played
