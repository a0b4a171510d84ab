"""The bytes that a provider answers with, in the dialects of OpenAI and of Azure OpenAI."""

from typing import Any, Literal, NamedTuple

import orjson

from tests.kit.provider.instances import instance_of
from tests.kit.provider.steps import Step, Tokens

Dialect = Literal["openai", "azure"]

DATED = "-2024-07-18"
CREATED = 1_750_000_000
FINGERPRINT = "fp_0123456789"
WORDS = (
    "These",
    "are",
    "the",
    "words",
    "of",
    "a",
    "model",
    "that",
    "says",
    "the",
    "same",
    "again.",
)
DONE = b"data: [DONE]\n\n"

_HARMLESS = {"filtered": False, "severity": "safe"}
FILTER_RESULTS = dict.fromkeys(("hate", "self_harm", "sexual", "violence"), _HARMLESS)
PROMPT_FILTER_RESULTS = [{"prompt_index": 0, "content_filter_results": FILTER_RESULTS}]
REFUSED_RESULTS = {**FILTER_RESULTS, "violence": {"filtered": True, "severity": "medium"}}

MESSAGES = {
    400: "The request is not valid.",
    401: "The key that was given is not known here.",
    403: "This is not permitted.",
    404: "There is no such model or deployment.",
    408: "The request took too long to come.",
    409: "The request is in conflict with another.",
    429: "Too many requests; try again later.",
}


class Asked(NamedTuple):
    """What a body asks for, as far as it matters for the answer."""

    name: str
    """The model, or Azure's deployment."""
    dialect: Dialect
    body: dict[str, Any]
    number: int
    """Of the call."""

    @property
    def streams(self) -> bool:
        """Whether the answer is to be a stream of events."""
        return self.body.get("stream") is True

    @property
    def wants_usage(self) -> bool:
        """Whether a stream is to end with the usage."""
        return bool((self.body.get("stream_options") or {}).get("include_usage"))

    @property
    def id(self) -> str:
        """The id of the answer."""
        return f"chatcmpl-{self.number:08d}"


def content_of(asked: Asked, step: Step) -> str:
    """What the model says: as scripted, else fitting the schema, else words."""
    if step.content is not None:
        return step.content
    wanted = asked.body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return instance_of(orjson.dumps(wanted["json_schema"].get("schema") or {}))
    if wanted.get("type") == "json_object":
        return '{"answer":"Sample answer"}'
    return " ".join(WORDS[number % len(WORDS)] for number in range(max(8, step.chunks)))


def pieces(content: str, count: int) -> list[str]:
    """The content in that many pieces; blanks follow where it has too few characters."""
    count = max(1, count)
    content = content.ljust(count)
    size = len(content) / count
    return [content[round(at * size) : round((at + 1) * size)] for at in range(count)]


def counted(asked: Asked, content: str, tokens: Tokens) -> Tokens:
    """What a call uses, with what the script leaves open counted from the texts."""
    said = sum(len(str(one.get("content", ""))) for one in asked.body.get("messages", ()))
    parts = tokens.cached + tokens.cache_write + tokens.audio_input + tokens.image_input
    prompt = tokens.prompt or parts + 1 + said // 4
    spoken = tokens.reasoning + tokens.audio_output
    completion = tokens.completion or spoken + 1 + len(content) // 4
    return tokens._replace(prompt=prompt, completion=completion)


def usage_of(asked: Asked, content: str, tokens: Tokens) -> dict[str, Any]:
    """The usage of a call: parts are inside the totals, and rare ones are named where they are."""
    used = counted(asked, content, tokens)
    inside = {"cached_tokens": used.cached, "audio_tokens": used.audio_input}
    rare = {"cache_creation_tokens": used.cache_write, "image_tokens": used.image_input}
    return {
        "prompt_tokens": used.prompt,
        "completion_tokens": used.completion,
        "total_tokens": used.prompt + used.completion,
        "prompt_tokens_details": inside | {name: count for name, count in rare.items() if count},
        "completion_tokens_details": {
            "reasoning_tokens": used.reasoning,
            "audio_tokens": used.audio_output,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def tier_of(asked: Asked, step: Step) -> str:
    """The service tier that an answer names; empty: none."""
    return step.tier or ("default" if asked.dialect == "openai" else "")


def whole(asked: Asked, step: Step) -> bytes:
    """A chat completion."""
    content = content_of(asked, step)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": content,
        "refusal": None,
        "annotations": [],
    }
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": step.finish}
    answer = {
        "id": asked.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.name + DATED,
        "choices": [choice] if step.choices else [],
        "system_fingerprint": FINGERPRINT,
    }
    if step.usage:
        answer["usage"] = usage_of(asked, content, step.tokens)
    if asked.dialect == "azure":
        answer["prompt_filter_results"] = PROMPT_FILTER_RESULTS
        choice["content_filter_results"] = FILTER_RESULTS
    if tier := tier_of(asked, step):
        answer["service_tier"] = tier
    return orjson.dumps(answer)


class Stream(NamedTuple):
    """A stream in parts: what comes before the content, the content, and what comes after."""

    opening: list[bytes]
    content: list[bytes]
    closing: list[bytes]


def stream(asked: Asked, step: Step) -> Stream:
    """A chat completion as events: a first one without content, content, reason, usage, end."""
    azure = asked.dialect == "azure"
    content = content_of(asked, step)
    frame: dict[str, Any] = {
        "id": asked.id,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked.name + DATED,
        "system_fingerprint": FINGERPRINT,
    }
    if tier := tier_of(asked, step):
        frame["service_tier"] = tier
    if asked.wants_usage:
        frame["usage"] = None

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "logprobs": None}
        choice["finish_reason"] = finish
        if azure:
            choice["content_filter_results"] = FILTER_RESULTS if "content" in delta else {}
        return event({**frame, "choices": [choice]})

    opening = [_azure_opening()] if azure else []
    opening.append(chunk({"role": "assistant", "content": "", "refusal": None}))
    if not step.choices:
        return Stream(opening[:-1], [], [event({**frame, "choices": []}), DONE])
    said = [chunk({"content": piece}) for piece in pieces(content, step.chunks)]
    closing = [chunk({}, step.finish)]
    if asked.wants_usage and step.usage:
        usage = usage_of(asked, content, step.tokens)
        closing.append(event({**frame, "choices": [], "usage": usage}))
    return Stream(opening, said, [*closing, DONE])


def _azure_opening() -> bytes:
    """Azure's odd first event: no id, no model, no choices; what the filter says of the prompt."""
    nothing = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    return event({**nothing, "prompt_filter_results": PROMPT_FILTER_RESULTS})


def event(document: dict[str, Any]) -> bytes:
    """A server-sent event."""
    return b"data: %b\n\n" % orjson.dumps(document)


def error(step: Step, dialect: Dialect) -> bytes:
    """The error object that goes with a refusal, or stands in a 200."""
    message = step.message or MESSAGES.get(step.status, "Something went wrong on the server.")
    if dialect == "azure" and step.code == "content_filter":
        return orjson.dumps({"error": _azure_refusal(message)})
    if dialect == "azure" and not step.kind:
        return orjson.dumps({"error": {"code": step.code or str(step.status), "message": message}})
    kind = step.kind or ("server_error" if step.status >= 500 else "invalid_request_error")
    said = {"message": message, "type": kind, "param": None, "code": step.code or None}
    return orjson.dumps({"error": said})


def _azure_refusal(message: str) -> dict[str, Any]:
    """What Azure says when its filter refuses a prompt."""
    inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": REFUSED_RESULTS}
    said = {"message": message, "type": None, "param": "prompt", "code": "content_filter"}
    return {**said, "status": 400, "innererror": inner}


def own_id(asked: Asked) -> str:
    """The id by which the provider itself knows a call, in its headers and on its bill."""
    name = "apim-" if asked.dialect == "azure" else "req_"
    return f"{name}{asked.number:08d}"


def headers(asked: Asked, took: float) -> dict[str, str]:
    """What a provider says about a call beside its answer; `took` in seconds."""
    if asked.dialect == "azure":
        return {
            "apim-request-id": own_id(asked),
            "x-request-id": f"req-{asked.number:08d}",
            "x-ms-region": "Sweden Central",
            "azureml-model-session": "d000",
            "x-ratelimit-remaining-requests": "99",
            "x-ratelimit-remaining-tokens": "99000",
        }
    return {
        "x-request-id": own_id(asked),
        "openai-processing-ms": str(round(took * 1000)),
        "openai-version": "2020-10-01",
        "openai-organization": "stand-in",
        "x-ratelimit-limit-requests": "500",
        "x-ratelimit-limit-tokens": "200000",
        "x-ratelimit-remaining-requests": "499",
        "x-ratelimit-remaining-tokens": "199000",
        "x-ratelimit-reset-requests": "120ms",
        "x-ratelimit-reset-tokens": "6ms",
    }
