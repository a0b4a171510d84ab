"""A breakdown in legacy's words: parts are the whole, and what is not known is null."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.covering import Span
from plugins.cost_meter.row import Sums, plus, sums_of
from plugins.cost_meter.serving.showing import BreakdownData, breakdown_of, savings_of
from proxy.api.documents import json_of
from tests.kit.properties import examples
from tests.plugins.cost_meter.rowed import NOON, row, rows

SPAN = Span(NOON - 86400, NOON)


def breakdown(
    made: list[Any], hourly: dict[int, Sums] | None = None, **baseline: int
) -> BreakdownData:
    """The breakdown of rows."""
    daily: dict[tuple[str, ...], Sums] = {}
    routes: dict[tuple[str, ...], Sums] = {}
    for one in made:
        day, route = ("2025-11-24", one.provider), (one.route, one.arm)
        daily[day] = plus(daily.get(day, Sums()), sums_of(one))
        routes[route] = plus(routes.get(route, Sums()), sums_of(one))
    return breakdown_of(SPAN, daily, hourly, routes, savings_of(routes, baseline, None, ()))


@given(st.lists(rows(st.just(NOON)), max_size=12))
@examples(80)
def test_providers_arms_and_days_each_come_to_the_whole(made: list[Any]) -> None:
    found = breakdown(made)
    whole = sum(one.nano_usd for one in made)
    assert int(found.cost_nano_usd) == whole == found.total_cost * 10**9
    for parts in (found.providers.values(), found.arms.values(), found.trends.daily_costs):
        assert sum(int(one.cost_nano_usd) for one in parts) == whole
        assert sum(one.cost for one in parts) == found.total_cost


def test_a_small_amount_is_not_rounded_to_nothing() -> None:
    text = json_of(breakdown([row(nano_usd=2_000_000), row(nano_usd=1)]))
    assert b'"totalCost":0.002000001,"costNanoUsd":"2000001"' in text


def test_nothing_spent_shows_zeros_and_no_mean() -> None:
    found = breakdown([])
    assert found.providers.keys() == {"azure", "openai"}
    assert found.providers["azure"].avg_cost_per_request is None
    assert (found.avg_cost_per_request, found.avg_cost_per_answer) == (None, None)
    assert found.total_cost == 0
    assert found.estimated.share is None
    assert found.savings.against_legacy is None
    assert found.trends.hourly_usage is None


def test_what_failed_is_part_of_what_an_answer_costs() -> None:
    made = [row(nano_usd=300), row(again="retry", outcome="failed", nano_usd=100)]
    found = breakdown(made)
    assert (found.requests, found.providers["openai"].requests) == (1, 2)
    assert found.avg_cost_per_answer == Decimal(400).scaleb(-9)


def test_what_new_saves_is_told_beside_what_legacy_would_have_cost() -> None:
    made = [row(nano_usd=300), row(nano_usd=500), row(route="else", nano_usd=7)]
    assert breakdown(made, campaigns=1000).savings.against_legacy == Decimal(1200).scaleb(-9)
    assert breakdown(made, campaigns=100).savings.against_legacy == Decimal(-600).scaleb(-9)


def test_estimates_are_told_with_their_share() -> None:
    found = breakdown([row(nano_usd=300), row(nano_usd=100, estimated=True)])
    assert (found.estimated.requests, found.estimated.share) == (1, Decimal("0.2500"))
    assert b'"share":0.25' in json_of(found)
