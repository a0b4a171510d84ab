"""What operators ask, on a real journal: reports, rows, prices, budgets, bills."""

import sqlite3
from base64 import b64encode
from functools import partial
from typing import Any

import pytest

from plugins.cost_meter.operating.uploads import AT_ONCE
from tests.plugins.cost_meter.operating.operated import Operated, operated

BILL = "id,cost_usd,when\n{}"


async def bring(on: Operated, text: str) -> str:
    """Bring a file in two parts."""
    data, name = text.encode(), "0f" * 8
    for number, data_part in enumerate((data[:7], data[7:])):
        part = b64encode(data_part).decode()
        reply = await on.ask("/reconcile/part", "POST", file=name, number=number, data=part)
        assert reply.status == 200
    return name


async def test_a_report_tells_costs_by_what_one_asks_for() -> None:
    async with operated(baseline={"campaigns": 1000}) as on:
        await on.spent(
            on.row("a", nano_usd=600),
            on.row("b", arm="legacy", nano_usd=900),
            on.row("c", ago=86400, user="", provider="azure", outcome="failed", nano_usd=50),
        )
        found = await on.report("by=arm,provider")
        rows = [(one["arm"], one["provider"], one["nanoUsd"]) for one in found["rows"]]
        assert rows == [
            ("legacy", "openai", "900"),
            ("new", "openai", "600"),
            ("new", "azure", "50"),
        ]
        assert found["total"]["nanoUsd"] == "1550"
        assert [one["arm"] for one in found["arms"]] == ["legacy", "new"]
        assert found["savings"]["usd"] == "0.00000135"
        only = await on.report("by=user&user=(unverified)")
        assert [(one["user"], one["nanoUsd"]) for one in only["rows"]] == [("(unverified)", "50")]
        assert only["total"]["nanoUsd"] == "50"


async def test_reports_are_by_day_month_hour_or_minute() -> None:
    async with operated() as on:
        await on.spent(
            on.row("a", nano_usd=1),
            on.row("b", ago=3600, nano_usd=10),
            on.row("c", ago=30 * 86400, nano_usd=100),
        )

        async def begins(query: str) -> list[tuple[str, str]]:
            found = await on.report(f"by=&{query}")
            return [(one["begins"], one["nanoUsd"]) for one in found["rows"]]

        assert await begins("grain=day&since=40d") == [("2025-05-16", "100"), ("2025-06-15", "11")]
        assert await begins("grain=month&since=40d") == [("2025-05", "100"), ("2025-06", "11")]
        assert await begins("grain=hour&since=1d") == [
            ("2025-06-15T14:00:00.000Z", "10"),
            ("2025-06-15T15:00:00.000Z", "1"),
        ]
        assert await begins("grain=minute&since=30m") == [("2025-06-15T15:06:00.000Z", "1")]


async def test_what_is_not_kept_or_not_known_is_said() -> None:
    async with operated() as on:
        for query, says in (
            ("grain=hour&since=2024-06-01&until=2024-06-02", "kept for 2160 hours"),
            ("by=colour", "by: some of user"),
            ("since=tomorrow", "since: a date such as"),
        ):
            reply = await on.ask(f"/report?{query}")
            assert (reply.status, says in reply.json()["detail"]) == (400, True)


async def test_rows_are_listed_in_pages() -> None:
    async with operated() as on:
        await on.spent(*(on.row(f"r{n}", ago=100 - n, nano_usd=n) for n in range(5)))
        first = (await on.ask("/rows?since=1h&limit=3")).json()
        rest = await on.ask(f"/rows?since=1h&limit=3&after={first['next'].replace(' ', '+')}")
        ids = [one["id"] for one in first["rows"] + rest.json()["rows"]]
        assert ids == [f"r{n}" for n in range(5)]
        assert rest.json()["next"] is None
        assert (await on.ask("/rows?after=x&since=1h")).status == 400


async def test_totals_are_verified() -> None:
    async with operated() as on:
        await on.spent(on.row("a"))
        assert (await on.ask("/verify", "POST")).json() == {"agrees": True, "differences": []}
        await on.journal.file.write(
            lambda db: db.execute("UPDATE cost_totals SET attempts = attempts + 1")
        )
        found = (await on.ask("/verify", "POST")).json()
        assert (found["agrees"], len(found["differences"])) == (False, 4)


async def test_prices_and_budgets_are_told() -> None:
    async with operated() as on:
        prices = (await on.ask("/prices")).json()
        assert prices["prices"] == []
        await on.spent(on.row("a", user="ann", nano_usd=10**9))
        [budget] = (await on.ask("/budgets?user=ann")).json()["budgets"]
        assert (budget["limitUsd"], budget["spentUsd"], budget["percent"]) == ("5", "1", 20)


async def test_nothing_is_foreseen_of_what_nobody_knows() -> None:
    async with operated() as on:
        assert (await on.ask("/forecast")).json() == {"period": "monthly", "forecast": None}
        assert (await on.ask("/forecast?period=yearly")).status == 400


async def test_a_bill_is_compared_and_the_ledger_corrected_once() -> None:
    async with operated() as on:
        made = on.row("wf_1-1", nano_usd=600, estimated=True)
        await on.spent(made)
        text = BILL.format(f"wf_1-1,0.0000007,{made.at:.0f}\n")
        columns = "id=id,cost_usd=cost_usd,time=when"
        said: dict[str, Any] = {"file": await bring(on, text), "columns": columns}
        found = (await on.ask("/reconcile", "POST", **said)).json()
        assert (found["differs"], found["attemptsDiffering"]) == (True, 1), found
        [one] = found["attempts"]
        assert (one["booked"], one["billed"]) == ("0.0000006", "0.0000007")
        for written in (1, 0):
            said["file"] = await bring(on, text)
            posted = (await on.ask("/reconcile/post", "POST", **said, why="October")).json()
            assert posted["written"] == written
        assert (await on.report())["total"]["nanoUsd"] == "700"
        said["file"] = await bring(on, text)
        assert (await on.ask("/reconcile", "POST", **said)).json()["differs"] is False
        [line] = on.services.logged("costs_reconciled")[:1]
        assert (line["by"], line["written"]) == ("ops", 1)


async def test_a_bill_that_cannot_be_used_changes_nothing() -> None:
    async with operated() as on:
        assert (await on.ask("/reconcile", "POST", file="ab")).status == 400
        name = await bring(on, "what is this\n1\n")
        reply = await on.ask("/reconcile/post", "POST", file=name, why="x")
        assert reply.status == 400
        assert (await on.ask("/reconcile", "POST", file="ab", more=1)).status == 400


@pytest.mark.parametrize("path", ["/reconcile", "/reconcile/post"])
async def test_a_bill_that_was_refused_is_in_nobodys_way(path: str) -> None:
    async with operated() as on:
        for _ in range(AT_ONCE + 1):
            name = await bring(on, BILL.format(""))
            reply = await on.ask(path, "POST", file=name, since="2026-13-01", why="x")
            assert (reply.status, "since: a date" in reply.json()["detail"]) == (400, True)


async def test_roles_are_as_high_as_what_is_asked() -> None:
    async with operated() as on:
        roles = {path: role for (_, path), role in on.admin.roles.items()}
        assert {path for path, role in roles.items() if role == "admin"} == {"/reconcile/post"}
        assert {path for path, role in roles.items() if role == "viewer"} == {
            "/report",
            "/prices",
            "/forecast",
        }


@pytest.mark.parametrize("path", ["/report", "/rows?since=1h"])
async def test_a_ledger_that_fails_is_told_and_is_no_zero(path: str) -> None:
    async with operated() as on:
        for table in ("cost_totals", "cost_rows"):
            await on.journal.file.write(partial(_drop, table))
        assert (await on.ask(path)).status == 503


def _drop(table: str, db: sqlite3.Connection) -> None:
    db.execute(f"DROP TABLE {table}")


@pytest.mark.parametrize(
    "path", ["/report?by=user", "/report?by=model,user", "/report?user=anna", "/forecast?user=anna"]
)
async def test_what_single_users_spend_is_for_operators(path: str) -> None:
    async with operated() as on:
        await on.spent(on.row("a", nano_usd=600))
        declined = await on.ask(path, role="viewer")
        assert (declined.status, "anna" in declined.json()["detail"]) == (403, False)
        assert (await on.ask(path, role="operator")).status != 403
        assert (await on.ask("/report?by=model", role="viewer")).status == 200
