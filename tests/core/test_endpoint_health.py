"""Which endpoint is asked, and when one is left alone for a while."""

from dataclasses import dataclass, field

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.core.endpoint_health import EjectionRule, EndpointHealth, choose
from tests.kit.properties import examples

RULE = EjectionRule(failures=2, base=10.0, most=25.0)


@dataclass(eq=False)
class Endpoint:
    number: int
    health: EndpointHealth = field(default_factory=EndpointHealth)
    outstanding: int = 0


def eject(health: EndpointHealth, now: float, *, last: bool = False) -> bool:
    return [health.failed(now, RULE, last=last) for _ in range(RULE.failures)][-1]


def test_failures_in_a_row_eject_for_a_growing_time_up_to_a_most() -> None:
    health = EndpointHealth()
    lengths = []
    now = 0.0
    for _ in range(4):
        assert eject(health, now)
        assert not health.available(now)
        lengths.append(health.ejected_until - now)
        now = health.ejected_until
        assert health.available(now)
    assert lengths == [10.0, 20.0, 25.0, 25.0]
    assert health.ejections_total == 4


def test_a_success_between_failures_begins_the_count_anew() -> None:
    health = EndpointHealth()
    for _ in range(5):
        assert not health.failed(0.0, RULE, last=False)
        health.succeeded(0.0, RULE)
    assert health.available(0.0)


def test_the_last_one_is_never_ejected() -> None:
    health = EndpointHealth()
    assert not eject(health, 0.0, last=True)
    assert health.available(0.0)
    assert health.failed(0.0, RULE, last=False), "it is as soon as there is another"


def test_ejections_are_forgotten_one_by_one_after_a_long_good_time() -> None:
    health = EndpointHealth()
    eject(health, 0.0)
    eject(health, 10.0)
    assert health.ejections == 2
    health.succeeded(31.0, RULE)
    assert health.ejections == 2, "it has only just come back"
    health.succeeded(51.0, RULE)
    assert health.ejections == 1
    assert health.ejections_total == 2


@pytest.mark.parametrize(("healthy_after", "unhealthy_after"), [(1, 3), (2, 1)])
def test_checks_in_a_row_turn_an_endpoint_up_or_down(
    healthy_after: int, unhealthy_after: int
) -> None:
    health = EndpointHealth()

    def check(passed: bool) -> bool:
        return health.checked(
            passed=passed, healthy_after=healthy_after, unhealthy_after=unhealthy_after
        )

    assert [check(False) for _ in range(unhealthy_after)][-1]
    assert not health.available(0.0)
    assert not check(False)
    for _ in range(healthy_after - 1):
        assert not check(True)
        assert not check(False), "the streak is broken and begins anew"
    assert [check(True) for _ in range(healthy_after)][-1]
    assert health.available(0.0)


def test_ties_go_round() -> None:
    endpoints = [Endpoint(n) for n in range(3)]
    asked = [choose(endpoints, 0.0, turn=turn) for turn in range(6)]
    assert [e.number for e in asked if e] == [0, 1, 2, 0, 1, 2]


def test_an_ejected_endpoint_is_better_than_none_but_one_that_is_down_is_not() -> None:
    endpoints = [Endpoint(n) for n in range(2)]
    endpoints[0].health.up = False
    endpoints[1].health.ejected_until = 100.0
    assert choose(endpoints, 0.0, turn=0) is endpoints[1]
    assert choose(endpoints, 0.0, turn=0, skip=lambda e: e is endpoints[1]) is None


def test_of_no_endpoints_none_is_chosen() -> None:
    assert choose([], 0.0, turn=3) is None


class Balancing(RuleBasedStateMachine):
    """Requests, checks and time come in any order; what is promised holds after each."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.turn = 0
        self.endpoints = [Endpoint(n) for n in range(3)]
        self.asked: list[Endpoint] = []

    @rule(seconds=st.sampled_from([0.5, 5.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_request_begins(self) -> None:
        self.turn += 1
        chosen = choose(self.endpoints, self.now, turn=self.turn)
        up = [e for e in self.endpoints if e.health.up]
        if chosen is None:
            assert not up
            return
        assert chosen.health.up
        free = [e for e in up if e.health.available(self.now)]
        assert chosen in (free or up)
        assert chosen.outstanding == min(e.outstanding for e in free or up)
        chosen.outstanding += 1
        self.asked.append(chosen)

    @rule(failed=st.booleans())
    def a_request_ends(self, failed: bool) -> None:
        if not self.asked:
            return
        endpoint = self.asked.pop(0)
        endpoint.outstanding -= 1
        health = endpoint.health
        if not failed:
            health.succeeded(self.now, RULE)
            assert health.failures == 0
            return
        others = [e for e in self.endpoints if e is not endpoint and e.health.available(self.now)]
        before = health.ejections
        if health.failed(self.now, RULE, last=not others):
            assert others, "the last available endpoint was ejected"
            assert health.ejections == before + 1
            length = health.ejected_until - self.now
            assert length == min(RULE.base * health.ejections, RULE.most)

    @rule(number=st.integers(0, 2), passed=st.booleans())
    def a_check_ends(self, number: int, passed: bool) -> None:
        health = self.endpoints[number].health
        before = health.up
        changed = health.checked(passed=passed, healthy_after=1, unhealthy_after=2)
        assert changed is (health.up is not before)
        assert health.up or not passed

    @invariant()
    def an_endpoint_that_is_up_is_found(self) -> None:
        chosen = choose(self.endpoints, self.now, turn=0)
        assert (chosen is None) is not any(e.health.up for e in self.endpoints)

    @invariant()
    def no_streak_outlives_its_limit(self) -> None:
        assert all(e.health.streak < 2 for e in self.endpoints)
        assert all(e.health.ejections_total >= e.health.ejections >= 0 for e in self.endpoints)


TestBalancing = Balancing.TestCase
TestBalancing.settings = examples(150, steps=40)
