"""What operators read: reports, prices, budgets and forecasts as tables and sentences."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from ..printing import print_line, print_table

__all__ = [
    "percent",
    "print_budgets",
    "print_forecast",
    "print_more",
    "print_prices",
    "print_report",
]

_FIGURES = {
    "requests": "requests",
    "attempts": "attempts",
    "answered": "answered",
    "inputTokens": "in",
    "outputTokens": "out",
    "usd": "USD",
    "usdPerRequest": "each",
    "usdPerAnswer": "each answered",
    "estimatedShare": "estimated",
}
_SAVED = {
    "route": "route",
    "requests": "requests",
    "newUsd": "new USD",
    "legacyUsd": "legacy USD",
    "savedUsd": "saved USD",
}
_WASTE = {
    "route": "route",
    "failedUsd": "without an answer, USD",
    "failedShare": "share",
    "hedgeUsd": "hedges, USD",
    "hedgeShare": "share of hedges",
}
_BUDGETS = {
    "name": "budget",
    "who": "of",
    "limitUsd": "limit USD",
    "spentUsd": "spent USD",
    "percent": "spent",
    "reservedUsd": "held back USD",
    "ends": "until",
    "passed": "passed",
    "mode": "mode",
}
_USUAL = {"deployment": (None,), "zone": ("global",), "tier": ("standard",), "batch": (False,)}
"""Columns of prices that say something only where something else is there."""

_PARTS = ("input", "cached_input", "output")
"""Prices that are always shown; others where somebody has said them."""


def percent(share: object) -> str | None:
    """Return a share such as ``0.0213`` as ``2.13 %``; None where there is none."""
    if share is None:
        return None
    digits = f"{Decimal(str(share)).scaleb(2):f}"
    return f"{digits.rstrip('0').rstrip('.') if '.' in digits else digits} %"


def print_report(found: Mapping[str, Any], places: Sequence[str]) -> None:
    """Print a report; `places` are what its rows are told apart by."""
    counted, total = found["counted"], found["total"]
    print_line(f"{counted['since']} to {counted['until']} ({found['timeZone']})")
    if not found["rows"] and not total["attempts"]:
        print_line("nothing was spent")
        return
    _print_figures(places, found["rows"])
    print_more(found["next"], "--skip")
    if len(found["arms"]) > 1 and list(places) != ["arm"]:
        _print_figures(("arm",), found["arms"], "by arm")
    saved = [one for one in found["savings"]["routes"] if one["savedUsd"] is not None]
    print_table(_SAVED, saved, "beside legacy")
    shares = ("failedShare", "hedgeShare")
    wasted = [_percents(one, shares) for one in found["waste"] if _is_waste(one)]
    print_table(_WASTE, wasted, "what brought no answer, and what was asked twice")
    estimated = "nothing"
    if total["estimated"]:
        part = percent(total["estimatedShare"]) or "0 %"
        estimated = f"{total['estimatedUsd']} USD ({part})"
    print_line(
        f"\nin all {total['usd']} USD for {total['requests']} requests, {estimated} of it estimated"
    )


def print_more(following: object, option: str) -> None:
    """Say how a list goes on, if it does."""
    if following is not None:
        print_line(f"there is more: {option} '{following}'")


def print_prices(found: Mapping[str, Any]) -> None:
    """Print the price book; parts that nobody has a price of its own for are left out."""
    print_line(f"price book {found['book']}, {found['list']}, newest of {found['newest']}")
    if found["old"]:
        print_line(
            "that is old: install a newer genai-prices, name a file (prices.file), or compare the "
            "prices and say so (prices.checked)"
        )
    prices: list[dict[str, Any]] = found["prices"]
    if not prices:
        print_line("no price was asked for yet")
        return
    rows = [row for one in prices for row in _price_rows(one)]
    heads = {name: name for name in ("provider", "model")}
    heads |= {
        name: name
        for name, usual in _USUAL.items()
        if any(one[name] not in usual for one in prices)
    }
    if any(row["above"] for row in rows):
        heads["above"] = "prompt above"
    heads |= {part: part.replace("_", " ") for part in _parts_told(prices)}
    heads |= {"source": "source", "trusted": "confidence"}
    if any(one["note"] for one in prices):
        heads["note"] = ""
    print_line("\nUS dollars per million tokens; for each one of request and search")
    print_table(heads, rows)


def print_budgets(budgets: Sequence[Mapping[str, Any]]) -> None:
    """Print how budgets stand."""
    if not budgets:
        print_line("no budget has anything spent; plugins.cost_meter.budgets names them")
        return
    rows = [
        {
            **one,
            "who": f"{one['of']} {one['scope']}".rstrip(),
            "percent": f"{one['percent']} %",
            "ends": "rolling" if one["rolling"] else one["until"],
            "passed": ", ".join(f"{part} %" for part in one["reached"]) or None,
        }
        for one in budgets
    ]
    idle = [] if any(one["leases"] for one in budgets) else ["reservedUsd"]
    print_table({name: head for name, head in _BUDGETS.items() if name not in idle}, rows)


def print_forecast(found: Mapping[str, Any] | None) -> None:
    """Print a forecast in sentences."""
    if found is None:
        print_line("too little is known for a forecast: it takes a whole hour with costs")
        return
    print_line(f"{found['begins']} to {found['ends']}")
    print_line(f"spent until now      {found['spentUsd']} USD")
    print_line(f"at the end           {found['p50Usd']} USD, as likely more as less")
    print_line(f"four times of five   {found['p10Usd']} to {found['p90Usd']} USD")
    if found["error"] is not None and found["naiveError"] is not None:
        print_line(
            f"how good that is     off by {percent(found['error'])} on what is known "
            f"(the same as a week ago: {percent(found['naiveError'])})"
        )
    print_line(f"made by              {found['model']}, of {found['hoursKnown']} hours")


def _print_figures(
    places: Sequence[str], rows: Sequence[Mapping[str, Any]], title: str = ""
) -> None:
    """Print rows of figures, without columns that say nothing more."""
    heads = {name: name for name in places} | _FIGURES
    if not any(one["estimated"] for one in rows):
        del heads["estimatedShare"]
    if all(one["usdPerAnswer"] == one["usdPerRequest"] for one in rows):
        del heads["usdPerAnswer"]
    print_table(heads, [_percents(one, ("estimatedShare",)) for one in rows], title)


def _percents(row: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {**row, **{name: percent(row[name]) for name in names}}


def _is_waste(one: Mapping[str, Any]) -> bool:
    return any(Decimal(one[name]) != 0 for name in ("failedUsd", "hedgeUsd"))


def _price_rows(one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a price, and below it what longer prompts cost."""
    trusted = "refused" if one["refused"] else one["confidence"]
    whole = {**one, **one["usd"], "above": None, "trusted": trusted}
    return [whole] + [
        {**whole, **step["usd"], "above": step["promptAbove"]} for step in one["steps"]
    ]


def _parts_told(prices: Sequence[Mapping[str, Any]]) -> list[str]:
    said = dict.fromkeys(_PARTS)
    for one in prices:
        usd, assumed = one["usd"], one["assumed"]
        said |= dict.fromkeys(
            part
            for part in usd
            if part not in assumed and not (part == "reasoning" and usd[part] == usd["output"])
        )
    return list(said)
