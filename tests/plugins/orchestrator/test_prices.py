"""Declared prices become whole numbers, exactly."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plugins.orchestrator.prices import Prices
from proxy.api.spending import Rates, Usage, cost_of
from tests.kit.properties import examples

PRICES = {"input": "2.50", "output": "10"}
ODD = st.integers(0, 10**9).map(lambda number: f"{Decimal(number).scaleb(-9):f}")
TOKENS = st.integers(0, 10**9)


def test_what_is_not_said_costs_as_much_as_the_rest_of_prompt_or_answer() -> None:
    rates = Prices(**PRICES).rates
    inputs = (rates.input_cached, rates.input_cache_write, rates.input_audio, rates.input_image)
    assert set(inputs) == {rates.input_uncached} == {2_500_000_000}
    assert {rates.output_reasoning, rates.output_audio} == {rates.output_text} == {10_000_000_000}
    assert (rates.requests, rates.searches) == (0, 0)


def test_each_part_has_the_price_that_is_said_of_it() -> None:
    said = {
        "cached_input": "1",
        "cache_write": "2",
        "audio_input": "3",
        "image_input": "4",
        "reasoning": "5",
        "audio_output": "6",
    }
    billions = (2.5, 1, 10, 5, 2, 3, 4, 6)
    assert Prices(**PRICES, **said).rates[:8] == tuple(int(one * 10**9) for one in billions)
    assert Prices(**PRICES, cached_input="0").rates.input_cached == 0


def test_a_call_and_a_search_are_paid_for_one_by_one() -> None:
    rates = Prices(**PRICES, request="0.01", search="0.000000001").rates
    assert cost_of(Usage(requests=1), rates) == 10_000_000
    assert cost_of(Usage(searches=3), rates) == 3


@pytest.mark.parametrize(
    ("price", "tokens", "nano"), [("0.0005", 1, 0), ("0.0005", 3, 2), ("0.0015", 1, 2)]
)
def test_half_a_nano_dollar_is_rounded_to_even(price: str, tokens: int, nano: int) -> None:
    assert cost_of(Usage(tokens), Prices(input=price, output="0").rates) == nano


@given(TOKENS, TOKENS, TOKENS, TOKENS, ODD, ODD)
@examples(200)
def test_a_cost_is_that_of_exact_fractions_rounded_once(
    new: int, cached: int, text: int, reasoning: int, price: str, other: str
) -> None:
    usage = Usage(new, cached, text, reasoning)
    exact = (new + cached) * Fraction(price) + (text + reasoning) * Fraction(other)
    assert cost_of(usage, Prices(input=price, output=other).rates) == round(exact * 1000)


@pytest.mark.parametrize("said", ["-1", "1e3", "0.0000000001", "1000000000", "", "2,50"])
def test_what_is_no_price_is_refused(said: str) -> None:
    with pytest.raises(ValidationError, match="US dollars with at most nine decimals"):
        Prices(input=said, output="1")


def test_rates_are_worked_out_once() -> None:
    prices = Prices(**PRICES)
    assert isinstance(prices.rates, Rates)
    assert prices.rates is prices.rates
