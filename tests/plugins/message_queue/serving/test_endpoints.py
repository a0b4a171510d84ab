"""Who may see and change which message, and what they are told."""

from typing import Any

import pytest

from plugins.message_queue.identifiers import message_id
from plugins.message_queue.paths import MESSAGES, STATS
from plugins.message_queue.serving.endpoints import LISTED_MOST
from proxy.api.endpoints import iso
from tests.kit.onlyfans import status
from tests.plugins.message_queue.counting import few_per_user
from tests.plugins.message_queue.queueing import Queueing, asks, queueing


async def scheduled(on: Queueing, user: str = "ann", **more: Any) -> str:
    """Put a message into the queue that waits there; its id."""
    body = {"scheduleFor": iso(on.now + 300), **more}
    reply = await on.send(asks("POST", user=user), **body)
    assert reply.status == 202, reply.body
    return str(reply.json()["data"]["messageId"])


PLACES = [
    ("POST", MESSAGES),
    ("GET", MESSAGES),
    ("GET", f"{MESSAGES}/x"),
    ("DELETE", f"{MESSAGES}/x"),
    ("POST", f"{MESSAGES}/x/cancel"),
    ("POST", f"{MESSAGES}/x/approve"),
    ("GET", STATS),
]


@pytest.mark.parametrize(("method", "path"), PLACES)
async def test_nobody_is_told_to_say_who_they_are(method: str, path: str) -> None:
    async with queueing() as on:
        reply = await on.ask(asks(method, path, user=None), {})
        assert reply.status == 401
        assert reply.json()["code"] == "UNAUTHORIZED"
        assert reply.headers.get("WWW-Authenticate") == "Bearer"


async def test_a_key_for_which_nobody_vouches_is_nobody() -> None:
    async with queueing() as on:
        asked = asks("GET", user=None)
        asked._identity = asked.identity._replace(key=b"ann")
        assert (await on.ask(asked)).status == 401


async def test_a_message_is_seen_by_its_owner_and_by_administrators_alone() -> None:
    async with queueing() as on:
        one = await scheduled(on)
        path = f"{MESSAGES}/{one}"
        mine = await on.ask(asks("GET", path))
        assert mine.json()["data"]["messageId"] == one
        assert mine.json()["data"]["queueInfo"]["position"] == 1
        by_query = await on.ask(asks("GET", query=f"messageId={one}"))
        assert by_query.json() == mine.json()
        assert (await on.ask(asks("GET", path, user="root", admin=True))).status == 200
        for asked in (
            asks("GET", path, user="bob"),
            asks("GET", query=f"messageId={one}", user="bob"),
            asks("DELETE", path, user="bob"),
            asks("POST", f"{path}/cancel", user="bob"),
            asks("GET", f"{MESSAGES}/{message_id(1.0)}"),
            asks("GET", f"{MESSAGES}/x"),
            asks("GET", f"{path}/x"),
            asks("POST", f"{path}/x"),
            asks("POST", path),
        ):
            reply = await on.ask(asked, {})
            assert (reply.status, reply.json()["code"]) == (404, "NOT_FOUND")
        assert (await on.record(one)).state == "queued"


@pytest.mark.parametrize("how", ["DELETE", "POST"])
async def test_a_message_that_waits_can_be_cancelled_once(how: str) -> None:
    async with queueing() as on:
        one = await scheduled(on)
        path = f"{MESSAGES}/{one}" if how == "DELETE" else f"{MESSAGES}/{one}/cancel"
        cancelled = await on.ask(asks(how, path))
        assert (cancelled.status, cancelled.json()["data"]["status"]) == (200, "cancelled")
        again = await on.ask(asks(how, path))
        assert (again.status, again.json()["code"]) == (409, "CONFLICT")
        await on.plugin.clock.jump(400)
        assert not on.there.calls


async def test_a_message_that_was_sent_cannot_be_cancelled() -> None:
    async with queueing() as on:
        sent = (await on.send()).json()["data"]["messageId"]
        assert (await on.ask(asks("DELETE", f"{MESSAGES}/{sent}"))).status == 409


async def test_what_was_cancelled_is_not_sent_by_the_same_key() -> None:
    async with queueing() as on:
        body = {"scheduleFor": iso(on.now + 60)}
        first = (await on.send(asks("POST", key="k1"), **body)).json()["data"]["messageId"]
        await on.ask(asks("DELETE", f"{MESSAGES}/{first}"))
        again = await on.send(asks("POST", key="k1"), **body)
        assert (again.status, again.json()["success"]) == (409, False)


async def test_a_list_has_ones_own_messages_the_oldest_first() -> None:
    async with queueing() as on:
        on.there.script("fan-9", status(400))
        mine = []
        for n in range(3):
            await on.plugin.clock.jump(1)
            mine.append(await scheduled(on, recipientId=f"fan-{n}"))
        await scheduled(on, user="bob")
        await on.plugin.clock.jump(1)
        await on.send(recipientId="fan-9")

        async def listed(query: str = "", **how: Any) -> tuple[list[str], str | None]:
            data = (await on.ask(asks("GET", query=query, **how))).json()["data"]
            return [one["messageId"] for one in data["messages"]], data.get("next")

        everything, following = await listed()
        assert (everything[:3], len(everything), following) == (mine, 4, None)
        assert await listed("status=queued") == (mine, None)
        assert await listed("limit=2") == (mine[:2], mine[1])
        assert await listed(f"limit=2&after={mine[1]}") == (everything[2:], everything[3])
        assert len((await listed("status=failed"))[0]) == 1
        assert (await listed("status=sending"))[0] == []
        assert len((await listed("userId=bob", user="root", admin=True))[0]) == 1


WRONG = {
    "limit=0": 400,
    f"limit={LISTED_MOST + 1}": 400,
    "limit=x": 400,
    "status=dead": 400,
    "after=x": 400,
    "limit=1&limit=2": 400,
    "x=1": 400,
    "&".join(f"x{n}=1" for n in range(30)): 400,
    "userId=bob": 403,
}


@pytest.mark.parametrize("query", WRONG)
async def test_a_query_that_is_none_is_refused(query: str) -> None:
    async with queueing() as on:
        reply = await on.ask(asks("GET", query=query))
        assert reply.status == WRONG[query]
        assert reply.json()["success"] is False


async def test_a_user_sees_what_waits_and_what_may_still_be_sent() -> None:
    async with queueing(few_per_user(2)) as on:
        await scheduled(on)
        await scheduled(on, user="bob")
        await on.send()
        told = (await on.ask(asks("GET", STATS))).json()["data"]
        assert told["queue"] == {"awaitingApproval": 0, "queued": 1, "sending": 0, "uncertain": 0}
        [window] = told["rateLimits"]
        assert (window["policy"], window["limit"], window["remaining"]) == ("few", 2, 1)
        assert "detailed" not in told
        again = (await on.ask(asks("GET", STATS))).json()["data"]
        assert again["rateLimits"][0]["remaining"] == 1


async def test_the_whole_queue_is_for_administrators() -> None:
    async with queueing() as on:
        await scheduled(on)
        for query in ("detailed=true", "userId=bob"):
            assert (await on.ask(asks("GET", STATS, query))).status == 403
        assert (await on.ask(asks("GET", STATS, "detailed=yes"))).status == 400
        root = asks("GET", STATS, "detailed=true&userId=ann", user="root", admin=True)
        told = (await on.ask(root)).json()["data"]
        assert told["queue"]["queued"] == 1
        assert told["detailed"]["depth"] == {"queued": {"medium": 1}}


async def test_the_health_is_asked_for_without_spending_anything() -> None:
    async with queueing(few_per_user()) as on:
        reply = await on.ask(asks("POST", STATS, user=None), {})
        assert (reply.status, reply.json()["status"]) == (200, "healthy")
        assert not on.there.calls
        assert (await on.parts.store.stats()).depth == {}


async def test_a_platform_that_refuses_us_makes_the_health_a_poor_one() -> None:
    async with queueing(gateway={"token": "another"}) as on:
        await on.send()
        reply = await on.ask(asks("POST", STATS, user=None))
        assert (reply.status, reply.json()["status"]) == (200, "degraded")
        assert reply.json()["checks"]["platform"]["status"] == "degraded"
        assert "token" not in str(reply.json())


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        (MESSAGES, "POST, GET, OPTIONS"),
        (f"{MESSAGES}/x", "GET, DELETE, POST, OPTIONS"),
        (STATS, "GET, POST, OPTIONS"),
    ],
)
async def test_a_browser_is_told_what_it_may_ask(path: str, methods: str) -> None:
    async with queueing() as on:
        reply = await on.ask(asks("OPTIONS", path, user=None))
        assert reply.status == 200
        assert reply.headers.get("Access-Control-Allow-Methods") == methods
        assert "Idempotency-Key" in (reply.headers.get("Access-Control-Allow-Headers") or "")


async def test_what_is_answered_is_kept_by_nobody_on_the_way() -> None:
    async with queueing() as on:
        for reply in (await on.send(), await on.ask(asks()), await on.ask(asks("GET", STATS))):
            assert reply.headers.get("Cache-Control") == "no-store"
