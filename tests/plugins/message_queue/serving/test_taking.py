"""What becomes of a message that is sent: at once, later, never; and what its sender is told."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from plugins.message_queue.paths import MESSAGES
from plugins.rate_limit.service import CountingLimits
from proxy.api import Reply
from proxy.api.endpoints import iso
from proxy.api.limits import Facts, Standing
from tests.kit.onlyfans import hang, status, waits
from tests.kit.redis import RedisServer
from tests.plugins.message_queue.counting import few_per_user
from tests.plugins.message_queue.delivering.desk import Brittle
from tests.plugins.message_queue.queueing import Queueing, asks, queueing


def data(reply: Reply) -> dict[str, Any]:
    told: dict[str, Any] = reply.json()
    assert told["success"], told
    found: dict[str, Any] = told["data"]
    return found


async def test_a_message_that_may_go_is_sent_while_its_client_waits() -> None:
    async with queueing(few_per_user(10)) as on:
        reply = await on.send(metadata={"workflowId": "wf_1", "source": "test"})
        assert reply.status == 200
        assert reply.headers.get("X-Provider") == "direct"
        assert str(reply.headers.get("RateLimit")).endswith(";r=9;t=60")
        assert str(reply.headers.get("RateLimit-Policy")).endswith(";q=10;w=60")
        assert reply.headers.get("X-RateLimit-Limit") == "10"
        assert reply.headers.get("X-RateLimit-Remaining") == "9"
        assert reply.headers.get("X-RateLimit-Reset") == iso(on.now + 60)
        assert reply.headers.get("X-Processing-Time") == "0ms"
        assert reply.headers.get("Retry-After") is None
        told = data(reply)
        [sent] = on.there.executions
        assert (told["status"], told["platformMessageId"]) == ("sent", sent.platform_id)
        assert sent.key == told["messageId"]
        assert told["metadata"]["workflowId"] == "wf_1"
        assert "content" not in told


async def test_one_that_may_not_go_yet_waits_and_says_how_long() -> None:
    async with queueing(few_per_user()) as on:
        await on.send()
        await on.plugin.clock.jump(20)
        reply = await on.send()
        assert reply.status == 202
        assert reply.headers.get("X-Provider") == "queued"
        assert reply.headers.get("Retry-After") == "40"
        told = data(reply)
        assert told["status"] == "queued"
        assert told["queueInfo"] == {
            "position": 1,
            "estimatedDelay": 40,
            "estimatedAt": iso(on.now + 40),
        }
        info = told["rateLimitInfo"]
        assert (info["allowed"], info["violated"], info["retryAfter"]) == (False, ["few"], 40)
        assert len(on.there.executions) == 1


async def test_those_that_wait_stand_in_line_and_go_by_themselves() -> None:
    async with queueing(few_per_user()) as on:
        waiting = [data(await on.send(recipientId=f"fan-{n}")) for n in range(3)]
        assert [one["status"] for one in waiting] == ["sent", "queued", "queued"]
        assert all(one["queueInfo"]["estimatedDelay"] >= 60 for one in waiting[1:])
        for sent in (2, 3):
            await on.plugin.clock.jump(59)
            await on.sent(sent - 1)
            await on.plugin.clock.jump(1)
            await on.sent(sent)


async def test_a_message_for_later_is_not_sent_before_its_time() -> None:
    async with queueing() as on:
        reply = await on.send(scheduleFor=iso(on.now + 300), messageType="welcome")
        told = data(reply)
        assert (reply.status, told["status"], told["priority"]) == (202, "queued", "high")
        assert reply.headers.get("Retry-After") == "300"
        await on.plugin.clock.jump(299)
        assert not on.there.calls
        await on.plugin.clock.jump(2)
        await on.becomes(told["messageId"], "sent")


async def test_nothing_is_sent_without_a_persons_consent() -> None:
    async with queueing() as on:
        reply = await on.send(humanApproval=None)
        assert (reply.status, reply.json()["code"]) == (403, "HUMAN_APPROVAL_REQUIRED")
        reply = await on.send(humanApproval=on.approval(age=301))
        assert (reply.status, reply.json()["code"]) == (403, "COMPLIANCE_VIOLATION")
        assert not on.there.calls
        assert (await on.parts.store.stats()).depth == {}


async def test_a_message_that_is_held_goes_once_it_is_approved() -> None:
    async with queueing(approval={"unapproved": "hold"}) as on:
        held = data(await on.send(humanApproval=None))
        assert held["status"] == "awaiting_approval"
        assert "queueInfo" not in held
        path = f"{MESSAGES}/{held['messageId']}/approve"
        late = await on.ask(asks("POST", path), {"humanApproval": on.approval(age=301)})
        assert (late.status, late.json()["code"]) == (403, "COMPLIANCE_VIOLATION")
        other = await on.ask(asks("POST", path, user="bob"), {"humanApproval": on.approval()})
        assert other.status == 404
        approved = await on.ask(asks("POST", path), {"humanApproval": on.approval()})
        assert approved.status == 200
        await on.plugin.clock.jump(1)
        await on.becomes(held["messageId"], "sent")
        again = await on.ask(asks("POST", path), {"humanApproval": on.approval()})
        assert again.status == 409
        assert on.there.calls[0].body["humanApproval"]["approvedBy"] == "mia"


async def test_an_approval_is_no_older_for_a_message_that_had_to_wait() -> None:
    async with queueing(few_per_user()) as on:
        await on.send()
        waiting = data(await on.send(humanApproval=on.approval(age=299)))
        await on.plugin.clock.jump(60)
        await on.becomes(waiting["messageId"], "sent")
        assert [one.key for one in on.there.executions][1:] == [waiting["messageId"]]


async def test_the_same_key_is_the_same_message() -> None:
    async with queueing(few_per_user()) as on:
        first = data(await on.send(asks("POST", key="k1")))
        assert first["status"] == "sent"
        again = await on.send(asks("POST", key="k1"))
        assert again.status == 200
        assert again.headers.get("Idempotency-Replayed") == "true"
        assert data(again)["messageId"] == first["messageId"]
        other = await on.send(asks("POST", key="k1"), content="Something else")
        assert (other.status, other.json()["code"]) == (422, "VALIDATION_ERROR")
        another = await on.send(asks("POST", key="k1", user="bob"))
        assert data(another)["messageId"] != first["messageId"]
        assert len(on.there.executions) == 2


async def test_the_same_key_is_answered_also_when_it_would_not_be_taken_any_more() -> None:
    async with queueing() as on:
        soon, consent = iso(on.now + 60), on.approval()
        body = {"scheduleFor": soon, "humanApproval": consent}
        first = data(await on.send(asks("POST", key="k1"), **body))
        await on.plugin.clock.jump(400)
        await on.becomes(first["messageId"], "sent")
        again = await on.send(asks("POST", key="k1"), **body)
        assert (again.status, data(again)["messageId"]) == (200, first["messageId"])
        fresh = await on.send(asks("POST", key="k2"), **body)
        assert fresh.status == 400
        assert len(on.there.executions) == 1


async def test_a_limit_that_wants_it_refuses_and_nothing_is_taken() -> None:
    async with queueing(few_per_user(action="reject")) as on:
        await on.send()
        reply = await on.send()
        told = reply.json()
        assert (reply.status, told["status"], told["code"]) == (429, 429, "RATE_LIMIT")
        assert reply.by_rule  # it counts for no arm
        assert told["violated-policies"] == ["few"]
        assert reply.headers.get("Retry-After") == "60"
        assert reply.headers.get("X-RateLimit-Remaining") == "0"
        assert reply.headers.get("X-RateLimit-Reset") == iso(on.now + 60)
        assert reply.headers.get("Content-Type") == "application/problem+json"
        depth = (await on.parts.store.stats()).depth
        assert sum(depth.values()) == 1
        later = await on.send(scheduleFor=iso(on.now + 600))
        assert later.status == 202, "by then there may be room"


async def test_what_costs_more_than_a_limit_allows_is_refused_for_good() -> None:
    async with queueing(few_per_user(cost="length(recipient)")) as on:
        reply = await on.send()
        assert reply.status == 413
        assert reply.headers.get("Retry-After") is None
        assert (await on.parts.store.stats()).depth == {}


async def test_accepting_takes_nothing_and_sending_takes_once() -> None:
    taken: list[Facts] = []

    def told(facts: Facts, standing: Standing) -> None:
        taken.extend([facts] * standing.admitted)

    async with queueing(few_per_user(told=told)) as on:
        await on.send()
        waiting = data(await on.send(messageType="welcome"))
        assert len(taken) == 1
        await on.plugin.clock.jump(61)
        await on.becomes(waiting["messageId"], "sent")
        assert [facts["message_type"] for facts in taken] == ["custom", "welcome"]


FULL: dict[str, dict[str, Any]] = {
    "in all": {"most": 1},
    "of one user": {"most_per_user": 1},
    "in bytes": {"bytes_per_user": "2KiB"},
}


@pytest.mark.parametrize("what", FULL)
async def test_a_queue_that_is_full_refuses_and_loses_nothing(what: str) -> None:
    async with queueing(**FULL[what]) as on:
        later = {"scheduleFor": iso(on.now + 60), "content": "x" * 1000}
        assert (await on.send(**later)).status == 202
        reply = await on.send(**later)
        assert (reply.status, reply.json()["code"]) == (429, "QUEUE_FULL")
        assert not reply.by_rule
        assert reply.headers.get("Retry-After") == "60"
        assert sum((await on.parts.store.stats()).depth.values()) == 1


async def test_what_the_platform_will_never_send_is_told_with_its_code() -> None:
    async with queueing() as on:
        on.there.script("fan-1", status(422))
        reply = await on.send()
        told = reply.json()
        assert (reply.status, told["success"]) == (422, False)
        assert (told["data"]["status"], told["data"]["code"]) == ("failed", "VALIDATION_ERROR")


async def test_what_is_tried_again_is_queued() -> None:
    async with queueing() as on:
        on.there.script("fan-1", status(503, retry_after=30))
        reply = await on.send()
        told = data(reply)
        assert (reply.status, told["status"], told["attempts"]) == (202, "queued", 1)
        assert reply.headers.get("Retry-After") == "30"
        await on.plugin.clock.jump(30)
        await on.becomes(told["messageId"], "sent")


async def test_what_nobody_knows_of_is_uncertain_and_not_sent_again() -> None:
    async with queueing() as on:
        on.there.script("fan-1", status(500, executed=True))
        reply = await on.send(asks("POST", key="k1"))
        assert (reply.status, data(reply)["status"]) == (202, "uncertain")
        again = await on.send(asks("POST", key="k1"))
        assert (again.status, data(again)["status"]) == (202, "uncertain")
        await on.plugin.clock.jump(600)
        assert len(on.there.calls) == 1


async def test_a_client_is_not_kept_waiting_by_a_slow_platform() -> None:
    async with queueing(wait="10ms") as on:
        on.there.script("fan-1", waits("answering"))
        reply = await on.send()
        told = data(reply)
        assert (reply.status, told["status"]) == (202, "sending")
        await on.platform_answers()
        await on.becomes(told["messageId"], "sent")
        assert len(on.there.executions) == 1


async def test_a_client_that_leaves_changes_nothing() -> None:
    async with queueing() as on:
        on.there.script("fan-1", waits("executing"))
        client = asyncio.create_task(on.send(asks("POST", key="k1")))
        await on.there.begun()
        client.cancel()
        await asyncio.wait((client,))
        assert client.cancelled()
        on.there.go()
        await on.there.executed()
        again = data(await on.send(asks("POST", key="k1")))
        await on.becomes(again["messageId"], "sent")
        assert len(on.there.executions) == 1


async def test_no_more_are_sent_at_once_than_there_are_places() -> None:
    async with queueing(wait="1ms", workers={"concurrency": 1, "in_flight": 9}) as on:
        on.there.script("fan-1", waits("answering"))
        first = data(await on.send())
        second = data(await on.send(asks("POST", user="bob"), recipientId="fan-2"))
        assert (first["status"], second["status"]) == ("sending", "queued")
        await on.platform_answers()


async def test_without_the_limits_that_are_wanted_nothing_is_sent() -> None:
    async with queueing(few_per_user(called="other")) as on:
        reply = await on.send()
        assert (reply.status, data(reply)["status"]) == (202, "queued")
        assert not on.there.calls
        assert "there is no limit few" in on.plugin.application.health()


async def test_a_store_that_fails_is_told_and_may_hold_the_message() -> None:
    with RedisServer() as redis:
        async with queueing(store=redis.url) as on:
            redis.stop()
            reply = await on.send(asks("POST", key="k1"))
            assert (reply.status, reply.json()["code"]) == (503, "SERVICE_UNAVAILABLE")
            assert reply.headers.get("Retry-After") == "5"
            assert (await on.ask(asks("GET", MESSAGES))).status == 503
            assert not on.there.calls


async def test_what_is_under_way_at_the_end_is_waited_for() -> None:
    async with queueing(wait="1ms") as on:
        on.there.script("fan-1", waits("answering"))
        await on.send()
        await on.there.executed()
        ending = asyncio.create_task(on.plugin.application.shutdown())
        await on.plugin.clock.settled()
        assert not ending.done()
        on.there.go()
        await ending
        assert [call.ended for call in on.there.calls] == ["answered"]


async def _queued(on: Queueing) -> int:
    depth = (await on.parts.store.stats()).depth
    return sum(count for (state, _), count in depth.items() if state == "queued")


async def test_messages_are_counted_by_what_came_of_them() -> None:
    async with queueing(few_per_user()) as on:
        await on.send()
        await on.send()
        value = on.plugin.services.value
        assert value("accepted", state="sent") == 1
        assert value("accepted", state="queued") == 1
        assert await _queued(on) == 1


async def test_nothing_that_is_logged_says_who_or_what() -> None:
    async with queueing() as on:
        on.there.script("*", status(500), hang(executed=True))
        await on.send(content="SECRET", recipientId="SECRET-fan")
        said = orjson.dumps(on.plugin.services.lines, default=str)
        assert b"SECRET" not in said
        assert b"ann" not in said


async def test_what_is_in_the_queue_is_never_told_to_be_sent_again() -> None:
    async with queueing() as on:
        store = Brittle(on.parts.store)
        on.parts.taking._store = store
        store.fails.append("position")
        told = await on.send(scheduleFor=iso(on.now + 60))
        assert (told.status, data(told)["status"]) == (202, "queued")
        on.there.script("fan-1", status(500))
        store.fails.append("get")
        told = await on.send()
        assert (told.status, data(told)["status"]) == (202, "sending")
        assert not store.fails
        assert sum((await on.parts.store.stats()).depth.values()) == 2


async def test_what_is_taken_while_it_ends_comes_to_its_end_too() -> None:
    async with queueing(wait="50ms") as on:
        on.there.script("fan-1", waits("answering"))
        client = asyncio.create_task(on.send())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert on.parts.taking._takings
        assert not on.parts.taking._deliveries
        closing = asyncio.create_task(on.parts.taking.close(20))
        assert data(await client)["status"] == "sending"
        assert not closing.done()
        await on.platform_answers()
        await closing
        assert [call.ended for call in on.there.calls] == ["answered"]


async def test_what_has_not_left_at_the_end_is_free_at_once() -> None:
    waits = asyncio.Event()

    class Stuck(CountingLimits):
        async def take(self, facts: Facts, rules: Sequence[str] = ()) -> Standing:
            waits.set()
            await asyncio.Event().wait()
            raise AssertionError

    async with queueing(few_per_user(kind=Stuck), wait="1ms") as on:
        told = data(await on.send())
        await waits.wait()
        await on.parts.taking.close(0.01)
        record = await on.record(told["messageId"])
        assert (record.state, record.attempts, record.due_at <= on.now) == ("queued", 0, True)


async def test_a_sending_that_is_cut_leaves_open_what_has_become_of_it() -> None:
    async with queueing(wait="1ms") as on:
        on.there.script("fan-1", hang(executed=False))
        told = data(await on.send())
        await on.there.begun()
        await on.parts.taking.close(0.01)
        await on.there.ended()
        assert (await on.record(told["messageId"])).state == "sending"
        await on.plugin.clock.jump(61)
        await on.becomes(told["messageId"], "uncertain")
        assert len(on.there.calls) == 1
