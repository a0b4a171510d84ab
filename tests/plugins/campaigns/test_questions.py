"""What may be asked in a query, and what is said to the rest."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.campaigns.declining import DeclinedError
from plugins.campaigns.questions import asked_costs, asked_period, asked_status
from tests.kit.properties import examples


def test_without_anything_the_ten_newest_are_asked_for() -> None:
    assert asked_status("") == (None, None, None, 10, False)


def test_everything_that_can_be_asked_of_the_status() -> None:
    query = "workflowId=wf%2F1&userId=ann&status=failed&limit=100&stream=true"
    assert asked_status(query) == ("wf/1", "ann", "failed", 100, True)


STATUS_PROBLEMS = {
    "limit=0": "limit is a whole number from 1 to 100",
    "limit=101": "limit is a whole number from 1 to 100",
    "limit=ten": "limit is a whole number",
    "limit=": "limit is a whole number",
    "limit=%C2%B2": "limit is a whole number",
    "limit=+5": "limit is a whole number",
    "status=done": "status is one of running, queued, completed",
    "workflowId=": "workflowId has 1 to 256 characters",
    f"userId={'x' * 257}": "userId has 1 to 256 characters",
    "stream=1": "stream is one of true, false",
    "user_id=ann": "the query knows workflowId, userId, status, limit, stream",
    "limit=5&limit=6": "the query says something twice",
    "&".join(f"a{number}=1" for number in range(30)): "more than 20 parts",
}


@pytest.mark.parametrize("query", STATUS_PROBLEMS)
def test_what_cannot_be_asked_of_the_status_is_refused_in_words(query: str) -> None:
    with pytest.raises(DeclinedError, match=STATUS_PROBLEMS[query]) as caught:
        asked_status(query)
    assert caught.value.reply.status == 400


DAY = 86400.0
SPANS = {
    ("2026-11-01", "2026-11-01"): (1793491200.0, DAY),
    ("2026-11-01", "2026-11-02"): (1793491200.0, 2 * DAY),
    ("2026-11-01T12:00:00Z", "2026-11-01T13:00:00Z"): (1793534400.0, 3600.0),
    ("2026-11-01T12:00", "2026-11-01T12:00:00.5"): (1793534400.0, 0.5),
    ("2026-11-01T12:00:00+01:00", "2026-11-01T12:00:00Z"): (1793530800.0, 3600.0),
    ("2026-08-03", "2026-10-31"): (1785715200.0, 90 * DAY),
}


@pytest.mark.parametrize("range_", SPANS)
def test_a_range_is_two_dates_or_times_in_utc_and_ends_with_its_last_day(
    range_: tuple[str, str],
) -> None:
    asked = asked_costs(urlencode({"startDate": range_[0], "endDate": range_[1]}))
    since, length = SPANS[range_]
    assert asked.span == (since, since + length, *range_)
    assert (asked.grouping, asked.user_id) == ("day", None)


COSTS_PROBLEMS = {
    "": "startDate and endDate must be there",
    "startDate=2026-11-01": "endDate must be there",
    "startDate=2026-11-02&endDate=2026-11-01": "startDate has to be before endDate",
    "startDate=2026-11-01T00:00Z&endDate=2026-11-01T00:00Z": "startDate has to be before",
    "startDate=2026-08-02&endDate=2026-10-31": "at most 90 days",
    "startDate=20261101&endDate=2026-11-01": "startDate is a date such as 2026-11-01",
    "startDate=2026-W44-1&endDate=2026-11-01": "startDate is a date",
    "startDate=2026-11-31&endDate=2026-12-01": "startDate is a date",
    "startDate=2026-11-01&endDate=now": "endDate is a date",
    "startDate=0001-01-01&endDate=0001-01-02": "startDate is a date",
    "startDate=9999-12-31&endDate=9999-12-31": "startDate is a date",
    "startDate=2026-11-01&endDate=2026-11-01&groupBy=year": "groupBy is one of day, week, month",
}


@pytest.mark.parametrize("query", COSTS_PROBLEMS)
def test_what_cannot_be_asked_of_the_costs_is_refused_in_words(query: str) -> None:
    with pytest.raises(DeclinedError, match=COSTS_PROBLEMS[query]) as caught:
        asked_costs(query)
    assert caught.value.reply.status == 400


def test_figures_are_asked_for_a_period() -> None:
    assert asked_period("") == "24h"
    assert asked_period("period=30d") == "30d"
    with pytest.raises(DeclinedError, match="period is one of 1h, 24h, 7d, 30d"):
        asked_period("period=1y")


@given(st.text(max_size=60))
@examples(150)
def test_any_query_is_read_or_refused(query: str) -> None:
    for read in (asked_status, asked_costs, asked_period):
        for text in (query, f"startDate={query}&endDate=2026-11-01", f"period={query}"):
            status = 200
            try:
                read(text)
            except DeclinedError as declined:
                status = declined.reply.status
            assert status in (200, 400)
