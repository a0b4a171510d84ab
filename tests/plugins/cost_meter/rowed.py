"""Rows of a ledger, as tests and hypothesis want them."""

from typing import Any

from hypothesis import strategies as st

from plugins.cost_meter.row import Row
from proxy.api.spending import NanoUSD, Usage

NOON = 1_749_988_800.0
"""2025-06-15 12:00 UTC."""

_PLAIN = Row(
    id="wf_1-1",
    kind="attempt",
    ref="",
    at=NOON,
    settled=NOON + 2,
    replica="r1",
    user="anna",
    plan="pro",
    route="campaigns",
    arm="new",
    provider="openai",
    model="gpt-4o-mini",
    deployment="mini",
    zone="global",
    intent="message_generation",
    workflow_id="wf_1",
    request_id="req-1",
    provider_id="chatcmpl-1",
    again="",
    outcome="answered",
    failure="",
    seconds=1.5,
    usage=Usage(100, 20, 30, 5),
    usage_source="provider",
    estimated=False,
    nano_usd=NanoUSD(39_500),
    price_source="genai-prices",
    confidence="exact",
    book="0123456789ab",
    tier="default",
    answered_as="gpt-4o-mini-2024-07-18",
)


def row(id: str = "wf_1-1", **said: Any) -> Row:  # noqa: A002 (the field's name)
    """A row like others but for what is said."""
    return _PLAIN._replace(id=id, **said)


TOKENS = st.integers(0, 10**6)
WORDS = st.sampled_from(("", "a", "b", "ä#/|", "x" * 64))


def rows(at: st.SearchStrategy[float]) -> st.SearchStrategy[Row]:
    """Rows at these times; ids are made by whoever needs them to differ."""
    return st.builds(
        row,
        st.uuids().map(str),
        at=at,
        user=WORDS,
        route=WORDS,
        arm=st.sampled_from(("new", "legacy", "none")),
        provider=st.sampled_from(("azure", "openai")),
        model=WORDS,
        intent=WORDS,
        again=st.sampled_from(("", "retry", "fallback", "hedge")),
        outcome=st.sampled_from(("answered", "failed", "unknown")),
        seconds=st.floats(0, 600, allow_subnormal=False),
        usage=st.builds(Usage, *[TOKENS] * len(Usage._fields)),
        estimated=st.booleans(),
        nano_usd=st.integers(0, 10**12).map(NanoUSD),
        note=WORDS,
    )
