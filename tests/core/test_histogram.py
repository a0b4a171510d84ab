"""The histogram counts what it was given, and estimates quantiles inside the right bucket."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.histogram import BOUNDS, Histogram

SECONDS = st.lists(st.floats(0, 120), min_size=1, max_size=50)


def observed(values: list[float]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    return histogram


@given(SECONDS)
def test_each_bound_counts_what_lies_at_or_below_it(values: list[float]) -> None:
    expected = [sum(value <= bound for value in values) for bound in (*BOUNDS, float("inf"))]
    assert observed(values).cumulative() == expected


@given(SECONDS)
def test_nothing_is_lost_or_counted_twice(values: list[float]) -> None:
    histogram = observed(values)
    assert histogram.count == len(values)
    assert histogram.total == pytest.approx(sum(values))


@given(SECONDS, st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values: list[float], share: float) -> None:
    true = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    found = observed(values).quantile(share)
    assert found is not None
    edges = (0.0, *BOUNDS)
    lower, upper = next(
        (pair for pair in pairwise(edges) if true <= pair[1]), (BOUNDS[-1], BOUNDS[-1])
    )
    assert lower <= found <= upper


def test_without_observations_there_is_no_quantile() -> None:
    assert Histogram().quantile(0.5) is None


def test_a_quantile_above_the_last_bound_is_the_last_bound() -> None:
    assert observed([1000.0]).quantile(0.99) == BOUNDS[-1]


def test_the_bounds_grow_from_a_millisecond_to_a_minute() -> None:
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert (BOUNDS[0], BOUNDS[-1]) == (0.001, 60.0)
