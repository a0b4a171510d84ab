"""Latencies fall into buckets of which none is wide, and quantiles come out of them."""

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.log_linear import BUCKETS, bucket_of, quantile, upper

SECONDS = st.floats(0, 1000)


@given(SECONDS)
def test_a_latency_lies_below_the_bound_of_its_bucket_and_above_that_of_the_one_before(
    seconds: float,
) -> None:
    bucket = bucket_of(seconds)
    assert 0 <= bucket < BUCKETS
    if bucket < BUCKETS - 1:
        assert seconds <= upper(bucket)
    if bucket:
        assert seconds >= upper(bucket - 1)


@given(st.integers(1, BUCKETS - 2))
def test_no_bucket_is_wider_than_an_eighth(bucket: int) -> None:
    assert upper(bucket - 1) < upper(bucket) <= upper(bucket - 1) * 1.125


@given(SECONDS, SECONDS)
def test_longer_latencies_are_in_no_lower_bucket(one: float, other: float) -> None:
    assert bucket_of(min(one, other)) <= bucket_of(max(one, other))


@given(st.lists(st.floats(0.001, 200), min_size=1), st.floats(0.01, 1))
def test_a_quantile_is_not_below_the_true_one_and_at_most_an_eighth_above(
    latencies: list[float], share: float
) -> None:
    counts = [0] * BUCKETS
    for seconds in latencies:
        counts[bucket_of(seconds)] += 1
    true = sorted(latencies)[ceil(share * len(latencies)) - 1]
    found = quantile(counts, share)
    assert found is not None
    assert true <= found <= true * 1.126
    assert quantile({b: n for b, n in enumerate(counts) if n}, share) == found


@pytest.mark.parametrize("counts", [[0] * BUCKETS, {}])
def test_without_observations_there_is_no_quantile(counts: list[int] | dict[int, int]) -> None:
    assert quantile(counts, 0.5) is None
