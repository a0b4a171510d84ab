"""POST /api/campaigns: which actions there are, what they mean, and how long it took."""

from typing import get_args

import pytest

from plugins.transform.profiles.asked import Moment
from plugins.transform.profiles.huntaze_campaigns import TYPES, Action, Campaign
from proxy.api import WorkflowResult

CANONICAL = {
    "content_planning",
    "message_generation",
    "content_validation",
    "campaign_execution",
}


def test_every_action_has_a_workflow_and_canonical_names_are_their_own() -> None:
    assert set(TYPES) == set(get_args(Action))
    assert set(TYPES.values()) == CANONICAL
    assert {name: TYPES[name] for name in TYPES if name in CANONICAL} == {
        name: name for name in CANONICAL
    }


@pytest.mark.parametrize(
    ("seconds", "told"), [(0.0, "0ms"), (0.0126, "13ms"), (1.25, "1250ms"), (95.0, "95000ms")]
)
def test_the_duration_is_told_in_whole_milliseconds(seconds: float, told: str) -> None:
    campaign = Campaign(action="plan_campaign", payload={})
    result = WorkflowResult(workflow_id="w", status="completed", content="Done.")
    answer = campaign.to_legacy(result, Moment(0.0, seconds))
    assert answer.headers["X-Duration"] == told


def test_the_result_and_the_data_are_one_object() -> None:
    campaign = Campaign(action="content_planning", payload={})
    result = WorkflowResult(workflow_id="w", status="completed", content="Done.")
    document = campaign.to_legacy(result, Moment(0.0, 0.0)).document
    assert document["result"] is document["data"]
