"""What can be said of budgets, and what an operator is told who says it wrongly."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from plugins.cost_meter import CostMeter
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.settings import CostMeterSettings
from proxy.api.testing.checks import read_settings
from tests.kit.properties import examples


def said(**budget: Any) -> BudgetSettings:
    settings = read_settings(CostMeter, {"budgets": {"one": budget}})
    assert isinstance(settings, CostMeterSettings)
    return settings.budgets["one"]


@pytest.mark.parametrize(
    ("limit", "nano"), [("5.00", 5 * 10**9), (2.5, 25 * 10**8), (7, 7 * 10**9), (0.000000001, 1)]
)
def test_amounts_are_taken_by_their_digits(limit: Any, nano: int) -> None:
    if limit == 0.000000001:
        limit = "0.000000001"  # YAML has it as 1e-09
    assert said(limit=limit, per="day").nano_usd == nano


@examples(100)
@given(st.decimals("0.000000001", 4_500_000, places=9))
def test_every_amount_is_exact(limit: Decimal) -> None:
    assert BudgetSettings(limit=f"{limit:f}", per="day").nano_usd == limit * 10**9


def test_a_budget_rejects_above_its_limit_unless_told_otherwise() -> None:
    budget = said(limit=5, per="day")
    assert budget.actions == {80: "warn", 100: "reject"}
    assert (budget.status, budget.mode, budget.on_store_error) == (429, "strict", "closed")


def test_percentages_are_numbers_though_the_file_has_text() -> None:
    assert said(limit=5, per="day", actions={"95": "queue"}).actions == {95: "queue"}


@pytest.mark.parametrize(
    ("budget", "wanted"),
    [
        ({"limit": 0, "per": "day"}, "more than 0"),
        ({"limit": "1e3", "per": "day"}, "at most nine decimals"),
        ({"limit": 5_000_000, "per": "day"}, "4500000 at most"),
        ({"limit": "-5", "per": "day"}, "more than 0"),
        ({"limit": True, "per": "day"}, "limit"),
        ({"limit": 5}, "hour, day or month"),
        ({"limit": 5, "per": "day", "rolling": "24h"}, "instead of it"),
        ({"limit": 5, "rolling": "30m"}, "from 1h to 1440h"),
        ({"limit": 5, "rolling": "24.5h"}, "whole hours"),
        ({"limit": 5, "per": "day", "thresholds": [50, 50]}, "each percentage once"),
        ({"limit": 5, "per": "day", "actions": {"300": "warn"}}, "from 1 to 200"),
        (
            {"limit": 5, "per": "day", "actions": {"80": "reject", "95": "queue"}},
            "everything is rejected from there on",
        ),
        ({"limit": 5, "per": "day", "when": {"plans": ["Pro"]}}, "lower case"),
        ({"limit": 5, "per": "day", "when": {"arms": ["new", "new"]}}, "each arm once"),
        ({"limit": 5, "per": "week"}, "one of hour, day, month"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_sense_is_told_with_what_does(budget: dict[str, Any], wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        said(**budget)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        BudgetSettings.model_validate(
            {"limit": "5", "thresholds": [5, 5], "actions": {80: "reject", 90: "warn"}}
        )
    assert caught.value.error_count() == 3
