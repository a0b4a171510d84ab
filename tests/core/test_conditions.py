"""Conditions compare text exactly and read numbers strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.conditions import any_of, between, parse_number


def test_a_value_is_one_of_the_listed_ones_exactly() -> None:
    condition = any_of("tier", ["pro", "enterprise"])
    assert condition.holds("pro")
    assert not condition.holds("Pro")
    assert not condition.holds("pro ")
    assert condition.wanted == "one of enterprise, pro"


@pytest.mark.parametrize(
    ("low", "high", "text", "holds"),
    [
        (30, None, "30", True),
        (30, None, "29.999", False),
        (30, 60, "60", True),
        (30, 60, "60.5", False),
        (None, 60, "-1", True),
        (None, None, "7", True),
        (30, None, "", False),
        (30, None, "forty", False),
        (30, None, "inf", False),
        (None, 60, "nan", False),
        (30, None, "4_0", False),
        (30, None, "\u0664\u0660", False),
        (30, None, "1e3", True),
        (30, None, "9" * 65, False),
    ],
)
def test_a_range_holds_both_its_ends_and_only_numbers(
    low: float | None, high: float | None, text: str, holds: bool
) -> None:
    assert between("account_age", low, high).holds(text) is holds


def test_a_range_says_what_it_wants() -> None:
    assert between("age", 30, None).wanted == "a number, at least 30"
    assert between("age", 30, 60.5).wanted == "a number, at least 30 and at most 60.5"
    assert between("age", None, None).wanted == "a number, any"


@given(st.text(max_size=80))
def test_reading_a_number_never_raises(text: str) -> None:
    number = parse_number(text)
    assert number is None or number == float(text)
