"""Who is told of what."""

from typing import Any

import pytest

from plugins.notify.choosing import FAILING, chosen
from plugins.notify.settings import ChannelSettings, PagerDutySettings, SlackSettings
from plugins.notify.store import Wanted
from tests.plugins.notify.stores.bench import notice

SLACK = SlackSettings(url="https://hooks.example/x")


def names(channels: dict[str, dict[str, Any]], **more: Any) -> list[str]:
    made = {name: ChannelSettings(slack=SLACK, **said) for name, said in channels.items()}
    return [one.channel for one in chosen(notice(1, **more), made)]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "grave enough": ({"min_severity": "critical"}, {"severity": "critical"}, True),
    "not grave enough": ({"min_severity": "critical"}, {"severity": "warning"}, False),
    "a warning, by default": ({}, {"severity": "warning"}, True),
    "an info, by default": ({}, {"severity": "info"}, False),
    "by its name": ({"alerts": ("other", "some*wron?")}, {}, True),
    "not by its name": ({"alerts": ("something",)}, {}, False),
    "about a user, by default": ({}, {"user": "ann"}, False),
    "about a user": ({"users": True}, {"user": "ann"}, True),
}


@pytest.mark.parametrize("case", CASES)
def test_a_channel_is_told_of_what_it_wants(case: str) -> None:
    channel, alert, is_told = CASES[case]
    assert names({"ops": channel}, **alert) == (["ops"] if is_told else [])


ASKED: dict[str, tuple[dict[str, Any], tuple[str, ...], list[str]]] = {
    "nobody in particular": ({}, (), ["ops", "team"]),
    "one by its name": ({}, ("team",), ["team"]),
    "all of a kind": ({}, ("slack",), ["ops", "team"]),
    "the list alone": ({}, ("in_app",), []),
    "one that there is not": ({}, ("sms", "team"), ["team"]),
    "one that does not want it": ({"min_severity": "critical"}, ("ops",), []),
}


@pytest.mark.parametrize("case", ASKED)
def test_what_an_alert_asks_for_leaves_others_out_and_adds_nobody(case: str) -> None:
    ops, only, told = ASKED[case]
    made = {"ops": ChannelSettings(slack=SLACK, **ops), "team": ChannelSettings(slack=SLACK)}
    assert [one.channel for one in chosen(notice(1), made, only)] == told


def test_a_user_who_asks_for_a_channel_that_is_told_of_no_users_reaches_nobody() -> None:
    made = {"ops": ChannelSettings(slack=SLACK), "mine": ChannelSettings(slack=SLACK, users=True)}
    found = chosen(notice(1, user="ann"), made, ("ops", "slack"))
    assert [one.channel for one in found] == ["mine"]


def test_a_channel_is_not_told_that_it_cannot_be_told() -> None:
    both: dict[str, dict[str, Any]] = {"ops": {}, "mail": {}}
    assert names(both, name=FAILING, subject="ops") == ["mail"]
    assert names(both, name="other", subject="ops") == ["ops", "mail"]


def test_an_end_may_go_to_all_and_closes_incidents_whatever_the_cap_says() -> None:
    service = PagerDutySettings(routing_key="R0123456789")
    channels = {
        "ops": ChannelSettings(slack=SLACK, min_severity="critical"),
        "oncall": ChannelSettings(pagerduty=service),
    }
    found = chosen(notice(1, severity="info", resolves=True), channels)
    assert found == (Wanted("ops"), Wanted("oncall", free=True))
