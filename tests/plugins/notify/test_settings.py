"""Settings that are of no use are told with their place and what is wanted there, no secret."""

import re
from typing import Any

import pytest

from plugins.notify import Notify
from plugins.notify.settings import NotifySettings, cap_of
from proxy.api.testing.checks import read_settings

HUSH = "https://hooks.example/T0/B0/hush-hush"
SLACK = {"slack": {"url": HUSH}}
MAIL = {"host": "mail.example", "sender": "a@b.c", "to": ["d@e.f"]}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no kind": ({}, "exactly one of slack, email, pagerduty, webhook"),
    "two kinds": (SLACK | {"webhook": {"url": HUSH, "secret": "x" * 16}}, "exactly one of"),
    "a URL without encryption": (
        {"slack": {"url": "http://hush-hush.example/x"}},
        "a URL with htt",
    ),
    "a URL with a password": ({"slack": {"url": "https://u:hush-hush@h.example/"}}, "a URL with"),
    "a URL that is none": ({"slack": {"url": "https://[hush-hush"}}, "a URL with https"),
    "a URL with a space": ({"slack": {"url": f"{HUSH} x"}}, "a URL with https"),
    "a short secret": ({"webhook": {"url": HUSH, "secret": "hush-hush"}}, "16"),
    "a routing key that is none": ({"pagerduty": {"routing_key": "hush hush"}}, "integration key"),
    "mail in the clear": ({"email": MAIL | {"tls": "none"}}, "starttls or tls, where the server"),
    "a name without a password": ({"email": MAIL | {"username": "u"}}, "both username and passw"),
    "a port behind the host": ({"email": MAIL | {"host": "mail.example:25"}}, "without a port"),
    "mail to nobody": ({"email": MAIL | {"to": []}}, "email.to"),
    "an address that is none": ({"email": MAIL | {"to": ["x\r\nBcc: y"]}}, "an e-mail address"),
    "a rate that is none": (SLACK | {"rate": "30"}, "such as 10/m, 30/h or 100/d"),
    "a rate of nothing": (SLACK | {"rate": "0/h"}, "such as 10/m, 30/h or 100/d"),
    "a severity that is none": (SLACK | {"min_severity": "fatal"}, "critical"),
    "a pattern that is none": (SLACK | {"alerts": ["Messages Dead"]}, "the name of an alert"),
    "a key that there is not": (SLACK | {"severity": "info"}, "severity"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_channel_is_told_at_its_place(what: str) -> None:
    channel, says = WRONG[what]
    with pytest.raises(ValueError, match=re.escape(says)) as raised:
        read_settings(Notify, {"channels": {"ops": channel}})
    assert "hush" not in str(raised.value)
    assert "ops" in str(raised.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    channels = {"ops": {}, "mail": {"email": MAIL | {"tls": "none", "username": "u"}}}
    with pytest.raises(ValueError, match="channels") as raised:
        read_settings(Notify, {"channels": channels})
    for place in ("ops", "tls", "password"):
        assert place in str(raised.value)


def test_nothing_has_to_be_said() -> None:
    read = read_settings(Notify, {})
    assert isinstance(read, NotifySettings)
    assert (read.channels, read.repeat, read.give_up) == ({}, 86_400.0, 86_400.0)


def test_secrets_are_not_shown() -> None:
    channels = {
        "a": SLACK,
        "b": {"pagerduty": {"routing_key": "hush-hush"}},
        "c": {"webhook": {"url": "http://127.0.0.1:1/hush", "secret": "hush-hush-hush-hush"}},
        "d": {"email": MAIL | {"username": "u", "password": "hush"}},
    }
    read = read_settings(Notify, {"channels": channels})
    assert isinstance(read, NotifySettings)
    assert [one.kind for one in read.channels.values()] == [
        "slack",
        "pagerduty",
        "webhook",
        "email",
    ]
    assert "hush" not in repr(read) + str(read) + read.model_dump_json()


def test_a_rate_is_a_number_of_messages_in_seconds() -> None:
    assert [cap_of(one) for one in ("10/m", "30/h", "5/d")] == [(10, 60), (30, 3600), (5, 86_400)]
    with pytest.raises(ValueError, match="30/h"):
        cap_of("often")
