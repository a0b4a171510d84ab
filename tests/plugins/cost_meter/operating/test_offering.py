"""Budgets and forecasts as operators are told them: exact, and plain."""

from plugins.cost_meter.budgets.budgets import BudgetView
from plugins.cost_meter.covering import Calendar
from plugins.cost_meter.forecasting.forecast import forecast_of as made_of
from plugins.cost_meter.forecasting.series import series_of
from plugins.cost_meter.operating.offering import ForecastsOffered, budget_of, forecast_of
from plugins.cost_meter.row import Sums, Total
from proxy.api.documents import json_of, nano_usd_of
from proxy.api.spending import NanoUSD
from tests.plugins.cost_meter.forecasting.books import books

NOW = 1_750_000_000.0


def test_a_budget_is_told_to_the_last_digit() -> None:
    amounts = (NanoUSD(5 * 10**9), NanoUSD(1), NanoUSD(0))
    view = BudgetView("daily", "user", "ann", *amounts, 0, 0, NOW, NOW + 60, False, (50,), "strict")
    told = budget_of(view)
    assert (told["limitUsd"], told["spentUsd"], told["reached"]) == ("5", "0.000000001", [50])
    assert json_of(told)


def test_a_forecast_is_told_to_the_last_digit() -> None:
    hours = [Total(NOW // 3600 * 3600 - n * 3600, {}, Sums(nano_usd=1001)) for n in range(1, 300)]
    series = series_of(hours, NOW)
    made = made_of(series, NanoUSD(77), ("week", Calendar("UTC")), NOW)
    assert made is not None
    told = forecast_of(made)
    assert nano_usd_of(told["spentUsd"]) == 77
    assert nano_usd_of(told["p10Usd"]) <= nano_usd_of(told["p50Usd"]) == made.p50
    assert told["hoursKnown"] == made.hours
    assert json_of(told)


async def test_a_users_forecast_is_of_that_user_alone() -> None:
    async with books(NOW) as on:
        for hour in range(1, 60):
            await on.spend(NOW - hour * 3600, 10**9, user="ann")
            await on.spend(NOW - hour * 3600, 3 * 10**9, user="bob")
        offered = ForecastsOffered(on.forecasts())
        whole, own = [await offered(user, "monthly") for user in (None, "ann")]
        assert whole is not None
        assert own is not None
        assert nano_usd_of(whole["spentUsd"]) == 4 * nano_usd_of(own["spentUsd"]) > 0
