"""Commands: ``crossfade costs …``: they ask the admin listener of a running proxy."""

from typing import Any
from urllib.parse import urlencode

from proxy.api import Commands

from ..printing import print_csv, print_json, print_line, print_table
from .reconcile_command import reconciling
from .tables import print_budgets, print_forecast, print_more, print_prices, print_report

__all__ = ["provide_commands"]

_ALL_FIGURES = (
    *("requests", "attempts", "answered", "failed", "unknown", "hedges"),
    *("inputTokens", "cachedTokens", "outputTokens", "reasoningTokens"),
    *("usd", "nanoUsd", "usdPerRequest", "usdPerAnswer"),
    *("estimated", "estimatedUsd", "estimatedShare", "failedUsd", "hedgeUsd", "adjustedUsd"),
    "meanMilliseconds",
)
_COMPARED = ("what", "where", "journal", "table")
_ROW = ("at", "id", "kind", "user", "route", "arm", "provider", "model", "outcome", "usd")


def provide_commands(cli: Commands) -> None:
    """Add them."""
    _reporting(cli)
    _looking(cli)
    _judging(cli)
    reconciling(cli)


def _reporting(cli: Commands) -> None:
    def report(
        by: list[str] | None = None,
        grain: str = "",
        since: str = "",
        until: str = "",
        user: str = "",
        route: str = "",
        arm: str = "",
        provider: str = "",
        model: str = "",
        intent: str = "",
        limit: int = 100,
        skip: int = 0,
        json: bool = False,  # noqa: FBT001, FBT002 (an option)
        csv: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Show what was spent: --by user, route, arm, provider, model, intent; --grain day."""
        where = {
            "user": user,
            "route": route,
            "arm": arm,
            "provider": provider,
            "model": model,
            "intent": intent,
        }
        asked = {"by": ",".join(by or ("provider",)), "grain": grain, "since": since}
        said = asked | {"until": until, "limit": str(limit), "skip": str(skip)} | where
        _show_report(_asked(cli, "/report", said), json=json, csv=csv)

    def daily(
        since: str = "7d",
        until: str = "",
        json: bool = False,  # noqa: FBT001, FBT002
        csv: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Show what each day has cost at each provider: today and the seven before, unless said."""
        said = {"by": "provider", "grain": "day", "since": since, "until": until, "limit": "1000"}
        _show_report(_asked(cli, "/report", said), json=json, csv=csv)

    cli.add(report, default=True)
    cli.add(daily)


def _looking(cli: Commands) -> None:
    def rows(
        since: str = "24h",
        until: str = "",
        user: str = "",
        route: str = "",
        arm: str = "",
        provider: str = "",
        model: str = "",
        intent: str = "",
        limit: int = 100,
        after: str = "",
        json: bool = False,  # noqa: FBT001, FBT002
        csv: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """List single attempts and corrections, the oldest first; --after goes on."""
        where = {"user": user, "route": route, "arm": arm, "provider": provider}
        said = {"since": since, "until": until, "limit": str(limit), "after": after}
        found = _asked(cli, "/rows", said | where | {"model": model, "intent": intent})
        if json:
            print_json(found)
        elif csv:
            print_csv((*_ROW, "nanoUsd", "estimated", "workflowId", "requestId"), found["rows"])
        else:
            print_table({name: name for name in _ROW}, found["rows"])
            print_more(found["next"], "--after")

    def prices(json: bool = False) -> None:  # noqa: FBT001, FBT002
        """Show which prices are in force, and where they come from."""
        found = _asked(cli, "/prices", {})
        if json:
            print_json(found)
        else:
            print_prices(found)

    def budgets(user: str = "", json: bool = False) -> None:  # noqa: FBT001, FBT002
        """Show how budgets stand; --user: those of one user."""
        found = _asked(cli, "/budgets", {"user": user})
        if json:
            print_json(found)
        else:
            print_budgets(found["budgets"])

    for command in (rows, prices, budgets):
        cli.add(command)


def _judging(cli: Commands) -> None:
    def forecast(period: str = "monthly", user: str = "", json: bool = False) -> None:  # noqa: FBT001, FBT002
        """Show what the running period will have cost: daily, weekly or monthly."""
        found = _asked(cli, "/forecast", {"period": period, "user": user})
        if json:
            print_json(found)
        else:
            print_forecast(found["forecast"])

    def verify(json: bool = False) -> None:  # noqa: FBT001, FBT002
        """Compare totals with their rows, and the fleet's table with both; 3: they differ."""
        found = cli.ask("POST", "/verify", {})
        if json:
            print_json(found)
        else:
            for text in found["differences"]:
                print_line(text)
            if found.get("fleet"):
                print_table({name: name for name in _COMPARED}, found["fleet"])
            print_line(_verdict(found))
        if not found["agrees"]:
            raise SystemExit(3)

    cli.add(forecast)
    cli.add(verify)


def _verdict(found: dict[str, Any]) -> str:
    if not found["agrees"]:
        return "they differ"
    table = ", and the table of the fleet has them" if "fleet" in found else ""
    return f"totals are the sums of their rows{table}"


def _asked(cli: Commands, path: str, said: dict[str, str]) -> Any:
    query = urlencode({name: value for name, value in said.items() if value})
    return cli.ask("GET", f"{path}?{query}" if query else path)


def _show_report(found: dict[str, Any], *, json: bool, csv: bool) -> None:
    places = (["begins"] if found["grain"] else []) + found["by"]
    if json:
        print_json(found)
    elif csv:
        print_csv((*places, *_ALL_FIGURES), found["rows"])
    else:
        print_report(found, places)
