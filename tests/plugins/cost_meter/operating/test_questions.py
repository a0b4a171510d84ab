"""What operators ask is read strictly, and what is wrong is said."""

import pytest

from plugins.cost_meter.covering import Calendar
from plugins.cost_meter.operating.questions import asked_report, asked_rows, covered

DAYS, NOW = Calendar("Europe/Berlin"), 1_795_458_130.0


def test_a_report_is_of_this_month_by_provider_unless_said() -> None:
    asked = asked_report("", DAYS, NOW)
    assert asked.span == (DAYS.month(NOW).since, NOW)
    assert (asked.by, asked.grain, asked.where, asked.limit, asked.skip) == (
        ("provider",),
        None,
        {},
        100,
        0,
    )


def test_dimensions_and_conditions_are_read() -> None:
    asked = asked_report("by=arm,model&grain=day&arm=new&user=(unverified)&skip=3", DAYS, NOW)
    assert (asked.by, asked.grain, asked.skip) == (("arm", "model"), "day", 3)
    assert asked.where == {"arm": "new", "user": ""}
    assert asked_report("by=", DAYS, NOW).by == ()


def test_times_are_dates_times_or_how_long_ago() -> None:
    assert asked_rows("since=90m", DAYS, NOW).span == (NOW - 5400, NOW)
    day = asked_rows("since=2026-11-01&until=2026-11-01", DAYS, NOW).span
    assert (day.since, day.until - day.since) == (1_793_487_600.0, 86400)
    exact = asked_rows("since=2026-11-01T09:00Z&until=2026-11-01T11:00", DAYS, NOW)
    assert exact.span.until - exact.span.since == 3600


def test_days_have_names_and_a_report_by_day_cuts_none_in_two() -> None:
    today = DAYS.day(NOW)
    yesterday = asked_report("since=yesterday&until=yesterday", DAYS, NOW).span
    assert yesterday == (DAYS.day(today.since - 1).since, today.since)
    assert asked_rows("since=today", DAYS, NOW).span == (today.since, NOW)
    whole = asked_report("since=7d&grain=day", DAYS, NOW).span
    assert whole == (DAYS.day(NOW - 7 * 86400).since, NOW)
    assert asked_report("since=400d&grain=day", DAYS, NOW).span.since < NOW - 400 * 86400
    assert asked_report("since=24h&grain=day", DAYS, NOW).span.since == NOW - 86400


WRONG = {
    "by=colour": "by: some of user, route",
    "by=arm,arm": "each once",
    "grain=week": "grain: one of minute, hour, day, month",
    "since=tomorrow": "since: a date such as",
    "since=1d&until=2d": "since: has to be before until",
    "since=1d&until=1d": "since: has to be before until",
    "since=40d&grain=hour": "by hour is of 31 days at most",
    "since=99999d": "of 800 days at most",
    "limit=1001": "limit: a whole number from 1 to 1000",
    "skip=-1": "skip: a whole number",
    "x=1": "the query knows",
}


@pytest.mark.parametrize("query", WRONG)
def test_what_is_wrong_is_said(query: str) -> None:
    with pytest.raises(ValueError, match=WRONG[query]):
        asked_report(query, DAYS, NOW)


def test_what_a_bill_covers_is_said_in_days_of_utc_or_not_at_all() -> None:
    assert covered("", "", NOW) == (None, None)
    since, until = covered("2026-10-01", "2026-10-31", NOW)
    assert (since, until) == (1_790_812_800.0, 1_793_491_200.0)
    assert covered("", "2026-10-31T12:00:00", NOW) == (None, 1_793_448_000.0)
    with pytest.raises(ValueError, match="since: has to be before until"):
        covered("2026-11-01", "2026-10-31", NOW)
    with pytest.raises(ValueError, match="until: a date such as"):
        covered("", "later", NOW)
