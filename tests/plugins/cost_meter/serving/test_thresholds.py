"""Thresholds: kept and read again, their periods, and what they tell."""

from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.covering import Calendar, Span
from plugins.cost_meter.serving.thresholds import (
    Threshold,
    alert_of,
    kept_of,
    period_of,
    read_kept,
    shown_threshold,
    standing_of,
    where_of,
)
from tests.kit.properties import examples

DAYS = Calendar("UTC")


def threshold(**said: Any) -> Threshold:
    plain = Threshold("t1", "ann", "daily", "", 5 * 10**9, "warning", True, ("email",), 1, 2, "ann")
    return plain._replace(**said)


@given(
    st.builds(
        threshold,
        user=st.one_of(st.none(), st.text(max_size=9)),
        type=st.sampled_from(("hourly", "daily", "monthly", "per_request")),
        nano_usd=st.integers(1, 10**18),
        created_at=st.floats(0, 10**10),
    )
)
@examples(100)
def test_what_is_kept_is_read_again(one: Threshold) -> None:
    assert read_kept(orjson.loads(orjson.dumps(kept_of(one)))) == one


def test_what_a_newer_version_has_kept_is_left_alone() -> None:
    assert read_kept(kept_of(threshold()) | {"more": 1}) is None
    assert read_kept(kept_of(threshold()) | {"type": "yearly"}) is None
    assert read_kept({}) is None


def test_periods_are_those_of_the_calendar() -> None:
    at = 1_763_989_384.0
    assert period_of(threshold(type="hourly"), at, DAYS) == DAYS.hour(at)
    assert period_of(threshold(type="monthly"), at, DAYS) == DAYS.month(at)
    for kind in ("daily", "per_request"):
        assert period_of(threshold(type=kind), at, DAYS) == DAYS.day(at)


def test_what_is_counted_is_one_users_and_one_providers_where_that_is_said() -> None:
    assert where_of(threshold(user=None)) == {}
    assert where_of(threshold(provider="azure")) == {"user": "ann", "provider": "azure"}


def test_an_alert_names_no_user_in_its_words_and_is_one_for_each_period() -> None:
    alert = alert_of(threshold(), 6 * 10**9, Span(100, 200), DAYS)
    assert "ann" not in alert.text + alert.subject + alert.key
    assert (alert.user, alert.severity, alert.channels) == ("ann", "warning", ("email",))
    assert alert.key != alert_of(threshold(), 6 * 10**9, Span(200, 300), DAYS).key
    assert alert.key != alert_of(threshold(nano_usd=6 * 10**9), 6 * 10**9, Span(100, 200), DAYS).key
    assert alert_of(threshold(user=None), 1, Span(0, 1), DAYS).user == ""


SAYS = {
    "hourly": "Costs of a user in the hour from 1970-01-01T00:00:00.000Z on are 6 USD, 120 % of",
    "daily": "Costs of a user on 1970-01-01 are 6 USD, 120 % of the threshold of 5 USD.",
    "monthly": "Costs of a user in 1970-01 (UTC) are 6 USD, 120 % of the threshold of 5 USD.",
    "per_request": "One request of a user on 1970-01-01 has cost 6 USD, 120 % of the threshold",
}


@pytest.mark.parametrize("kind", SAYS)
def test_an_alert_says_amount_limit_period_and_percent(kind: Any) -> None:
    one = threshold(type=kind)
    alert = alert_of(one, 6 * 10**9, period_of(one, 60.0, DAYS), DAYS)
    assert alert.text.startswith(SAYS[kind])
    found = alert.measured
    assert found is not None
    assert found[:3] == ("USD", Decimal(5), Decimal(6))
    assert found.percent == 120
    assert found.period == {"hourly": "hour", "daily": "day", "monthly": "month"}.get(
        kind, "request"
    )
    assert found.until == {"hourly": 3600, "daily": 86400, "monthly": 31 * 86400}.get(kind)


def test_the_worst_that_is_passed_is_how_it_stands() -> None:
    info, critical = threshold(severity="info"), threshold(id="t2", severity="critical")
    assert standing_of({}) is None
    assert standing_of({info: 1, critical: 2}) == "normal"
    assert standing_of({info: 5 * 10**9, critical: 2}) == "info"
    assert standing_of({info: 5 * 10**9, critical: 5 * 10**9}) == "critical"


def test_clients_see_amounts_exactly_and_all_providers_as_all() -> None:
    shown = shown_threshold(threshold(nano_usd=1, user=None))
    assert (shown.threshold_nano_usd, shown.provider, shown.user_id) == ("1", "all", None)
