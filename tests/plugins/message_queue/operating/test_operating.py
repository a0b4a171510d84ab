"""What operators see and do: each change for the right role, with who made it in the log."""

from typing import Any

import orjson
import pytest

from proxy.api.endpoints import iso
from tests.kit.onlyfans import status
from tests.kit.redis import RedisServer
from tests.plugins.message_queue.queueing import Queueing, asks, queueing

HOLD = {"approval": {"unapproved": "hold"}}


async def put(on: Queueing, became: str = "queued", user: str = "ann", **more: Any) -> str:
    """Have a message come to a state; its id."""
    later = {"scheduleFor": iso(on.now + 3600)} if became in ("queued", "cancelled") else {}
    if became == "held":
        more["humanApproval"] = None
    failing = {"dead": status(422), "uncertain": status(500)}.get(became)
    if failing is not None:
        on.there.script("*", failing)
    reply = await on.send(asks("POST", user=user), **later, **more)
    made = str(reply.json()["data"]["messageId"])
    if became == "cancelled":
        await on.parts.store.cancel(made)
    assert (await on.record(made)).state == became
    return made


async def test_the_queue_is_shown_in_numbers() -> None:
    async with queueing(**HOLD) as on:
        for state in ("queued", "held", "dead", "sent"):
            await put(on, state)
        await on.parts.store.pause("priority:low")
        told = (await on.admin("GET", "/stats")).json()
        assert told["depth"] == {
            state: {"medium": 1} for state in ("dead", "held", "queued", "sent")
        }
        assert told["rates"]["enqueued"] == {"lastMinute": 4, "lastHour": 4}
        assert told["paused"] == ["priority:low"]
        assert "kept in memory" in told["trouble"]


async def test_messages_are_listed_and_shown_without_what_they_say() -> None:
    async with queueing() as on:
        first = await put(on, "dead", content="SECRET words", recipientId="fan-7")
        second = await put(on, "queued", user="bob", priority="high")

        async def listed(query: str) -> list[str]:
            reply = await on.admin("GET", f"/messages?{query}")
            return [one["id"] for one in reply.json()["messages"]]

        assert await listed("") == [first, second]
        assert await listed("state=dead") == [first]
        assert await listed("user=bob") == [second]
        assert await listed("priority=high") == [second]
        assert await listed("limit=1") == [first]
        assert await listed(f"after={first}") == [second]
        shown = await on.admin("GET", f"/message?id={first}")
        told = shown.json()
        assert (told["state"], told["code"], told["attempts"]) == ("dead", "VALIDATION_ERROR", 0)
        assert told["content"]["characters"] == len("SECRET words")
        assert len(told["content"]["digest"]) == 16
        assert told["approvedBy"] == "mia"
        everything = orjson.dumps([told, (await on.admin("GET", "/messages")).json()])
        assert b"SECRET" not in everything


async def test_the_text_is_for_admins_and_that_somebody_looked_is_logged() -> None:
    async with queueing() as on:
        one = await put(on, content="SECRET words")
        assert on.plugin.admin.roles["GET", "/message/text"] == "admin"
        assert (await on.admin("GET", f"/message/text?id={one}")).json()["text"] == "SECRET words"
        [line] = on.plugin.services.logged("queue_changed")
        assert (line["what"], line["message_id"], line["by"]) == ("text", one, "ops")


async def test_looking_is_for_viewers_acting_for_operators_and_purging_for_admins() -> None:
    async with queueing() as on:
        roles = on.plugin.admin.roles
        assert {path for (_, path), role in roles.items() if role == "viewer"} == {
            "/stats",
            "/messages",
            "/message",
        }
        assert {path for (_, path), role in roles.items() if role == "admin"} == {
            "/message/text",
            "/purge",
        }


CHANGES: list[tuple[str, str, dict[str, Any], str]] = [
    ("/requeue", "dead", {}, "queued"),
    ("/requeue", "uncertain", {}, "queued"),
    ("/dead", "queued", {}, "dead"),
    ("/dead", "held", {}, "dead"),
    ("/dead", "uncertain", {}, "dead"),
    ("/settle", "uncertain", {"became": "sent"}, "sent"),
    ("/settle", "uncertain", {"became": "dead"}, "dead"),
    ("/cancel", "queued", {}, "cancelled"),
    ("/cancel", "held", {}, "cancelled"),
    ("/approve", "held", {"by": "mia"}, "queued"),
]


@pytest.mark.parametrize(("path", "state", "more", "became"), CHANGES)
async def test_one_message_is_changed_and_it_is_logged_by_whom(
    path: str, state: str, more: dict[str, Any], became: str
) -> None:
    async with queueing(**HOLD) as on:
        one = await put(on, state)
        reply = await on.admin("POST", path, {"id": one, **more}, by="joe")
        assert reply.status == 200
        assert reply.json()["state"] == became
        [line] = on.plugin.services.logged("queue_changed")
        assert (line["what"], line["message_id"], line["by"]) == (path[1:], one, "joe")
        assert on.plugin.services.value("changes", what=path[1:]) == 1


async def test_a_message_that_was_requeued_is_sent() -> None:
    async with queueing() as on:
        one = await put(on, "dead")
        await on.admin("POST", "/requeue", {"id": one})
        await on.becomes(one, "sent")
        assert len(on.there.executions) == 1


async def test_the_word_of_an_operator_stands_in_the_record() -> None:
    async with queueing() as on:
        one = await put(on, "uncertain")
        told = (await on.admin("POST", "/settle", {"id": one, "became": "sent"}, by="joe")).json()
        assert (told["code"], told["why"]) == ("settled", "said by joe")


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("/requeue", "sent", {}, "This message is sent. Requeue one that is dead"),
    ("/dead", "sent", {}, "This message is sent. Give up"),
    ("/settle", "dead", {"became": "sent"}, "This message is dead. Settle one"),
    ("/settle", "queued", {"became": "dead"}, "This message is queued. Settle one"),
    ("/cancel", "dead", {}, "This message is dead. Cancel one"),
    ("/approve", "queued", {"by": "mia"}, "This message is queued. Approve one"),
]


@pytest.mark.parametrize(("path", "state", "more", "says"), REFUSED)
async def test_what_cannot_be_changed_so_is_told_what_can(
    path: str, state: str, more: dict[str, Any], says: str
) -> None:
    async with queueing(**HOLD) as on:
        one = await put(on, state)
        reply = await on.admin("POST", path, {"id": one, **more})
        assert reply.status == 409
        assert reply.json()["detail"].startswith(says)
        assert (await on.record(one)).state == state


WRONG: list[tuple[str, str, Any, int]] = [
    ("GET", "/message?id=x", None, 404),
    ("GET", "/message?id=00000000-03e8-736e-85a2-86bf0c0dacc9", None, 404),
    ("GET", "/messages?state=lost", None, 400),
    ("GET", "/messages?priority=urgent", None, 400),
    ("GET", "/messages?limit=501", None, 400),
    ("GET", "/messages?limit=0", None, 400),
    ("GET", "/messages?after=x", None, 400),
    ("GET", "/messages?x=1", None, 400),
    ("POST", "/requeue", {}, 400),
    ("POST", "/requeue", {"id": "x"}, 404),
    ("POST", "/pause", {"what": "everything"}, 400),
    ("POST", "/pause", {"what": "priority:urgent"}, 400),
    ("POST", "/resume", {"what": "user:"}, 400),
    ("POST", "/replay", {"state": "sent"}, 400),
    ("POST", "/purge", {"state": "queued", "olderThan": 0, "confirm": True}, 400),
    ("POST", "/purge", {"state": "dead", "olderThan": -1, "confirm": True}, 400),
    ("POST", "/purge", {"state": "sent"}, 400),
]


@pytest.mark.parametrize(("method", "path", "body", "status_"), WRONG)
async def test_what_is_asked_wrongly_is_told_what_is_wanted(
    method: str, path: str, body: Any, status_: int
) -> None:
    async with queueing() as on:
        reply = await on.admin(method, path, body)
        assert reply.status == status_
        assert reply.headers.get("Content-Type") == "application/problem+json"
        assert len(reply.json()["detail"]) > 10


@pytest.mark.parametrize("by", ["", "  ", "x" * 257])
async def test_an_approval_names_a_person(by: str) -> None:
    async with queueing(**HOLD) as on:
        one = await put(on, "held")
        assert (await on.admin("POST", "/approve", {"id": one, "by": by})).status == 400


@pytest.mark.parametrize("what", ["all", "priority:medium", "user:ann"])
async def test_what_is_paused_waits_until_it_goes_on(what: str) -> None:
    async with queueing() as on:
        assert (await on.admin("POST", "/pause", {"what": what})).json()["changed"] is True
        assert (await on.admin("POST", "/pause", {"what": what})).json()["changed"] is False
        reply = await on.send()
        waiting = reply.json()["data"]
        assert (reply.status, waiting["status"]) == (202, "queued")
        await on.plugin.clock.jump(100)
        assert not on.there.calls
        assert (await on.admin("POST", "/resume", {"what": what})).json()["changed"] is True
        await on.becomes(waiting["messageId"], "sent")
        assert b"ann" not in orjson.dumps(on.plugin.services.logged("queue_changed"))


async def test_all_that_are_dead_are_replayed_once_it_is_confirmed() -> None:
    async with queueing() as on:
        dead = [await put(on, "dead"), await put(on, "dead", user="bob")]
        on.there.script("*", status(400))
        other = (await on.send(asks("POST", user="cleo"))).json()["data"]["messageId"]
        asked = {"state": "dead", "code": "VALIDATION_ERROR"}
        told = (await on.admin("POST", "/replay", asked)).json()
        assert told == {"messages": 2, "done": False}
        assert (await on.record(dead[0])).state == "dead"
        one = (await on.admin("POST", "/replay", asked | {"user": "bob", "confirm": True})).json()
        assert one == {"messages": 1, "done": True}
        await on.becomes(dead[1], "sent")
        await on.admin("POST", "/replay", asked | {"confirm": True})
        await on.becomes(dead[0], "sent")
        assert (await on.record(other)).state == "dead"


async def test_old_ones_are_purged_once_it_is_confirmed() -> None:
    async with queueing() as on:
        old = await put(on, "dead")
        await on.plugin.clock.jump(100)
        young = await put(on, "dead")
        asked = {"state": "dead", "olderThan": 50}
        assert (await on.admin("POST", "/purge", asked)).json() == {"messages": 1, "done": False}
        assert (await on.record(old)).state == "dead"
        told = (await on.admin("POST", "/purge", asked | {"confirm": True})).json()
        assert told == {"messages": 1, "done": True}
        assert await on.parts.store.get(old) is None
        assert (await on.record(young)).state == "dead"


async def test_a_store_that_fails_is_told() -> None:
    with RedisServer() as redis:
        async with queueing(store=redis.url) as on:
            redis.stop()
            reply = await on.admin("GET", "/stats")
            assert reply.status == 503
            assert reply.json()["detail"].startswith("The store of messages fails: ")
