"""Legacy's way to send a message: its words are kept, and what only it can do is left to it."""

import asyncio
from typing import Any

import orjson
import pytest

from proxy.api import Reply, Request
from proxy.api.endpoints import iso
from proxy.api.testing import Passed, request
from tests.kit.redis import RedisServer
from tests.plugins.message_queue.counting import few_per_user
from tests.plugins.message_queue.queueing import Queueing, queueing

SEND = "/api/messages/send"
LEGACYS = Reply(200, body=b'{"from": "legacy"}')
HOLD = {"approval": {"unapproved": "hold"}}


def posts(user: str | None = "ann", key: str = "", method: str = "POST") -> Request:
    headers = {"Idempotency-Key": key} if key else {}
    return request(method, SEND, key=user, verified=user is not None, headers=headers)


def body(on: Queueing, **more: Any) -> dict[str, Any]:
    said = {
        "recipient_id": "fan-1",
        "message": "Good morning",
        "humanApproval": on.approval(),
        **more,
    }
    return {name: value for name, value in said.items() if value is not ...}


async def passed(
    on: Queueing, asked: Request | None = None, data: bytes | None = None, /, **more: Any
) -> Passed:
    data = orjson.dumps(body(on, **more)) if data is None else data
    return await on.plugin.through(asked or posts(), LEGACYS, data, arm="new")


async def test_a_message_is_queued_in_legacys_words() -> None:
    async with queueing(few_per_user(10)) as on:
        gone = await passed(on)
        assert gone.left is None
        assert gone.reply.status == 200
        for name, value in {
            "X-API-Version": "v1-messages-legacy",
            "X-Provider": "hybrid",
            "X-Rate-Limit-Remaining": "10",
        }.items():
            assert gone.reply.headers.get(name) == value
        told = gone.reply.json()
        message_id = told.pop("message_id")
        assert told == {
            "success": True,
            "recipient_id": "fan-1",
            "status": "queued",
            "scheduled_for": iso(on.now),
            "provider": "hybrid",
            "metadata": {"duration": 0, "timestamp": iso(on.now), "rate_limited": False},
        }
        record = await on.becomes(message_id, "sent")
        assert (record.message.user, record.message.source) == ("ann", "legacy")
        assert on.there.calls[0].body["content"] == "Good morning"


async def test_one_that_has_to_wait_says_until_when() -> None:
    async with queueing(few_per_user()) as on:
        first = (await passed(on)).reply.json()
        await on.becomes(first["message_id"], "sent")
        at = on.now
        told = (await passed(on)).reply.json()
        assert told["status"] == "queued"
        assert told["metadata"]["rate_limited"] is True
        assert iso(at) < told["scheduled_for"] <= iso(at + 60)


SPELLINGS: dict[str, dict[str, Any]] = {
    "in snake case": {"message_type": "welcome", "priority": "low"},
    "in camel case": {"messageType": "welcome", "priority": "low", "recipientId": "x"},
    "with content": {"message": ..., "content": "Good morning", "message_type": "welcome"},
    "with keys that legacy drops": {"message_type": "welcome", "tags": [1], "accountId": "a"},
    "with the platform": {"message_type": "welcome", "platform": "onlyfans"},
    "with the caller": {"message_type": "welcome", "user_id": "ann"},
    "with a time that has passed": {"message_type": "welcome", "schedule_for": iso(1.7e9)},
}


@pytest.mark.parametrize("how", SPELLINGS)
async def test_each_spelling_of_legacys_is_read(how: str) -> None:
    async with queueing() as on:
        told = (await passed(on, **SPELLINGS[how])).reply.json()
        record = await on.becomes(told["message_id"], "sent")
        assert record.message.message_type == "welcome"
        assert record.message.recipient == "fan-1"


async def test_a_time_to_come_is_kept() -> None:
    async with queueing() as on:
        told = (await passed(on, schedule_for=iso(on.now + 600))).reply.json()
        assert told["scheduled_for"] == iso(on.now + 600)
        await on.plugin.clock.jump(500)
        assert not on.there.calls


LEFT: dict[str, Any] = {
    "no JSON": b"{",
    "no recipient": {"recipient_id": ..., "recipientId": "fan-1"},
    "an empty recipient": {"recipient_id": ""},
    "a null where legacy takes none": {"message_type": None},
    "no text": {"message": ...},
    "a text of blanks": {"message": "  "},
    "a number for a text": {"message": 5},
    "a text that is too long for us": {"message": "x" * 10_001},
    "another platform": {"platform": "instagram"},
    "a type that we do not know": {"message_type": "spam"},
    "a priority that legacy does not know": {"priority": "critical"},
    "a time that we cannot read": {"schedule_for": "tomorrow"},
    "a time beyond next year": {"schedule_for": "2040-01-01T00:00:00Z"},
    "another user": {"user_id": "bob"},
    "no approval": {"humanApproval": ...},
    "an approval that is none": {"humanApproval": {"approvedBy": "mia"}},
    "an old approval": {"humanApproval": {"approvedBy": "mia", "approvedAt": iso(1.7e9)}},
}


@pytest.mark.parametrize("what", LEFT)
async def test_what_is_legacys_to_answer_is_left_to_it(what: str) -> None:
    async with queueing() as on:
        said = LEFT[what]
        gone = await passed(on, None, said) if isinstance(said, bytes) else await passed(on, **said)
        assert gone.left is not None
        assert not gone.left.failed
        assert gone.left.reply.status in (400, 403)
        assert gone.left.reply.json()["success"] is False
        assert gone.reply.json() == {"from": "legacy"}
        assert (await on.parts.store.stats()).depth == {}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (posts(None), 401),
        (posts("x" * 257), 400),
        (posts(method="GET"), 405),
        (posts(key="a b"), 400),
    ],
)
async def test_who_and_how_we_cannot_serve_is_left_to_legacy(asked: Request, status: int) -> None:
    async with queueing() as on:
        gone = await passed(on, asked)
        assert gone.left is not None
        assert gone.left.reply.status == status
        assert gone.reply.json() == {"from": "legacy"}


@pytest.mark.parametrize("age", [None, 400.0])
async def test_what_has_no_fresh_approval_is_held_where_the_settings_say_so(
    age: float | None,
) -> None:
    async with queueing(**HOLD) as on:
        more = {"humanApproval": ... if age is None else on.approval(age)}
        told = (await passed(on, **more)).reply.json()
        assert (await on.record(told["message_id"])).state == "held"


async def test_a_full_queue_is_told_as_legacy_tells_it_and_legacy_sends_nothing() -> None:
    async with queueing(most=1) as on:
        await passed(on, schedule_for=iso(on.now + 600))
        gone = await passed(on)
        assert gone.left is None
        assert gone.reply.status == 429
        assert gone.reply.headers.get("Retry-After") == "60"
        assert gone.reply.json() == {
            "success": False,
            "error": "Rate limit exceeded",
            "retry_after": 60,
            "message_id": None,
            "status": "rate_limited",
        }


async def test_a_limit_that_refuses_is_told_as_legacy_tells_it() -> None:
    async with queueing(few_per_user(action="reject")) as on:
        first = (await passed(on)).reply.json()
        await on.becomes(first["message_id"], "sent")
        gone = await passed(on)
        assert (gone.reply.status, gone.reply.json()["status"]) == (429, "rate_limited")
        assert gone.reply.by_rule  # it counts for no arm


async def test_the_same_key_is_the_same_message_here_too() -> None:
    async with queueing() as on:
        first = (await passed(on, posts(key="k1"))).reply.json()
        again = (await passed(on, posts(key="k1"))).reply.json()
        assert again["message_id"] == first["message_id"]
        other = await passed(on, posts(key="k1"), message="Something else")
        assert (other.reply.status, other.reply.json()["success"]) == (422, False)


async def test_what_may_be_in_a_store_that_fails_is_not_given_to_legacy() -> None:
    with RedisServer() as redis:
        async with queueing(store=redis.url) as on:
            redis.stop()
            gone = await passed(on)
            assert gone.left is None
            assert gone.reply.status == 500
            assert gone.reply.json() == {"success": False, "error": "Internal server error"}


async def test_what_has_failed_meanwhile_is_told_when_it_is_asked_again() -> None:
    async with queueing() as on:
        first = (await passed(on, posts(key="k1"), schedule_for=iso(on.now + 600))).reply.json()
        await on.parts.store.cancel(first["message_id"])
        again = (await passed(on, posts(key="k1"), schedule_for=iso(on.now + 600))).reply.json()
        assert (again["success"], again["status"], again["error"]) == (False, "failed", "cancelled")


async def test_a_client_that_leaves_has_sent_its_message() -> None:
    async with queueing() as on:
        client = asyncio.create_task(passed(on, posts(key="k1")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        client.cancel()
        await asyncio.wait((client,))
        told = (await passed(on, posts(key="k1"))).reply.json()
        await on.becomes(told["message_id"], "sent")
        assert len(on.there.executions) == 1
