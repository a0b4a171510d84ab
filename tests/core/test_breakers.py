"""The panic floor: whoever has to choose always has something to ask, if there is anything."""

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.breaker import BreakerRules, Permit, State
from proxy.core.breakers import Breakers
from tests.kit.properties import examples

RULES = BreakerRules(min_calls=1, probe_lasts=20.0)
NAMES = "abcdef"
NOW = 10.0


def breakers_of(**states: str) -> Breakers:
    """Breakers that stand so at NOW; those that are open reopen in their order."""
    breakers = Breakers(RULES)
    for number, (name, state) in enumerate(states.items()):
        breaker = breakers[name]
        if state in ("open", "half open"):
            at = 0.0 + number / 100 if state == "open" else -20.0
            permit = breaker.permit(at)
            assert permit is not None
            breaker.failed(permit, at, 0.5)
        if state == "forced open":
            breaker.force(State.FORCED_OPEN, 0.0)
        if state == "throttled":
            breaker.throttle(100.0)
    return breakers


class Case(NamedTuple):
    states: tuple[str, ...]
    permitted: str


O, C, H, F, T = "open", "closed", "half open", "forced open", "throttled"  # noqa: E741
CASES = {
    "nothing is open": Case((C, C), "ab"),
    "half of them are": Case((O, C), "b"),
    "half of them, rounded down, are withheld": Case((O, O, C), "ac"),
    "three of four: the one that reopens first is not withheld": Case((O, C, O, O), "ab"),
    "all of them: only the one that reopens first": Case((O, O, O, O), "a"),
    "a single one is never wholly withheld": Case((O,), "a"),
    "one that is forced open is withheld though it is the only one": Case((F,), ""),
    "so is one that asked to be left alone": Case((T, O), "b"),
    "all that may be asked at all are open": Case((F, T, O, O), "c"),
    "one that is half open is something else to ask": Case((H, O), "a"),
    "none at all": Case((), ""),
}


@pytest.mark.parametrize("what", CASES)
def test_at_most_half_are_withheld_because_they_are_open(what: str) -> None:
    states = dict(zip(NAMES, CASES[what].states, strict=False))
    breakers = breakers_of(**states)
    assert breakers.permitted(states, NOW) == tuple(CASES[what].permitted)
    for name in states:
        permit = breakers.permit(name, states, NOW)
        assert (permit is not None) is (name in CASES[what].permitted), name


def permit_of(breakers: Breakers, name: str, among: str, now: float = NOW) -> Permit:
    permit = breakers.permit(name, among, now)
    assert permit is not None
    return permit


def test_where_all_are_open_there_is_one_call_at_a_time() -> None:
    breakers = breakers_of(a="open", b="open")
    permit = permit_of(breakers, "a", "ab")
    assert breakers.permitted("ab", NOW) == ()
    assert breakers.permit("a", "ab", NOW) is None
    breakers["a"].failed(permit, NOW, 0.5)
    assert breakers.permitted("ab", NOW) == ("a",)


def test_a_call_that_never_ends_does_not_keep_the_only_place_for_ever() -> None:
    breakers = Breakers(BreakerRules(min_calls=1, open=100.0, probe_lasts=20.0))
    breakers["a"].failed(permit_of(breakers, "a", "a", 0.0), 0.0, 0.5)
    permit_of(breakers, "a", "a", 1.0)
    assert breakers.permitted("a", 20.9) == ()
    assert breakers.permitted("a", 21.0) == ("a",)


def test_what_is_let_through_by_the_floor_while_others_are_well_is_not_counted() -> None:
    breakers = breakers_of(a="open", b="open", c="closed")
    assert [permit_of(breakers, "a", "abc").slot for _ in range(5)] == [0] * 5


def test_each_name_has_its_own_breaker_and_keeps_it() -> None:
    breakers = Breakers(RULES, State.METRICS_ONLY)
    assert breakers["a"] is breakers["a"]
    assert breakers["a"] is not breakers["b"]
    assert breakers["a"].state(0.0) is State.METRICS_ONLY


def test_a_name_that_is_given_twice_counts_once() -> None:
    breakers = breakers_of(a="open", b="open", c="closed")
    assert breakers.permitted("aabbcc", NOW) == ("a", "c")


@examples(400)
@given(st.lists(st.sampled_from([O, C, H, F, T]), max_size=6))
def test_the_floor_holds_however_they_stand(states: list[str]) -> None:
    standing = dict(zip(NAMES, states, strict=False))
    breakers = breakers_of(**standing)
    permitted = breakers.permitted(standing, NOW)
    withheld = [name for name in standing if name not in permitted]
    assert all(standing[name] in (O, F, T) for name in withheld)
    assert not any(standing[name] in (F, T) for name in permitted)
    askable = [name for name in standing if standing[name] not in (F, T)]
    if any(standing[name] != O for name in askable):
        assert sum(standing[name] == O for name in withheld) <= len(standing) // 2
    else:
        assert permitted == tuple(askable[:1])
