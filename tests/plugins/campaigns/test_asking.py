"""What is asked of a campaign: read strictly, and always for whoever is calling."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.campaigns.asking import LARGEST, intent_of
from plugins.campaigns.declining import DeclinedError
from proxy.api import Caller, WorkflowIntent
from tests.kit.properties import examples

ANN = Caller("ann", "", "", is_admin=False, by="jwt:sub")
ROOT = Caller("root", "admin", "", is_admin=True, by="jwt:sub")
LEAST = {"type": "content_planning", "platforms": ["instagram"], "data": {"theme": "autumn"}}


def intent(body: Any, caller: Caller = ANN) -> WorkflowIntent:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return WorkflowIntent.model_validate_json(intent_of(data, caller))


def refusal(body: Any, caller: Caller = ANN) -> tuple[int, str]:
    with pytest.raises(DeclinedError) as caught:
        intent(body, caller)
    return caught.value.reply.status, str(caught.value)


def test_the_least_that_is_asked_has_the_defaults_of_the_api() -> None:
    expected = WorkflowIntent(**LEAST, user_id="ann", content_type="post", priority="medium")
    assert intent(LEAST) == expected


def test_everything_that_may_be_said_is_passed_on() -> None:
    body = LEAST | {
        "type": "message_generation",
        "contentType": "story",
        "sendToOnlyFans": True,
        "recipientId": "r1",
        "priority": "critical",
        "deferrable": True,
        "stream": True,
        "onlyFansContext": {"messageType": "welcome", "complianceLevel": "strict"},
    }
    told = orjson.loads(intent_of(orjson.dumps(body), ANN))
    assert told == body | {"userId": "ann"}


PROBLEMS: dict[str, tuple[Any, str]] = {
    "no JSON": (b"{", "the body is no JSON"),
    "nothing": (b"", "the body is no JSON"),
    "a list": ([LEAST], "the body is no JSON object"),
    "empty": ({}, "type: is missing; platforms: is missing; data: is missing"),
    "a wrong type": (LEAST | {"type": "dance"}, "type: Input should be 'content_planning'"),
    "an unknown key": (LEAST | {"colour": 1}, "colour: is no key of this API"),
    "somebody else's user id": (LEAST | {"userId": "bob"}, "userId: leave it out"),
    "one's own user id": (LEAST | {"userId": "ann"}, "userId: leave it out"),
    "no platforms": (LEAST | {"platforms": []}, "platforms: has to have at least 1 item"),
    "a platform for platforms": (LEAST | {"platforms": "instagram"}, "platforms: "),
    "data that is text": (LEAST | {"data": "autumn"}, "data: "),
    "a yes for true": (LEAST | {"stream": "yes"}, "stream: Input should be a valid boolean"),
    "a wrong priority": (LEAST | {"priority": "HIGH"}, "priority: Input should be 'low'"),
    "another spelling of the user": (LEAST | {"user_id": "bob"}, "user_id: is no key"),
    "another spelling": (LEAST | {"force_provider": "azure"}, "force_provider: is no key"),
    "too deep": (
        b'{"data":' + b'{"a":' * 300 + b"1" + b"}" * 300 + b"}",
        "data has too many levels",
    ),
}


@pytest.mark.parametrize("what", PROBLEMS)
def test_what_does_not_fit_is_refused_in_words(what: str) -> None:
    body, said = PROBLEMS[what]
    status, error = refusal(body)
    assert status == 400
    assert error.startswith("Invalid request: ")
    assert said in error


def test_all_problems_are_told_at_once_and_no_more_than_twenty() -> None:
    _, error = refusal({"type": 1, "data": [], "stream": 1, "x" * 999: 1})
    assert error.count("; ") == 4
    assert "x" * 65 not in error
    _, error = refusal({f"key{number}": 1 for number in range(99)})
    assert error.count("; ") == 19


def test_a_provider_is_forced_by_administrators_alone() -> None:
    body = LEAST | {"forceProvider": "openai"}
    assert refusal(body) == (403, "Admin privileges required")
    assert intent(body, ROOT).force_provider == "openai"
    assert intent(LEAST | {"forceProvider": None}).force_provider is None
    assert refusal(LEAST | {"forceProvider": "aws"}, ROOT)[0] == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = ("type", "platforms", "data", "userId", "user_id", "priority", "stream", "recipientId")


@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.booleans())
@examples(80)
def test_whatever_is_sent_it_is_refused_or_the_callers(body: dict[str, Any], fits: bool) -> None:
    body = LEAST | body if fits else body
    told: object = None
    try:
        told = intent(body).user_id
    except DeclinedError as declined:
        told = declined.reply.status
    assert told in ("ann", 400)


def test_a_body_of_any_length_is_read_or_refused_and_not_all_of_it_is_told() -> None:
    assert refusal({**LEAST, "data": {"a": "x" * LARGEST}})[0] == 413
    status, says = refusal(LEAST | {f"key-{number}": 1 for number in range(5000)})
    assert (status, says.count("is no key of this API")) == (400, 20)
