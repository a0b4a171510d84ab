"""Alerts about costs, asked by users and administrators."""

from decimal import Decimal
from typing import Any

import pytest

from plugins.cost_meter.serving.paths import ALERTS, THRESHOLDS
from plugins.cost_meter.serving.raising import KEPT
from proxy.api import Alert, Measured
from proxy.api.alerts import AlertsList, AlertView, ChannelView
from tests.plugins.cost_meter.serving.served import served_costs

RAISED: dict[str, Any] = {"type": "budget_exceeded", "threshold": 0.25, "message": "Look at it"}


class KeptAlerts:
    """A list of alerts, in memory."""

    def __init__(self, *views: AlertView) -> None:
        self.views = {one.id: one for one in views}

    async def list(
        self,
        user: str | None,
        severity: str | None = None,
        acknowledged: bool | None = None,
        since: float | None = None,
        limit: int = 100,
    ) -> tuple[AlertView, ...]:
        fits = [
            one
            for one in self.views.values()
            if severity in (None, one.severity)
            and acknowledged in (None, one.acknowledged_at is not None)
            and one.at >= (since or 0)
        ]
        return tuple(fits)[:limit]

    async def acknowledge(
        self, alert_id: str, by: str, user: str | None = None
    ) -> AlertView | None:
        found = self.views.get(alert_id)
        if found is None or user not in (None, found.user):
            return None
        self.views[alert_id] = found._replace(acknowledged_at=1.0, acknowledged_by=by)
        return self.views[alert_id]

    def channels(self, alert: Alert) -> tuple[ChannelView, ...]:
        return ()


def alert(alert_id: str, user: str, name: str = "budget_threshold", **said: Any) -> AlertView:
    plain = AlertView(alert_id, name, "b", "80 %", "warning", user, 5.0, 6.0, 1, None, "", None, "")
    return plain._replace(**said)


ALL = (
    alert("a1", "ann"),
    alert("a2", "bob", severity="critical"),
    alert("a3", ""),
    alert("a4", "", "plugin_quarantined"),
)


async def test_alerts_are_ones_own_and_about_costs() -> None:
    async with served_costs() as costs:
        costs.services.share(AlertsList, KeptAlerts(*ALL))
        mine = (await costs.ask(ALERTS)).json()["data"]
        assert [one["id"] for one in mine["alerts"]] == ["a1"]
        every = (await costs.ask(ALERTS, "root", admin=True)).json()["data"]
        assert [one["id"] for one in every["alerts"]] == ["a1", "a2", "a3"]
        assert every["summary"] == {
            "total": 3,
            "unacknowledged": 3,
            "bySeverity": {"info": 0, "warning": 2, "critical": 1},
        }
        assert (await costs.ask(f"{ALERTS}?userId=bob")).status == 403
        theirs = await costs.ask(f"{ALERTS}?userId=bob&limit=1", "root", admin=True)
        [one] = theirs.json()["data"]["alerts"]
        assert (one["userId"], one["type"], one["threshold"]) == ("bob", "budget_threshold", None)


async def test_an_alert_is_acknowledged_by_whose_it_is() -> None:
    async with served_costs() as costs:
        costs.services.share(AlertsList, KeptAlerts(*ALL))
        said: dict[str, Any] = {"alertId": "a2", "acknowledged": True}
        assert (await costs.ask(ALERTS, method="PUT", **said)).status == 404
        assert (await costs.ask(ALERTS, "bob", method="PUT", **said)).status == 200
        left = (await costs.ask(f"{ALERTS}?acknowledged=false", "root", admin=True)).json()
        assert [one["id"] for one in left["data"]["alerts"]] == ["a1", "a3"]
        undone = await costs.ask(ALERTS, "bob", method="PUT", alertId="a2", acknowledged=False)
        assert undone.status == 400


async def test_administrators_raise_alerts_that_others_hear_of() -> None:
    async with served_costs() as costs:
        assert (await costs.ask(ALERTS, method="POST", **RAISED)).status == 403
        assert costs.services.alerts == []
        made = await costs.ask(ALERTS, "root", admin=True, method="POST", **RAISED, userId="ann")
        data = made.json()["data"]
        assert (data["thresholdNanoUsd"], data["createdBy"]) == ("250000000", "root")
        [raised] = costs.services.alerts
        assert (raised.name, raised.subject, raised.user) == (
            "cost_alert",
            "budget_exceeded",
            "ann",
        )
        assert raised.text == "Look at it (threshold: 0.25 USD)"
        assert raised.key == data["key"]
        assert raised.measured == Measured("USD", Decimal("0.25"), None)


async def test_an_alert_that_is_asked_for_again_is_not_raised_again() -> None:
    async with served_costs() as costs:

        async def ask(key: str = "", **more: Any) -> Any:
            asked = await costs.ask(
                ALERTS, "root", admin=True, method="POST", key=key, **RAISED | more
            )
            replayed = asked.headers.get("idempotency-replayed")
            return asked.status, replayed, asked.json().get("data", asked.json())

        first = await ask()
        await costs.services.jumping.jump(60)
        assert (first[:2], await ask()) == ((200, None), (200, "true", first[2]))
        assert len(costs.services.alerts) == 1
        assert (await ask(severity="critical"))[1] is None
        keyed = await ask("k1")
        assert (await ask("k1")) == (200, "true", keyed[2])
        assert len(costs.services.alerts) == 3
        status, _, told = await ask("k1", message="Something else")
        assert (status, "Send another key" in told["error"]) == (422, True)
        assert (await ask("k 2"))[0] == 400
        await costs.services.jumping.jump(KEPT)
        assert (await ask())[1] is None
        assert len(costs.services.alerts) == 4


async def test_an_alert_about_an_amount_is_shown_with_its_figures() -> None:
    day = Measured("USD", Decimal("0.002"), Decimal("0.0031"), "day", 0.0, 86400.0)
    async with served_costs() as costs:
        costs.services.share(AlertsList, KeptAlerts(alert("a1", "ann", measured=day)))
        reply = await costs.ask(ALERTS)
        [one] = reply.json()["data"]["alerts"]
        assert (one["threshold"], one["currentValue"], one["percent"]) == (0.002, 0.0031, 155)
        assert (one["period"], one["periodStart"], one["periodEnd"]) == (
            "day",
            "1970-01-01T00:00:00.000Z",
            "1970-01-02T00:00:00.000Z",
        )


async def test_what_is_no_amount_of_money_is_not_shown_as_one() -> None:
    hours = Measured("hours", Decimal(5), Decimal(6), "day")
    async with served_costs() as costs:
        costs.services.share(AlertsList, KeptAlerts(alert("a1", "ann", measured=hours)))
        [one] = (await costs.ask(ALERTS)).json()["data"]["alerts"]
        assert (one["threshold"], one["currentValue"], one["period"]) == (None, None, None)


async def test_without_anybody_who_keeps_alerts_that_is_said() -> None:
    async with served_costs(tells=False) as costs:
        reply = await costs.ask(ALERTS)
        assert (reply.status, "plugin notify" in reply.json()["error"]) == (503, True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [THRESHOLDS, ALERTS])
async def test_nobody_in_particular_may_do_anything(path: str, method: str) -> None:
    async with served_costs() as costs:
        if (method, path) in costs.offers:
            assert (await costs.ask(path, None, method=method, **RAISED)).status == 401
        else:
            assert (path, method) == (ALERTS, "DELETE")
