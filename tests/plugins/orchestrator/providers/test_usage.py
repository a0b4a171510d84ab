from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import Usage
from plugins.orchestrator.providers.usage import tier_of, usage_of


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
        pytest.param(said(100, 20), Usage(100, 0, 20, 0, requests=1), id="plain"),
        pytest.param(
            said(1000, 20, cached=900), Usage(100, 900, 20, 0, requests=1), id="cached-once"
        ),
        pytest.param(
            said(10, 500, reasoning=400), Usage(10, 0, 100, 400, requests=1), id="reasoning-once"
        ),
        pytest.param(said(64, 9, cached=64), Usage(0, 64, 9, 0, requests=1), id="all-cached"),
        pytest.param(said(5, 64, reasoning=64), Usage(5, 0, 0, 64, requests=1), id="all-reasoning"),
        pytest.param(said(50, 7, 30, 6), Usage(20, 30, 1, 6, requests=1), id="both"),
        pytest.param(said(0, 0), Usage(requests=1), id="nothing"),
        pytest.param(
            {"prompt_tokens": 8, "completion_tokens": 2, "prompt_tokens_details": None},
            Usage(8, 0, 2, 0, requests=1),
            id="without-details",
        ),
        pytest.param({"prompt_tokens": 8}, Usage(8, 0, 0, 0, requests=1), id="prompt-alone"),
    ],
)
def test_each_token_is_in_exactly_one_part(usage: dict[str, Any], parts: Usage) -> None:
    assert usage_of(usage) == (parts, "")


@pytest.mark.parametrize(
    ("usage", "parts", "doubt"),
    [
        pytest.param(
            said(10, 50, reasoning=200, total=260),
            Usage(10, 0, 50, 200, requests=1),
            "reasoning_tokens are counted beside completion_tokens",
            id="reasoning-beside",
        ),
        pytest.param(
            said(10, 300, reasoning=200, total=510),
            Usage(10, 0, 300, 200, requests=1),
            "reasoning_tokens are counted beside completion_tokens",
            id="reasoning-beside-and-smaller",
        ),
        pytest.param(
            said(10, 5, cached=900, total=915),
            Usage(10, 900, 5, 0, requests=1),
            "cached_tokens are counted beside prompt_tokens",
            id="cached-beside",
        ),
        pytest.param(
            said(10, 5, cached=900, reasoning=7, total=922),
            Usage(10, 900, 5, 7, requests=1),
            "reasoning_tokens are counted beside completion_tokens; "
            "cached_tokens are counted beside prompt_tokens",
            id="both-beside",
        ),
        pytest.param(
            said(10, 5, cached=11),
            Usage(0, 10, 5, 0, requests=1),
            "cached_tokens 11 exceed prompt_tokens 10 and are cut to that",
            id="more-cached-than-there-is",
        ),
        pytest.param(
            said(10, 5, reasoning=6),
            Usage(10, 0, 0, 5, requests=1),
            "reasoning_tokens 6 exceed completion_tokens 5 and are cut to that",
            id="more-reasoning-than-there-is",
        ),
        pytest.param(
            said(-1, 5, total=5),
            Usage(0, 0, 5, 0, requests=1),
            "prompt_tokens is no number of tokens and counts as 0",
            id="negative",
        ),
        pytest.param(
            {"prompt_tokens": "12", "completion_tokens": True},
            Usage(requests=1),
            "prompt_tokens is no number of tokens and counts as 0; "
            "completion_tokens is no number of tokens and counts as 0",
            id="no-numbers",
        ),
        pytest.param(
            {"prompt_tokens": 10**12, "completion_tokens": 1},
            Usage(0, 0, 1, 0, requests=1),
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


def detailed(prompt: int, completion: int, **parts: int) -> dict[str, Any]:
    """A usage with all its parts inside of the sums."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": parts.get("cached", 0),
            "cache_creation_tokens": parts.get("written", 0),
            "audio_tokens": parts.get("heard", 0),
            "image_tokens": parts.get("seen", 0),
        },
        "completion_tokens_details": {
            "reasoning_tokens": parts.get("thought", 0),
            "audio_tokens": parts.get("spoken", 0),
        },
    }


def test_each_part_is_told_apart() -> None:
    said = detailed(100, 50, cached=10, written=20, heard=30, seen=5, thought=7, spoken=11)
    assert usage_of(said) == (Usage(35, 10, 32, 7, 20, 30, 5, 11, requests=1), "")


@pytest.mark.parametrize(
    "written",
    [
        {"prompt_tokens_details": {"cache_write_tokens": 8}},
        {"prompt_tokens_details": {"cache_creation_tokens": 8}},
        {"cache_creation_input_tokens": 8},
    ],
    ids=str,
)
def test_cache_writes_have_many_names(written: dict[str, Any]) -> None:
    found = usage_of({"prompt_tokens": 10, "completion_tokens": 1, **written})
    assert found == (Usage(2, 0, 1, 0, 8, requests=1), "")


def test_cache_writes_may_be_counted_beside_like_all_else() -> None:
    said = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "total_tokens": 515,
        "cache_creation_input_tokens": 500,
    }
    doubt = "cache_creation_input_tokens are counted beside prompt_tokens"
    assert usage_of(said) == (Usage(10, 0, 5, 0, 500, requests=1), doubt)


def test_a_token_that_is_said_to_be_two_things_is_one() -> None:
    found = usage_of(detailed(10, 5, cached=8, heard=6))
    assert found.usage == Usage(0, 8, 5, 0, input_audio=2, requests=1)
    assert found.doubt == (
        "audio_tokens 6 exceed what is left of prompt_tokens 2 and are cut to that"
    )


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, *[COUNT | st.just(0)] * 6)
def test_parts_of_the_prompt_are_the_prompt_and_parts_of_the_answer_the_answer(
    prompt: int,
    completion: int,
    cached: int,
    written: int,
    heard: int,
    seen: int,
    thought: int,
    spoken: int,
) -> None:
    parts = {"cached": cached, "written": written, "heard": heard, "seen": seen}
    found = usage_of(detailed(prompt, completion, **parts, thought=thought, spoken=spoken))
    usage = found.usage
    assert usage is not None
    assert (usage.prompt, usage.completion) == (prompt, completion)
    assert min(usage) >= 0
    is_sound = sum(parts.values()) <= prompt and thought + spoken <= completion
    assert (found.doubt == "") == is_sound
    if is_sound:
        told = (usage.input_cached, usage.input_cache_write, usage.input_audio, usage.input_image)
        assert told == tuple(parts.values())
        assert (usage.output_reasoning, usage.output_audio) == (thought, spoken)


@pytest.mark.parametrize(
    ("said", "tier"),
    [({"service_tier": "flex"}, "flex"), ({}, ""), ({"service_tier": None}, ""), ({"x": 1}, "")],
    ids=str,
)
def test_the_service_tier_is_what_the_answer_names(said: dict[str, Any], tier: str) -> None:
    assert tier_of(said) == tier
