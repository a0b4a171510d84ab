"""Whatever is asked of a store of budgets, in whatever order: it agrees with a recount of all."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test

from plugins.cost_meter.budgets.claims import (
    Answer,
    Claim,
    Correction,
    Entry,
    Reading,
    Reserving,
    Share,
)
from tests.kit.properties import examples
from tests.plugins.cost_meter.budgets.recount import Recount

T = TypeVar("T")

START = 1_800_000_000.0
KEEP = 86_400.0
CAPS = {"a": 10, "b": 25, "c": -1, "large": 2**53 - 1}
"""The buckets, and what may be spent of each."""
SLICES = {"a": (0, 0), "b": (3, 6), "c": (0, 0), "large": (0, 0)}
SMALL = st.integers(0, 12)
LARGE = st.integers(2**52 - 3, 2**53 - 1)
SECONDS = st.sampled_from([1.0, 5.0, 30.0])


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


Maker = Callable[[Clock], AbstractAsyncContextManager[Reserving]]


@st.composite
def claims(draw: st.DrawFn) -> tuple[Claim, ...]:
    names = draw(st.lists(st.sampled_from(sorted(CAPS)), min_size=1, max_size=4, unique=True))
    made = []
    for name in names:
        first, last = SLICES[name]
        amount = draw(st.one_of(SMALL, LARGE) if name == "large" else SMALL)
        made.append(Claim(name, first, draw(st.integers(first, last)), CAPS[name], amount, KEEP))
    return tuple(made)


class Attempts(RuleBasedStateMachine):
    """A store, and the recount that it must agree with."""

    def __init__(self, maker: Maker) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.stack = AsyncExitStack()
        self.clock = Clock()
        self.store = self.run(self.stack.enter_async_context(maker(self.clock)))
        self.right = Recount(START)
        self.asked: list[tuple[str, tuple[Claim, ...]]] = []

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(asked)

    @rule(seconds=st.sampled_from([0.5, 1.0, 4.0, 40.0]))
    def let_time_pass(self, seconds: float) -> None:
        self.clock.now += seconds
        self.right.now += seconds

    @rule(wanted=claims(), seconds=SECONDS, twice=st.booleans())
    def reserve(self, wanted: tuple[Claim, ...], seconds: float, twice: bool) -> None:
        attempt = f"t{len(self.asked)}"
        said = self.run(self.store.reserve(attempt, START, wanted, seconds))
        assert plain(said) == plain(self.right.reserve(attempt, wanted, seconds))
        if twice:
            again = self.run(self.store.reserve(attempt, START, wanted, seconds))
            assert plain(again) == plain(self.right.reserve(attempt, wanted, seconds))
        self.asked.append((attempt, wanted))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 8), spent=st.one_of(st.none(), SMALL), twice=st.booleans())
    def settle(self, which: int, spent: int | None, twice: bool) -> None:
        """End one of the latest: also one that was refused, has ended, or has expired."""
        attempt, wanted = self.asked[-1 - which % len(self.asked)]
        shares = tuple(Share(one.bucket, one.first, one.slice, KEEP) for one in wanted)
        entry = Entry(attempt, START, shares, spent)
        (told,) = self.run(self.store.settle((entry, entry) if twice else (entry,)))[:1]
        self.right.settle(entry)
        assert [one.total for one in told] == [self.right.read(one).total for one in shares]

    @rule(bucket=st.sampled_from(sorted(CAPS)), more=st.integers(-3, 9), late=st.booleans())
    def correct(self, bucket: str, more: int, late: bool) -> None:
        first, last = SLICES[bucket]
        (seen,) = self.run(self.store.read((Share(bucket, first, last, KEEP),)))
        correction = Correction(bucket, {last: more}, seen.version - int(late), KEEP)
        assert self.run(self.store.correct(correction)) == self.right.correct(correction)
        assert not (late and seen.version != correction.version + 1)

    @rule()
    def look_at_everything(self) -> None:
        shares = [Share(name, *SLICES[name], KEEP) for name in sorted(CAPS)]
        seen = self.run(self.store.read(shares))
        assert [whole(one) for one in seen] == [whole(self.right.read(one)) for one in shares]

    def teardown(self) -> None:
        self.look_at_everything()
        self.run(self.stack.aclose())
        self.loop.close()


def plain(answer: Answer) -> tuple[bool, list[tuple[int, int, int]]]:
    """What must agree of an answer."""
    return answer.admitted, [(one.reserved, one.total, one.version) for one in answer.readings]


def whole(one: Reading) -> tuple[int, dict[int, int], int, int]:
    """What must agree of a full reading."""
    spent = {at: amount for at, amount in one.spent.items() if amount}
    return one.reserved, spent, one.version, one.leases


def play(maker: Maker, times: int, *, steps: int = 40) -> int:
    """Play so many random sequences, the same in each run; return how many were played."""
    played = 0

    class OfThisStore(Attempts):
        def __init__(self) -> None:
            nonlocal played
            played += 1
            super().__init__(maker)

    run_state_machine_as_test(OfThisStore, settings=examples(times, steps=steps))
    return played
