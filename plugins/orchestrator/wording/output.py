"""The document that a model answers with: its schema, whether it fits, what of it is wanted.

What is asked for is strict (all keys, no others), since providers enforce that. What is
taken is what can be used: unknown keys are dropped, and keys that may be empty may be missing.
So a deployment that only promises "some JSON object" can serve, too.
"""

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from proxy.api import WorkflowIntent
from proxy.api.workflows import WorkflowType

from ..deciding.calls import Answer

__all__ = ["LONGEST", "check", "content_of", "document_of", "keys_of", "schema_of"]

LONGEST = 20_000
"""Characters that one text of a document may have."""

_MOST_ENTRIES = 100


def _not_too_long(text: str) -> str:
    if len(text) > LONGEST:
        raise ValueError("the text is too long")
    return text


def _some_text(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty")
    return _not_too_long(text)


def _not_too_many(texts: list[str]) -> list[str]:
    if len(texts) > _MOST_ENTRIES:
        raise ValueError("there are too many entries")
    return texts


# As functions, not as bounds of the fields: providers refuse schemas with lengths in them.
_Text = Annotated[str, AfterValidator(_not_too_long)]
_Wanted = Annotated[str, AfterValidator(_some_text)]
_Texts = Annotated[list[_Text], AfterValidator(_not_too_many)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, hide_input_in_errors=True)


class ContentPlan(_Document):
    """For `content_planning`."""

    content: _Wanted = Field(description="the text of the post, ready to be published")
    title: _Text | None = Field(default=None, description="a title, or null if it needs none")
    hashtags: _Texts = Field(
        default_factory=list, description="the hashtags, each without #; they are not in content"
    )
    schedule: _Text | None = Field(
        default=None, description="when to publish it, in words, or null if it does not matter"
    )


class Message(_Document):
    """For `message_generation`."""

    message: _Wanted = Field(description="the text of the message, ready to be sent")


class Validation(_Document):
    """For `content_validation`."""

    verdict: Literal["accepted", "rejected"] = Field(
        description="accepted if the text can be published as it is, else rejected"
    )
    problems: _Texts = Field(
        default_factory=list, description="what is wrong with it, a sentence each"
    )
    content: _Wanted = Field(description="the text as it may be published, corrected if need be")


class Campaign(_Document):
    """For `campaign_execution`."""

    content: _Wanted = Field(description="the text of the campaign, ready to be published")
    steps: _Texts = Field(
        default_factory=list, description="what is to be done, in order, a sentence each"
    )


_MODELS: Mapping[WorkflowType, type[_Document]] = {
    "content_planning": ContentPlan,
    "message_generation": Message,
    "content_validation": Validation,
    "campaign_execution": Campaign,
}
_CONTENT: Mapping[WorkflowType, str] = {"message_generation": "message"}
_SCHEMA_WORDS = ("type", "description", "enum", "const", "anyOf", "items")
_FAULTS = {"missing": "it is missing", "literal_error": "it is a word that the schema has not"}


@cache
def schema_of(intent_type: WorkflowType) -> Mapping[str, Any]:
    """Return the JSON schema of the document for a type of intent; `title` is its name.

    It has the few words that strict structured outputs of providers take, and no more.
    """
    made = _MODELS[intent_type].model_json_schema()
    properties = {key: _plain(value) for key, value in made["properties"].items()}
    return {
        "title": intent_type,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a value without what strict schemas cannot have."""
    kept = {word: schema[word] for word in _SCHEMA_WORDS if word in schema}
    if "anyOf" in kept:
        kept["anyOf"] = [_plain(choice) for choice in kept["anyOf"]]
    if "items" in kept:
        kept["items"] = _plain(kept["items"])
    return kept


@cache
def keys_of(intent_type: WorkflowType) -> tuple[tuple[str, str], ...]:
    """Return the keys of the document, each with what it holds, in words for a prompt."""
    fields = _MODELS[intent_type].model_fields.items()
    return tuple((key, field.description or "") for key, field in fields)


def check(intent: WorkflowIntent, answer: Answer) -> str:
    """Return why an answer is not what was asked for; empty if it is. In our words alone."""
    try:
        document_of(intent, answer.content, answer.document)
    except ValueError as error:
        return str(error)
    return ""


def document_of(
    intent: WorkflowIntent, content: str, document: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return the validated document, with all its keys.

    `content` is the text as the model wrote it, `document` the same parsed. Of an intent that is
    streamed there is the text alone, and so the document has no other key. Raises ValueError,
    without any words of the model, if it does not fit.
    """
    if intent.stream:
        return {_CONTENT.get(intent.type, "content"): _some_text(content)}
    if document is None:
        raise ValueError("the answer is no JSON object")
    try:
        return _MODELS[intent.type].model_validate(dict(document)).model_dump()
    except ValidationError as error:
        raise ValueError(_said(error)) from None


def content_of(intent: WorkflowIntent, document: Mapping[str, Any]) -> str:
    """Return the text that is wanted out of a document that fits."""
    return str(document[_CONTENT.get(intent.type, "content")])


def _said(error: ValidationError) -> str:
    """What is wrong first; places are keys of ours, since others were dropped before."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    own = first["msg"].removeprefix("Value error, ") if first["type"] == "value_error" else ""
    says = own or _FAULTS.get(first["type"], "it has another type")
    return f"{'.'.join(map(str, first['loc']))}: {says}"
