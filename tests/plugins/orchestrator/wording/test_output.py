"""What a model has to answer, what is taken all the same, and what is none."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.orchestrator.deciding.calls import Answer
from plugins.orchestrator.wording.output import (
    LONGEST,
    check,
    content_of,
    document_of,
    keys_of,
    schema_of,
)
from proxy.api.workflows import WorkflowType
from tests.kit.properties import examples
from tests.plugins.orchestrator.intents import JSON, TYPES, intent

SECRET = "what the model wrote"
WHOLE: dict[WorkflowType, dict[str, Any]] = {
    "content_planning": {
        "content": "A day by the sea.",
        "title": "Sea",
        "hashtags": ["sea", "day"],
        "schedule": "in the evening",
    },
    "message_generation": {"message": "Hello, and welcome."},
    "content_validation": {
        "verdict": "rejected",
        "problems": ["It promises too much."],
        "content": "It may help.",
    },
    "campaign_execution": {"content": "Three days only.", "steps": ["Publish it.", "Answer."]},
}
CONTENT = {
    "content_planning": "A day by the sea.",
    "message_generation": "Hello, and welcome.",
    "content_validation": "It may help.",
    "campaign_execution": "Three days only.",
}


def answer(document: Mapping[str, Any] | None, content: str = "{}") -> Answer:
    return Answer(content, document, "stop", "gpt-4o-mini", None, "", 0.1, 0.2)


@pytest.mark.parametrize("intent_type", TYPES)
def test_a_whole_document_fits_and_its_text_is_found(intent_type: WorkflowType) -> None:
    wanted, document = intent(intent_type), WHOLE[intent_type]
    assert check(wanted, answer(document)) == ""
    assert document_of(wanted, "", document) == document
    assert content_of(wanted, document) == CONTENT[intent_type]


@pytest.mark.parametrize("intent_type", TYPES)
def test_a_schema_is_strict_and_has_only_what_providers_take(intent_type: WorkflowType) -> None:
    schema = schema_of(intent_type)
    assert schema["title"] == intent_type
    assert schema["additionalProperties"] is False
    assert schema["required"] == list(schema["properties"]) == list(WHOLE[intent_type])
    assert {word for word, _ in _walked(schema["properties"])} <= {
        *("type", "description", "enum", "anyOf", "items")
    }


def _walked(properties: Mapping[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for schema in properties.values():
        found += schema.items()
        for below in (*schema.get("anyOf", ()), *filter(None, [schema.get("items")])):
            found += _walked({"": below})
    return found


@pytest.mark.parametrize("intent_type", TYPES)
def test_a_prompt_can_name_each_key_and_what_it_holds(intent_type: WorkflowType) -> None:
    assert [key for key, _ in keys_of(intent_type)] == list(WHOLE[intent_type])
    assert all(holds for _, holds in keys_of(intent_type))


def test_what_may_be_empty_may_be_missing_and_what_is_unknown_is_dropped() -> None:
    document = document_of(intent(), "", {"content": "A day.", "mood": SECRET})
    assert document == {"content": "A day.", "title": None, "hashtags": [], "schedule": None}


MISFITS: dict[str, tuple[WorkflowType, Mapping[str, Any] | None, str]] = {
    "no JSON": ("content_planning", None, "the answer is no JSON object"),
    "nothing": ("content_planning", {}, "content: it is missing"),
    "no text": ("message_generation", {"message": " \n"}, "message: the text is empty"),
    "no string": ("message_generation", {"message": [SECRET]}, "message: it has another type"),
    "a number": ("content_planning", {"content": 5}, "content: it has another type"),
    "a null": ("campaign_execution", {"content": None}, "content: it has another type"),
    "an odd list": (
        "content_planning",
        {"content": SECRET, "hashtags": [SECRET, 5]},
        "hashtags.1: it has another type",
    ),
    "an odd verdict": (
        "content_validation",
        {"verdict": SECRET, "content": SECRET},
        "verdict: it is a word that the schema has not",
    ),
    "a text without end": (
        "message_generation",
        {"message": "x" * (LONGEST + 1)},
        "message: the text is too long",
    ),
    "a list without end": (
        "campaign_execution",
        {"content": SECRET, "steps": [SECRET] * 101},
        "steps: there are too many entries",
    ),
}


@pytest.mark.parametrize("what", MISFITS)
def test_what_does_not_fit_is_told_without_a_word_of_the_model(what: str) -> None:
    intent_type, document, says = MISFITS[what]
    assert check(intent(intent_type), answer(document)) == says


@pytest.mark.parametrize("intent_type", TYPES)
def test_a_streamed_answer_is_its_text(intent_type: WorkflowType) -> None:
    streamed = intent(intent_type, stream=True)
    document = document_of(streamed, "Hello.", None)
    assert content_of(streamed, document) == "Hello."
    assert "verdict" not in document  # nobody has given one
    assert check(streamed, answer(None, "Hello.")) == ""
    assert check(streamed, answer(None, " ")) == "the text is empty"


@examples(100)
@given(
    st.sampled_from(TYPES),
    st.dictionaries(st.sampled_from(["content", "message", "steps", "verdict", "a"]), JSON),
)
def test_whatever_a_model_answers_either_fits_or_is_told(
    intent_type: WorkflowType, document: dict[str, Any]
) -> None:
    wanted = intent(intent_type)
    if not check(wanted, answer(document)):
        made = document_of(wanted, "", document)
        assert content_of(wanted, made).strip()
        assert document_of(wanted, "", made) == made
