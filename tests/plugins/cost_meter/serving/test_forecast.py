"""A forecast in legacy's words: nothing is claimed that is not known."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.serving.forecast import (
    Foreseen,
    ForeseenDay,
    Known,
    Passing,
    forecast_of,
)
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON

USD = 10**9
DAYS = tuple(ForeseenDay(NOON + n * 86400, USD, 2 * USD, 3 * USD) for n in range(4))


def passing(limit: int) -> Passing:
    if limit > 11 * USD:
        return Passing(Decimal("0.1"), None)
    return Passing(Decimal("0.9"), NOON + 2.5 * 86400)


FORESEEN = Foreseen(
    NOON + 4 * 86400, 8 * USD, 11 * USD, 15 * USD, DAYS, "seasonal", None, None, None, passing
)


def date(at: float) -> str:
    return f"day {int(at - NOON) // 86400}"


def test_it_tells_when_a_threshold_will_be_passed() -> None:
    found = forecast_of("monthly", FORESEEN, Known(3 * USD, 8 * USD, ()), date).forecast
    assert (found.will_exceed_threshold, found.days_until_exceeded) == (True, 2)
    assert found.exceeding_probability == Decimal("0.9")
    assert (found.projected_cost, found.low, found.high) == (Decimal(11), Decimal(8), Decimal(15))
    assert [day.date for day in found.days] == ["day 0", "day 1", "day 2", "day 3"]


def test_a_threshold_that_is_passed_already_is_exceeded_today() -> None:
    found = forecast_of("monthly", FORESEEN, Known(3 * USD, 2 * USD, ()), date).forecast
    assert (found.will_exceed_threshold, found.days_until_exceeded) == (True, 0)


def test_one_that_will_not_be_passed_has_no_day() -> None:
    found = forecast_of("monthly", FORESEEN, Known(3 * USD, 90 * USD, ()), date).forecast
    assert (found.will_exceed_threshold, found.days_until_exceeded) == (False, None)


def test_without_a_forecast_or_a_threshold_there_are_nulls() -> None:
    found = forecast_of("daily", None, Known(5, None, ()), date)
    assert found.forecast.projected_cost is None
    assert found.forecast.will_exceed_threshold is None
    assert (found.analysis.trend, found.analysis.avg_daily_cost) == (None, None)
    assert found.analysis.recommendations == ("Too little is known for a forecast",)
    passed = forecast_of("daily", None, Known(5, 5, ()), date).forecast
    assert (passed.will_exceed_threshold, passed.days_until_exceeded) == (True, 0)


def test_the_trend_compares_the_later_half_with_the_earlier_one() -> None:
    known = Known(0, None, (1 * USD, 1 * USD, 7 * USD, 2 * USD, 4 * USD))
    analysis = forecast_of("weekly", None, known, date).analysis
    assert (analysis.trend, analysis.trend_value) == ("increasing", Decimal(2))
    assert analysis.trend_percentage == Decimal(200)
    assert analysis.avg_daily_cost == 3


@given(st.lists(st.integers(0, 10**12), max_size=90))
@examples(80)
def test_any_history_can_be_analysed(days: list[int]) -> None:
    analysis = forecast_of("monthly", None, Known(0, None, days), date).analysis
    assert analysis.days_analyzed == len(days)
    assert len(analysis.historical_costs) == min(30, len(days))
    if len(days) > 1 and len(set(days)) == 1:
        assert analysis.trend == "stable"
