"""Thresholds are told once, to whom they matter; what is over is told, too."""

import asyncio
from decimal import Decimal
from typing import Any

from proxy.api import Alert
from proxy.api.testing import FakeServices
from tests.kit.running import wait_until
from tests.plugins.cost_meter.budgets.spending import DAY, USD, Household, ListedLedger, household

EACH = {"daily": {"of": "user", "limit": "10.00", "per": "day"}}
ROLLING = {"day": {"limit": "10.00", "rolling": "24h"}}


async def told(house: Household, count: int) -> list[Alert]:
    """Wait until so many alerts were told; that there are not more, the next one shows."""
    alerts = house.services.alerts
    for _ in range(50):
        await asyncio.sleep(0)
    await asyncio.to_thread(wait_until, lambda: len(alerts) >= count, f"{count} alerts", 20.0)
    return list(alerts)


async def test_each_threshold_is_told_once_in_a_period() -> None:
    async with household(EACH) as house:
        for _ in range(20):
            await house.spends(0.5)
        alerts = await told(house, 4)
        assert [one.severity for one in alerts] == ["info", "warning", "critical", "critical"]
        assert {one.user for one in alerts} == {"ann"}
        assert all("ann" not in one.text + one.subject + one.identity for one in alerts)
        assert [one.name for one in alerts] == ["budget_threshold"] * 4


async def test_thresholds_passed_in_one_step_are_one_alert() -> None:
    async with household(EACH) as house:
        assert await house.spends(9.0)
        (alert,) = await told(house, 1)
        assert "the threshold is 80 %" in alert.text
        measured = alert.measured
        assert measured is not None
        assert (measured.unit, measured.limit, measured.value) == ("USD", Decimal(10), Decimal(9))
        assert (measured.percent, measured.period) == (90, "day")
        assert measured.since is not None is not measured.until
        assert measured.until - measured.since == DAY


async def test_everybody_is_told_of_their_own() -> None:
    async with household(EACH) as house:
        assert await house.spends(5.0)
        assert await house.spends(5.0, user="bob")
        assert await house.spends(5.0, user="")
        assert sorted(one.user for one in await told(house, 3)) == ["", "ann", "bob"]


async def test_at_the_end_of_its_period_an_alert_is_over() -> None:
    async with household(EACH) as house:
        assert await house.spends(6.0)
        (raised,) = await told(house, 1)
        await house.services.jumping.jump(DAY + 61)
        (_, resolved) = await told(house, 2)
        assert resolved.resolves
        assert resolved.identity == raised.identity
        assert await house.spends(6.0)
        assert (await told(house, 3))[2].identity != raised.identity


async def test_a_rolling_budget_is_told_of_again_only_after_it_has_fallen() -> None:
    async with household(ROLLING) as house:
        for usd in (5.0, 0.01, 0.01):
            assert await house.spends(usd)
        (raised,) = await told(house, 1)
        await house.services.jumping.jump(DAY * 1.1)
        assert await house.spends(1.0)
        assert (await told(house, 2))[1].resolves
        assert await house.spends(4.5)
        again = (await told(house, 3))[2]
        assert (again.identity, again.resolves) == (raised.identity, False)


async def test_another_process_of_the_same_state_does_not_tell_again() -> None:
    ledger, state = ListedLedger(), dict[str, Any]()
    async with household(EACH, ledger=ledger, state=state) as house:
        assert await house.spends(6.0)
        assert len(await told(house, 1)) == 1
    async with household(EACH, ledger=ledger, state=state) as house:
        assert await house.spends(1.0)
        assert await house.spends(1.5)
        (alert,) = await told(house, 1)
        assert "the threshold is 80 %" in alert.text


async def test_an_alert_says_the_pace_and_goes_without_where_nobody_knows() -> None:
    async with household(EACH) as house:
        assert await house.spends(6.0)
        (alert,) = await told(house, 1)
        assert "The last hour went at" in alert.text
        house.ledger.gone = True
        assert await house.spends(2.5)
        assert "The last hour" not in (await told(house, 2))[1].text


async def test_metrics_show_the_limit_what_is_spent_and_what_is_held_back() -> None:
    budgets = EACH | {"all": {"limit": "50", "per": "day"}}
    async with household(budgets) as house:
        value = house.services.value
        assert await house.spends(2.0)
        assert await house.allowed(3.0, user="bob")
        assert value("budget_limit_nano_usd", budget="all") == 50 * USD
        assert value("budget_spent_nano_usd", budget="all") == 2 * USD
        assert value("budget_reserved_nano_usd", budget="all") == 3 * USD
        assert value("budget_percent", budget="daily") == 20
        assert not await house.allowed(9.0)
        assert value("budget_refused", budget="daily", action="reject") == 1


async def test_no_metric_names_a_user() -> None:
    services = FakeServices(plugin="cost_meter")
    async with household(EACH, services=services) as house:
        assert await house.spends(9.0, user="ann@example.com")
        labels = [place for metric in services._metrics.values() for place in metric.values]
        assert labels
        assert not any("ann" in value for place in labels for _, value in place)
