"""Alerts about what will be spent, and what was."""

from typing import Any

from plugins.cost_meter.forecasting.declaring import ForecastSettings
from plugins.cost_meter.forecasting.watching import Limit, Watch
from proxy.api import StoreError
from proxy.api.spending import NanoUSD, Usage
from tests.plugins.cost_meter.forecasting.books import Books, books
from tests.plugins.cost_meter.forecasting.spending import HOUR, MONDAY, USD

WEEK = 168 * HOUR
NOW = MONDAY + 8 * 24 * HOUR + 10 * HOUR


def watch(on: Books, *limits: Limit, **settings: Any) -> Watch:
    """A watch of these limits."""
    said = ForecastSettings(**settings)
    return Watch(said, on.forecasts(), lambda: limits, on.journal, on.alerting, on.process)


async def steady(on: Books, hours: int, nano_usd: int = USD) -> None:
    for hour in range(hours):
        await on.spend(MONDAY + hour * HOUR, nano_usd)


async def test_a_budget_that_will_be_passed_is_told_of_once_with_when_and_how_sure() -> None:
    async with books(NOW) as on:
        await steady(on, 8 * 24 + 10)
        looks = watch(
            on, Limit("tight", NanoUSD(20 * USD), "day"), Limit("wide", NanoUSD(90 * USD), "day")
        )
        await looks.look()
        on.process.at += 300
        await looks.look()
        found = [one for one in on.process.alerts if one.name == "spend_forecast_breach"]
        assert [one.subject for one in found] == ["tight"]
        text = found[0].text
        for word in ("20.00 USD", "each day", "probability of", "10.00 USD are spent", "UTC"):
            assert word in text


async def test_what_is_passed_already_and_what_nothing_is_known_of_is_not_foretold() -> None:
    async with books(NOW) as on:
        limit = Limit("tight", NanoUSD(5 * USD), "day")
        await watch(on, limit).look()
        await steady(on, 8 * 24 + 10)
        await watch(on, limit).look()
        assert on.process.alerts == []


async def test_a_breach_that_is_not_to_be_expected_any_more_is_over() -> None:
    async with books(NOW) as on:
        await steady(on, 8 * 24 + 10)
        limits = [Limit("tight", NanoUSD(20 * USD), "day")]
        looks = Watch(
            ForecastSettings(), on.forecasts(), lambda: limits, on.journal, on.alerting, on.process
        )
        await looks.look()
        limits[0] = limits[0]._replace(nano_usd=NanoUSD(100 * USD))
        await watch(on, *limits).look()  # another process, or this one after a restart
        await looks.look()
        assert [(one.name, one.resolves) for one in on.process.alerts] == [
            ("spend_forecast_breach", False),
            ("spend_forecast_breach", True),
        ]


async def test_an_hour_that_costs_far_too_much_is_told_of_once_and_why() -> None:
    async with books(NOW + 200) as on:
        usage = Usage(input_uncached=900, output_text=100)
        for day in range(8):
            await on.spend(NOW - HOUR - day * 24 * HOUR, USD, 5 if day else 40, usage=usage)
        looks = watch(on)
        await looks.look()
        await looks.look()
        await watch(on).look()
        assert [(one.name, one.subject) for one in on.process.alerts] == [("spend_anomaly", "all")]
        text = on.process.alerts[0].text
        assert "40.00 USD" in text
        assert "5.00 USD are usual" in text
        assert "requests +35.00 USD" in text


async def test_an_hour_is_looked_at_when_what_ended_with_it_is_written() -> None:
    async with books(NOW + 60) as on:
        await steady(on, 8 * 24 + 9)
        await on.spend(NOW - HOUR, USD, 40)
        looks = watch(on)
        await looks.look()
        assert on.process.alerts == []
        on.process.at += 90
        await looks.look()
        assert len(on.process.alerts) == 1


async def test_the_route_that_is_to_blame_is_named() -> None:
    async with books(NOW + 200) as on:
        usage = Usage(input_uncached=900, output_text=100)
        for day in range(8):
            at = NOW - HOUR - day * 24 * HOUR
            await on.spend(at, USD, 5, route="calm", usage=usage)
            await on.spend(at, USD, 5 if day else 40, route="odd", usage=usage)
        await watch(on).look()
        assert [one.subject for one in on.process.alerts] == ["all", "odd"]


async def test_hours_that_go_on_being_odd_are_told_of_once_and_again_if_it_gets_worse() -> None:
    async with books(NOW + 200) as on:
        await steady(on, 8 * 24 + 9)
        looks = watch(on)
        told = []
        for requests in (20, 20, 500, 20):
            await on.spend(on.process.at - 200 - HOUR, USD, requests)
            await looks.look()
            told.append(len(on.process.alerts))
            on.process.at += HOUR
        assert told == [1, 1, 2, 2]


async def test_looks_go_on_after_one_that_failed() -> None:
    def away() -> tuple[Limit, ...]:
        raise StoreError("the store is away")

    async with books(NOW) as on:
        said = ForecastSettings.model_validate({"every": "1m"})
        looks = Watch(said, on.forecasts(), away, on.journal, on.alerting, on.process)
        on.process.spawn(looks.run(), "look")
        await on.process.jumping.jump(121)
        assert len(on.process.logged("cost_look_failed")) == 2
        assert "look" in on.process.tasks
