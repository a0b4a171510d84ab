"""Budgets of plans are compared with a fleet's ledger in few questions, and agree with its rows."""

from typing import Any

import pytest

from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.matching import Budget
from plugins.cost_meter.budgets.recounting import Recounting
from plugins.cost_meter.row import Row
from plugins.cost_meter.sharing.plans import PlanTotals
from tests.plugins.cost_meter.rowed import NOON
from tests.plugins.cost_meter.sharing.conftest import Shared
from tests.plugins.cost_meter.sharing.shipped import replica
from tests.plugins.cost_meter.sharing.test_plans import at_random

BUDGETS: dict[str, tuple[dict[str, Any], str, int]] = {
    "of a plan": ({"of": "plan", "per": "month"}, "pro", 1),
    "of a user": ({"of": "user", "when": {"plans": ["pro", "free"]}, "per": "month"}, "ann", 17),
    "of all": ({"when": {"plans": ["free"], "models": ["gpt-4o"]}, "rolling": "168h"}, "", 1),
}


@pytest.mark.parametrize("name", BUDGETS)
async def test_a_budget_of_plans_agrees_with_the_rows_and_asks_little(
    shared: Shared, name: str
) -> None:
    said, scope, most = BUDGETS[name]
    one = Budget("one", BudgetSettings.model_validate({"limit": "5", **said}), "UTC")
    spent = [row for row in at_random(1, 60) if row.at < NOON + 86_000]
    async with replica(shared.table) as brought:
        await brought.bring(spent)
        shared.server.calls.clear()
        place = one.place(scope, NOON)
        right: dict[int, int] = {}
        for row in spent:
            slice_ = one.periods.slice_of(row.at, place.window)
            if slice_ is not None and pays(one, scope, row):
                right[slice_] = right.get(slice_, 0) + row.nano_usd
        known = PlanTotals(shared.table, lambda: NOON)
        assert await Recounting(brought.ledger, plans=known).by_slice(place, NOON) == right != {}
        assert shared.server.calls.count("Query") <= most


def pays(one: Budget, scope: str, row: Row) -> bool:
    """Whether a budget pays for what a row is about."""
    when, of = one.said.when, one.said.of
    return (
        (not when.plans or row.plan in when.plans)
        and (not when.models or row.model in when.models)
        and (of == "everyone" or getattr(row, of) == scope)
    )
