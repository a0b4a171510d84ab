"""POST /api/content/generate: times as JavaScript writes them, and defaults as legacy has them."""

import pytest

from plugins.transform.profiles.asked import Moment
from plugins.transform.profiles.huntaze_content import Content
from proxy.api import WorkflowResult

RESULT = WorkflowResult(workflow_id="w", status="completed", content="A post.")


@pytest.mark.parametrize(
    ("now", "told"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1_750_000_000.1239, "2025-06-15T15:06:40.123Z")],
)
def test_the_time_is_told_to_the_millisecond(now: float, told: str) -> None:
    metadata = Content().to_legacy(RESULT, Moment(now, 1.0004)).document["metadata"]
    assert metadata == {"provider": "hybrid", "duration": 1000, "timestamp": told}


def test_what_is_empty_counts_as_not_said() -> None:
    empty = dict.fromkeys(("userId", "user_id", "theme", "platform", "contentType", "style"), "")
    assert Content.model_validate(empty).to_intent(None) == Content().to_intent(None)
