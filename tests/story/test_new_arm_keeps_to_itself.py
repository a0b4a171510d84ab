"""What the new arm never does, with a real process: tell, take for granted, repeat, pass on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import jwt
import orjson

from tests.kit.provider import answer, provider, status
from tests.kit.running import RunningProxy
from tests.story.echo import EchoUpstream
from tests.story.operator import TRUSTED, Admin
from tests.story.orchestrated import CAMPAIGN, KEYS, orchestrated
from tests.story.test_new_arm import Stage

SECRET = "a-signing-secret-of-the-story-of-32-bytes-or-more"
ANN, BOB = "user-ann-5512", "user-bob-9043"
INSIDE = {
    "signing secret": SECRET,
    "provider's key": KEYS["CROSSFADE_TEST_KEY"],
    "user": ANN,
    "claimed user": BOB,
    "prompt": "prompt-word-77c1",
    "answer": "answer-word-d0e5",
    "recipient": "fan-3b3b",
    "idempotency key": "key-48aa",
    "provider's words": "provider-word-e2e2",
    "own message": "message-word-19f0",
}
"""Words that no line of output may contain, and no metric."""


def bearer(user: str, **claims: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {jwt.encode({'userId': user, **claims}, SECRET, 'HS256')}"}


def intent(user: str, **more: Any) -> dict[str, Any]:
    data = {"theme": INSIDE["prompt"], "recipientId": INSIDE["recipient"]}
    return {"type": "content_planning", "userId": user, "data": data, **more}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    """Callers are bucketed by a cookie, and believed by their tokens alone."""
    connector = aiohttp.TCPConnector(local_addr=(TRUSTED, 0), limit=0)
    async with (
        provider() as there,
        EchoUpstream("legacy") as legacy,
        aiohttp.ClientSession(connector=connector, cookies={"sid": "s1"}) as client,
    ):
        config = orchestrated(there, legacy, retry={"replay": "allow"}, cache={"use": "always"})
        config["identity"] = {
            "key": ["cookie:sid", "jwt:userId"],
            "jwt": {"secret": SECRET},
            "trusted_proxies": [f"{TRUSTED}/32"],
        }
        config["log"] = {"level": "debug", "format": "json", "access": {"sample": 1.0}}
        arms = config["routes"][0]["arms"]
        config["routes"].insert(
            0,
            {
                "name": "messages",
                "match": {"path": "/api/messages/**"},
                "rollout": "hybrid",
                "arms": arms,
                "replay": "allow",
                "plugins": [{"transform": {"profile": "huntaze-campaigns"}}],
            },
        )
        proxy = RunningProxy(config, env=KEYS)
        await asyncio.to_thread(proxy.start)
        try:
            yield Stage(proxy, there, legacy, client)
        finally:
            await asyncio.to_thread(proxy.__exit__, None, None, None)


async def test_a_message_is_never_made_up_nor_sent_twice() -> None:
    message = {"recipient_id": "fan", "message": INSIDE["own message"], "action": "send_message"}
    async with stage() as on:
        for count in (1, 2):
            code, body, headers = await on.ask(
                "/api/messages/send", {**message, "payload": {}}, Idempotency_Key="k1"
            )
            assert (code, body["by"]) == (200, "legacy")
            assert body["line"] == "POST /api/messages/send HTTP/1.1"
            assert body["body"] == len(orjson.dumps({**message, "payload": {}})) + 7  # spaces
            assert "Idempotency-Replayed" not in headers
            assert on.legacy.asked == count
        on.legacy.sick = True
        code, _, _ = await on.ask("/api/messages/send", message, Idempotency_Key="k2")
        assert (code, on.legacy.asked) == (500, 3)
        assert on.there.log == []


async def test_nobody_gets_what_is_somebody_elses() -> None:
    key = {"Idempotency_Key": INSIDE["idempotency key"]}
    async with stage() as on:
        code, hers, _ = await on.ask("/intents", intent(ANN), **bearer(ANN), **key)
        assert code == 200
        # In whose name a cookie cannot say, whatever is bucketed.
        for told in ({}, {"role": "creator"}):
            code, body, _ = await on.ask("/intents", intent(BOB), **bearer(ANN, **told))
            assert (code, body["error"]["code"]) == (403, "invalid_request")
        for spoof in ({"X_User_Role": "admin"}, {"Cookie": "sid=s1; role=admin"}):
            forced = intent(BOB, forceProvider="azure")
            code, _, _ = await on.ask("/intents", forced, **spoof)
            assert code == 403
        # Who says her name, and knows her key or her words, gets neither answer nor id of hers.
        for asking, cached in ((key, False), ({}, True)):  # the second has the first one's
            code, body, headers = await on.ask("/intents", intent(ANN), **asking)
            assert (code, body["cached"]) == (200, cached)
            assert body["workflowId"] != hers["workflowId"]
            assert "Idempotency-Replayed" not in headers
        assert len(on.there.log) == 2


async def test_no_name_of_a_callers_gets_into_a_call_unread() -> None:
    names = {
        "X_Request_Id": 'a b"{}<script>',
        "traceparent": '00-zz-"x"-01',
        "X_Crossfade_Workflow_Id": "mine",
        "X_Crossfade_Attempt_Id": "mine",
    }
    async with stage() as on:
        code, _, _ = await on.ask("/intents", intent(ANN), **names)
        assert code == 200
        [call] = on.there.log
        assert "<" not in str(call.headers)
        assert "mine" not in str(call.headers)
        assert "zz" not in call.headers["traceparent"]


async def test_nothing_of_users_prompts_and_keys_is_told_to_logs_and_metrics() -> None:
    key = {"Idempotency_Key": INSIDE["idempotency key"]}
    error = status(400, message=INSIDE["provider's words"])
    async with stage() as on:
        on.there.script(
            "gpt-4o-mini",
            answer(orjson.dumps({"content": f"{INSIDE['answer']}, and more of it."}).decode()),
            times=1,
        )
        asked = [
            await on.ask("/intents", intent(ANN), **bearer(ANN), **key),
            await on.ask("/intents", intent(BOB), **key),
            await on.ask("/intents", intent(ANN), **bearer(BOB)),
            await on.ask("/intents", {**intent(BOB), INSIDE["prompt"]: 1}),
        ]
        on.there.script("gpt-4o-mini", error, times=3)
        asked.append(await on.ask("/intents", intent(ANN, contentType="story"), **bearer(ANN)))
        payload = {"theme": INSIDE["prompt"], "recipientId": INSIDE["recipient"]}
        large = {**CAMPAIGN, "payload": {"theme": "x" * 200_000}}
        asked.append(await on.ask("/api/campaigns", {**CAMPAIGN, "payload": payload}))
        code, body, _ = await on.ask("/api/campaigns", large)
        assert (code, body["by"]) == (200, "legacy")
        assert "400" in [call.ended for call in on.there.calls]
        admin = Admin(on.proxy)
        told = [admin.ask(path)[1].decode() for path in ("/metrics", "/status")]
        for _, _, headers in asked:
            told.append(admin.ask(f"/v1/why/{headers['X-Request-Id']}")[1].decode())
        for call in on.there.calls:
            assert not any(INSIDE[one] in str(call.body) for one in ("user", "recipient"))
        told += on.proxy.output().splitlines()
        for what, word in INSIDE.items():
            assert [line[:300] for line in told if word in line] == [], what
