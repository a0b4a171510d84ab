"""Intents for tests: the least that one needs, and every kind for hypothesis."""

from typing import Any, get_args

from hypothesis import strategies as st

from proxy.api import WorkflowIntent
from proxy.api.workflows import OnlyFansContext, WorkflowType

TYPES: tuple[WorkflowType, ...] = get_args(WorkflowType)
WORDS = st.text(min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)
CONTEXTS = st.builds(
    lambda kind, level: OnlyFansContext(message_type=kind, compliance_level=level),
    st.sampled_from(["welcome", "follow_up", "promotional", "custom", None]),
    st.sampled_from(["strict", "moderate", "relaxed"]),
)
INTENTS = st.builds(
    lambda **said: WorkflowIntent(**said),
    type=st.sampled_from(TYPES),
    user_id=WORDS,
    data=st.dictionaries(WORDS, JSON, max_size=4),
    platforms=st.lists(
        st.sampled_from(["instagram", "TikTok", "reddit", "onlyfans", "myspace"]) | WORDS,
        min_size=1,
        max_size=4,
    ).map(tuple),
    content_type=WORDS,
    send_to_only_fans=st.booleans(),
    priority=st.sampled_from(["low", "medium", "high", "critical"]),
    stream=st.booleans(),
    only_fans_context=st.none() | CONTEXTS,
)


def intent(intent_type: WorkflowType = "content_planning", **said: Any) -> WorkflowIntent:
    """An intent of the user anna."""
    return WorkflowIntent(type=intent_type, **{"user_id": "anna", **said})
