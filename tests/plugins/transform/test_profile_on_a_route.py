"""A profile on a route: for new alone, and whatever it cannot vouch for legacy answers."""

from typing import Any, get_args

import orjson
import pytest

from plugins.transform import Transform, TransformSettings
from plugins.transform.profiles import PROFILES
from proxy.api import Body, Reply, json_reply
from proxy.api.testing import Passed, isolated, request

SETTINGS = {"profile": "huntaze-campaigns"}
PLAN: dict[str, Any] = {"user_id": "u-1", "action": "content_planning", "payload": {"theme": "x"}}
RESULT = json_reply({"workflowId": "w", "status": "completed", "content": "Three posts."})
LEGACY = json_reply({"status": "success", "result": 1, "data": 1}, 200, {"X-Provider": "legacy"})


async def through(
    body: bytes, answer: Reply, *, arm: str, path: str = "/api/campaigns", **settings: Any
) -> Passed:
    async with isolated(Transform, {**SETTINGS, **settings}) as plugin:
        return await plugin.through(request("POST", path), answer, body, arm=arm)


def test_the_settings_know_every_profile() -> None:
    (names, _) = get_args(TransformSettings.model_fields["profile"].annotation)
    assert set(get_args(names)) == set(PROFILES)


@pytest.mark.parametrize("arm", ["new", ""])
async def test_a_profile_serves_new_and_a_route_without_arms(arm: str) -> None:
    passed = await through(orjson.dumps(PLAN), RESULT, arm=arm)
    assert passed.body is not None
    assert passed.body.json()["userId"] == "u-1"
    assert passed.reply.json()["data"]["content"] == "Three posts."


@pytest.mark.parametrize("path", ["/api/campaigns", "/api/messages/send"])
async def test_on_legacy_nothing_is_read(path: str) -> None:
    passed = await through(b"{ no json", LEGACY, arm="legacy", path=path)
    assert passed.body == Body("POST", path, "", b"{ no json")
    assert (passed.left, passed.reply.body) == (None, LEGACY.body)


LEFT = [("/api/campaigns", b"{"), ("/api/messages/send", b'{"message":"Hi!"}')]


@pytest.mark.parametrize(("path", "body"), LEFT)
async def test_what_new_cannot_serve_reaches_legacy_as_it_came(path: str, body: bytes) -> None:
    passed = await through(body, LEGACY, arm="new", path=path)
    assert passed.left is not None
    assert not passed.left.failed
    assert passed.body == Body("POST", path, "", body)
    assert passed.reply.body == LEGACY.body
    assert passed.reply.headers.get("X-Provider") == "legacy"
    assert passed.outcome.reason == "declined"


async def test_a_body_above_max_body_is_left_to_legacy() -> None:
    data = orjson.dumps(PLAN)
    fits = await through(data, RESULT, arm="new", max_body=f"{len(data)}B")
    above = await through(data, LEGACY, arm="new", max_body=f"{len(data) - 1}B")
    assert (fits.left, above.left is None) == (None, False)


async def test_without_legacy_an_unfit_request_gets_the_error_that_legacy_documents() -> None:
    passed = await through(b'{"action":"content_planning"}', RESULT, arm="")
    assert passed.sent is None
    assert passed.reply.status == 400
    assert passed.reply.json()["message"] == "Invalid request format"


async def test_an_unverified_key_is_nobody() -> None:
    async with isolated(Transform, SETTINGS) as plugin:
        for verified, owner in ((False, "u-1"), (True, "claimed")):
            asked = request("POST", "/api/campaigns", key="claimed", verified=verified)
            passed = await plugin.through(asked, RESULT, orjson.dumps(PLAN), arm="new")
            assert passed.body is not None
            assert passed.body.json()["userId"] == owner


async def test_the_content_type_is_of_no_importance_as_on_legacy() -> None:
    async with isolated(Transform, SETTINGS) as plugin:
        asked = request("POST", "/api/campaigns", headers={"Content-Type": "text/plain"})
        passed = await plugin.through(asked, RESULT, orjson.dumps(PLAN), arm="new")
        assert passed.left is None


async def test_the_duration_is_the_time_between_request_and_answer() -> None:
    asked = request("POST", "/api/campaigns")
    asked.arm = "new"
    async with isolated(Transform, SETTINGS) as plugin:
        body = Body("POST", asked.path, "", orjson.dumps(PLAN))
        assert await plugin.use.rewrite_request(asked, body)
        await plugin.clock.jump(1.25)
        reply = await plugin.use.rewrite_response(asked, RESULT.copied())
        assert reply.headers.get("X-Duration") == "1250ms"


async def test_an_answer_to_what_was_never_read_is_left_alone() -> None:
    async with isolated(Transform, SETTINGS) as plugin:
        assert await plugin.use.rewrite_response(request(), LEGACY) is LEGACY
