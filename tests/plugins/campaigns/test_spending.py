"""What campaigns have cost, summed up without losing a nano-dollar."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.campaigns.spending import GROUPINGS, Grouping, Span, costs_of, sum_of
from plugins.campaigns.writing import json_of
from proxy.api import Reply
from proxy.api.workflows import WorkflowCosts
from tests.kit.properties import examples

SPAN = Span(0.0, 1.0, "2026-11-01", "2026-11-30")
ROWS = (
    WorkflowCosts("2026-11-01", "content_planning", "azure", 2, 100, 3_000_000),
    WorkflowCosts("2026-11-02", "content_planning", "azure", 1, 50, 1_500_000),
    WorkflowCosts("2026-11-02", "message_generation", "openai", 3, 30, 1),
    WorkflowCosts("2026-12-31", "message_generation", "openai", 1, 10, 2),
)


def told(grouping: Grouping = "day", rows: tuple[WorkflowCosts, ...] = ROWS) -> Any:
    return Reply(body=json_of(costs_of(rows, SPAN, grouping))).json()["data"]


def test_costs_are_told_by_type_and_provider_and_all_together() -> None:
    data = told()
    assert data["summary"] == {
        "totalCampaigns": 7,
        "totalCost": 0.004500003,
        "avgCostPerCampaign": 0.000642858,  # 642,857.571 nano-dollars
        "dateRange": {"start": "2026-11-01", "end": "2026-11-30"},
    }
    assert data["byCampaignType"] == [
        {"type": "content_planning", "campaigns": 3, "cost": 0.0045, "tokens": 150},
        {"type": "message_generation", "campaigns": 4, "cost": 3e-9, "tokens": 40},
    ]
    assert data["providerBreakdown"] == {
        "azure": {"campaigns": 3, "cost": 0.0045, "tokens": 150},
        "openai": {"campaigns": 4, "cost": 3e-9, "tokens": 40},
    }
    assert data["insights"] == {
        "mostExpensiveType": "content_planning",
        "mostExpensiveDay": "2026-11-01",
    }


GROUPS: dict[Grouping, list[str]] = {
    "day": ["2026-11-01", "2026-11-02", "2026-12-31"],
    "week": ["2026-W44", "2026-W45", "2026-W53"],
    "month": ["2026-11", "2026-12"],
    "campaign": ["content_planning", "message_generation"],
}


@pytest.mark.parametrize("grouping", get_args(Grouping))
def test_costs_are_grouped_as_is_asked_for(grouping: Grouping) -> None:
    assert [one["group"] for one in told(grouping)["groups"]] == GROUPS[grouping]


def test_where_nothing_was_spent_nothing_is_made_up() -> None:
    data = told(rows=())
    assert data["summary"]["avgCostPerCampaign"] == 0
    assert data["insights"] == {"mostExpensiveType": None, "mostExpensiveDay": None}
    assert (data["groups"], data["byCampaignType"], data["providerBreakdown"]) == ([], [], {})


DAYS = st.dates().map(lambda day: day.isoformat())
ROW = st.builds(
    WorkflowCosts,
    DAYS,
    st.sampled_from(["content_planning", "message_generation"]),
    st.sampled_from(["azure", "openai"]),
    st.integers(0, 1000),
    st.integers(0, 10**9),
    st.integers(0, 10**15),
)


@given(st.lists(ROW, max_size=12), st.sampled_from(get_args(Grouping)))
@examples(60)
def test_however_it_is_parted_the_parts_are_the_whole(
    rows: list[WorkflowCosts], grouping: Grouping
) -> None:
    data = costs_of(rows, SPAN, grouping).data
    total = sum_of(rows)
    assert total.cost * 10**9 == sum(row.nano_usd for row in rows)
    for parts in (data.groups, data.by_campaign_type, data.provider_breakdown.values()):
        assert sum(one.cost for one in parts) == total.cost == data.summary.total_cost
        assert sum(one.campaigns for one in parts) == total.campaigns
        assert sum(one.tokens for one in parts) == total.tokens
    assert set(GROUPINGS) == set(get_args(Grouping))
