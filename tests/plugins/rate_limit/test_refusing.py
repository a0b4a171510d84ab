"""What a client is told who is not let through."""

from typing import Any

import pytest

from plugins.rate_limit.refusing import refusal
from proxy.api import Reply
from proxy.api.limits import NEVER
from tests.plugins.rate_limit.test_headers import standing, window

FULL = window("user-1m", rule="user", remaining=0, reset=22.2, wait=22.2)


def refused(*windows: Any, expression: str | None = None, **said: Any) -> Reply:
    return refusal(standing(*windows, **said), expression, in_body=False)


def test_a_refusal_is_the_problem_that_is_registered_for_it() -> None:
    reply = refused(FULL, window("hour"))
    assert (reply.status, reply.headers.get("retry-after")) == (429, "23")
    assert reply.headers.get("content-type") == "application/problem+json"
    assert reply.json() == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Too Many Requests",
        "status": 429,
        "detail": "At most 60 requests in 1 minute; come again in 23 seconds.",
        "violated-policies": ["user-1m"],
    }


def test_the_window_that_is_closed_longest_is_told_of() -> None:
    long = window("hour", limit=100, seconds=3600.0, remaining=0, reset=600.0, wait=600.0)
    reply = refused(FULL, long)
    assert reply.json()["detail"] == "At most 100 requests in 1 hour; come again in 10 minutes."
    assert reply.json()["violated-policies"] == ["user-1m", "hour"]


def test_what_is_under_way_is_told_without_a_time() -> None:
    slots = window("slots", unit="concurrent-requests", limit=3, seconds=0.0, wait=1.0)
    assert "At most 3 concurrent-requests at the same time" in refused(slots).json()["detail"]


def test_the_body_can_be_what_clients_know() -> None:
    reply = refused(
        FULL,
        expression="{success: `false`, error: 'Rate limit exceeded', retry_after: retry_after_ceil,"
        " policies: violated, limit: limit, left: remaining, exact: retry_after, says: detail}",
    )
    assert (reply.status, reply.headers.get("retry-after")) == (429, "23")
    assert reply.headers.get("content-type") == "application/json"
    assert reply.json() == {
        "success": False,
        "error": "Rate limit exceeded",
        "retry_after": 23,
        "policies": ["user-1m"],
        "limit": 60,
        "left": 0,
        "exact": 22.2,
        "says": "At most 60 requests in 1 minute; come again in 23 seconds.",
    }


def test_an_expression_that_finds_nothing_leaves_the_problem() -> None:
    assert refused(FULL, expression="nothing").json()["status"] == 429


@pytest.mark.parametrize(("in_body", "status"), [(True, 413), (False, 400)])
def test_what_costs_more_than_ever_fits_is_not_to_be_sent_again(in_body: bool, status: int) -> None:
    stands = standing(window("tokens", unit="tokens", wait=NEVER))
    reply = refusal(stands, "{error: detail}", in_body=in_body)
    assert (reply.status, reply.headers.get("retry-after")) == (status, None)
    assert reply.json()["violated-policies"] == ["tokens"]
    assert reply.json()["detail"] == (
        "This costs more than is ever let through: at most 60 tokens in 1 minute."
    )


def test_without_the_store_it_is_nobodys_fault() -> None:
    reply = refused(window(remaining=0, reset=1.0, wait=1.0), degraded="closed")
    assert (reply.status, reply.headers.get("retry-after")) == (503, "1")
    assert reply.json()["type"].endswith("#temporary-reduced-capacity")
