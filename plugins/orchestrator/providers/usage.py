"""Reads what a provider says it has used, into parts of which each token is in exactly one.

Providers count cached tokens, cache writes, audio and images inside `prompt_tokens`, and reasoning
and audio inside `completion_tokens`. Some compatible servers count them beside; then the total says
so. Charging both the part and the whole is the commonest way to misstate a bill.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

from ..deciding.calls import Usage

__all__ = ["Counted", "tier_of", "usage_of"]

_MOST = 1_000_000_000
"""More tokens than any call has; a larger number is a mistake."""

_PROMPT, _COMPLETION = "prompt_tokens", "completion_tokens"
_INPUT, _OUTPUT = "prompt_tokens_details", "completion_tokens_details"
_WRITES = ("cache_creation_tokens", "cache_write_tokens")
"""Names of cache writes in the details; beside them there is `cache_creation_input_tokens`."""
_TIER_MOST = 64


class Counted(NamedTuple):
    """What was used, as far as it is known."""

    usage: Usage | None
    """None: the provider did not say."""
    doubt: str = ""
    """What it said that cannot be, and what was made of it; empty: nothing."""


class _Part(NamedTuple):
    """Tokens that are counted apart."""

    name: str
    """As the provider calls them."""
    tokens: int
    of: str
    """The sum that they should be inside of."""


def tier_of(document: Mapping[str, Any]) -> str:
    """Return the service tier that an answer, or a chunk of one, names; empty: none."""
    said = document.get("service_tier")
    return said[:_TIER_MOST] if isinstance(said, str) else ""


def usage_of(said: object) -> Counted:
    """Read the `usage` of a chat completion. Never raises; what cannot be is clamped and told."""
    if not isinstance(said, Mapping):
        return Counted(None)
    doubts: list[str] = []
    prompt = _number(said, _PROMPT, doubts)
    completion = _number(said, _COMPLETION, doubts)
    if prompt is None and completion is None:
        return Counted(None, "; ".join(doubts))
    cached = _Part("cached_tokens", _detail(said, _INPUT, "cached_tokens", doubts), _PROMPT)
    written = _written(said, doubts)
    audio = _detail(said, _INPUT, "audio_tokens", doubts)
    image = _detail(said, _INPUT, "image_tokens", doubts)
    thought = _detail(said, _OUTPUT, "reasoning_tokens", doubts)
    reasoning = _Part("reasoning_tokens", thought, _COMPLETION)
    spoken = _detail(said, _OUTPUT, "audio_tokens", doubts)
    sums = {_PROMPT: prompt or 0, _COMPLETION: completion or 0}
    beside = (_number(said, "total_tokens", doubts) or 0) - sum(sums.values())
    for part in _beside((reasoning, cached, written), beside):
        sums[part.of] += part.tokens
        doubts.append(f"{part.name} are counted beside {part.of}")
    inputs = (
        cached,
        written,
        _Part("audio_tokens", audio, _PROMPT),
        _Part("image_tokens", image, _PROMPT),
    )
    outputs = (reasoning, _Part("audio_tokens", spoken, _COMPLETION))
    text_in, (read, wrote, heard, seen) = _apart(sums[_PROMPT], inputs, doubts)
    text_out, (reasoned, voiced) = _apart(sums[_COMPLETION], outputs, doubts)
    usage = Usage(text_in, read, text_out, reasoned, wrote, heard, seen, voiced, requests=1)
    return Counted(usage, "; ".join(doubts))


def _written(said: Mapping[str, Any], doubts: list[str]) -> _Part:
    """Return the cache writes, under whatever name they are told."""
    for name in _WRITES:
        if tokens := _detail(said, _INPUT, name, doubts):
            return _Part(name, tokens, _PROMPT)
    name = "cache_creation_input_tokens"
    return _Part(name, _number(said, name, doubts) or 0, _PROMPT)


def _beside(parts: tuple[_Part, ...], tokens: int) -> tuple[_Part, ...]:
    """Return those that make up what the total has more than its two sums; none that do: none."""
    if tokens <= 0:
        return ()
    told = [part for part in parts if part.tokens]
    for count in range(1, len(told) + 1):
        for some in combinations(told, count):
            if sum(part.tokens for part in some) == tokens:
                return some
    return ()


def _apart(whole: int, parts: tuple[_Part, ...], doubts: list[str]) -> tuple[int, list[int]]:
    """Return what of a sum is in none of the parts, and the parts; together they are the sum."""
    left, found = whole, []
    for part in parts:
        tokens = min(part.tokens, left)
        if tokens < part.tokens:
            within = part.of if left == whole else f"what is left of {part.of}"
            doubts.append(f"{part.name} {part.tokens} exceed {within} {left} and are cut to that")
        left -= tokens
        found.append(tokens)
    return left, found


def _number(said: Mapping[str, Any], name: str, doubts: list[str]) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= _MOST:
        doubts.append(f"{name} is no number of tokens and counts as 0")
        return 0
    return value


def _detail(said: Mapping[str, Any], group: str, name: str, doubts: list[str]) -> int:
    details = said.get(group)
    return (_number(details, name, doubts) or 0) if isinstance(details, Mapping) else 0
