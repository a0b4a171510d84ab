"""Reads what a provider says it has used, into parts of which each token is in exactly one.

Providers count cached tokens inside `prompt_tokens` and reasoning tokens inside
`completion_tokens`. Some compatible servers count them beside; then the total says so. Charging
both the part and the whole is the commonest way to misstate a bill.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ..deciding.calls import Usage

__all__ = ["Counted", "usage_of"]

_MOST = 1_000_000_000
"""More tokens than any call has; a larger number is a mistake."""


class Counted(NamedTuple):
    """What was used, as far as it is known."""

    usage: Usage | None
    """None: the provider did not say."""
    doubt: str = ""
    """What it said that cannot be, and what was made of it; empty: nothing."""


def usage_of(said: object) -> Counted:
    """Read the `usage` of a chat completion. Never raises; what cannot be is clamped and told."""
    if not isinstance(said, Mapping):
        return Counted(None)
    doubts: list[str] = []
    prompt = _number(said, "prompt_tokens", doubts)
    completion = _number(said, "completion_tokens", doubts)
    if prompt is None and completion is None:
        return Counted(None, "; ".join(doubts))
    cached = _detail(said, "prompt_tokens_details", "cached_tokens", doubts)
    reasoning = _detail(said, "completion_tokens_details", "reasoning_tokens", doubts)
    prompt, completion = prompt or 0, completion or 0
    beside = (_number(said, "total_tokens", doubts) or 0) - prompt - completion
    if reasoning > 0 and beside in (reasoning, reasoning + cached):
        completion += reasoning
        beside -= reasoning
        doubts.append("reasoning_tokens are counted beside completion_tokens")
    if cached > 0 and beside == cached:
        prompt += cached
        doubts.append("cached_tokens are counted beside prompt_tokens")
    cached = _part(cached, prompt, "cached_tokens", "prompt_tokens", doubts)
    reasoning = _part(reasoning, completion, "reasoning_tokens", "completion_tokens", doubts)
    usage = Usage(prompt - cached, cached, completion - reasoning, reasoning)
    return Counted(usage, "; ".join(doubts))


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


def _part(part: int, whole: int, name: str, of: str, doubts: list[str]) -> int:
    if part <= whole:
        return part
    doubts.append(f"{name} {part} exceed {of} {whole} and are cut to that")
    return whole
