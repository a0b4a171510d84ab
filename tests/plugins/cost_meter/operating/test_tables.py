"""What people read of reports, prices, budgets and forecasts."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from plugins.cost_meter.covering import Span
from plugins.cost_meter.operating.reporting import Report, figures_of, report_of
from plugins.cost_meter.operating.tables import (
    percent,
    print_budgets,
    print_forecast,
    print_prices,
    print_report,
)
from plugins.cost_meter.row import Dimension, Sums

Printed = Callable[..., list[str]]


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Printed:
    """Prints, and returns the lines without their spaces at the end."""

    def run(show: Callable[..., None], *given: Any) -> list[str]:
        show(*given)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return run


def report(by: Sequence[Dimension], *sums: tuple[str, str, Sums]) -> Any:
    """A report of sums by route and arm, told apart by `by`."""
    routes: dict[tuple[str, ...], Sums] = {(route, arm): one for route, arm, one in sums}
    rows = {
        tuple({"route": r, "arm": a}[name] for name in by): one for (r, a), one in routes.items()
    }
    span = Span(0.0, 3600.0)
    return report_of(Report(span, span, by, None, rows, routes, {}, "UTC", 100, 0))


PLAIN = Sums(attempts=2, answered=2, requests=2, nano_usd=2000)


@pytest.mark.parametrize(
    ("share", "shown"),
    [("0.0213", "2.13 %"), ("0.5000", "50 %"), ("0", "0 %"), ("1.0000", "100 %"), (None, None)],
)
def test_a_share_is_shown_in_percent(share: str | None, shown: str | None) -> None:
    assert percent(share) == shown


def test_a_report_has_no_column_and_no_table_that_says_nothing_more(printed: Printed) -> None:
    lines = printed(
        print_report, report(["arm"], ("a", "new", PLAIN), ("a", "legacy", PLAIN)), ["arm"]
    )
    assert lines[1].split() == [
        "arm",
        "requests",
        "attempts",
        "answered",
        "in",
        "out",
        "USD",
        "each",
    ]
    assert [line for line in lines if line.startswith(("by arm", "what", "beside"))] == []
    assert lines[-1] == "in all 0.000004 USD for 4 requests, nothing of it estimated"


def test_what_is_estimated_and_what_brought_nothing_is_told_in_percent(printed: Printed) -> None:
    failed = Sums(
        attempts=4,
        failed=2,
        answered=2,
        requests=2,
        nano_usd=4000,
        failed_nano_usd=1000,
        estimated=1,
        estimated_nano_usd=500,
    )
    lines = printed(
        print_report, report(["route"], ("a", "new", failed), ("b", "legacy", PLAIN)), ["route"]
    )
    assert "estimated" in lines[1]
    assert "12.5 %" in lines[2]
    assert "by arm" in lines
    waste = lines[lines.index("what brought no answer, and what was asked twice") + 2 :]
    assert waste[0].split()[:4] == ["a", "0.000001", "25", "%"]
    assert waste[1] == ""
    assert lines[-1].endswith("0.0000005 USD (8.33 %) of it estimated")


def test_a_time_without_costs_says_so(printed: Printed) -> None:
    assert printed(print_report, report(["arm"]), ["arm"])[1:] == ["nothing was spent"]


def price(**said: Any) -> dict[str, Any]:
    """A price as the proxy tells it."""
    usd = {"input": "2.5", "cached_input": "1.25", "output": "10.00", "reasoning": "10.00"}
    usual = {"provider": "openai", "model": "gpt-4o", "deployment": None, "zone": "global"}
    more = {"tier": "standard", "batch": False, "source": "genai-prices", "confidence": "exact"}
    last = {"refused": False, "note": "", "usd": usd | {"audio_input": "2.5"}, "steps": []}
    return usual | more | last | {"assumed": ["audio_input"]} | said


def prices(*those: dict[str, Any], old: bool = False) -> dict[str, Any]:
    """A price book as the proxy tells it."""
    book = {"book": "0123", "list": "genai-prices 0.2.3", "newest": "2026-11-09", "old": old}
    return book | {"prices": list(those)}


def test_prices_have_their_unit_and_only_columns_that_differ(printed: Printed) -> None:
    lines = printed(print_prices, prices(price()))
    assert "US dollars per million tokens" in lines[2]
    assert lines[3].split() == [
        "provider",
        "model",
        "input",
        "cached",
        "input",
        "output",
        "source",
        "confidence",
    ]
    assert lines[4].split()[:5] == ["openai", "gpt-4o", "2.5", "1.25", "10.00"]


def test_longer_prompts_zones_and_refusals_are_shown(printed: Printed) -> None:
    steps = [{"promptAbove": 272_000, "usd": {"input": "5", "output": "22.5"}}]
    lines = printed(print_prices, prices(price(steps=steps, zone="eu", refused=True, note="why")))
    assert "prompt above" in lines[3]
    assert "zone" in lines[3]
    assert "272000" in lines[5]
    assert "22.5" in lines[5]
    assert "refused" in lines[4]
    assert lines[4].endswith("why")


def test_old_prices_say_what_to_do(printed: Printed) -> None:
    lines = printed(print_prices, prices(old=True))
    assert lines[1].startswith("that is old: install a newer genai-prices")
    assert lines[2] == "no price was asked for yet"


def budget(**said: Any) -> dict[str, Any]:
    """How a budget stands, as the proxy tells it."""
    one = {"name": "user-day", "of": "user", "scope": "ann", "limitUsd": "5", "spentUsd": "4.1"}
    more = {"reservedUsd": "0", "leases": 0, "percent": 82, "until": "2026-11-25T00:00:00.000Z"}
    return one | more | {"rolling": False, "reached": [50, 80], "mode": "strict"} | said


def test_a_budget_is_shown_with_whose_it_is_and_how_much_of_it_is_spent(printed: Printed) -> None:
    lines = printed(print_budgets, [budget()])
    assert "held back" not in lines[0]
    assert "user ann" in lines[1]
    assert "82 %" in lines[1]
    assert "50 %, 80 %" in lines[1]
    lines = printed(print_budgets, [budget(leases=1, reservedUsd="0.2", rolling=True, reached=[])])
    assert "held back USD" in lines[0]
    assert "rolling" in lines[1]
    assert printed(print_budgets, [])[0].startswith("no budget has anything spent")


def test_a_forecast_is_sentences(printed: Printed) -> None:
    known = {"begins": "a", "ends": "b", "spentUsd": "1", "p10Usd": "2", "p50Usd": "3"}
    more = {
        "p90Usd": "4",
        "error": "0.12",
        "naiveError": "0.3",
        "model": "run_rate",
        "hoursKnown": 9,
    }
    text = "\n".join(printed(print_forecast, known | more))
    for part in ("3 USD, as likely more as less", "2 to 4 USD", "12 %", "ago: 30 %", "9 hours"):
        assert part in text
    assert "a whole hour with costs" in printed(print_forecast, None)[0]
    assert "how good" not in "".join(printed(print_forecast, known | more | {"error": None}))


def test_figures_that_reports_are_made_of_are_those_that_tables_show() -> None:
    shown = figures_of(PLAIN)
    assert {"usd", "usdPerRequest", "usdPerAnswer", "estimatedShare", "estimated"} <= shown.keys()
