"""From what a user asks to be told, over what is spent, to the channel of an operator."""

from typing import Any

from plugins.cost_meter import CostMeter
from plugins.cost_meter.serving.paths import ALERTS, THRESHOLDS
from proxy.api import PriceKey, Reply, Usage
from proxy.api.alerts import AlertsList
from proxy.api.documents import json_of
from proxy.api.spending import PlannedSpend, SettledSpend
from proxy.api.testing import Isolated, isolated, request
from tests.plugins.notify.telling import telling


async def ask(meter: Isolated, method: str, path: str, **body: Any) -> Reply:
    asked = request(method, path, key="ann", verified=True)
    return await meter.endpoints[method, path](asked, json_of(body) if body else b"")


async def spend(meter: Isolated, number: int, usage: Usage) -> None:
    """Plan an attempt of the one request, and settle it."""
    now = meter.services.now()
    key = PriceKey("openai", "gpt-4o-mini", at=now)
    made: dict[str, Any] = {
        "attempt_id": f"a{number}",
        "at": now,
        "until": now + 30,
        "workflow_id": "w",
        "request_id": "r",
        "user": "ann",
        "plan": "",
        "route": "campaigns",
        "arm": "new",
        "intent": "content_planning",
        "key": key,
        "estimate": Usage(1000, 0, 500),
    }
    planned = PlannedSpend(**made)
    assert (await meter.application.spend_planned(planned)).allowed
    meter.application.spend_settled(SettledSpend(planned, now + 1, "answered", usage=usage))


async def test_a_dear_request_is_told_by_the_channel_that_its_user_has_asked_for() -> None:
    said = {"journal": "memory://"}
    async with (
        telling(users=True) as on,
        isolated(application=CostMeter, application_settings=said) as meter,
    ):
        meter.services.share(AlertsList, on.parts.listing)
        made = await ask(
            meter,
            "POST",
            THRESHOLDS,
            type="per_request",
            threshold=0.0003,
            severity="warning",
            notificationChannels=["webhook"],
        )
        assert made.status == 201
        look = meter.application.parts.thresholds.look
        await look()
        await spend(meter, 1, Usage(1000, 0, 200))
        await look()
        assert meter.services.alerts == []
        await spend(meter, 2, Usage(1000, 0, 200))
        await look()
        [alert] = meter.services.alerts
        on.raised(alert)
        await on.settled()
        [sent] = on.there.got[0].json["alerts"]
        assert (sent["userId"], sent["name"]) == ("ann", "cost_threshold")
        assert (sent["measured"]["limit"], sent["measured"]["value"]) == ("0.0003", "0.00054")
        assert "has cost 0.00054 USD, 180 % of the threshold of 0.0003 USD" in sent["text"]
        [shown] = (await ask(meter, "GET", ALERTS)).json()["data"]["alerts"]
        assert (shown["threshold"], shown["currentValue"], shown["percent"]) == (
            0.0003,
            0.00054,
            180,
        )
        assert shown["period"] == "request"
