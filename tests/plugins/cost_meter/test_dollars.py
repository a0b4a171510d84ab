"""Amounts as operators write them, and as people read them."""

from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from plugins.cost_meter.dollars import amount, as_written, dollars, nano_of
from tests.kit.properties import examples

MOST = 1000
PRICE: TypeAdapter[str] = TypeAdapter(
    Annotated[str, BeforeValidator(as_written), amount(MOST, above_zero=False)]
)
LIMIT: TypeAdapter[str] = TypeAdapter(
    Annotated[str, BeforeValidator(as_written), amount(MOST, above_zero=True)]
)


@pytest.mark.parametrize(
    ("said", "text"),
    [("5.00", "5.00"), (2.5, "2.5"), (7, "7"), (1e-9, "0.000000001"), (0.00001, "0.00001")],
    ids=str,
)
def test_an_amount_is_taken_as_it_was_written(said: Any, text: str) -> None:
    assert LIMIT.validate_python(said) == text


@examples(100)
@given(st.decimals(0, MOST, places=9))
def test_every_amount_is_read_to_the_last_digit(said: Decimal) -> None:
    assert nano_of(PRICE.validate_python(f"{said:f}")) == said * 10**9


@pytest.mark.parametrize(
    "said",
    ["", "-1", "1e3", "1.", ".5", "0.0000000001", "1,5", "٣", "1000.000000001", "nan", 1e300],
    ids=str,
)
def test_what_is_no_amount_is_told_with_what_is_wanted(said: Any) -> None:
    with pytest.raises(ValidationError, match="US dollars with at most nine decimals"):
        PRICE.validate_python(said)


def test_true_is_no_amount() -> None:
    with pytest.raises(ValidationError, match="valid string"):
        PRICE.validate_python(True)


def test_nothing_is_a_price_and_no_limit() -> None:
    assert nano_of(PRICE.validate_python("0.00")) == 0
    with pytest.raises(ValidationError, match="more than 0, 1000 at most"):
        LIMIT.validate_python("0.00")


@pytest.mark.parametrize(
    ("nano", "said"),
    [
        (0, "0.00"),
        (1, "0.000000001"),
        (39_500, "0.0000395"),
        (10**9, "1.00"),
        (1_234_500_000_000, "1234.50"),
        (-1, "-0.000000001"),
        (-2_500_000_000, "-2.50"),
        (2**63, "9223372036.854775808"),
    ],
)
def test_an_amount_is_told_exactly(nano: int, said: str) -> None:
    assert dollars(nano) == said


@examples(200)
@given(st.integers(-(2**63), 2**63), st.sampled_from((9, 15)))
def test_no_digit_of_an_amount_is_lost(parts: int, decimals: int) -> None:
    assert Decimal(dollars(parts, decimals)).scaleb(decimals) == parts
