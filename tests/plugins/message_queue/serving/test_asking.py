"""The v2 body: read strictly, and all that is wrong with it told at once."""

from typing import Any

import orjson
import pytest

from plugins.message_queue.message import Message, Priority
from plugins.message_queue.serving.asking import DEFAULT_PRIORITY, wish_of
from plugins.message_queue.serving.declining import DeclinedError
from plugins.message_queue.serving.making import SKEW, Wish
from plugins.message_queue.settings import MessageQueueSettings
from proxy.api import Caller
from proxy.api.endpoints import iso
from proxy.api.testing import request
from tests.plugins.message_queue.queueing import asks

NOW = 1_750_000_000.0
SETTINGS = MessageQueueSettings.model_validate(
    {"gateway": {"url": "http://127.0.0.1", "token": "t"}}
)
HOLDING = MessageQueueSettings.model_validate(
    {"gateway": {"url": "http://127.0.0.1", "token": "t"}, "approval": {"unapproved": "hold"}}
)
ANN = Caller("ann", "", "", is_admin=False, by="test")
ROOT = Caller("root", "admin", "", is_admin=True, by="test")
APPROVED = {"approvedBy": "mia", "approvedAt": iso(NOW - 10)}
LEAST = {"recipientId": "fan-1", "content": "Hi", "humanApproval": APPROVED}


def wish(
    body: Any, caller: Caller = ANN, settings: MessageQueueSettings = SETTINGS, key: str = ""
) -> Wish:
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return wish_of(asks("POST", key=key), data, caller, NOW, settings)


def message(caller: Caller = ANN, /, **more: Any) -> Message:
    return wish(LEAST | more, caller).message


WRONG: dict[str, tuple[Any, int, list[str]]] = {
    "no JSON": (b"{", 400, ["the body"]),
    "no object": (b"[]", 400, ["the body"]),
    "nothing at all": ({}, 400, ["recipientId: is missing", "content: is missing"]),
    "numbers for texts": (
        LEAST | {"recipientId": 1, "content": 2},
        400,
        ["recipientId", "content"],
    ),
    "an empty text": (LEAST | {"content": ""}, 400, ["content"]),
    "a text of blanks": (LEAST | {"content": " \n"}, 400, ["content: has to say something"]),
    "a text that is too long": (LEAST | {"content": "x" * 1001}, 400, ["content"]),
    "a recipient that is too long": (LEAST | {"recipientId": "x" * 257}, 400, ["recipientId"]),
    "an unknown type": (LEAST | {"messageType": "spam"}, 400, ["messageType"]),
    "an unknown priority": (LEAST | {"priority": "urgent"}, 400, ["priority"]),
    "a day instead of a time": (LEAST | {"scheduleFor": "2025-06-16"}, 400, ["scheduleFor"]),
    "a number for a time": (LEAST | {"scheduleFor": NOW + 1}, 400, ["scheduleFor"]),
    "a time that there is not": (
        LEAST | {"scheduleFor": "2025-02-30T00:00:00Z"},
        400,
        ["scheduleFor: a time such as"],
    ),
    "a time at the end of the calendar": (
        LEAST | {"scheduleFor": "9999-12-31T23:59:59-10:00"},
        400,
        ["scheduleFor"],
    ),
    "a time in the next decade": (
        LEAST | {"scheduleFor": "2035-01-01T00:00:00Z"},
        400,
        ["scheduleFor: at most 400 days from now"],
    ),
    "media that are no URLs": (LEAST | {"mediaUrls": ["file:///etc"]}, 400, ["mediaUrls.0"]),
    "too many media": (LEAST | {"mediaUrls": ["https://a/b"] * 21}, 400, ["mediaUrls"]),
    "an unknown key": (LEAST | {"recipient": "x"}, 400, ["recipient: is no key of this API"]),
    "an unknown key of metadata": (LEAST | {"metadata": {"a": "b"}}, 400, ["metadata.a"]),
    "names as in Python": (LEAST | {"message_type": "custom"}, 400, ["message_type"]),
    "an approval by nobody": (
        LEAST | {"humanApproval": APPROVED | {"approvedBy": ""}},
        400,
        ["humanApproval.approvedBy"],
    ),
    "an approval without a time": (
        LEAST | {"humanApproval": {"approvedBy": "mia"}},
        400,
        ["humanApproval.approvedAt: is missing"],
    ),
    "a word for a truth value": (
        LEAST | {"humanApproval": APPROVED | {"wasModified": "no"}},
        400,
        ["humanApproval.wasModified"],
    ),
    "another user": (LEAST | {"userId": "bob"}, 403, []),
    "an account": (LEAST | {"accountId": "a1"}, 403, []),
    "a body that is too long": (b" " * (256 * 1024 + 1), 413, []),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told(what: str) -> None:
    body, status, begins = WRONG[what]
    with pytest.raises(DeclinedError) as raised:
        wish(body)
    assert raised.value.status == status
    assert len(raised.value.details) == len(begins)
    for detail, begin in zip(raised.value.details, begins, strict=True):
        assert detail.startswith(begin)


def test_no_value_of_a_body_is_told_back() -> None:
    with pytest.raises(DeclinedError) as raised:
        wish(LEAST | {"content": "SECRET" * 1000, "priority": "SECRET", "messageType": 5})
    assert "SECRET" not in str(raised.value)


@pytest.mark.parametrize("key", ["", "two words", "ümlaut", "x" * 256])
def test_a_key_that_is_none_is_refused(key: str) -> None:
    headers = {"Idempotency-Key": key}
    with pytest.raises(DeclinedError, match="1 to 255 visible"):
        wish_of(request("POST", "/x", headers=headers), orjson.dumps(LEAST), ANN, NOW, SETTINGS)


def test_a_caller_whose_id_is_too_long_is_refused_and_not_shown() -> None:
    name = "SECRET" * 50
    with pytest.raises(DeclinedError, match="the caller's id: at most 256 characters") as raised:
        wish(LEAST, ANN._replace(id=name))
    assert raised.value.status == 400
    with pytest.raises(ValueError, match="user") as fault:
        Message.model_validate({**dict(wish(LEAST).message), "user": name})
    assert "SECRET" not in str(fault.value)


@pytest.mark.parametrize("message_type", DEFAULT_PRIORITY)
def test_the_type_says_how_urgent_it_is_unless_the_body_does(message_type: str) -> None:
    wanted = {"welcome": "high", "follow_up": "medium", "promotional": "low", "custom": "medium"}
    assert message(messageType=message_type).priority.name == wanted[message_type]
    assert message(messageType=message_type, priority="critical").priority is Priority.critical


def test_a_message_is_the_callers_due_at_once_and_for_a_day() -> None:
    made = message()
    assert (made.user, made.account, made.source) == ("ann", "", "api")
    assert (made.due_at, made.expires_at) == (NOW, NOW + 24 * 3600)
    assert made.approval is not None
    assert made.approval.approved_by == "mia"


def test_an_administrator_may_act_for_others() -> None:
    made = message(ROOT, userId="bob", accountId="a1")
    assert (made.user, made.account) == ("bob", "a1")


def test_a_time_without_a_zone_is_utc() -> None:
    assert message(scheduleFor="2025-06-16T00:00:00").due_at == 1_750_032_000
    assert message(scheduleFor="2025-06-16T02:00:00+02:00").due_at == 1_750_032_000


def test_a_scheduled_message_expires_a_day_after_its_time() -> None:
    made = message(scheduleFor=iso(NOW + 3600))
    assert (made.due_at, made.expires_at) == (NOW + 3600, NOW + 25 * 3600)


def test_a_trace_of_w3c_goes_on_and_another_does_not() -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4737"
    assert message(metadata={"traceId": trace}).trace_id == trace
    assert message(metadata={"traceId": "trace-1"}).trace_id == asks().trace_id
    assert message(metadata={"traceId": "0" * 32}).trace_id == asks().trace_id


UNTIMELY: dict[str, tuple[dict[str, Any], str]] = {
    "no approval": ({"humanApproval": None}, "HUMAN_APPROVAL_REQUIRED"),
    "an old approval": (
        {"humanApproval": APPROVED | {"approvedAt": iso(NOW - 301)}},
        "COMPLIANCE_VIOLATION",
    ),
    "an approval to come": (
        {"humanApproval": APPROVED | {"approvedAt": iso(NOW + SKEW + 1)}},
        "COMPLIANCE_VIOLATION",
    ),
    "a time that has passed": ({"scheduleFor": iso(NOW - 1)}, "VALIDATION_ERROR"),
}


@pytest.mark.parametrize("what", UNTIMELY)
def test_what_comes_too_late_is_not_taken_now(what: str) -> None:
    more, code = UNTIMELY[what]
    body = {name: value for name, value in (LEAST | more).items() if value is not None}
    refusal = wish(body).untimely
    assert refusal is not None
    assert refusal.code == code


@pytest.mark.parametrize("age", [0, 300, -SKEW])
def test_an_approval_is_fresh_for_five_minutes(age: float) -> None:
    refusal = wish(LEAST | {"humanApproval": APPROVED | {"approvedAt": iso(NOW - age)}}).untimely
    assert refusal is None


def test_what_nobody_has_approved_of_is_held_where_the_settings_say_so() -> None:
    body = {"recipientId": "fan-1", "content": "Hi"}
    held = wish(body, settings=HOLDING)
    assert held.untimely is None
    assert held.message.approval is None


def test_the_same_key_of_another_caller_is_another_one() -> None:
    keys = {wish(LEAST, caller, key="k1").message.dedupe_key for caller in (ANN, ROOT)}
    assert len(keys) == 2
    assert wish(LEAST, key="k1").message.dedupe_key in keys
    assert message().dedupe_key == ""


def test_an_approval_that_is_given_anew_is_no_other_wish() -> None:
    again = {"humanApproval": {"approvedBy": "max", "approvedAt": iso(NOW)}}
    assert message(**again).digest == message().digest
    others: list[dict[str, Any]] = [
        {"content": "Ho"},
        {"recipientId": "fan-2"},
        {"scheduleFor": iso(NOW + 60)},
    ]
    others += [{"priority": "low"}, {"mediaUrls": ["https://a/b"]}, {"messageType": "welcome"}]
    assert len({message(**one).digest for one in [{}, *others]}) == 7
