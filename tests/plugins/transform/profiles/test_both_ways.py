"""Both ways of a profile: whatever comes is left to legacy or fits, and nothing inside gets out."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.transform.profiles import PROFILES
from plugins.transform.profiles.asked import Asked, Moment
from plugins.transform.profiles.both_ways import answered, intended, understood
from plugins.transform.profiles.huntaze_campaigns import TYPES
from proxy.api import Body, Reply, Unserved, WorkflowError, WorkflowIntent, WorkflowResult

HUNTAZE = PROFILES["huntaze-campaigns"]
CAMPAIGNS, GENERATE = "/api/campaigns", "/api/content/generate"
MOST = 4096
PLAN: dict[str, Any] = {"user_id": "u-1", "action": "content_planning", "payload": {"theme": "x"}}
INVALID = {
    CAMPAIGNS: {"status": "error", "message": "Invalid request format", "data": None},
    GENERATE: {"success": False, "error": "Invalid request format"},
}


def asked(path: str, data: bytes, caller: str | None = None, method: str = "POST") -> Asked:
    found = understood(HUNTAZE, Body(method, path, "", data), MOST)
    intended(found, caller)
    return found


def left(path: str, data: bytes, caller: str | None = None, method: str = "POST") -> Reply:
    """The reply for a request that is left to legacy."""
    with pytest.raises(Unserved) as caught:
        asked(path, data, caller, method)
    assert not caught.value.failed
    return caught.value.reply


ELSEWHERE = [
    ("GET", CAMPAIGNS),
    ("PUT", CAMPAIGNS),
    ("HEAD", CAMPAIGNS),
    ("POST", "/api/campaigns/"),
    ("POST", "/api/campaigns/c1/launch"),
    ("POST", "/api/Campaigns"),
    ("POST", "/api//campaigns"),
    ("POST", "/api/messages/send"),
    ("GET", "/api/messages/send"),
    ("GET", GENERATE),
]


@pytest.mark.parametrize(("method", "path"), ELSEWHERE)
def test_every_other_method_and_path_stays_on_legacy(method: str, path: str) -> None:
    assert left(path, orjson.dumps(PLAN), method=method).status == 404


LONG = "x" * 257
BROKEN: dict[str, bytes] = {
    "nothing": b"",
    "no json": b"{",
    "json and more": b"{}{}",
    "a content coding": b"\x1f\x8b",
    "not utf-8": b'{"action":"\xff"}',
    "half a surrogate pair": rb'{"action":"\ud800"}',
    "a number that is none": b'{"n":NaN}',
    "a list": b"[]",
    "null": b"null",
    "too large": b'{"theme":"%s"}' % (b"x" * MOST),
}


@pytest.mark.parametrize("path", [CAMPAIGNS, GENERATE])
@pytest.mark.parametrize("what", BROKEN)
def test_what_cannot_be_read_stays_on_legacy(what: str, path: str) -> None:
    reply = left(path, BROKEN[what])
    assert (reply.status, reply.json()) == (400, INVALID[path])


UNFIT: dict[str, dict[str, Any]] = {
    "no action": {"action": ...},
    "an action that is null": {"action": None},
    "an unknown action": {"action": "schedule_post"},
    "an action in capitals": {"action": "CONTENT_PLANNING"},
    "an action that is a list": {"action": ["content_planning"]},
    "no payload": {"payload": ...},
    "a payload that is null": {"payload": None},
    "a payload that is a list": {"payload": []},
    "a payload that is text": {"payload": "theme"},
    "a user that is a number": {"user_id": 7},
    "a user that is null": {"userId": None},
    "a user that is too long": {"userId": LONG},
    "platforms that are null": {"platforms": None},
    "no platforms": {"platforms": []},
    "platforms that are text": {"platforms": "instagram"},
    "a platform that is a number": {"platforms": ["instagram", 1]},
    "a platform that is empty": {"platforms": [""]},
    "a platform that is too long": {"platforms": ["x" * 65]},
    "too many platforms": {"platforms": ["instagram"] * 17},
    "one platform that is null": {"platform": None},
    "a payload's platforms that are text": {"payload": {"platforms": "tiktok"}},
    "a payload's platforms that are numbers": {"payload": {"platforms": [1]}},
    "a payload's platforms that are none": {"payload": {"platforms": []}},
    "a priority that nobody knows": {"payload": {"priority": "urgent"}},
    "a priority that is a list": {"payload": {"priority": []}},
    "a switch that is text": {"payload": {"sendToOnlyFans": "yes"}},
    "a switch that is a number": {"payload": {"sendToOnlyFans": 1}},
    "a content type that is a number": {"payload": {"contentType": 1}},
    "a recipient that is a number": {"payload": {"recipientId": 9}},
    "a recipient that is too long": {"payload": {"recipientId": LONG}},
}


@pytest.mark.parametrize("what", UNFIT)
def test_what_legacy_or_the_intent_would_refuse_stays_on_legacy(what: str) -> None:
    body = {name: value for name, value in {**PLAN, **UNFIT[what]}.items() if value is not ...}
    assert left(CAMPAIGNS, orjson.dumps(body)).json() == INVALID[CAMPAIGNS]


@pytest.mark.parametrize(
    "odd",
    [{"length": "huge"}, {"length": ""}, {"theme": None}, {"style": 1}, {"content_type": "x" * 65}],
)
def test_what_content_generation_would_refuse_stays_on_legacy(odd: dict[str, Any]) -> None:
    assert left(GENERATE, orjson.dumps(odd)).json() == INVALID[GENERATE]


def test_a_verified_caller_who_is_too_long_for_an_intent_stays_on_legacy() -> None:
    assert left(CAMPAIGNS, orjson.dumps(PLAN), LONG).status == 400


OF_LEGACY = ["action", "payload", "user_id", "userId", "platform", "platforms", "theme", "style"]
OF_PAYLOADS = ["contentType", "sendToOnlyFans", "recipientId", "priority", "length"]
OF_INTENTS = ["type", "data", "forceProvider", "stream", "deferrable", "onlyFansContext"]
NAMES = st.sampled_from([*OF_LEGACY, *OF_PAYLOADS, *OF_INTENTS])
WORDS = st.text(max_size=6) | st.sampled_from(
    [*TYPES, "instagram", "onlyfans", "high", "short", "azure", "message_automation", "x" * 300]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | WORDS,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), below),
    max_leaves=8,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=6)
NEARLY = st.fixed_dictionaries(
    {"action": st.sampled_from([*TYPES]), "payload": OBJECTS},
    optional={
        "user_id": WORDS,
        "userId": WORDS,
        "platform": WORDS,
        "platforms": st.lists(WORDS, max_size=18),
        "theme": WORDS,
        "forceProvider": VALUES,
        "userType": VALUES,
    },
)
BODIES = st.one_of(
    NEARLY.map(orjson.dumps), OBJECTS.map(orjson.dumps), VALUES.map(orjson.dumps), st.binary()
)
PATHS = st.sampled_from([CAMPAIGNS, GENERATE])
CALLERS = st.none() | st.text(min_size=1, max_size=8)


@given(BODIES, PATHS, CALLERS)
def test_whatever_comes_is_left_to_legacy_or_is_an_intent_that_is_accepted(
    data: bytes, path: str, caller: str | None
) -> None:
    try:
        said = intended(understood(HUNTAZE, Body("POST", path, "", data), MOST), caller)
    except Unserved:
        assert left(path, data, caller).status == 400
        return
    intent = WorkflowIntent.model_validate_json(said)
    body = orjson.loads(data)
    assert intent.user_id == (caller or body.get("userId") or body.get("user_id") or "unknown")
    assert (intent.stream, intent.deferrable, intent.force_provider) == (False, False, None)
    assert intent.only_fans_context is None
    if path == CAMPAIGNS:
        assert intent.type == TYPES[body["action"]]
        assert intent.data == body["payload"]
        named = body.get("platforms") or ([body["platform"]] if body.get("platform") else None)
        assert named is None or list(intent.platforms) == named
    else:
        assert intent.type == "content_planning"
        assert set(intent.data) <= {"theme", "targetAudience", "style", "length"}


SECRET = "inside-"
INSIDE = st.text("abc", max_size=4).map(SECRET.__add__)
ERRORS = st.fixed_dictionaries(
    {
        "code": st.sampled_from(
            ["provider_unavailable", "compliance_violation", "cost_limit_exceeded"]
        ),
        "message": INSIDE,
    }
)
RESULTS = st.fixed_dictionaries(
    {
        "workflowId": INSIDE,
        "status": st.sampled_from(["completed", "completed", "running", "queued", "failed"]),
        "content": st.text(),
        "fullResult": st.dictionaries(INSIDE, INSIDE, max_size=2),
        "provider": INSIDE,
        "model": INSIDE,
        "platforms": st.lists(INSIDE, max_size=2),
        "traceId": INSIDE,
        "error": st.none() | ERRORS,
    }
)
PLANNED = {"content", "platforms", "provider"}
MESSAGE = {"message", "provider"}


@given(NEARLY, PATHS, RESULTS, st.sampled_from([200, 200, 202, 402, 422, 429, 500, 503]))
def test_every_answer_has_the_keys_of_its_legacy_shape_and_nothing_from_inside(
    said: dict[str, Any], path: str, result: dict[str, Any], status: int
) -> None:
    try:
        request = asked(path, orjson.dumps(said))
    except Unserved:
        return
    told = Reply(status, {"X-Inside": SECRET}, orjson.dumps(result))
    reply = answered(request, told, Moment(0.0, 0.25))
    assert isinstance(reply.body, bytes)
    assert SECRET.encode() not in reply.body
    assert SECRET not in str(reply.headers.items())
    answer = reply.json()
    if status != 200 or result["status"] != "completed" or result["error"]:
        code = result["error"] and result["error"]["code"]
        unpaid = status in (402, 429) and code == "cost_limit_exceeded"
        failed = {"success", "error"} if path == GENERATE else {"status", "message", "data"}
        assert (reply.status, set(answer)) == (status if unpaid else 500, failed)
        return
    assert reply.status == 200
    if path == GENERATE:
        assert set(answer) == {"success", "content", "platform", "platforms", "metadata"}
        assert answer["content"] == result["content"]
        return
    assert set(answer) == {"status", "result", "data"}
    assert answer["result"] == answer["data"]
    shown, payload = answer["data"], said["payload"]
    if said["action"] == "content_planning":
        assert set(shown) == PLANNED
    elif said["action"] == "message_generation":
        to = {"recipientId"} & payload.keys()
        assert set(shown) == MESSAGE | to
    else:
        assert set(shown) == {"message", "data"}
        assert shown["data"].keys() - {"platforms"} == payload.keys() - {"platforms"}


@pytest.mark.parametrize("levels", [1, 100, 120, 125, 130, 200, 240, 250, 252, 253, 254, 255, 300])
def test_a_document_of_any_depth_is_left_to_legacy_or_can_be_echoed(levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    data = b'{"action":"plan_campaign","payload":{"deep":%b}}' % deep
    try:
        request = asked(CAMPAIGNS, data)
    except Unserved:
        assert levels > 100
        return
    result = WorkflowResult(workflow_id="w", status="completed", content="Done.")
    reply = answered(request, Reply(body=result.model_dump_json(by_alias=True)), Moment(0.0, 0.0))
    assert isinstance(reply.body, bytes)
    assert deep in reply.body


RESETS = "daily; spent=100%; resets=60"
UNPAID = WorkflowResult(
    workflow_id="w",
    status="failed",
    error=WorkflowError(code="cost_limit_exceeded", message="daily pays for no more"),
)
TOLD = {"Retry-After": "60", "X-Crossfade-Budget": RESETS, "X-Inside": SECRET}


@pytest.mark.parametrize("status", [402, 429])
@pytest.mark.parametrize(("path", "body"), [(CAMPAIGNS, PLAN), (GENERATE, {})])
def test_what_no_budget_pays_for_is_told_with_when_to_come_again(
    path: str, body: dict[str, Any], status: int
) -> None:
    told = Reply(status, TOLD, UNPAID.model_dump_json(by_alias=True))
    reply = answered(asked(path, orjson.dumps(body)), told, Moment(0.0, 0.0))
    assert reply.status == status
    assert reply.headers.items() == [
        ("Content-Type", "application/json"),
        ("Retry-After", "60"),
        ("X-Crossfade-Budget", RESETS),
    ]
    says = {"status": "error", "message": "Budget exceeded", "data": None}
    assert reply.json() == (
        says if path == CAMPAIGNS else {"success": False, "error": says["message"]}
    )


def test_a_budget_that_is_nearly_spent_is_told_with_a_good_answer() -> None:
    result = WorkflowResult(workflow_id="w", status="completed", content="Done.")
    told = Reply(200, TOLD, result.model_dump_json(by_alias=True))
    reply = answered(asked(CAMPAIGNS, orjson.dumps(PLAN)), told, Moment(0.0, 0.0))
    assert reply.status == 200
    assert reply.headers.get("X-Crossfade-Budget") == RESETS
    assert reply.headers.get("Retry-After") is None


NO_RESULTS: dict[str, Reply] = {
    "no json": Reply(body="<html>"),
    "nothing": Reply(),
    "other json": Reply(body='{"content":"x","status":"completed"}'),
    "a key that is not known": Reply(
        body='{"workflowId":"w","status":"completed","content":"x","more":1}'
    ),
    "a status of its own": Reply(201, body='{"workflowId":"w","status":"completed"}'),
}


@pytest.mark.parametrize("what", NO_RESULTS)
def test_what_is_no_result_is_told_as_legacys_own_failure(what: str) -> None:
    reply = answered(asked(CAMPAIGNS, orjson.dumps(PLAN)), NO_RESULTS[what], Moment(0.0, 0.0))
    assert (reply.status, reply.json()["message"]) == (500, "Internal server error")
    assert reply.headers.items() == [("Content-Type", "application/json")]
