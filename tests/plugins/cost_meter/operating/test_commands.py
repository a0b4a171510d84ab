"""What the commands print, and how they end."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.plugins.cost_meter.operating.operated import Operated, operated


async def said(
    on: Operated, capsys: pytest.CaptureFixture[str], name: str, *given: object, **more: object
) -> str:
    """What a command prints."""
    capsys.readouterr()
    await on.commands.run(name, *given, **more)
    return capsys.readouterr().out


async def test_a_report_is_printed_with_arms_savings_and_waste(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with operated(baseline={"campaigns": 1000}) as on:
        await on.spent(
            on.row("a", nano_usd=600), on.row("b", arm="legacy", nano_usd=900, outcome="failed")
        )
        text = await said(on, capsys, "report", by=["arm", "model"])
        assert text.startswith("2025-06-01T00:00:00.000Z to 2025-06-15")
        for part in ("by arm", "beside legacy", "0.0000004", "asked twice", "0.0000006"):
            assert part in text
        assert "in all 0.0000015 USD for 2 requests, nothing of it estimated" in text


async def test_reports_are_told_as_csv_and_json_with_every_digit(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with operated() as on:
        await on.spent(on.row("a", model="=1+1", nano_usd=1), on.row("b", nano_usd=10**9 + 1))
        text = await said(on, capsys, "report", by=["model"], csv=True)
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [(one["model"], one["usd"]) for one in rows] == [
            ("gpt-4o-mini", "1.000000001"),
            ("'=1+1", "0.000000001"),
        ]
        found = json.loads(await said(on, capsys, "report", json=True))
        assert found["total"]["nanoUsd"] == "1000000002"


async def test_the_daily_report_is_by_day_and_provider(capsys: pytest.CaptureFixture[str]) -> None:
    async with operated() as on:
        await on.spent(on.row("a", ago=86400, nano_usd=5), on.row("b", provider="azure"))
        found = json.loads(await said(on, capsys, "daily", json=True))
        assert [(one["begins"], one["provider"]) for one in found["rows"]] == [
            ("2025-06-14", "openai"),
            ("2025-06-15", "azure"),
        ]
        assert "2025-06-14" in await said(on, capsys, "daily")


async def test_single_rows_prices_and_budgets_are_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with operated() as on:
        await on.spent(on.row("wf_7-1", 9, user="ann", nano_usd=5 * 10**8), on.row("wf_8-1", 8))
        assert "wf_7-1" in await said(on, capsys, "rows")
        assert "there is more: --after" in await said(on, capsys, "rows", limit=1)
        assert "wf_8-1" in await said(on, capsys, "rows", csv=True)
        assert "wf_7-1" not in await said(on, capsys, "rows", provider="azure")
        assert "price book" in await said(on, capsys, "prices")
        text = await said(on, capsys, "budgets", user="ann")
        assert "daily-user" in text
        assert "0.5" in text
        assert json.loads(await said(on, capsys, "budgets", json=True)) == {"budgets": []}


async def test_verifying_ends_with_three_where_totals_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with operated() as on:
        await on.spent(on.row("a"))
        assert "totals are the sums of their rows" in await said(on, capsys, "verify")
        await on.journal.file.write(lambda db: db.execute("UPDATE cost_totals SET attempts = 7"))
        with pytest.raises(SystemExit) as ended:
            await on.commands.run("verify")
        assert ended.value.code == 3
        assert "they differ" in capsys.readouterr().out


async def test_a_bill_is_reconciled_from_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with operated() as on:
        made = on.row("wf_1-1", nano_usd=600)
        await on.spent(made)
        bill = tmp_path / "bill.csv"
        bill.write_text(f"id,cost_usd,when\nwf_1-1,0.0000007,{made.at:.0f}\n")
        asked = {"columns": "id=id,cost_usd=cost_usd,time=when"}
        with pytest.raises(SystemExit) as ended:
            await on.commands.run("reconcile", str(bill), **asked)
        assert ended.value.code == 3
        assert "1 attempt\n" in capsys.readouterr().out
        with pytest.raises(SystemExit):
            await on.commands.run("reconcile", str(bill), csv=True, **asked)
        told = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
        assert [(one["id"], one["billed"]) for one in told] == [("wf_1-1", "0.0000007")]
        text = await said(on, capsys, "reconcile", str(bill), post=True, why="October", **asked)
        assert "1 correction written, 0.0000001 USD in all" in text
        equal = json.loads(await said(on, capsys, "reconcile", str(bill), json=True, **asked))
        assert equal["differs"] is False


async def test_a_bill_may_cover_more_than_it_has_lines_of(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with operated() as on:
        billed = on.row("wf_1-1", nano_usd=600)
        await on.spent(billed, on.row("wf_2-1", nano_usd=50, ago=1800.0))
        bill = tmp_path / "bill.csv"
        bill.write_text(f"id,cost_usd,when\nwf_1-1,0.0000006,{billed.at:.0f}\n")
        asked = {"columns": "id=id,cost_usd=cost_usd,time=when"}
        text = await said(on, capsys, "reconcile", str(bill), **asked)
        assert "0 attempts" in text
        with pytest.raises(SystemExit) as ended:
            await on.commands.run("reconcile", str(bill), **asked, since="1h", json=True)
        assert ended.value.code == 3
        [one] = json.loads(capsys.readouterr().out)["attempts"]
        assert (one["id"], one["booked"], one["billed"]) == ("wf_2-1", "0.00000005", "0")
        post = {"since": "1h", "post": True, "why": "October"}
        text = await said(on, capsys, "reconcile", str(bill), **asked, **post)
        assert "1 correction written, -0.00000005 USD in all" in text


async def test_a_bill_with_lines_without_a_cost_is_not_said_to_be_of_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    async with operated() as on:
        made = on.row("wf_1-1", nano_usd=600)
        await on.spent(made)
        bill = tmp_path / "bill.csv"
        bill.write_text(f"id,cost_usd,when\nwf_1-1,,{made.at:.0f}\n")
        asked = {"columns": "id=id,cost_usd=cost_usd,time=when"}
        text = await said(on, capsys, "reconcile", str(bill), **asked)
        assert "billed what nobody can tell, since lines have no cost" in text
        assert "billed 0 USD" not in text


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"file": "nowhere.csv"}, "cannot be read"),
        ({"file": "x", "post": True}, "say --why"),
        ({"file": "/dev/null"}, "is empty"),
    ],
)
async def test_what_cannot_be_reconciled_ends_with_two(
    given: dict[str, object], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with operated() as on:
        with pytest.raises(SystemExit) as ended:
            await on.commands.run("reconcile", **given)
        assert ended.value.code == 2
        assert says in capsys.readouterr().err


async def test_names_of_models_are_pairs(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bill = tmp_path / "bill.csv"
    bill.write_text("a\n1\n")
    async with operated() as on:
        with pytest.raises(SystemExit) as ended:
            await on.commands.run("reconcile", str(bill), model=["gpt-4o"])
        assert ended.value.code == 2
        assert "--model is what the bill says" in capsys.readouterr().err
