"""Thresholds and alerts, asked by users and administrators."""

from typing import Any

import pytest

from plugins.cost_meter.serving.keeping import MOST_OF_USER
from plugins.cost_meter.serving.paths import ALERTS, THRESHOLDS
from proxy.api.alerts import AlertsList, AlertView
from tests.plugins.cost_meter.serving.served import served_costs

GOOD: dict[str, Any] = {
    "type": "daily",
    "threshold": 0.002,
    "severity": "warning",
    "notificationChannels": ["email", "slack"],
}


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


def alert(alert_id: str, user: str, name: str = "budget_threshold", **said: Any) -> AlertView:
    plain = AlertView(alert_id, name, "b", "80 %", "warning", user, 5.0, 6.0, 1, None, "", None, "")
    return plain._replace(**said)


ALL = (
    alert("a1", "ann"),
    alert("a2", "bob", severity="critical"),
    alert("a3", ""),
    alert("a4", "", "plugin_quarantined"),
)


async def test_a_threshold_is_made_found_changed_and_deleted() -> None:
    async with served_costs() as costs:
        made = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert made.status == 201
        data = made.json()["data"]
        assert (data["userId"], data["thresholdNanoUsd"], data["provider"]) == (
            "ann",
            "2000000",
            "all",
        )
        found = (await costs.ask(THRESHOLDS)).json()["data"]
        assert found["thresholds"] == [data]
        assert found["summary"] == {
            "total": 1,
            "enabled": 1,
            "byType": {"hourly": 0, "daily": 1, "monthly": 0, "per_request": 0},
            "bySeverity": {"info": 0, "warning": 1, "critical": 0},
        }
        said: dict[str, Any] = {"thresholdId": data["id"], "enabled": False, "threshold": 5}
        changed = (await costs.ask(THRESHOLDS, method="PUT", **said)).json()["data"]
        assert (changed["enabled"], changed["threshold"], changed["severity"]) == (
            False,
            5,
            "warning",
        )
        assert (await costs.ask(f"{THRESHOLDS}?enabled=true")).json()["data"]["thresholds"] == []
        gone = await costs.ask(f"{THRESHOLDS}?id={data['id']}", method="DELETE")
        assert gone.status == 200
        again = await costs.ask(f"{THRESHOLDS}?id={data['id']}", method="DELETE")
        assert (again.status, again.json()["error"]) == (404, "There is no such threshold")


async def test_thresholds_of_others_are_neither_seen_nor_changed() -> None:
    async with served_costs() as costs:
        mine = (await costs.ask(THRESHOLDS, method="POST", **GOOD)).json()["data"]
        every = await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **GOOD)
        assert every.json()["data"]["userId"] is None
        for threshold_id in (mine["id"], every.json()["data"]["id"], "threshold_x"):
            said: dict[str, Any] = {"thresholdId": threshold_id, "enabled": False}
            assert (await costs.ask(THRESHOLDS, "bob", method="PUT", **said)).status == 404
            path = f"{THRESHOLDS}?id={threshold_id}"
            assert (await costs.ask(path, "bob", method="DELETE")).status == 404
        assert (await costs.ask(THRESHOLDS, "bob")).json()["data"]["thresholds"] == []
        assert (await costs.ask(f"{THRESHOLDS}?userId=ann", "bob")).status == 403
        assert (
            await costs.ask(THRESHOLDS, "bob", method="POST", **GOOD, userId="ann")
        ).status == 403
        seen = (await costs.ask(THRESHOLDS, "root", admin=True)).json()["data"]["thresholds"]
        assert {one["userId"] for one in seen} == {"ann", None}
        of_ann = await costs.ask(f"{THRESHOLDS}?userId=ann", "root", admin=True)
        assert len(of_ann.json()["data"]["thresholds"]) == 1


async def test_a_user_has_few_thresholds() -> None:
    async with served_costs() as costs:
        for _ in range(MOST_OF_USER):
            assert (await costs.ask(THRESHOLDS, method="POST", **GOOD)).status == 201
        refused = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (refused.status, "delete one" in refused.json()["error"]) == (409, True)
        assert (await costs.ask(THRESHOLDS, "bob", method="POST", **GOOD)).status == 201
        said: dict[str, Any] = GOOD | {"userId": "ann"}
        assert (
            await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        ).status == 201


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
    said: dict[str, Any] = {"type": "budget_exceeded", "threshold": 0.25, "message": "Look at it"}
    async with served_costs() as costs:
        assert (await costs.ask(ALERTS, method="POST", **said)).status == 403
        assert costs.services.alerts == []
        made = await costs.ask(ALERTS, "root", admin=True, method="POST", **said, userId="ann")
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


async def test_without_anybody_who_keeps_alerts_that_is_said() -> None:
    async with served_costs() as costs:
        reply = await costs.ask(ALERTS)
        assert (reply.status, "plugin notify" in reply.json()["error"]) == (503, True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("path", [THRESHOLDS, ALERTS])
async def test_nobody_in_particular_may_do_anything(path: str, method: str) -> None:
    async with served_costs() as costs:
        if (method, path) in costs.offers:
            assert (await costs.ask(path, None, method=method, **GOOD)).status == 401
        else:
            assert (path, method) == (ALERTS, "DELETE")


async def test_no_users_id_is_logged() -> None:
    async with served_costs() as costs:
        await costs.ask(THRESHOLDS, "ann-of-the-log", method="POST", **GOOD)
        assert costs.services.logged("cost_threshold_changed")
        assert "ann-of-the-log" not in str(costs.services.lines)


async def test_what_an_administrator_watches_of_a_user_is_not_switched_off_by_them() -> None:
    async with served_costs() as costs:
        said = GOOD | {"userId": "ann"}
        made = await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        its = made.json()["data"]["id"]
        shown = (await costs.ask(THRESHOLDS)).json()["data"]["thresholds"]
        assert [one["id"] for one in shown] == [its]
        off = await costs.ask(THRESHOLDS, method="PUT", thresholdId=its, enabled=False)
        gone = await costs.ask(f"{THRESHOLDS}?id={its}", method="DELETE")
        assert (off.status, gone.status) == (403, 403)
        [kept] = await costs.thresholds.all()
        assert kept.enabled
