"""Reads a whole answer: a chat completion, and the document that it should hold."""

from collections.abc import Mapping
from typing import Any

import orjson

from ..deciding.calls import Answer, Call, CallFailedError, Failure, FailureClass
from .classifying import error_in, malformed
from .usage import Counted, tier_of, usage_of

__all__ = ["answer_of", "first_choice"]


def answer_of(call: Call, body: bytes) -> Answer:
    """Return what was answered, without times and ids.

    Raises CallFailedError: no JSON, an error inside, no content, a refusal, filtered content,
    not the document that was asked for.
    """
    completion = _completion(body)
    counted, tier = usage_of(completion.get("usage")), tier_of(completion)
    choice = first_choice(completion)
    if choice is None:
        raise _unfit("no choices", counted, tier)
    message = choice.get("message")
    message = message if isinstance(message, Mapping) else {}
    finish_reason = _text(choice.get("finish_reason"))
    if finish_reason == "content_filter":
        says = "finish_reason content_filter"
        raise CallFailedError(
            Failure(FailureClass.CONTENT_FILTER, says, status=200, usage=counted.usage, tier=tier)
        )
    content = _text(message.get("content"))
    if not content:
        raise _unfit("a refusal" if message.get("refusal") else "no content", counted, tier)
    return Answer(
        content=content,
        document=None if call.schema is None else _parsed(content, finish_reason, counted, tier),
        finish_reason=finish_reason,
        model=_text(completion.get("model"))[:256],
        usage=counted.usage,
        provider_id="",
        first_byte=0.0,
        seconds=0.0,
        tier=tier,
        doubt=counted.doubt,
    )


def first_choice(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the first of `choices`; None: there is none."""
    choices = document.get("choices")
    first = choices[0] if type(choices) is list and choices else None
    return first if type(first) is dict else None


def _completion(body: bytes) -> Mapping[str, Any]:
    try:
        completion = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise CallFailedError(malformed("the answer is not JSON")) from None
    failure = error_in(completion)
    if failure is not None:
        raise CallFailedError(failure)
    if not isinstance(completion, Mapping):
        raise CallFailedError(malformed("the answer is not an object"))
    return completion


def _parsed(content: str, finish_reason: str, counted: Counted, tier: str) -> Mapping[str, Any]:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        cut = finish_reason == "length"
        says = "the document was cut off at max_tokens" if cut else "the content is not JSON"
        raise _unfit(says, counted, tier) from None
    if not isinstance(document, Mapping):
        raise _unfit("the content is not a JSON object", counted, tier)
    return document


def _unfit(says: str, counted: Counted, tier: str) -> CallFailedError:
    return CallFailedError(malformed(says)._replace(usage=counted.usage, tier=tier))


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
