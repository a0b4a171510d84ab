"""An alert that is asked for twice is raised once, and what is remembered is bounded."""

import asyncio

import pytest

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.edges import MemoryEdges, ShelfEdges
from plugins.cost_meter.serving import raising
from plugins.cost_meter.serving.declining import DeclinedError
from plugins.cost_meter.serving.raising import KEPT, Raising
from proxy.api import Alert
from tests.plugins.cost_meter.serving.served import ServedCosts, served_costs

ALERT = Alert("cost_alert", "budget_exceeded", "Look at it")


def raising_of(costs: ServedCosts) -> Raising:
    """One proxy's; it shares the shelf with others."""
    edges = ShelfEdges(costs.shelf, MemoryEdges({}, costs.services.now), costs.services.now)
    return Raising(costs.shelf, Alerting(edges, costs.services), costs.services.now)


async def test_of_many_requests_at_once_one_raises_it() -> None:
    async with served_costs() as costs:
        one = raising_of(costs)
        found = await asyncio.gather(*(one.raise_once(ALERT, "root") for _ in range(9)))
        assert sorted(raised.before for raised in found) == [False] + [True] * 8
        assert len(costs.services.alerts) == 1


async def test_another_proxy_knows_of_it() -> None:
    async with served_costs() as costs:
        first = await raising_of(costs).raise_once(ALERT, "root", "k1")
        await costs.services.jumping.jump(9)
        again = await raising_of(costs).raise_once(ALERT, "root", "k1")
        assert (again.key, again.at, again.before) == (first.key, first.at, True)
        with pytest.raises(DeclinedError, match="sent with another request"):
            await raising_of(costs).raise_once(ALERT._replace(text="No"), "root", "k1")
        assert len(costs.services.alerts) == 1


async def test_a_process_that_was_killed_in_between_raises_it_once() -> None:
    async with served_costs() as costs:
        await raising_of(costs).raise_once(ALERT, "root")
        for name in await costs.shelf.all("raised"):
            await costs.shelf.delete("raised", name)
        again = await raising_of(costs).raise_once(ALERT, "root")
        assert (again.before, len(costs.services.alerts)) == (True, 1)


async def test_what_is_remembered_is_bounded_and_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raising, "MOST", 3)
    async with served_costs() as costs:
        one = raising_of(costs)
        for number in range(9):
            await one.raise_once(ALERT._replace(text=str(number)), "root")
            await costs.services.jumping.jump(1)
        assert len(await costs.shelf.all("raised")) == 3
        await costs.services.jumping.jump(KEPT)
        assert not (await one.raise_once(ALERT._replace(text="8"), "root")).before
        assert len(await costs.shelf.all("raised")) == 1
