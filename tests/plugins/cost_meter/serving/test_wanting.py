"""Thresholds, asked for by users and administrators, and by which channels they are told of."""

from typing import Any

import pytest

from plugins.cost_meter.serving.keeping import MOST_OF_USER
from plugins.cost_meter.serving.paths import THRESHOLDS
from plugins.notify.choosing import chosen
from plugins.notify.notice import notice_of
from tests.plugins.cost_meter.serving.served import CHANNELS, ServedCosts, served_costs

GOOD: dict[str, Any] = {
    "type": "daily",
    "threshold": 0.002,
    "severity": "warning",
    "notificationChannels": ["email", "in_app"],
}


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
        for number in range(MOST_OF_USER):
            said = GOOD | {"threshold": 1 + number}
            assert (await costs.ask(THRESHOLDS, method="POST", **said)).status == 201
        refused = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (refused.status, "delete one" in refused.json()["error"]) == (409, True)
        assert (await costs.ask(THRESHOLDS, "bob", method="POST", **GOOD)).status == 201
        said = GOOD | {"userId": "ann"}
        assert (
            await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        ).status == 201


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


# -- asked for again ---------------------------------------------------------------------


async def test_the_same_threshold_again_is_the_one_that_there_is() -> None:
    async with served_costs() as costs:
        first = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        again = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (first.status, again.status) == (201, 200)
        assert again.headers.get("idempotency-replayed") == "true"
        assert again.json()["data"] == first.json()["data"]
        assert len(await costs.thresholds.all()) == 1


@pytest.mark.parametrize(
    "other",
    [{"threshold": 0.003}, {"severity": "critical"}, {"type": "hourly"}, {"provider": "azure"}],
    ids=str,
)
async def test_what_says_something_else_is_another_threshold(other: dict[str, Any]) -> None:
    async with served_costs() as costs:
        await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (await costs.ask(THRESHOLDS, method="POST", **GOOD | other)).status == 201
        assert (await costs.ask(THRESHOLDS, "bob", method="POST", **GOOD)).status == 201
        assert len(await costs.thresholds.all()) == 3


async def test_one_that_was_changed_may_be_made_as_it_was_before() -> None:
    async with served_costs() as costs:
        made = (await costs.ask(THRESHOLDS, method="POST", **GOOD)).json()["data"]
        await costs.ask(THRESHOLDS, method="PUT", thresholdId=made["id"], threshold=9)
        again = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (again.status, again.json()["data"]["id"] != made["id"]) == (201, True)
        assert (await costs.ask(THRESHOLDS, method="POST", **GOOD)).status == 200


async def test_a_key_finds_its_threshold_whatever_that_was_changed_to() -> None:
    async with served_costs() as costs:
        made = await costs.ask(THRESHOLDS, method="POST", key="k1", **GOOD)
        its = made.json()["data"]["id"]
        await costs.ask(THRESHOLDS, method="PUT", thresholdId=its, threshold=9)
        again = await costs.ask(THRESHOLDS, method="POST", key="k1", **GOOD)
        assert (made.status, again.status) == (201, 200)
        assert (again.json()["data"]["id"], again.json()["data"]["threshold"]) == (its, 9)
        of_bob = await costs.ask(THRESHOLDS, "bob", method="POST", key="k1", **GOOD)
        assert of_bob.status == 201


async def test_a_key_that_comes_with_another_threshold_is_refused() -> None:
    async with served_costs() as costs:
        await costs.ask(THRESHOLDS, method="POST", key="k1", **GOOD)
        other = await costs.ask(THRESHOLDS, method="POST", key="k1", **GOOD | {"threshold": 1})
        assert (other.status, "Send another key" in other.json()["error"]) == (422, True)
        assert (await costs.ask(THRESHOLDS, method="POST", key="k" * 256, **GOOD)).status == 400
        assert len(await costs.thresholds.all()) == 1


# -- who is told -------------------------------------------------------------------------


async def told(costs: ServedCosts) -> list[str]:
    """Whom an operator's channels tell of the one alert that a look raises."""
    await costs.spent(costs.row("a", nano_usd=10**9))
    await costs.watch.look()
    [alert] = costs.services.alerts
    notice = notice_of(alert, "id", costs.now)
    return [one.channel for one in chosen(notice, CHANNELS, alert.channels)]


@pytest.mark.parametrize(
    ("asked", "channels"),
    [(["email"], ["mine"]), (["mine", "in_app"], ["mine"]), (["in_app"], [])],
    ids=str,
)
async def test_an_alert_goes_where_its_threshold_says(
    asked: list[str], channels: list[str]
) -> None:
    async with served_costs() as costs:
        said = GOOD | {"notificationChannels": asked}
        assert (await costs.ask(THRESHOLDS, method="POST", **said)).status == 201
        assert await told(costs) == channels


async def test_an_administrators_threshold_about_all_reaches_those_it_names() -> None:
    async with served_costs() as costs:
        said = GOOD | {"notificationChannels": ["team"]}
        made = await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        assert made.status == 201
        assert await told(costs) == ["team"]


@pytest.mark.parametrize("name", ["team", "slack", "sms", "grave", "b.example.com"])
async def test_a_user_cannot_have_others_told(name: str) -> None:
    async with served_costs() as costs:
        said = GOOD | {"notificationChannels": ["in_app", name]}
        refused = await costs.ask(THRESHOLDS, method="POST", **said)
        says = refused.json()["error"]
        assert refused.status == 400
        assert f"notificationChannels: {name} would not be told of an alert about one user" in says
        assert "in_app, email would be" in says
        assert "mine" not in says
        assert await costs.thresholds.all() == ()


async def test_an_administrator_is_told_which_channels_would_be_told() -> None:
    async with served_costs() as costs:
        said = GOOD | {"notificationChannels": ["grave"]}
        refused = await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        assert (refused.status, "in_app, email, mine, slack, team" in refused.json()["error"]) == (
            400,
            True,
        )
        said |= {"severity": "critical"}
        made = await costs.ask(THRESHOLDS, "root", admin=True, method="POST", **said)
        assert made.status == 201
        its = made.json()["data"]["id"]
        change: dict[str, Any] = {"thresholdId": its, "severity": "warning"}
        less = await costs.ask(THRESHOLDS, "root", admin=True, method="PUT", **change)
        assert less.status == 400
        off: dict[str, Any] = {"thresholdId": its, "enabled": False}
        assert (await costs.ask(THRESHOLDS, "root", admin=True, method="PUT", **off)).status == 200


async def test_without_anybody_who_tells_no_threshold_is_taken() -> None:
    async with served_costs(tells=False) as costs:
        reply = await costs.ask(THRESHOLDS, method="POST", **GOOD)
        assert (reply.status, "plugin notify" in reply.json()["error"]) == (503, True)
