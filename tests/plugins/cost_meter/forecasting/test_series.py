"""Hours without a gap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.forecasting.series import DAY, MOST_HOURS, Interval, Series, series_of
from tests.kit.properties import examples
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY, totals


def test_hours_without_spending_are_nothing_and_the_running_hour_is_left_out() -> None:
    some = [one for one in totals([5, 0, 7, 9]) if one.sums.nano_usd]
    found = series_of(some, MONDAY + 3.5 * HOUR)
    assert found == Series(MONDAY, (5.0, 0.0, 7.0))
    assert found.ends == MONDAY + 3 * HOUR


def test_a_series_begins_with_the_first_hour_that_cost_something() -> None:
    assert series_of(totals([0, 0, 7]), MONDAY + 3 * HOUR).begins == MONDAY + 2 * HOUR
    assert series_of((), MONDAY).hours == ()


def test_an_hour_of_which_more_was_taken_back_than_it_cost_is_nothing() -> None:
    assert series_of(totals([4, -3]), MONDAY + 2 * HOUR).hours == (4.0, 0.0)


def test_a_correction_is_about_other_hours() -> None:
    [one, other] = totals([4, 3])
    corrected = other._replace(sums=other.sums._replace(nano_usd=903, adjusted_nano_usd=900))
    assert series_of([one, corrected], MONDAY + 2 * HOUR).hours == (4.0, 3.0)


def test_a_spike_that_has_happened_once_tells_nothing_of_what_is_to_come() -> None:
    usual = [float(hour % DAY + 1) for hour in range(10 * DAY)]
    for length, begins in ((1, 100), (3, 100), (1, 10 * DAY - 1)):
        odd = [*usual]
        odd[begins : begins + length] = [5000.0] * length
        assert series_of(totals(odd), MONDAY + 10 * DAY * HOUR).hours == tuple(usual)


@pytest.mark.parametrize("odd", [(100, 130), (100, 101, 102, 103)], ids=["twice", "for-hours"])
def test_what_happens_again_or_goes_on_is_not_left_out(odd: tuple[int, ...]) -> None:
    hours = [5000.0 if hour in odd else 1.0 for hour in range(10 * DAY)]
    assert series_of(totals(hours), MONDAY + 10 * DAY * HOUR).hours == tuple(hours)


def test_in_a_week_nobody_knows_what_is_a_spike() -> None:
    hours = [5000.0 if hour == 40 else 1.0 for hour in range(6 * DAY)]
    assert series_of(totals(hours), MONDAY + 6 * DAY * HOUR).hours == tuple(hours)


def test_an_incident_is_replaced_by_the_same_hour_of_the_day_before() -> None:
    hours = [float(hour % DAY + 1) for hour in range(3 * DAY)]
    odd = [*hours]
    odd[30:33] = [500.0] * 3
    incident = Interval(MONDAY + 30 * HOUR, MONDAY + 33 * HOUR)
    found = series_of(totals(odd), MONDAY + 3 * DAY * HOUR, [incident])
    assert list(found.hours) == hours


def test_an_incident_at_the_beginning_is_replaced_by_what_is_usual() -> None:
    found = series_of(totals([900, 2, 4]), MONDAY + 3 * HOUR, [Interval(MONDAY, MONDAY + 1)])
    assert found.hours == (3.0, 2.0, 4.0)


@given(st.lists(st.integers(-5, 50), max_size=60), st.integers(0, 80))
@examples(100)
def test_a_series_has_no_gap_and_ends_with_the_last_whole_hour(hours: list[int], now: int) -> None:
    found = series_of(totals(hours), MONDAY + now * HOUR + 1)
    assert found.ends == MONDAY + now * HOUR
    assert len(found.hours) <= MOST_HOURS
    assert min(found.hours, default=0) >= 0


def test_so_many_hours_are_known_at_a_moment() -> None:
    series = Series(MONDAY, (1.0, 2.0, 3.0))
    moments = (-HOUR, 0, 1, HOUR, 9 * HOUR)
    assert [series.known_at(MONDAY + one) for one in moments] == [0, 0, 1, 1, 3]
