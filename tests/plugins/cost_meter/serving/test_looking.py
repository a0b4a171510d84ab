"""What was spent, asked by users and administrators, on a real journal."""

import json
from decimal import Decimal
from typing import Any

import pytest

from plugins.cost_meter.row import sums_of
from plugins.cost_meter.serving.paths import BREAKDOWN, STATS
from proxy.api import Reply
from tests.plugins.cost_meter.serving.served import ServedCosts, served_costs

TODAY = f"{BREAKDOWN}?startDate=2025-06-15&endDate=2025-06-15"


def exact(reply: Reply) -> Any:
    """The data of an answer, its numbers by their digits."""
    assert reply.status == 200, reply.body
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body, parse_float=Decimal)["data"]


async def test_users_see_what_they_have_spent_and_nobody_elses() -> None:
    async with served_costs() as costs:
        await costs.spent(
            costs.row("a", nano_usd=2_000_000),
            costs.row("b", user="bob", nano_usd=7),
            costs.row("c", user="", nano_usd=9),
        )
        mine = exact(await costs.ask(TODAY))
        assert (mine["totalCost"], mine["costNanoUsd"]) == (Decimal("0.002"), "2000000")
        assert (await costs.ask(f"{TODAY}&userId=bob")).status == 403
        assert (await costs.ask(f"{TODAY}&userId=(unverified)")).status == 403
        assert b"bob" not in bytes((await costs.ask(TODAY)).body)  # type: ignore[arg-type]
        every = exact(await costs.ask(TODAY, "root", admin=True))
        assert every["costNanoUsd"] == "2000016"
        for user, nano in (("bob", "7"), ("(unverified)", "9"), ("nobody", "0")):
            found = await costs.ask(f"{TODAY}&userId={user}", "root", admin=True)
            assert exact(found)["costNanoUsd"] == nano


async def test_nobody_in_particular_sees_nothing() -> None:
    async with served_costs() as costs:
        for path in (TODAY, STATS):
            reply = await costs.ask(path, None)
            assert (reply.status, reply.json()["error"]) == (401, "Authentication required")
        claimed = await costs.ask(TODAY, "ann")
        assert claimed.status == 200


async def test_a_breakdown_has_the_shape_that_clients_know() -> None:
    async with served_costs(baseline={"campaigns": 10_000_000}) as costs:
        await costs.spent(
            costs.row("a", nano_usd=2_000_000),
            costs.row("b", provider="azure", again="fallback", nano_usd=1),
            costs.row("c", ago=86400, nano_usd=5),
        )
        query = f"{BREAKDOWN}?startDate=2025-06-14&endDate=2025-06-15"
        data = exact(await costs.ask(query))
        assert data["timeRange"] == {
            "start": "2025-06-14T00:00:00.000Z",
            "end": "2025-06-16T00:00:00.000Z",
        }
        assert data["providers"]["azure"]["cost"] == Decimal("0.000000001")
        openai = data["providers"]["openai"]
        assert (openai["requests"], openai["tokens"]) == (2, 310)
        assert openai["avgCostPerRequest"] == Decimal("0.001000002")
        daily = [(one["date"], one["provider"]) for one in data["trends"]["dailyCosts"]]
        assert daily == [
            ("2025-06-14", "openai"),
            ("2025-06-15", "azure"),
            ("2025-06-15", "openai"),
        ]
        hours = data["trends"]["hourlyUsage"]
        assert [one["hour"] for one in hours] == list(range(24))
        assert hours[15]["costNanoUsd"] == "2000006"
        assert data["savings"] == {
            "potentialSavings": None,
            "optimizationRecommendations": [],
            "againstLegacy": Decimal("0.017999994"),
        }
        metadata = (await costs.ask(query)).json()["metadata"]
        assert (metadata["requestedBy"], metadata["userId"]) == ("ann", "ann")
        assert metadata["counted"] == metadata["dateRange"] == data["timeRange"]


async def test_days_are_those_of_the_settings_zone() -> None:
    async with served_costs(zone="Asia/Tokyo") as costs:  # there it is 00:06 of the next day
        await costs.spent(costs.row("a", nano_usd=5), costs.row("b", ago=600, nano_usd=70))
        stats = exact(await costs.ask(STATS))
        assert stats["realTime"]["todayNanoUsd"] == "5"
        query = f"{BREAKDOWN}?startDate=2025-06-15&endDate=2025-06-16"
        daily = exact(await costs.ask(query))["trends"]["dailyCosts"]
        assert [(one["date"], one["costNanoUsd"]) for one in daily] == [
            ("2025-06-15", "70"),
            ("2025-06-16", "5"),
        ]


async def test_what_is_old_has_no_hours_and_its_days_are_all_there() -> None:
    async with served_costs() as costs:
        await costs.spent(costs.row("a", ago=200 * 86400, nano_usd=5))
        found = await costs.ask(f"{BREAKDOWN}?startDate=2024-11-01&endDate=2024-12-31")
        data = exact(found)
        assert data["trends"]["hourlyUsage"] is None
        assert data["costNanoUsd"] == "5"


async def test_thousands_of_rows_are_answered_from_totals_alone() -> None:
    async with served_costs() as costs:
        made = [costs.row(f"r{n}", ago=n * 20, nano_usd=n) for n in range(3000)]
        await costs.spent(*made)
        found = exact(await costs.ask(f"{BREAKDOWN}?startDate=2025-06-01&endDate=2025-06-15"))
        assert found["costNanoUsd"] == str(sum(sums_of(one).nano_usd for one in made))
        await costs.ask(STATS)
        assert costs.ledger.rows_asked == 0
        assert costs.ledger.totals_asked <= 30


async def test_figures_of_now_have_the_shape_that_clients_know() -> None:
    async with served_costs() as costs:
        await costs.spent(
            costs.row("a", nano_usd=600),
            costs.row("b", ago=3600, nano_usd=40),
            costs.row("c", ago=10 * 86400, nano_usd=3),
            costs.row("d", user="bob", nano_usd=1000),
        )
        data = exact(await costs.ask(STATS))
        assert data["realTime"]["todayNanoUsd"] == "640"
        assert data["realTime"]["thisHourNanoUsd"] == "600"
        assert data["realTime"]["topUsers"] is None
        assert data["monthly"]["costNanoUsd"] == "643"
        assert data["monthly"]["daysInMonth"] == 15
        assert data["trends"]["hourlyAverage"] == Decimal("0.00000004")
        assert data["alerts"] == {"todayThresholdStatus": None, "monthlyThresholdStatus": None}
        assert (await costs.ask(f"{STATS}?includeUsers=true")).status == 403
        every = exact(await costs.ask(f"{STATS}?includeUsers=true", "root", admin=True))
        assert [one["userId"] for one in every["realTime"]["topUsers"]] == ["bob", "ann"]


async def test_thresholds_are_compared_for_whom_they_are_about() -> None:
    async with served_costs() as costs:
        said: dict[str, Any] = {
            "type": "daily",
            "severity": "critical",
            "notificationChannels": ["email"],
        }
        path = "/api/v2/costs/thresholds"
        await costs.ask(path, method="POST", threshold=0.000001, **said)
        await costs.ask(path, "root", admin=True, method="POST", threshold=1, **said)
        await costs.spent(costs.row("a", nano_usd=1000))
        mine = exact(await costs.ask(STATS))["alerts"]
        assert mine == {"todayThresholdStatus": "critical", "monthlyThresholdStatus": None}
        every = exact(await costs.ask(STATS, "root", admin=True))["alerts"]
        assert every["todayThresholdStatus"] == "normal"
        theirs = exact(await costs.ask(STATS, "bob"))["alerts"]
        assert theirs["todayThresholdStatus"] is None


@pytest.mark.parametrize("query", ["", "?startDate=2025-06-15", "?startDate=x&endDate=y"])
async def test_dates_have_to_be_there(query: str) -> None:
    async with served_costs() as costs:
        assert (await costs.ask(f"{BREAKDOWN}{query}")).status == 400


async def test_a_ledger_that_fails_is_told_and_is_no_zero() -> None:
    async with served_costs() as costs:
        await _break(costs)
        for path in (TODAY, STATS):
            reply = await costs.ask(path)
            assert reply.status == 503
            assert reply.headers.get("Retry-After") == "5"
        assert costs.services.logged("cost_store_failed")


async def _break(costs: ServedCosts) -> None:
    await costs.shelf._file.write(lambda on: on.execute("DROP TABLE cost_totals"))
