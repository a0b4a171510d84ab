"""Which budgets can be forecast."""

from typing import Any

import pytest

from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.forecasting.watching import Limit
from plugins.cost_meter.limits import limits_of


def limits(**said: Any) -> tuple[Limit, ...]:
    """Those of one budget, ``b``, of a dollar a day."""
    settings = BudgetSettings.model_validate({"limit": "1.00", "per": "day", **said})
    return limits_of({"b": settings})


def test_a_budget_of_all_is_forecast_as_it_is() -> None:
    assert limits() == (Limit("b", 10**9, "day", {}),)  # type: ignore[arg-type]
    assert limits(when={"models": ["m"], "arms": ["new"]})[0].where == {"model": "m", "arm": "new"}


def test_a_budget_of_each_route_is_forecast_for_the_routes_that_it_names() -> None:
    found = limits(of="route", when={"routes": ["x", "y"], "intents": ["i"]})
    assert [(one.name, one.where) for one in found] == [
        ("b.x", {"route": "x", "intent": "i"}),
        ("b.y", {"route": "y", "intent": "i"}),
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"of": "user"},
        {"of": "plan"},
        {"of": "route"},
        {"per": "hour"},
        {"per": None, "rolling": "24h"},
        {"when": {"plans": ["pro"]}},
        {"when": {"models": ["a", "b"]}},
    ],
    ids=str,
)
def test_what_cannot_be_forecast_is_left_out(said: dict[str, Any]) -> None:
    assert limits(**said) == ()
