"""What administrators are told: what was counted, and nothing that was not."""

import pytest

from plugins.campaigns.paths import METRICS
from proxy.api.workflows import WorkflowCosts
from tests.plugins.campaigns.asked import answer, asks, campaigns
from tests.plugins.campaigns.stub import BEGUN, InMemory, view

ROW = WorkflowCosts("2025-06-15", "content_planning", "azure", 2, 100, 3_000_000)


async def test_figures_are_those_of_the_orchestrator_and_its_store() -> None:
    memory = InMemory(view("wf-1", "ann"))
    memory.rows = (ROW,)
    async with campaigns(memory) as plugin:
        reply = await answer(plugin, asks(METRICS, "period=7d", admin=True))
    assert reply.json()["data"] == {
        "period": "7d",
        "spent": {"campaigns": 2, "cost": 0.003, "tokens": 100},
        "orchestrator": {"workflows": 1},
        "providers": [one._asdict() for one in memory.providers],
    }
    assert memory.costs_asked == [(None, BEGUN - 7 * 86400, BEGUN)]


REFUSED = {
    "nobody": (None, False, "", 401, "Authentication required"),
    "a user": ("ann", False, "", 403, "Admin privileges required"),
    "another period": ("ann", True, "period=2y", 400, "period is one of 1h, 24h, 7d, 30d"),
}


@pytest.mark.parametrize("who", REFUSED)
async def test_figures_are_for_administrators(who: str) -> None:
    user, admin, query, status, says = REFUSED[who]
    async with campaigns(InMemory()) as plugin:
        reply = await answer(plugin, asks(METRICS, query, user, admin=admin))
    assert (reply.status, reply.json()) == (status, {"error": says})
