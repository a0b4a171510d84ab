"""Queries are read strictly, and say what is wrong with them."""

from datetime import UTC, datetime

import pytest

from plugins.cost_meter.covering import Calendar
from plugins.cost_meter.serving import questions
from plugins.cost_meter.serving.declining import DeclinedError
from proxy.api import Caller

UTC_DAYS, BERLIN = Calendar("UTC"), Calendar("Europe/Berlin")
ANN = Caller("ann", "", "", False, "jwt")
ROOT = Caller("root", "admin", "", True, "jwt")


def test_an_end_date_is_a_whole_day_of_the_calendar() -> None:
    query = "startDate=2026-10-25&endDate=2026-10-25"
    asked = questions.asked_breakdown(query, BERLIN)
    assert asked.span.until - asked.span.since == 25 * 3600
    assert asked.span.since == datetime(2026, 10, 24, 22, tzinfo=UTC).timestamp()
    assert asked.user_id is None


def test_times_with_a_zone_are_taken_as_they_are() -> None:
    query = "startDate=2026-11-01T00:00:00.000Z&endDate=2026-11-02T00:00Z"
    span = questions.asked_breakdown(query, BERLIN).span
    assert (span.until - span.since, span.since % 86400) == (86400, 0)


def test_ninety_days_are_taken_and_not_one_more() -> None:
    query = "startDate=2026-01-01&endDate=2026-03-31"
    assert questions.asked_breakdown(query, BERLIN).span
    with pytest.raises(DeclinedError, match="at most 90 days"):
        questions.asked_breakdown("startDate=2026-01-01&endDate=2026-04-01", BERLIN)


WRONG = {
    "": "startDate and endDate must be there",
    "startDate=2026-11-01": "endDate must be there",
    "startDate=2026-11-01&endDate=tomorrow": "endDate: a date such as",
    "startDate=2026-11-31&endDate=2026-12-01": "startDate: a date such as",
    "startDate=2026-11-02&endDate=2026-11-01": "startDate has to be before endDate",
    "startDate=2026-11-01&endDate=2026-11-02&userId=": "userId: 1 to 256",
    "startDate=2026-11-01&startDate=2026-11-02": "says something twice",
    "startDate=0001-01-01&endDate=0001-01-02": "startDate: a date such as",
    "startDate=2026-11-01&endDate=2026-11-02&x=1": "the query knows startDate, endDate, userId",
}


@pytest.mark.parametrize("query", WRONG)
def test_what_is_wrong_is_said(query: str) -> None:
    with pytest.raises(DeclinedError, match=WRONG[query]) as told:
        questions.asked_breakdown(query, UTC_DAYS)
    assert told.value.reply.status == 400


def test_users_may_ask_about_themselves_alone() -> None:
    assert questions.whose(ANN, None) == questions.whose(ANN, "ann") == "ann"
    assert questions.whose(ROOT, None) is None
    assert questions.whose(ROOT, "ann") == "ann"
    assert questions.whose(ROOT, "(unverified)") == ""
    for other in ("bob", "(unverified)", "ANN"):
        with pytest.raises(DeclinedError) as told:
            questions.whose(ANN, other)
        assert told.value.reply.status == 403
    for group in ("", "(others)", "(unverified)"):
        with pytest.raises(DeclinedError):
            questions.whose(ANN._replace(id=group), None)


def test_alerts_are_all_unless_one_asks_for_some() -> None:
    assert questions.asked_alerts("", UTC_DAYS).acknowledged is None
    assert questions.asked_alerts("acknowledged=all", UTC_DAYS).acknowledged is None
    assert questions.asked_alerts("acknowledged=false", UTC_DAYS).acknowledged is False
    asked = questions.asked_alerts("since=2026-11-01&severity=info&limit=3", UTC_DAYS)
    assert asked == (None, "info", None, 1793491200.0, 3)
    with pytest.raises(DeclinedError, match="one of true, false, all"):
        questions.asked_alerts("acknowledged=maybe", UTC_DAYS)


def test_other_queries_are_read_with_their_defaults() -> None:
    assert questions.asked_stats("") is False
    assert questions.asked_stats("includeUsers=true") is True
    assert questions.asked_forecast("") == ("daily", None)
    assert questions.asked_optimization("minSavings=0.5") == (None, 500_000_000, 10)
    assert questions.asked_thresholds("type=daily&enabled=false") == (None, "daily", False)
    assert questions.asked_id("id=x") == "x"


@pytest.mark.parametrize(
    ("read", "query", "says"),
    [
        (questions.asked_forecast, "period=yearly", "one of daily, weekly, monthly"),
        (questions.asked_optimization, "minSavings=-1", "minSavings: US dollars"),
        (questions.asked_optimization, "limit=0", "limit: a whole number from 1 to 100"),
        (questions.asked_thresholds, "type=weekly", "one of hourly, daily, monthly, per_request"),
        (questions.asked_id, "", "id: is missing"),
    ],
)
def test_other_queries_say_what_is_wrong_too(read: object, query: str, says: str) -> None:
    with pytest.raises(DeclinedError, match=says):
        read(query)  # type: ignore[operator]
