"""Means, shares and savings: exact, and never by nothing."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.ratios import mean, saved, share
from tests.kit.properties import examples

amounts = st.integers(-(10**18), 10**18)


@given(amounts, st.integers(1, 10**9))
@examples(200)
def test_a_mean_is_the_exact_one_rounded_half_to_even(total: int, count: int) -> None:
    assert mean(total, count) == round(Fraction(total, count))


@given(amounts, st.integers(-5, 0))
@examples(30)
def test_nothing_is_divided_by_nothing(total: int, count: int) -> None:
    assert mean(total, count) is None
    assert share(total, count) is None


@given(st.lists(st.integers(0, 10**15), min_size=1, max_size=6))
@examples(100)
def test_shares_of_all_parts_are_the_whole_up_to_rounding(parts: list[int]) -> None:
    shares = [share(part, sum(parts)) for part in parts]
    if sum(parts) == 0:
        assert set(shares) == {None}
        return
    known = [one for one in shares if one is not None]
    assert abs(sum(known, Decimal(-1))) <= Decimal("0.00005") * len(parts)


def test_savings_are_told_of_routes_with_a_baseline_alone() -> None:
    spent = {"a": (10, 700), "b": (5, 9_000), "c": (0, 3)}
    assert saved(spent, {"a": 100}) == 300
    assert saved(spent, {"a": 100, "b": 100}) == 300 - 8_500
    assert saved(spent, {"c": 100, "d": 1}) is None
    assert saved({}, {}) is None
