"""Alerts as clients are shown them."""

from decimal import Decimal

import pytest

from plugins.notify.serving.showing import reply_of, shown, shown_list
from proxy.api import Measured
from proxy.api.alerts import AlertView
from tests.plugins.notify.stores.bench import NOW

VIEW = AlertView("id", "n", "s", "t", "info", "", NOW, NOW, 1, None, "", NOW, "mia")


def test_who_knows_of_it_is_for_administrators() -> None:
    assert shown(VIEW, admin=True).acknowledged_by == "mia"
    assert shown(VIEW, admin=False).acknowledged_by is None


@pytest.mark.parametrize(("ended", "resolved"), [("resolved", True), ("replaced", False)])
def test_what_was_replaced_is_over_and_not_resolved(ended: str, resolved: bool) -> None:
    found = shown(VIEW._replace(ended=ended, ended_at=NOW), admin=False)
    assert (found.resolved, found.ended_at) == (resolved, "2025-06-15T15:06:40.000Z")


def test_what_is_none_is_left_out_and_nobody_keeps_the_answer() -> None:
    reply = reply_of(shown_list([VIEW], 10, admin=False))
    assert reply.headers.get("Cache-Control") == "no-store"
    [one] = reply.json()["data"]["alerts"]
    assert None not in one.values()
    assert reply.json()["metadata"] == {"count": 1, "limit": 10}


def test_what_it_compares_is_shown() -> None:
    view = VIEW._replace(measured=Measured("USD", Decimal(4), Decimal(5), "day", NOW, NOW + 86400))
    [one] = reply_of(shown_list([view], 10, admin=False)).json()["data"]["alerts"]
    assert one["measured"] == {
        "unit": "USD",
        "limit": "4",
        "value": "5",
        "percent": 125,
        "period": "day",
        "since": "2025-06-15T15:06:40.000Z",
        "until": "2025-06-16T15:06:40.000Z",
    }
