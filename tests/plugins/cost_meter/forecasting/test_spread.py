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


def test_beyond_what_was_tried_the_part_stays_as_it_is() -> None:
    found = Spread({24: [-0.1, 0.0, 0.1, 0.05, -0.05]}, {})
    assert found.quantile(96, 0.9) == pytest.approx(found.quantile(24, 0.9))
    assert found.quantile(1, 0.9) == found.quantile(24, 0.9)


WEEKS = [-0.1, -0.05, 0.0, 0.05, 0.1] * 20


def test_a_horizon_that_was_hardly_tried_leans_on_the_next_shorter_one() -> None:
    alone = Spread({168: WEEKS}, {}).quantile(168, 0.9)
    few = Spread({168: WEEKS, 336: [0.4, 0.4, -0.4, -0.4]}, {}).quantile(336, 0.9)
    many = Spread({168: WEEKS, 336: [0.4, 0.4, -0.4, -0.4] * 100}, {}).quantile(336, 0.9)
    assert alone < few < (alone + many) / 2


def test_what_was_off_on_one_side_by_chance_may_be_off_on_the_other() -> None:
    once = Spread({168: [0.3, 0.31, 0.32, 0.3, 0.31]}, {})
    assert once.quantile(168, 0.1) < -0.2
    assert once.quantile(168, 0.9) > 0.25


def test_where_the_models_differ_farther_ahead_it_is_wider_there_alone() -> None:
    agreed = Spread({168: WEEKS}, {}, {168: 0.02, 744: 0.02})
    apart = Spread({168: WEEKS}, {}, {168: 0.02, 744: 0.2})
    assert apart.quantile(168, 0.9) == agreed.quantile(168, 0.9)
    assert apart.quantile(744, 0.9) > 2 * agreed.quantile(744, 0.9)
    assert apart.quantile(744, 0.1) < 2 * agreed.quantile(744, 0.1)
    assert apart.quantile(744, 0.5) == pytest.approx(agreed.quantile(744, 0.5))


@given(
    st.dictionaries(st.sampled_from((1, 24, 48, 168, 336, 744)), ERRORS),
    st.dictionaries(st.sampled_from((1, 24, 48, 168, 336, 744)), st.floats(0, 2)),
    st.floats(0, 1000),
    CHANCES,
    CHANCES,
)
@examples(200)
def test_at_every_horizon_a_higher_probability_is_never_a_lower_error(
    until: dict[int, list[float]], apart: dict[int, float], hours: float, one: float, other: float
) -> None:
    found = Spread(until, {}, apart)
    low, high = sorted((one, other))
    assert -1 <= found.quantile(hours, low) <= found.quantile(hours, high) + 1e-9


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
