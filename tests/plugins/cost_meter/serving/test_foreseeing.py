"""Forecasts and advice, asked by users and administrators, on a real journal."""

import json
from decimal import Decimal
from typing import Any

import pytest

from plugins.cost_meter.advising.recommendation import Recommendation
from plugins.cost_meter.advising.records import KIND, Record, to_shelf
from plugins.cost_meter.serving.paths import FORECAST, OPTIMIZATION, THRESHOLDS
from proxy.api import Change, Reply
from tests.plugins.cost_meter.serving.served import ServedCosts, served_costs

CHANGE = Change(("plugins", "orchestrator", "cache", "use"), True, False)


def exact(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body, parse_float=Decimal)["data"]


async def advise(costs: ServedCosts, *recommended: tuple[str, int]) -> None:
    """Have advice on the shelf: ids, and what they save in a month."""
    for name, p50 in recommended:
        one = Recommendation(
            id=name,
            rule="cache",
            subject="mini",
            says=f"Cache {name}",
            since=costs.now - 30 * 86400,
            until=costs.now,
            sample=500,
            p10=p50 // 2,
            p50=p50,
            p90=p50 * 2,
            confidence=95,
            risk="low",
            risks="none",
            changes=(CHANGE,),
            plan="look",
        )
        await costs.shelf.put(KIND, name, to_shelf(Record(one)))


async def history(costs: ServedCosts, user: str, nano: int) -> None:
    """Have the same spent each hour of ten days."""
    await costs.spent(
        *(costs.row(f"{user}-{n}", ago=n * 3600, user=user, nano_usd=nano) for n in range(240))
    )


@pytest.mark.parametrize("period", ["daily", "weekly", "monthly"])
async def test_users_are_told_what_they_will_have_spent(period: str) -> None:
    async with served_costs() as costs:
        await history(costs, "ann", 1000)
        await history(costs, "bob", 10**9)
        reply = await costs.ask(f"{FORECAST}?period={period}")
        forecast, analysis = exact(reply)["forecast"], exact(reply)["analysis"]
        low, middle, high = (forecast[name] for name in ("low", "projectedCost", "high"))
        assert Decimal(forecast["currentCost"]) <= low <= middle <= high < Decimal("0.001")
        assert forecast["days"][0]["date"] == "2025-06-15"
        assert forecast["willExceedThreshold"] is None
        assert analysis["daysAnalyzed"] == (7 if period == "daily" else 10)
        assert analysis["historicalCosts"][-1] == Decimal("0.000024")
        assert reply.json()["metadata"]["userId"] == "ann"


async def test_a_threshold_that_will_be_passed_is_told_of() -> None:
    async with served_costs() as costs:
        await history(costs, "ann", 10**9)
        said: dict[str, Any] = {
            "type": "monthly",
            "severity": "warning",
            "notificationChannels": ["email"],
        }
        await costs.ask(THRESHOLDS, method="POST", threshold=400, **said)
        forecast = exact(await costs.ask(f"{FORECAST}?period=monthly"))["forecast"]
        assert (forecast["willExceedThreshold"], forecast["thresholdValue"]) == (True, 400)
        assert forecast["exceedingProbability"] > Decimal("0.5")
        assert 5 <= forecast["daysUntilExceeded"] <= 9


async def test_nothing_is_foreseen_of_who_has_spent_nothing() -> None:
    async with served_costs() as costs:
        data = exact(await costs.ask(FORECAST))
        assert data["forecast"]["projectedCost"] in (None, 0)
        assert data["analysis"]["avgDailyCost"] is None


async def test_forecasts_of_others_are_for_administrators() -> None:
    async with served_costs() as costs:
        await history(costs, "bob", 1000)
        assert (await costs.ask(f"{FORECAST}?userId=bob")).status == 403
        assert (await costs.ask(FORECAST, None)).status == 401
        assert (await costs.ask(f"{FORECAST}?period=yearly")).status == 400
        theirs = await costs.ask(f"{FORECAST}?userId=bob", "root", admin=True)
        assert exact(theirs)["forecast"]["currentNanoUsd"] == "16000"


async def test_advice_is_shown_to_administrators_and_to_others_none() -> None:
    async with served_costs() as costs:
        await advise(costs, ("cache-1", 10**9), ("cache-2", 3 * 10**9))
        assert exact(await costs.ask(OPTIMIZATION))["recommendations"] == []
        data = exact(await costs.ask(OPTIMIZATION, "root", admin=True))
        assert [one["id"] for one in data["recommendations"]] == ["cache-2", "cache-1"]
        assert data["summary"]["totalPotentialSavings"] == 4
        few = await costs.ask(f"{OPTIMIZATION}?minSavings=1.5", "root", admin=True)
        assert [one["id"] for one in exact(few)["recommendations"]] == ["cache-2"]
        stats = await costs.ask("/api/v2/costs/stats", "root", admin=True)
        assert exact(stats)["monthly"]["savings"]["potentialSavings"] == 4
        mine = exact(await costs.ask("/api/v2/costs/stats"))["monthly"]["savings"]
        assert (mine["potentialSavings"], mine["optimizationRecommendations"]) == (None, [])


async def test_applying_advice_changes_the_configuration_once() -> None:
    said: dict[str, Any] = {"recommendationId": "cache-1", "confirm": True}
    async with served_costs() as costs:
        await advise(costs, ("cache-1", 10**9))
        assert (await costs.ask(OPTIMIZATION, method="POST", **said)).status == 403
        assert costs.services.changed == []
        reply = await costs.ask(OPTIMIZATION, "root", admin=True, method="POST", **said)
        data = exact(reply)
        assert (data["appliedBy"], data["percentOfUsers"]) == ("root", 100)
        [(changes, by, _)] = costs.services.changed
        assert (changes, by) == ((CHANGE,), "root")
        again = await costs.ask(OPTIMIZATION, "root", admin=True, method="POST", **said)
        assert (again.status, len(costs.services.changed)) == (404, 1)


async def test_advice_that_cannot_be_followed_is_told_and_stays_open() -> None:
    said: dict[str, Any] = {"recommendationId": "cache-1", "confirm": True}
    async with served_costs() as costs:
        await advise(costs, ("cache-1", 10**9))
        costs.services.refuse_changes = ("somebody has changed it",)
        reply = await costs.ask(OPTIMIZATION, "root", admin=True, method="POST", **said)
        assert (reply.status, "somebody has changed it" in reply.json()["error"]) == (409, True)
        data = exact(await costs.ask(OPTIMIZATION, "root", admin=True))
        assert len(data["recommendations"]) == 1


@pytest.mark.parametrize(
    "said", [{"recommendationId": "x"}, {"recommendationId": "x", "confirm": False}]
)
async def test_applying_has_to_be_confirmed(said: dict[str, Any]) -> None:
    async with served_costs() as costs:
        reply = await costs.ask(OPTIMIZATION, "root", admin=True, method="POST", **said)
        assert reply.status == 400
