"""Logs, members and leases against all events there were; and how much of them is kept."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.rate_limit.claims import Claim
from plugins.rate_limit.counting.memory import MemoryCounts
from plugins.rate_limit.counting.stamps import MOST
from tests.kit.properties import examples
from tests.plugins.rate_limit.counting.behaviour import Clock, distinct, log

Taken = list[tuple[int, int]]


def used(taken: Taken, at: int, period: int) -> int:
    """The units of a window that ends at `at`."""
    return sum(units for then, units in taken if at - period < then <= at)


@examples(50)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 5_000)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 9)), min_size=50, max_size=200),
)
def test_a_log_admits_what_fits_into_all_windows_and_nothing_else(
    windows: list[tuple[int, int]], asked: Taken
) -> None:
    clock, taken = Clock(), list[tuple[int, int]]()
    counts = MemoryCounts({}, clock)
    for number, (passed, cost) in enumerate(asked):
        clock.now += passed
        fits = all(used(taken, clock.now, period) + cost <= limit for limit, period in windows)
        said = counts.take_now((log(*windows, cost=cost),), f"t{number}")
        assert said.admitted == fits
        if fits:
            taken.append((clock.now, cost))
        assert [reading.remaining for reading in said.readings[0]] == [
            limit - used(taken, clock.now, period) for limit, period in windows
        ]


@examples(20)
@given(st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcdefgh")), min_size=100))
def test_members_are_those_of_the_window(asked: list[tuple[int, str]]) -> None:
    clock, seen = Clock(), dict[str, int]()
    counts = MemoryCounts({}, clock)
    for number, (passed, member) in enumerate(asked):
        clock.now += passed
        inside = {name for name, at in seen.items() if at > clock.now - 30}
        said = counts.take_now((distinct((4, 30), member=member),), f"t{number}")
        assert said.admitted == (member in inside or len(inside) < 4)
        if said.admitted:
            seen[member] = clock.now


def held(state: dict[str, Any], one: Claim) -> tuple[int, int]:
    """How many times, and how many names, a bucket holds."""
    _, _, times, names = state["buckets"][one.bucket]
    return len(times), len(names)


def test_what_has_left_all_windows_is_dropped_as_it_goes() -> None:
    for one in (log((5, 10), (20, 100)), distinct((5, 10), (20, 100))):
        clock, state = Clock(), dict[str, Any]()
        counts = MemoryCounts(state, clock)
        for number in range(2_000):
            clock.now += 5
            asked = one._replace(member=f"m{number}" if one.member else "")
            assert counts.take_now((asked,), f"t{number}").admitted
            assert max(held(state, one)) <= 41


def test_a_member_that_outlived_its_time_takes_nobody_elses_with_it() -> None:
    clock, number = Clock(), iter(range(99))
    counts = MemoryCounts({}, clock)

    def take(member: str) -> None:
        one = distinct((9, 10), member=member)
        assert counts.take_now((one,), f"t{next(number)}").admitted

    for member in "axy":
        take(member)
    clock.now += 5
    take("b")
    clock.now += 1
    take("a")
    counts.refund_now((distinct((9, 10), member="a"),), "t4")  # which leaves it behind b
    clock.now += 5
    take("c")
    clock.now += 1
    take("a")
    assert counts.peek_now((distinct((9, 10), member="new"),)).readings == (((6, 3, 0),),)


def test_debits_are_bounded_and_the_oldest_units_go() -> None:
    clock, state = Clock(), dict[str, Any]()
    counts = MemoryCounts(state, clock)
    one = log((3, 100), cost=MOST // 4)
    for number in range(20):
        clock.now += 1
        counts.debit_now((one,), f"t{number}")
    assert held(state, one) == (MOST, 4)
    counts.debit_now((one._replace(cost=MOST * 9),), "more than there may be")
    assert held(state, one) == (MOST, 1)
    counts.refund_now((one,), "t19")  # gone, and so taken for good
    assert held(state, one) == (MOST, 1)
    assert counts.peek_now((log((3, 100)),)).readings[0][0].wait == 100


def test_a_limit_above_the_bound_is_kept_exactly() -> None:
    clock, limit = Clock(), MOST * 3
    counts = MemoryCounts({}, clock)
    for number in range(4):
        clock.now += 1
        one = log((limit, 100), cost=MOST)
        assert counts.take_now((one,), f"t{number}").admitted == (number < 3)
    assert counts.peek_now((log((limit, 100)),)).readings == (((0, 97, 97),),)
