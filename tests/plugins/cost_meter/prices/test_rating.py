"""Prices as whole numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from plugins.cost_meter.prices.rating import Priced, Step, dearest, nano_rate, times, worse
from proxy.api.spending import Rates, Usage


@given(st.decimals(0, 10**6, places=9))
def test_nine_decimals_are_a_whole_number_of_nano_dollars(usd: Decimal) -> None:
    assert Fraction(nano_rate(usd)) == Fraction(usd) * 10**9


@given(st.decimals(0, 1000, places=12))
def test_nothing_is_rounded(usd: Decimal) -> None:
    assume(Fraction(usd) * 10**9 % 1)
    with pytest.raises(ValueError, match="no whole number of nano-USD"):
        nano_rate(usd)


@pytest.mark.parametrize("usd", ["-1", "NaN", "Infinity"])
def test_no_price_is_below_zero_or_nothing_at_all(usd: str) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        nano_rate(Decimal(usd))


def test_what_is_priced_by_the_thousand_is_so() -> None:
    assert nano_rate(Decimal("10"), 1000) == 10_000_000_000_000


def test_the_longest_step_that_a_prompt_exceeds_counts() -> None:
    base, one, two = Rates(1), Rates(2), Rates(3)
    priced = Priced(base, "x", steps=(Step(200, two), Step(100, one)))
    assert [priced.for_prompt(n) for n in (100, 101, 200, 201)] == [base, one, one, two]


@given(st.lists(st.builds(Rates, *([st.integers(0, 10**12)] * 10)), max_size=5))
def test_the_dearest_is_the_highest_of_each_part(all_rates: list[Rates]) -> None:
    found = dearest(all_rates)
    for rates in all_rates:
        assert all(most >= rate for most, rate in zip(found, rates, strict=True))
    assert all(most == 0 or any(most == r[n] for r in all_rates) for n, most in enumerate(found))


def test_a_factor_counts_for_all_parts_and_steps() -> None:
    priced = Priced(Rates(*range(0, 20, 2)), "x", steps=(Step(5, Rates(4)),))
    half = times(priced, Decimal("0.5"))
    assert (half.rates, half.steps) == (Rates(*range(10)), (Step(5, Rates(2)),))


def test_a_factor_that_leaves_a_rest_is_refused() -> None:
    with pytest.raises(ValueError, match=r"3 nano-USD times 0\.5 is no whole number"):
        times(Priced(Rates(3), "x"), Decimal("0.5"))


def test_doubt_is_as_large_as_the_largest() -> None:
    assert worse("exact", "fallback") == "fallback"
    assert worse("assumed", "fallback") == "assumed"
    assert worse("unknown", "assumed") == "unknown"
    priced = Priced(Rates(1), "x", "fallback", assumed=frozenset({"input_audio"}))
    assert priced.trusts(Usage(1)) == "fallback"
    assert priced.trusts(Usage(1, input_audio=1)) == "assumed"
