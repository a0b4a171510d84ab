from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import Usage
from plugins.orchestrator.providers.usage import usage_of


def said(
    prompt: int, completion: int, cached: int = 0, reasoning: int = 0, total: int | None = None
) -> dict[str, Any]:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion if total is None else total,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }


@pytest.mark.parametrize(
    ("usage", "parts"),
    [
        pytest.param(said(100, 20), Usage(100, 0, 20, 0), id="plain"),
        pytest.param(said(1000, 20, cached=900), Usage(100, 900, 20, 0), id="cached-once"),
        pytest.param(said(10, 500, reasoning=400), Usage(10, 0, 100, 400), id="reasoning-once"),
        pytest.param(said(64, 9, cached=64), Usage(0, 64, 9, 0), id="all-cached"),
        pytest.param(said(5, 64, reasoning=64), Usage(5, 0, 0, 64), id="all-reasoning"),
        pytest.param(said(50, 7, 30, 6), Usage(20, 30, 1, 6), id="both"),
        pytest.param(said(0, 0), Usage(), id="nothing"),
        pytest.param(
            {"prompt_tokens": 8, "completion_tokens": 2, "prompt_tokens_details": None},
            Usage(8, 0, 2, 0),
            id="without-details",
        ),
        pytest.param({"prompt_tokens": 8}, Usage(8, 0, 0, 0), id="prompt-alone"),
    ],
)
def test_each_token_is_in_exactly_one_part(usage: dict[str, Any], parts: Usage) -> None:
    assert usage_of(usage) == (parts, "")


@pytest.mark.parametrize(
    ("usage", "parts", "doubt"),
    [
        pytest.param(
            said(10, 50, reasoning=200, total=260),
            Usage(10, 0, 50, 200),
            "reasoning_tokens are counted beside completion_tokens",
            id="reasoning-beside",
        ),
        pytest.param(
            said(10, 300, reasoning=200, total=510),
            Usage(10, 0, 300, 200),
            "reasoning_tokens are counted beside completion_tokens",
            id="reasoning-beside-and-smaller",
        ),
        pytest.param(
            said(10, 5, cached=900, total=915),
            Usage(10, 900, 5, 0),
            "cached_tokens are counted beside prompt_tokens",
            id="cached-beside",
        ),
        pytest.param(
            said(10, 5, cached=900, reasoning=7, total=922),
            Usage(10, 900, 5, 7),
            "reasoning_tokens are counted beside completion_tokens; "
            "cached_tokens are counted beside prompt_tokens",
            id="both-beside",
        ),
        pytest.param(
            said(10, 5, cached=11),
            Usage(0, 10, 5, 0),
            "cached_tokens 11 exceed prompt_tokens 10 and are cut to that",
            id="more-cached-than-there-is",
        ),
        pytest.param(
            said(10, 5, reasoning=6),
            Usage(10, 0, 0, 5),
            "reasoning_tokens 6 exceed completion_tokens 5 and are cut to that",
            id="more-reasoning-than-there-is",
        ),
        pytest.param(
            said(-1, 5, total=5),
            Usage(0, 0, 5, 0),
            "prompt_tokens is no number of tokens and counts as 0",
            id="negative",
        ),
        pytest.param(
            {"prompt_tokens": "12", "completion_tokens": True},
            Usage(),
            "prompt_tokens is no number of tokens and counts as 0; "
            "completion_tokens is no number of tokens and counts as 0",
            id="no-numbers",
        ),
        pytest.param(
            {"prompt_tokens": 10**12, "completion_tokens": 1},
            Usage(0, 0, 1, 0),
            "prompt_tokens is no number of tokens and counts as 0",
            id="absurd",
        ),
    ],
)
def test_what_cannot_be_is_clamped_and_told(
    usage: dict[str, Any], parts: Usage, doubt: str
) -> None:
    assert usage_of(usage) == (parts, doubt)


@pytest.mark.parametrize("usage", [None, {}, [], "100", 7, {"total_tokens": 5}])
def test_no_usage_is_not_known_rather_than_nothing(usage: object) -> None:
    assert usage_of(usage).usage is None


numbers = st.integers(-10, 10**6) | st.none() | st.floats() | st.text(max_size=3) | st.booleans()


@given(numbers, numbers, numbers, numbers, numbers)
def test_whatever_is_said_no_part_is_negative(
    prompt: object, completion: object, total: object, cached: object, reasoning: object
) -> None:
    usage = usage_of(
        {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": reasoning},
        }
    ).usage
    assert usage is None or min(usage) >= 0


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_the_parts_of_a_sound_usage_sum_up_to_its_total(
    prompt: int, completion: int, cached: float, reasoning: float
) -> None:
    usage = usage_of(said(prompt, completion, int(cached * prompt), int(reasoning * completion)))
    assert usage.usage is not None
    assert usage.usage.total == prompt + completion
    assert usage.doubt == ""
