"""Budgets are put together as the settings say, and agree with a real journal."""

from pathlib import Path
from typing import Any

import pytest

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.declaring import BudgetSettings
from plugins.cost_meter.budgets.edges import RedisEdges, ShelfEdges
from plugins.cost_meter.budgets.opening import budgets_for, edges_for
from plugins.cost_meter.ledger.expiring import Keep
from plugins.cost_meter.ledger.journal import SqliteJournal
from plugins.cost_meter.ledger.shelf import SqliteShelf
from proxy.api import NanoUSD
from proxy.api.testing import FakeServices
from tests.plugins.cost_meter.budgets.spending import USD, household, planned, row

KEEP = Keep(rows=400 * 86400.0, minutes=48 * 3600.0, hours=90 * 86400.0)
DECLARED = {
    "each": BudgetSettings(of="user", limit="5", per="day"),
    "rolls": BudgetSettings.model_validate({"limit": "50", "rolling": "2h"}),
    "pro": BudgetSettings.model_validate(
        {"limit": "9", "per": "month", "when": {"plans": ["pro"]}}
    ),
}


@pytest.mark.parametrize("shared", [None, "redis://127.0.0.1:1/0"])
async def test_edges_are_kept_where_the_settings_say(shared: str | None) -> None:
    services = FakeServices(plugin="cost_meter")
    journal = SqliteJournal(Path(":memory:"), KEEP, services)
    state: dict[str, Any] = {}
    edges = edges_for(shared, SqliteShelf(journal.file), services, state)
    assert isinstance(edges, ShelfEdges if shared is None else RedisEdges)
    await services.close()


async def test_budgets_begin_with_what_a_real_journal_knows() -> None:
    services = FakeServices(plugin="cost_meter")
    journal = SqliteJournal(Path(":memory:"), KEEP, services)
    await journal.open()
    now = services.now()
    for user, nano in (("ann", USD), ("ann", 2 * USD), ("bob", 4 * USD)):
        journal.settle(row(planned(now, user=user), nano))
    await journal.flush()
    edges = edges_for(None, SqliteShelf(journal.file), services, {})
    budgets = budgets_for(
        DECLARED,
        "Europe/Berlin",
        services,
        Alerting(edges, services),
        journal,
        shared=None,
        replica=journal.replica,
        written=journal.flush,
        state={},
    )
    await budgets.open()
    answer = await budgets.reserve(planned(now), NanoUSD(2 * USD))
    assert answer.allowed
    assert not (await budgets.reserve(planned(now), NanoUSD(1))).allowed
    (each,) = await budgets.standing("ann")
    assert (each.spent, each.reserved, each.leases) == (3 * USD, 2 * USD, 1)
    everyone = {one.name: (one.spent, one.reserved) for one in await budgets.standing()}
    assert everyone["rolls"] == everyone["pro"] == (7 * USD, 2 * USD)
    await budgets.close()
    await journal.close()
    await services.close()


class SetAhead(FakeServices):
    """A process on a machine of which somebody sets the clock."""

    ahead = 0.0

    def now(self) -> float:
        return super().now() + self.ahead


async def test_a_clock_that_is_set_ahead_ends_nothing_that_is_held_back() -> None:
    services = SetAhead(plugin="cost_meter")
    async with household({"all": {"limit": "5", "rolling": "24h"}}, services=services) as house:
        one, _ = await house.asks(3.0)
        services.ahead = 600.0
        assert not await house.allowed(3.0)
        services.ahead = 0.0
        house.ends(one, 1.0)
        assert await house.spent("all") == (1.0, 0.0)
