"""The judge of limits: against counting everything again at every moment."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.replaying import Policy, Refused, Taken, admissible, most_members

MOMENTS = st.integers(0, 30)
ENTRIES = st.lists(st.tuples(MOMENTS, st.integers(0, 3)), max_size=12)
PERIODS = st.integers(1, 12)


def recounted(entries: Sequence[tuple[int, int]], at: int, period: int) -> int:
    return sum(units for time, units in entries if at - period < time <= at)


@given(ENTRIES, PERIODS, st.integers(-5, 60))
def test_a_window_has_what_lies_in_it(entries: list[tuple[int, int]], period: int, at: int) -> None:
    assert Taken(entries).within(at, period) == recounted(entries, at, period)


@given(ENTRIES, PERIODS)
def test_the_fullest_window_is_that_of_all_moments(
    entries: list[tuple[int, int]], period: int
) -> None:
    most = max(recounted(entries, at, period) for at in range(-1, 50))
    assert Taken(entries).fullest(period) == most


@given(ENTRIES, PERIODS, MOMENTS, st.integers(0, 20), st.integers(1, 3), st.integers(1, 8))
def test_a_refusal_was_due_if_there_was_a_moment_without_room(
    entries: list[tuple[int, int]], period: int, since: int, lasted: int, cost: int, limit: int
) -> None:
    refused = Refused(since, since + lasted, cost)
    due = any(
        recounted(entries, at, period) + cost > limit for at in range(since, since + lasted + 1)
    )
    assert Taken(entries).would_exceed(Policy("a", limit, period), refused) is due


@given(st.lists(st.tuples(MOMENTS, st.sampled_from("abcd")), max_size=12), PERIODS)
def test_members_are_counted_once_in_a_window(entries: list[tuple[int, str]], period: int) -> None:
    most = max(len({who for time, who in entries if at - period < time <= at}) for at in range(50))
    assert most_members(entries, period) == most


def test_a_unit_taken_exactly_one_period_ago_is_out() -> None:
    policy = Policy("spacing", 1, 10)
    assert [*Taken([(0, 1), (10, 1)]).exceeded([policy])] == []
    said = [*Taken([(0, 1), (9, 1)]).exceeded([policy])]
    assert said == ["2 units in a window of spacing (1 per 1e-05 s)"]


@pytest.mark.parametrize(
    ("policies", "until", "most"),
    [
        ([Policy("a", 3, 10)], 0, 3),
        ([Policy("a", 3, 10)], 9, 3),
        ([Policy("a", 3, 10)], 10, 6),
        ([Policy("a", 3, 10), Policy("b", 4, 100)], 99, 4),
        ([Policy("a", 1, 1), Policy("b", 4, 100)], 101, 6),
    ],
)
def test_what_fits_is_what_the_windows_let_through(
    policies: list[Policy], until: int, most: int
) -> None:
    assert admissible(policies, until) == most


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), min_size=1, max_size=2))
def test_nobody_gets_more_through_than_what_is_said_to_fit(pairs: list[tuple[int, int]]) -> None:
    policies = [Policy(str(limit), limit, period) for limit, period in pairs]
    taken: list[tuple[int, int]] = []
    for at in range(15):
        while all(recounted(taken, at, one.period) < one.limit for one in policies):
            taken.append((at, 1))
    assert admissible(policies, 14) == len(taken)
    assert [*Taken(taken).exceeded(policies)] == []
