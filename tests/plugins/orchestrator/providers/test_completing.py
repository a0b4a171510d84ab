from typing import Any

import orjson
import pytest

from plugins.orchestrator.deciding.calls import (
    Answer,
    CallFailedError,
    Failure,
    FailureClass,
    Usage,
)
from plugins.orchestrator.providers.completing import answer_of
from tests.plugins.orchestrator.providers.asked import call, settings


def completion(content: object = "Hello.", finish: str = "stop", **message: Any) -> bytes:
    return orjson.dumps(
        {
            "model": "gpt-4o-mini-2024-07-18",
            "choices": [
                {"message": {"content": content, **message}, "finish_reason": finish},
                {"message": {"content": "a second choice"}, "finish_reason": "stop"},
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )


def read(body: bytes, *, structured: bool = False) -> Answer:
    return answer_of(call(settings(), structured=structured), body)


def failure(body: bytes, *, structured: bool = False) -> Failure:
    with pytest.raises(CallFailedError) as raised:
        read(body, structured=structured)
    return raised.value.failure


def test_free_text_is_read_as_it_is() -> None:
    answer = read(completion())
    assert (answer.content, answer.document) == ("Hello.", None)
    assert (answer.finish_reason, answer.model) == ("stop", "gpt-4o-mini-2024-07-18")
    assert answer.usage == Usage(10, 0, 5, 0, requests=1)


def test_a_document_that_was_asked_for_is_parsed() -> None:
    assert read(completion('{"message": "Hi"}'), structured=True).document == {"message": "Hi"}


def test_free_text_that_was_cut_off_at_max_tokens_is_an_answer() -> None:
    assert read(completion("Half a", "length")).finish_reason == "length"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "the answer is not JSON"),
        (b"{", "the answer is not JSON"),
        (b"[1]", "the answer is not an object"),
        (b"{}", "no choices"),
        (b'{"choices": []}', "no choices"),
        (b'{"choices": {}}', "no choices"),
        (b'{"choices": ["?"]}', "no choices"),
        (b'{"choices": [{}]}', "no content"),
        (completion(""), "no content"),
        (completion(None), "no content"),
        (completion(["parts"]), "no content"),
        (completion(None, refusal="I will not."), "a refusal"),
    ],
)
def test_an_answer_without_content_is_malformed(body: bytes, says: str) -> None:
    assert failure(body)[:2] == (FailureClass.MALFORMED, says)


@pytest.mark.parametrize(
    ("content", "finish", "says"),
    [
        ("Sorry, no JSON.", "stop", "the content is not JSON"),
        ('```json\n{"message": "Hi"}\n```', "stop", "the content is not JSON"),
        ("[]", "stop", "the content is not a JSON object"),
        ('{"message": "Ha', "length", "the document was cut off at max_tokens"),
    ],
)
def test_what_is_not_the_document_is_malformed_and_was_paid_for(
    content: str, finish: str, says: str
) -> None:
    failed = failure(completion(content, finish), structured=True)
    assert failed[:2] == (FailureClass.MALFORMED, says)
    assert failed.usage == Usage(10, 0, 5, 0, requests=1)


def test_filtered_content_is_told_as_such_and_was_paid_for() -> None:
    failed = failure(completion("I", "content_filter"))
    assert (failed.kind, failed.usage) == (
        FailureClass.CONTENT_FILTER,
        Usage(10, 0, 5, 0, requests=1),
    )


def test_an_error_in_a_200_is_a_failure_of_its_class() -> None:
    assert failure(b'{"error": {"code": "server_error"}}').kind is FailureClass.SERVER


def test_an_answer_tells_what_cannot_be_about_its_usage() -> None:
    body = orjson.loads(completion())
    body["usage"]["prompt_tokens_details"] = {"cached_tokens": 99}
    answer = read(orjson.dumps(body))
    assert answer.usage == Usage(0, 10, 5, 0, requests=1)
    assert answer.doubt == "cached_tokens 99 exceed prompt_tokens 10 and are cut to that"
