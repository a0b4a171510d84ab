"""Whoever looks after the queue is told what is wrong, once, and finds it in the metrics."""

from typing import Any

import pytest

from plugins.message_queue.watching import LOOK_EVERY, PURGE_EVERY
from proxy.api.endpoints import iso
from tests.kit.onlyfans import status
from tests.kit.redis import RedisServer
from tests.plugins.message_queue.counting import few_per_user
from tests.plugins.message_queue.queueing import Queueing, asks, queueing


async def looked(on: Queueing) -> None:
    await on.parts.watch.look()


def raised(on: Queueing) -> list[tuple[str, str]]:
    return [(one.name, one.severity) for one in on.plugin.services.alerts]


async def test_an_alert_is_raised_once_while_it_lasts_and_again_after_it_was_over() -> None:
    async with queueing() as on:
        on.there.script("*", status(422), status(422))
        await on.send()
        for _ in range(3):
            await looked(on)
        assert raised(on) == [("messages_dead", "warning")]
        await on.plugin.clock.jump(2 * 3600)
        await looked(on)
        await on.send()
        await looked(on)
        assert raised(on) == [("messages_dead", "warning")] * 2


async def test_so_many_have_to_die_as_the_settings_say() -> None:
    async with queueing(alert={"dead": 2}) as on:
        on.there.script("*", status(422), status(422))
        await on.send()
        await looked(on)
        assert raised(on) == []
        await on.send()
        await looked(on)
        assert raised(on) == [("messages_dead", "warning")]


async def test_what_nobody_knows_of_is_for_a_person_to_settle() -> None:
    async with queueing() as on:
        on.there.script("*", status(500))
        one = (await on.send()).json()["data"]["messageId"]
        await looked(on)
        assert raised(on) == [("messages_uncertain", "critical")]
        await on.admin("POST", "/settle", {"id": one, "became": "sent"})
        await looked(on)
        assert on.parts.watch.raised == set()


async def test_a_message_that_could_go_and_does_not_is_told() -> None:
    async with queueing(alert={"oldest": "1m"}) as on:
        await on.parts.store.pause("all")
        await on.send()
        await on.send(scheduleFor=iso(on.now + 10_000))
        await on.plugin.clock.jump(59)
        await looked(on)
        assert raised(on) == []
        await on.plugin.clock.jump(2)
        await looked(on)
        assert raised(on) == [("messages_late", "warning")]
        assert on.plugin.services.value("oldest_seconds", priority="medium") >= 60


async def test_no_alert_says_who_or_what() -> None:
    async with queueing() as on:
        on.there.script("*", status(422), status(500))
        for _ in range(2):
            asked = asks("POST", user="SECRET-user")
            await on.send(asked, content="SECRET", recipientId="SECRET-fan")
        await looked(on)
        assert len(raised(on)) == 2
        assert "SECRET" not in str(on.plugin.services.alerts)


async def test_the_metrics_say_how_many_there_are_of_each_kind() -> None:
    async with queueing(approval={"unapproved": "hold"}) as on:
        await on.send()
        await on.send(humanApproval=None, messageType="promotional")
        await looked(on)
        value = on.plugin.services.value
        assert value("messages", state="sent", priority="medium") == 1
        assert value("messages", state="held", priority="low") == 1
        assert value("messages", state="queued", priority="critical") == 0


async def test_it_looks_again_and_again() -> None:
    async with queueing() as on:
        await on.send()
        value = on.plugin.services.value

        async def counted() -> bool:
            await on.plugin.clock.jump(LOOK_EVERY)
            return value("messages", state="sent", priority="medium") == 1

        await on.until(counted, lambda: "it has looked")
        assert on.plugin.services.faults == []


async def test_what_has_ended_long_ago_is_removed() -> None:
    async with queueing(keep="10m") as on:
        old = (await on.send()).json()["data"]["messageId"]
        await on.plugin.clock.jump(601)
        young = (await on.send()).json()["data"]["messageId"]

        async def gone() -> bool:
            await on.plugin.clock.jump(PURGE_EVERY / 10)
            return await on.parts.store.get(old) is None

        await on.until(gone, lambda: "it is gone")
        assert (await on.record(young)).state == "sent"
        assert on.plugin.services.value("purged", state="sent") == 1


HEALTH: dict[str, tuple[dict[str, Any], str]] = {
    "all is well": ({"store": "sqlite:q.db"}, ""),
    "memory alone": ({}, "messages are kept in memory alone"),
    "no plugin counts": ({"limits": ["onlyfans"]}, "no plugin counts any; use rate_limit"),
}


@pytest.mark.parametrize("what", HEALTH)
async def test_the_health_says_what_is_wrong(what: str) -> None:
    settings, says = HEALTH[what]
    async with queueing(**settings) as on:
        await looked(on)
        told = on.plugin.application.health()
        assert told == says if not says else says in told


async def test_a_limit_that_there_is_not_is_named_with_those_that_there_are() -> None:
    async with queueing(few_per_user(called="other")) as on:
        told = on.plugin.application.health()
        assert told == "nothing is sent: there is no limit few; there are: other"


async def test_a_store_that_fails_is_the_first_thing_to_know() -> None:
    with RedisServer() as redis:
        async with queueing(store=redis.url) as on:
            await looked(on)
            assert "appendonly" in on.plugin.application.health()
            redis.stop()
            await looked(on)
            assert on.plugin.application.health().startswith("the store of messages fails: ")
            redis.start()
            await looked(on)
            assert on.parts.watch.store_fails == ""


async def test_a_platform_that_refuses_our_token_is_told() -> None:
    async with queueing(gateway={"token": "wrong"}) as on:
        reply = await on.send()
        assert (reply.status, reply.json()["data"]["status"]) == (202, "queued")
        assert "refuses our token" in on.plugin.application.health()
        assert ("gateway_unauthorized", "critical") in raised(on)
