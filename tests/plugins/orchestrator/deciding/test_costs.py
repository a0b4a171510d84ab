"""Costs are exact: each part at its price, rounded once, half to even."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import Usage
from plugins.orchestrator.deciding.costs import nano_usd, tokens_in
from plugins.orchestrator.settings import Prices
from tests.kit.properties import examples

PRICES = Prices(input="2.50", cached_input="1.25", output="10.00")
ODD = st.integers(0, 10**9).map(lambda number: f"{Decimal(number).scaleb(-9):f}")
TOKENS = st.integers(0, 10**9)


@pytest.mark.parametrize(
    ("usage", "nano"),
    [
        (Usage(1_000_000, 0, 0, 0), 2_500_000_000),
        (Usage(0, 1_000_000, 0, 0), 1_250_000_000),
        (Usage(0, 0, 1_000_000, 0), 10_000_000_000),
        (Usage(0, 0, 0, 1_000_000), 10_000_000_000),
        (Usage(900, 100, 40, 60), 900 * 2500 + 100 * 1250 + 100 * 10_000),
        (Usage(), 0),
    ],
)
def test_each_part_is_paid_at_its_own_price_and_once(usage: Usage, nano: int) -> None:
    assert nano_usd(usage, PRICES) == nano


@pytest.mark.parametrize(
    ("price", "tokens", "nano"), [("0.0005", 1, 0), ("0.0005", 3, 2), ("0.0015", 1, 2)]
)
def test_half_a_nano_dollar_is_rounded_to_even(price: str, tokens: int, nano: int) -> None:
    assert nano_usd(Usage(tokens), Prices(input=price, output="0")) == nano


def test_cached_input_without_a_price_of_its_own_costs_as_much_as_other_input() -> None:
    prices = Prices(input="2.50", output="10")
    assert nano_usd(Usage(0, 8, 0, 0), prices) == nano_usd(Usage(8), prices)


@pytest.mark.parametrize(("usage", "prices"), [(None, PRICES), (Usage(1), None), (None, None)])
def test_what_is_not_known_has_no_cost_rather_than_none_at_all(
    usage: Usage | None, prices: Prices | None
) -> None:
    assert nano_usd(usage, prices) is None


@given(TOKENS, TOKENS, TOKENS, TOKENS, ODD, ODD)
@examples(200)
def test_rounding_never_moves_a_cost_by_more_than_half_a_nano_dollar(
    new: int, cached: int, text: int, reasoning: int, price: str, other: str
) -> None:
    nano = nano_usd(Usage(new, cached, text, reasoning), Prices(input=price, output=other))
    assert nano is not None
    exact_millionths = (new + cached) * int(Decimal(price).scaleb(9)) + (text + reasoning) * int(
        Decimal(other).scaleb(9)
    )
    assert abs(nano * 10**6 - exact_millionths) * 2 <= 10**6


def test_a_text_is_taken_for_too_few_tokens_rather_than_too_many() -> None:
    assert tokens_in(["a" * 400, "b" * 4, "c" * 3]) == 101
    assert tokens_in([]) == 0
