"""A message in the platform's words."""

import re
from typing import Any

import orjson
import pytest

from plugins.message_queue.gateway.asking import body_of, headers_of
from plugins.message_queue.gateway.sending import SendError
from plugins.message_queue.message import Approval, Message
from tests.plugins.message_queue.stores.bench import message

APPROVED = Approval(
    approved_by="agent-1", approved_at=1_750_000_000.25, was_modified=True, original_suggestion="Hi"
)


def whole(one: Message) -> tuple[bytes, dict[str, str]]:
    return body_of(one), headers_of(one, "t")


def test_a_body_says_what_is_sent_and_who_approved() -> None:
    full = message(
        1, recipient="fan-1", content="naïve ☂", media_urls=("https://x/1",), approval=APPROVED
    )
    assert orjson.loads(body_of(full)) == {
        "recipientId": "fan-1",
        "content": "naïve ☂",
        "messageType": "custom",
        "mediaUrls": ["https://x/1"],
        "humanApproval": {
            "approvedBy": "agent-1",
            "approvedAt": "2025-06-15T15:06:40.250Z",
            "wasModified": True,
            "originalSuggestion": "Hi",
        },
    }
    plain = orjson.loads(body_of(message(1)))
    assert plain.keys() == {"recipientId", "content", "messageType", "humanApproval"}
    assert plain["humanApproval"].keys() == {"approvedBy", "approvedAt", "wasModified"}


def test_headers_carry_the_token_the_key_the_account_and_the_trace() -> None:
    headers = headers_of(message(1, account="creator 1", trace_id="ab" * 16), "the-token")
    assert headers["authorization"] == "Bearer the-token"
    assert headers["idempotency-key"] == "m00001"
    assert headers["x-account-id"] == "creator 1"
    assert re.fullmatch(rf"00-{'ab' * 16}-[0-9a-f]{{16}}-00", headers["traceparent"])


@pytest.mark.parametrize("trace_id", ["", "0" * 32, "AB" * 16, "ab"])
def test_without_an_account_or_a_trace_nothing_is_said_of_them(trace_id: str) -> None:
    headers = headers_of(message(1, trace_id=trace_id), "t")
    assert headers.keys().isdisjoint({"x-account-id", "traceparent"})


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"approval": None}, "HUMAN_APPROVAL_REQUIRED"),
    ({"account": "a\r\nx: y"}, "VALIDATION_ERROR"),
    ({"account": "créateur"}, "VALIDATION_ERROR"),
]


@pytest.mark.parametrize(("fields", "code"), REFUSED)
def test_what_cannot_be_sent_is_never_sent(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(SendError) as caught:
        whole(message(1, **fields))
    assert caught.value.failure[:3] == (code, "no", "bury")
    assert str(caught.value) == caught.value.failure.why
