"""Forecasts of what a real journal holds."""

from plugins.cost_meter.forecasting.declaring import ForecastSettings, IncidentSettings
from plugins.cost_meter.forecasting.forecasts import incidents_of
from plugins.cost_meter.forecasting.series import Interval
from tests.plugins.cost_meter.forecasting.books import Books, books
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY, USD

NOW = MONDAY + 72 * HOUR + 600


async def three_days(on: Books) -> None:
    """A dollar an hour by each of two users."""
    for hour in range(72):
        for user in ("anna", "ben"):
            await on.spend(MONDAY + hour * HOUR, USD, user=user)


async def test_what_all_and_what_one_spend_is_forecast_from_the_ledger() -> None:
    async with books(NOW) as on:
        await three_days(on)
        forecasts = on.forecasts()
        whole = await forecasts.of({}, "week")
        one = await forecasts.of({"user": "ben"}, "week")
        assert whole is not None
        assert one is not None
        assert (whole.spent, one.spent) == (144 * USD, 72 * USD)
        assert abs(whole.p50 - 2 * 168 * USD) < 3 * USD
        assert abs(one.p50 - 168 * USD) < 2 * USD
        assert one.where == {"user": "ben"}
        assert await forecasts.of({"user": "nobody"}, "week") is None


async def test_a_forecast_is_good_for_a_minute_and_until_something_changes() -> None:
    async with books(NOW) as on:
        await three_days(on)
        forecasts = on.forecasts()
        first = await forecasts.of({}, "day")
        await on.spend(NOW, 50 * USD)
        on.process.at += 30
        assert await forecasts.of({}, "day") is first
        forecasts.changed()
        after = await forecasts.of({}, "day")
        assert after is not None
        assert after.spent == 50 * USD
        on.process.at += 61
        assert await forecasts.of({}, "day") is not after


async def test_after_a_change_the_level_is_that_of_the_hours_since() -> None:
    async with books(MONDAY + 10 * 24 * HOUR) as on:
        for hour in range(10 * 24):
            await on.spend(MONDAY + hour * HOUR, USD)
        told, untold = on.forecasts(), on.forecasts()
        told.changed()
        for hour in range(10 * 24, 10 * 24 + 12):
            await on.spend(MONDAY + hour * HOUR, 3 * USD)
        on.process.at += 12 * HOUR
        known, unknown = [await one.of({}, "week") for one in (told, untold)]
        assert known is not None
        assert unknown is not None
        # Three days and a half are left: at three dollars an hour they cost 252.
        assert 0.8 * 252 * USD < known.p50 - known.spent < 1.2 * 252 * USD
        assert unknown.p50 < known.p50


async def test_an_incident_is_spent_but_not_expected_again() -> None:
    async with books(NOW) as on:
        await three_days(on)
        await on.spend(MONDAY + 30 * HOUR, 500 * USD)
        odd = Interval(MONDAY + 30 * HOUR, MONDAY + 31 * HOUR)
        known = await on.forecasts(odd).of({}, "week")
        unknown = await on.forecasts().of({}, "week")
        assert known is not None
        assert unknown is not None
        assert known.spent == unknown.spent == 644 * USD
        assert abs(known.p50 - (2 * 168 + 500) * USD) < 5 * USD
        assert unknown.p90 > known.p90 + 50 * USD


def test_incidents_are_read_in_any_time_zone() -> None:
    said = IncidentSettings(begins="2025-06-09T02:00:00+02:00", ends="2025-06-09T01:00:00+00:00")
    assert incidents_of(ForecastSettings(incidents=(said,))) == (Interval(MONDAY, MONDAY + HOUR),)
