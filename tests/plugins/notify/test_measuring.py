"""What alerts compare: kept to the last digit, within bounds."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.notify.measuring import measured_text, read_measured, shown_measured
from proxy.api import Measured
from tests.kit.properties import examples

AMOUNTS = st.none() | st.decimals(-(10**12), 10**12, allow_nan=False, places=9)
DAY = Measured("USD", Decimal("0.002"), Decimal("0.0031"), "day", 0.0, 86400.0)


@examples(60)
@given(AMOUNTS, AMOUNTS)
def test_amounts_come_back_to_the_last_digit(limit: Decimal | None, value: Decimal | None) -> None:
    said = DAY._replace(limit=limit, value=value)
    assert read_measured(measured_text(said)) == said


def test_nothing_measured_is_nothing_kept() -> None:
    assert measured_text(None) == ""
    assert read_measured("") is None


@pytest.mark.parametrize("text", ["{}", "[]", "no json", '{"unit": "USD"}'])
def test_what_another_version_has_kept_is_left_out(text: str) -> None:
    assert read_measured(text) is None


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+999999", "1E-999999"])
def test_an_amount_without_bounds_is_not_kept(amount: str) -> None:
    kept = read_measured(measured_text(DAY._replace(value=Decimal(amount))))
    assert kept == DAY._replace(value=None)


def test_words_have_bounds_and_what_is_no_text_is_not_kept() -> None:
    assert len(measured_text(DAY._replace(unit="U" * 9999, period="p" * 9999))) < 300
    assert measured_text(DAY._replace(unit="\ud800")) == ""


def test_it_is_shown_in_figures_and_times() -> None:
    assert shown_measured(DAY) == {
        "unit": "USD",
        "limit": "0.002",
        "value": "0.0031",
        "percent": 155,
        "period": "day",
        "since": "1970-01-01T00:00:00.000Z",
        "until": "1970-01-02T00:00:00.000Z",
    }


def test_what_is_not_known_is_null() -> None:
    found = shown_measured(Measured("USD", Decimal(5), None))
    assert (found["value"], found["percent"], found["period"], found["since"]) == (None,) * 4
