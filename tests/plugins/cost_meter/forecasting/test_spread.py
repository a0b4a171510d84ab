"""How wide intervals are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.spread import Spread, spread
from tests.kit.properties import examples

ERRORS = st.lists(st.floats(-0.9, 3), min_size=1, max_size=60)
CHANCES = st.floats(0.001, 0.999)


@given(ERRORS, CHANCES, CHANCES, st.floats(0.1, 100))
@examples(200)
def test_a_higher_probability_is_never_a_lower_error(
    errors: list[float], one: float, other: float, worth: float
) -> None:
    low, high = sorted((one, other))
    assert -1 <= spread(errors, low, worth) <= spread(errors, high, worth) + 1e-9


def test_few_errors_that_count_make_it_wider() -> None:
    errors = [step / 10 for step in range(-5, 6)]
    many, few = (spread(errors, 0.9, worth) for worth in (50, 1.5))
    assert few > many > 0


def test_a_clear_bias_is_believed_and_an_unclear_one_is_not() -> None:
    clear = spread([0.3, 0.31, 0.32] * 10, 0.5, 30)
    unclear = spread([-0.5, 0.02, 0.5] * 10, 0.5, 30)
    assert clear == pytest.approx(0.31, abs=0.01)
    assert abs(unclear) < 0.01


def test_beyond_what_was_tried_it_grows_with_the_root_of_time() -> None:
    found = Spread({24: [-0.1, 0.0, 0.1, 0.05, -0.05]}, {})
    assert found.quantile(96, 0.9) == pytest.approx(2 * found.quantile(24, 0.9))
    assert found.quantile(1, 0.9) == found.quantile(24, 0.9)


def test_between_two_horizons_it_lies_between_theirs() -> None:
    found = Spread({24: [-0.1, -0.05, 0.05, 0.1], 48: [-0.4, -0.2, 0.2, 0.4]}, {})
    low, middle, high = (found.quantile(hours, 0.9) for hours in (24, 36, 47.999))
    assert low < middle < high


def test_where_nothing_was_tried_it_is_wide() -> None:
    found = Spread({}, {})
    assert found.quantile(24, 0.1) < -0.4
    assert found.quantile(24, 0.9) > 0.5
    assert found.day_quantile(3, 0.9) > 0.5


@given(st.lists(st.floats(-0.9, 3), min_size=4, max_size=40, unique=True), st.floats(-1, 4))
@examples(100)
def test_the_probability_to_be_above_is_that_of_the_quantile(
    errors: list[float], excess: float
) -> None:
    found = Spread({24: errors}, {})
    chance = found.above(24, excess)
    assert 0.001 <= chance <= 0.999 + 1e-9
    if 0.01 < chance < 0.99:
        assert (
            found.quantile(24, 1 - chance - 0.005)
            <= excess
            <= found.quantile(24, 1 - chance + 0.005)
        )
