"""What an hour usually costs."""

from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.usual import Spending
from scripts.simulation.forecasts import SHAPES, Shape
from tests.kit.properties import examples
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY, USD

DAY = 24
WEEK = 168


def at(hour: int) -> float:
    """The first second of an hour, counted from the first."""
    return MONDAY + hour * HOUR


def spending(hours: Sequence[float], least: int = USD // 100) -> Spending:
    """What so many hours have cost, in nano-USD."""
    return Spending({at(hour): round(nano) for hour, nano in enumerate(hours)}, least)


def z(hours: Sequence[float]) -> float:
    """How far the last hour lies above what is usual."""
    usual = spending(hours).usual(at(len(hours) - 1))
    assert usual is not None
    return (hours[-1] - usual.middle) / usual.spread


def test_less_than_three_days_tell_nothing_of_what_is_usual() -> None:
    assert spending([USD] * 72).usual(at(71)) is None
    assert spending([USD] * 73).usual(at(72)) is not None
    assert Spending({}, 1).usual(MONDAY) is None


def test_from_three_weeks_on_only_the_same_hour_of_the_week_is_looked_at() -> None:
    hours = [5 * USD if hour % WEEK == 9 else USD for hour in range(3 * WEEK + 10)]
    days = spending(hours[: 2 * WEEK + 10]).usual(at(2 * WEEK + 9))
    weeks = spending(hours).usual(at(3 * WEEK + 9))
    assert days is not None
    assert weeks is not None
    assert (days.middle, weeks.middle) == (USD, 5 * USD)


def test_what_was_odd_is_nothing_to_compare_with() -> None:
    hours = [float(USD)] * (4 * WEEK + 1)
    hours[2 * WEEK] = 900 * USD
    usual = spending(hours).usual(at(4 * WEEK))
    assert usual is not None
    assert usual.middle == USD
    assert at(2 * WEEK) not in usual.compared
    assert len(usual.compared) == 3


def test_all_hours_together_say_how_far_hours_lie_apart() -> None:
    draw = Random(4)
    hours = [USD * draw.uniform(0.5, 1.5) for _ in range(6 * WEEK)]
    for number in range(1, 6):  # the same hour of other weeks happens to be calm
        hours[-1 - number * WEEK] = USD
    usual = spending(hours).usual(at(6 * WEEK - 1))
    assert usual is not None
    assert usual.spread > 0.25 * USD


def test_what_has_risen_is_the_new_usual_after_a_day_and_what_has_fallen_is_not() -> None:
    calm = [float(USD)] * (4 * WEEK)
    assert z([*calm, 3 * USD]) == pytest.approx(20)
    assert z([*calm, *[3 * USD] * 23]) == pytest.approx(20)
    assert z([*calm, *[3 * USD] * 26]) == pytest.approx(0)
    assert z([*calm, *[USD / 3] * 48, USD]) == pytest.approx(0)


def test_an_odd_hour_where_nothing_is_usual_is_odd_until_that_happens_now_and_then() -> None:
    hours = [0.0] * (4 * WEEK)
    hours[0] = 2 * USD
    assert z([*hours, 2 * USD]) > 100
    for hour in (3 * WEEK + 5, 3 * WEEK + 50, 3 * WEEK + 130):
        hours[hour] = 2 * USD
    assert z([*hours, 2 * USD]) == pytest.approx(0)
    assert z([*hours, 9 * USD]) > 6


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=300))
@examples(50)
def test_what_is_usual_is_never_less_than_nothing_and_never_certain(hours: list[int]) -> None:
    known = spending(hours)
    for hour in range(len(hours)):
        usual = known.usual(at(hour))
        assert usual is None or (usual.middle >= 0 and usual.spread >= USD / 1000)
        assert usual is None or all(MONDAY <= one < at(hour) for one in usual.compared)


@pytest.mark.parametrize("shape", SHAPES, ids=[one.name.split()[0] for one in SHAPES])
def test_spending_as_it_is_raises_hardly_any_alarm(shape: Shape) -> None:
    hours = shape.hours(3, 63)
    known, odd = spending(hours), 0
    for hour in range(4 * WEEK, len(hours)):
        usual = known.usual(at(hour))
        assert usual is not None
        odd += hours[hour] > usual.middle + 6 * usual.spread
    assert odd <= 2  # of 840 hours; without a level and a common noise there are over a dozen
