"""Alerts are raised once, and resolved only if they were raised."""

from plugins.cost_meter.alerting import Alerting
from plugins.cost_meter.budgets.edges import MemoryEdges
from proxy.api import Alert
from proxy.api.testing import FakeServices

ALERT = Alert("spend_anomaly", "all", "It costs too much.", "warning", key="k")


async def test_an_alert_is_raised_once_by_whoever_is_first() -> None:
    services = FakeServices(plugin="cost_meter")
    edges = MemoryEdges({}, lambda: 100.0)
    one, other = Alerting(edges, services), Alerting(edges, services)
    assert await one.once(ALERT, 200.0)
    assert not await other.once(ALERT, 200.0)
    assert not await one.once(ALERT, 200.0)
    assert services.alerts == [ALERT]


async def test_it_is_over_once_and_only_if_it_was_raised() -> None:
    services = FakeServices(plugin="cost_meter")
    alerting = Alerting(MemoryEdges({}, lambda: 100.0), services)
    assert not await alerting.over(ALERT)
    await alerting.once(ALERT, 200.0)
    assert await alerting.over(ALERT)
    assert not await alerting.over(ALERT)
    assert [one.resolves for one in services.alerts] == [False, True]
