"""A breaker beside a naive one that keeps all calls, through whatever happens in any order."""

from dataclasses import dataclass
from typing import NamedTuple

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from proxy.core.breaker import WINDOW, Breaker, BreakerRules, Permit, State
from proxy.core.breaker_table import FORCES, TABLE
from tests.kit.properties import examples

RULES = BreakerRules(
    min_calls=4,
    connect_failures=3,
    failures=5,
    open=10.0,
    open_most=60.0,
    probes=2,
    probe_lasts=25.0,
)
RANDOM = st.floats(0, 1, exclude_max=True)
COUNTED = (State.CLOSED, State.HALF_OPEN, State.METRICS_ONLY)


class Ended(NamedTuple):
    at: float
    kind: str
    slow: bool


@dataclass(eq=False)
class Call:
    """A call that is under way, and what the naive breaker knows of it."""

    permit: Permit
    at: float
    epoch: int
    limited: bool


class AgainstTheNaive(RuleBasedStateMachine):
    """The naive breaker recounts everything each time, and takes the time of opening as told."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.3
        self.home = self.naive = State.CLOSED
        self.epoch = 0
        self.cooled_at: float | None = None
        self.ended: list[Ended] = []
        self.calls: list[Call] = []
        self.asked_until = 0.0
        self.suspected = 0.0
        self.trips = 0

    @initialize(mode=st.sampled_from([State.CLOSED, State.METRICS_ONLY]))
    def it_begins(self, mode: State) -> None:
        self.breaker = Breaker(RULES, mode)
        self.home = self.naive = mode

    @rule(seconds=st.sampled_from([0.2, 0.7, 1.0, 9.0, 31.0, 100.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        if self.cooled_at is not None and self.now >= self.cooled_at:
            stays = self.naive is State.METRICS_ONLY or (
                self.naive is State.FORCED_OPEN and self.home is State.METRICS_ONLY
            )
            self.moves(State.METRICS_ONLY if stays else State.HALF_OPEN)

    def moves(self, to: State) -> None:
        assert to in TABLE[self.naive].values()
        self.naive, self.cooled_at, self.ended = to, None, []
        self.epoch += 1

    def limited(self) -> list[Call]:
        """The calls that take one of the limited places: not ended, not lost, of this epoch."""
        return [
            call
            for call in self.calls
            if call.limited and call.epoch == self.epoch and self.now < call.at + RULES.probe_lasts
        ]

    def permits(self) -> bool:
        if self.now < self.asked_until or self.naive in (State.OPEN, State.FORCED_OPEN):
            return False
        return self.naive is not State.HALF_OPEN or len(self.limited()) < RULES.probes

    @rule()
    def a_call_is_asked_for(self) -> None:
        expected = self.permits()
        assert self.breaker.free(self.now) is expected
        permit = self.breaker.permit(self.now)
        assert (permit is not None) is expected
        if permit is not None:
            assert permit.probe is (self.naive is State.HALF_OPEN)
            self.calls.append(Call(permit, self.now, self.epoch, permit.probe))

    @rule(alone=st.booleans())
    def a_call_is_asked_for_though_it_is_open(self, alone: bool) -> None:
        expected = self.naive is State.OPEN and self.now >= self.asked_until
        expected = expected and not (alone and self.limited())
        permit = self.breaker.permit_though_open(self.now, alone=alone)
        assert (permit is not None) is expected
        if permit is not None:
            assert not permit.probe
            self.calls.append(Call(permit, self.now, self.epoch, alone))

    @rule(
        kind=st.sampled_from(["success", "failure", "connect", "ignored"]),
        slow=st.booleans(),
        place=st.integers(0, 5),
        times=st.integers(1, 4),
        random=RANDOM,
    )
    def calls_end(self, kind: str, slow: bool, place: int, times: int, random: float) -> None:
        for _ in range(min(times, len(self.calls))):
            self.a_call_ends(self.calls[place % len(self.calls)], Ended(self.now, kind, slow))
            self.tell(self.told, kind, slow, random)
            self.judge(random)

    def a_call_ends(self, call: Call, end: Ended) -> None:
        self.told, self.before = call.permit, repr(self.breaker)
        lost = call.limited and call not in self.limited()
        blind = self.naive is State.METRICS_ONLY and self.cooled_at is not None
        self.calls.remove(call)
        self.late = lost or call.epoch != self.epoch
        if not self.late and not blind and self.naive in COUNTED and end.kind != "ignored":
            self.ended.append(end)

    def tell(self, permit: Permit, kind: str, slow: bool, random: float) -> None:
        if kind == "success":
            self.breaker.succeeded(permit, self.now, random, slow=slow)
        elif kind == "ignored":
            self.breaker.ignored(permit)
        else:
            self.breaker.failed(permit, self.now, random, connect=kind == "connect", slow=slow)
        if self.late:
            assert repr(self.breaker) == self.before

    def judge(self, random: float) -> None:
        """Find out anew from all calls of this epoch whether it has to move."""
        if not self.ended:
            return
        if self.naive is State.HALF_OPEN:
            successes = [end for end in self.ended if end.kind == "success"]
            slow = sum(end.slow for end in successes)
            if len(successes) < len(self.ended):
                self.opens(State.OPEN)
            elif len(successes) >= RULES.probes:
                if slow >= RULES.slow_rate * len(successes):
                    self.opens(State.OPEN)
                else:
                    self.moves(State.CLOSED)
        elif self.cooled_at is None and self.is_too_much():
            self.opens(State.OPEN if self.naive is State.CLOSED else State.METRICS_ONLY)

    def is_too_much(self) -> bool:
        tail = [end.kind for end in self.ended[-RULES.connect_failures :]]
        if tail == ["connect"] * RULES.connect_failures:
            return True
        lately = [end for end in self.ended if end.at // 1 > self.now // 1 - WINDOW]
        row = [end.kind for end in lately[-RULES.failures :]]
        if len(row) == RULES.failures and "success" not in row:
            return True
        least = RULES.min_calls / 2 if self.now < self.suspected else RULES.min_calls
        failed = sum(end.kind != "success" for end in lately)
        slow = sum(end.slow for end in lately)
        return len(lately) >= least and (
            failed >= RULES.failure_rate * len(lately) or slow >= RULES.slow_rate * len(lately)
        )

    def opens(self, to: State) -> None:
        self.moves(to)
        self.trips += 1
        if to is State.OPEN:
            self.cooled_at = self.breaker.reopens_at
            assert RULES.open * 0.9 - 1e-6 <= self.cooled_at - self.now <= RULES.open_most + 1e-6
        else:
            # What would have been is not told; that nothing counts until then is.
            self.cooled_at = self.breaker._cooled_at

    @rule(ahead=st.sampled_from([-5.0, 0.5, 12.0]))
    def it_asks_to_be_left_alone(self, ahead: float) -> None:
        before = self.breaker.throttled_until
        self.breaker.throttle(self.now + ahead)
        assert self.breaker.throttled_until >= before
        self.asked_until = max(self.asked_until, self.now + ahead)

    @rule(ahead=st.sampled_from([1.0, 40.0]))
    def another_replica_gives_a_hint(self, ahead: float) -> None:
        self.breaker.suspect(self.now + ahead)
        self.suspected = max(self.suspected, self.now + ahead)

    @rule(mode=st.sampled_from(list(FORCES)), ahead=st.sampled_from([None, 8.0, 50.0]))
    def somebody_forces_it(self, mode: State, ahead: float | None) -> None:
        until = None if ahead is None or mode is not State.FORCED_OPEN else self.now + ahead
        if self.naive is mode is State.FORCED_OPEN and until is not None:
            until = None if self.cooled_at is None else max(self.cooled_at, until)
        self.breaker.force(mode, self.now, until=None if ahead is None else self.now + ahead)
        self.moves(mode)
        self.cooled_at = until
        if mode in (State.CLOSED, State.METRICS_ONLY):
            self.home = mode

    @invariant()
    def it_stands_as_the_naive_one_does(self) -> None:
        assert self.breaker.state(self.now) is self.naive
        assert self.breaker.openings == self.trips

    @invariant()
    def there_are_never_more_probes_than_allowed_and_no_place_leaks(self) -> None:
        assert f"{len(self.limited())} slots taken" in repr(self.breaker)
        if self.naive is State.HALF_OPEN:
            assert len(self.limited()) <= RULES.probes

    @invariant()
    def it_says_why_whenever_it_does_not_permit_everything(self) -> None:
        silent = self.breaker.why(self.now) == ""
        if silent:
            assert self.permits()
        assert (
            silent
            or self.now < self.asked_until
            or self.naive
            not in (
                State.CLOSED,
                State.FORCED_CLOSED,
                State.METRICS_ONLY,
            )
        )


TestAgainstTheNaive = AgainstTheNaive.TestCase
TestAgainstTheNaive.settings = examples(150, steps=60)
