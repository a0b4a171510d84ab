"""Alerts in words."""

from plugins.notify.channels.wording import LISTED, body_of, title_of
from tests.plugins.notify.telling import told


def test_one_alert_is_named_with_what_is_said_of_it() -> None:
    assert title_of(told(1)) == "WARNING something_wrong: thing"
    assert title_of(told(1, resolves=True)) == "RESOLVED something_wrong: thing"
    assert title_of(told(1, test=True)) == "TEST something_wrong: thing"
    assert body_of(told(1)) == "text 1"


def test_several_are_counted_and_named_as_far_as_there_is_room() -> None:
    many = told(*range(1, LISTED + 4), severity="critical")
    assert title_of(many) == f"{LISTED + 3} alerts, {LISTED + 3} critical"
    lines = body_of(many).splitlines()
    assert lines[0] == "2025-06-15 15:06:40 UTC  CRITICAL something_wrong: thing"
    assert lines[-1] == "and 3 more: GET /api/v2/alerts lists them all"
    assert title_of(told(1, 2, resolves=True)) == "2 alerts, 2 resolved"
