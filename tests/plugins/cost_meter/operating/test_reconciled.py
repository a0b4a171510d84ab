"""What was booked and billed, as operators are told it."""

from typing import Any

from plugins.cost_meter.operating.reconciled import posted_of, reconciliation_of
from plugins.cost_meter.reconciling.comparing import Drift, Side
from plugins.cost_meter.reconciling.reconciling import Posted, Reconciliation
from proxy.api.documents import json_of

DAY = 1_749_945_600
"""2025-06-15 00:00 UTC."""


def found(*drifts: Drift) -> Reconciliation:
    """A comparison of one day, by days."""
    return Reconciliation(DAY, DAY + 86400, False, 3, 0, (), drifts, (), ())


def drift(booked: Side | None, billed: Side | None) -> Drift:
    return Drift(DAY, "openai", "gpt-4o", booked, billed)


def told(one: Drift) -> dict[str, Any]:
    [shown] = reconciliation_of(found(one))["drifts"]
    return {name: shown[name] for name in ("bookedUsd", "billedUsd", "driftUsd", "driftPercent")}


def test_a_day_that_differs_is_told_on_both_sides() -> None:
    assert told(drift(Side(nano_usd=4 * 10**9), Side(nano_usd=5 * 10**9))) == {
        "bookedUsd": "4",
        "billedUsd": "5",
        "driftUsd": "1",
        "driftPercent": "25.00",
    }


def test_what_one_side_does_not_know_is_not_nothing() -> None:
    assert told(drift(None, Side(nano_usd=5)))["bookedUsd"] is None
    assert told(drift(Side(nano_usd=5), None))["billedUsd"] is None
    assert told(drift(None, Side(nano_usd=5)))["driftPercent"] is None


def test_a_day_that_agrees_is_counted_and_not_shown() -> None:
    shown = reconciliation_of(found(drift(Side(nano_usd=5), Side(nano_usd=5))))
    assert (shown["days"], shown["daysDiffering"], shown["differs"]) == (1, 0, False)
    assert shown["drifts"] == []
    assert json_of(shown)


def test_what_was_corrected_stands_beside_how_it_was() -> None:
    shown = posted_of(Posted(found(drift(None, Side(nano_usd=5))), 2, 1, 5))
    assert (shown["corrections"], shown["written"], shown["daysDiffering"]) == (2, 1, 1)
    assert shown["correctedUsd"] == "0.000000005"
