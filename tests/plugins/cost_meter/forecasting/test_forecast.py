"""What a period will have cost."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.covering import Calendar, Period
from plugins.cost_meter.forecasting.forecast import Forecast, forecast_of
from plugins.cost_meter.forecasting.series import Series
from proxy.api.spending import NanoUSD
from tests.kit.properties import examples
from tests.plugins.cost_meter.forecasting.spending import HOUR, USD, weekly

UTC_CALENDAR = Calendar("UTC")
NOW = datetime(2026, 11, 12, 9, 30, tzinfo=UTC).timestamp()


def made(
    hours: list[float], spent: int, period: Period = "month", now: float = NOW, zone: str = "UTC"
) -> Forecast:
    """A forecast of hours that end with the last whole one."""
    current = now // HOUR * HOUR
    series = Series(current - HOUR * len(hours), tuple(hours))
    found = forecast_of(series, NanoUSD(spent), (period, Calendar(zone)), now)
    assert found is not None
    return found


def test_a_steady_rate_goes_on_until_the_end_of_the_month() -> None:
    found = made([1.0 * USD] * 60 * 24, 273 * USD)
    left = (datetime(2026, 12, 1, tzinfo=UTC).timestamp() - NOW) / HOUR
    assert found.p50 == pytest.approx((273 + left) * USD, rel=1e-3)
    assert (found.begins, found.ends) == UTC_CALENDAR.period("month", NOW)
    assert isinstance(found.p50, int)


def test_each_coming_day_of_the_period_is_told_and_the_rest_of_today_first() -> None:
    found = made([1.0 * USD] * 60 * 24, 0, "week")
    days = [datetime.fromtimestamp(day.begins, UTC).day for day in found.days]
    assert days == [12, 13, 14, 15]
    assert found.days[0].p50 == pytest.approx(14.5 * USD, rel=0.01)
    assert found.days[1].p50 == pytest.approx(24 * USD, rel=0.01)


def test_days_begin_in_the_time_zone_of_the_settings() -> None:
    found = made(weekly(40), 0, "day", zone="Asia/Kolkata")
    assert datetime.fromtimestamp(found.ends, UTC).strftime("%H:%M") == "18:30"


def test_nothing_known_is_no_forecast() -> None:
    empty = Series(NOW // HOUR * HOUR, ())
    assert forecast_of(empty, NanoUSD(0), ("day", UTC_CALENDAR), NOW) is None


def test_a_limit_far_above_is_hardly_and_one_far_below_is_surely_passed() -> None:
    hours = weekly(60)
    found = made(hours, round(sum(hours[-10 * 24 :])))
    far, near = found.breach(NanoUSD(found.p90 * 3)), found.breach(NanoUSD(found.p10 // 2))
    assert far.probability < 0.02
    assert (far.p10, far.p50, far.p90) == (None, None, None)
    assert near.probability > 0.98
    assert near.p10 is not None
    assert near.p50 is not None
    assert near.p90 is not None
    assert NOW <= near.p10 <= near.p50 <= near.p90 <= found.ends


def test_the_probability_at_p50_is_one_half_and_at_p90_one_tenth() -> None:
    found = made(weekly(60), 0)
    assert found.breach(found.p50).probability == pytest.approx(0.5, abs=0.03)
    assert found.breach(found.p90).probability == pytest.approx(0.1, abs=0.03)


def test_what_is_spent_already_is_passed_for_certain() -> None:
    found = made(weekly(30), 5 * USD)
    assert found.breach(NanoUSD(5 * USD)) == (5 * USD, 1.0, NOW, NOW, NOW)


def test_a_few_hours_make_a_forecast_that_says_how_little_it_knows() -> None:
    found = made([1.0 * USD, 2.0 * USD], 3 * USD, "day")
    assert found.model in ("run_rate", "seasonal_naive")
    assert found.coverage is None
    assert found.p90 - found.p10 > (found.p50 - found.spent) / 2


def test_errors_are_told_as_exact_figures_beside_the_naive_ones() -> None:
    found = made(weekly(60), 0)
    assert found.error is not None
    assert found.naive_error is not None
    assert found.error < found.naive_error
    assert found.errors.days > 100


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=400),
    st.integers(0, 10**15),
    st.sampled_from(("day", "week", "month")),
    st.floats(0, 3 * 366 * 86400),
    st.integers(1, 10**16),
)
@examples(30)
def test_whatever_was_spent_a_forecast_rises_and_is_never_below_what_is_spent(
    hours: list[int], spent: int, period: Period, later: float, limit: int
) -> None:
    found = made([float(one) for one in hours], spent, period, NOW + later)
    assert spent <= found.p10 <= found.p50 <= found.p90
    assert all(0 <= day.p10 <= day.p50 <= day.p90 for day in found.days)
    breach = found.breach(NanoUSD(limit))
    assert 0 <= breach.probability <= 1
    times = [one for one in breach[2:] if one is not None]
    assert times == sorted(times)
