"""Counts of the last seconds, compared with counting everything anew."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.sliding import Sliding
from tests.kit.properties import examples

STEPS = st.lists(
    st.tuples(st.sampled_from([0.0, 0.4, 1.0, 2.5, 9.0, 10.0, 1e6]), st.sampled_from([0, 1, 2])),
    max_size=60,
)


@examples(200)
@given(STEPS, st.integers(1, 10), st.floats(-100, 1e9))
def test_sums_are_what_counting_all_of_it_anew_comes_to(
    steps: list[tuple[float, int]], seconds: int, begin: float
) -> None:
    sliding = Sliding(seconds, 3)
    seen: list[tuple[int, int]] = []
    now = begin
    for passed, kind in steps:
        now += passed
        sliding.add(now, kind)
        seen.append((int(now // 1), kind))
        lately = [k for second, k in seen if second > int(now // 1) - seconds]
        assert sliding.sums(now) == tuple(lately.count(k) for k in range(3))
        assert sliding.last() == sliding.sums(now)


def test_a_count_is_in_the_sum_for_as_long_as_the_ring_is_and_no_longer() -> None:
    sliding = Sliding(30)
    sliding.add(100.9, 0)
    assert sliding.sums(129.99) == (1,)
    assert sliding.sums(130.0) == (0,)


def test_a_clock_that_goes_back_counts_in_the_newest_second() -> None:
    sliding = Sliding(3)
    sliding.add(10.0, 0)
    sliding.add(7.0, 0)
    assert sliding.sums(12.0) == (2,)


def test_what_is_cleared_is_forgotten_and_counting_goes_on() -> None:
    sliding = Sliding(3, 2)
    sliding.add(10.0, 0, 1)
    sliding.clear()
    assert sliding.sums(10.0) == (0, 0)
    sliding.add(11.0, 1)
    assert sliding.sums(12.0) == (0, 1)
