"""The list of alerts is asked for whenever it is needed."""

import pytest

from plugins.cost_meter.serving.declining import DeclinedError
from plugins.cost_meter.serving.listed import alerts_list
from proxy.api.alerts import AlertsList
from tests.plugins.cost_meter.serving.served import served_costs


async def test_who_keeps_alerts_is_found() -> None:
    async with served_costs() as costs:
        assert alerts_list(costs.services) is costs.services.shared(AlertsList)


async def test_without_anybody_who_keeps_alerts_it_is_said_what_to_configure() -> None:
    async with served_costs(tells=False) as costs:
        with pytest.raises(DeclinedError, match="plugin notify is not configured"):
            alerts_list(costs.services)
