"""What operators see and do: the outbox, dead deliveries, tests of channels."""

from typing import Any

import pytest

from tests.plugins.notify.receiving import Answer
from tests.plugins.notify.telling import Telling, alert, telling


async def one_dead(on: Telling) -> None:
    on.there.answers = [Answer(422, "no")]
    on.raised(alert())
    await on.received(1)
    await on.settled()


async def test_a_channel_is_tested_and_what_it_answers_is_told() -> None:
    async with telling() as on:
        on.there.answers = [Answer(201, "fine"), Answer(404, "no hook")]
        taken = (await on.admin("POST", "/test", {"channel": "hook"})).json()
        assert taken == {"channel": "hook", "taken": True, "answer": "201 fine"}
        refused = (await on.admin("POST", "/test", {"channel": "hook"})).json()
        assert (refused["taken"], refused["answer"]) == (False, "answered 404 no hook")
        assert on.there.got[0].json["alerts"][0]["action"] == "test"
        assert [line["by"] for line in on.plugin.services.logged("notify_changed")] == ["ops"] * 2
        assert (await on.parts.listing.list(None)) == ()
        unknown = await on.admin("POST", "/test", {"channel": "hok"})
        assert unknown.status == 404
        assert "there are: hook" in unknown.json()["detail"]


async def test_what_waits_and_what_is_dead_is_listed_without_what_it_says() -> None:
    async with telling() as on:
        await one_dead(on)
        on.there.answers = [Answer(503, headers={"Retry-After": "60"})]
        on.raised(alert(subject="other"))
        await on.received(2)
        await on.until(lambda: on.parts.couriers["hook"].failures == 2, "it has failed")
        [dead] = (await on.admin("GET", "/outbox?state=dead&channel=hook")).json()["deliveries"]
        assert (dead["state"], dead["why"], dead["subject"]) == ("dead", "answered 422 no", "queue")
        [waiting] = (await on.admin("GET", "/outbox")).json()["deliveries"]
        assert (waiting["state"], waiting["subject"]) == ("waiting", "other")
        assert "text" not in waiting
        [channel] = (await on.admin("GET", "/channels")).json()["channels"]
        assert (channel["waiting"], channel["dead"], channel["kind"]) == (1, 1, "webhook")


async def test_dead_ones_are_tried_again_or_forgotten() -> None:
    async with telling() as on:
        await one_dead(on)
        assert (await on.admin("POST", "/retry", {"channel": "other"})).json()["deliveries"] == 0
        await on.plugin.clock.jump(60)
        assert (await on.admin("POST", "/retry", {"all": True})).json()["deliveries"] == 1
        await on.received(2)
        await on.settled()
        assert (await on.admin("POST", "/drop", {"id": 1})).json()["deliveries"] == 0


WRONG: list[tuple[str, str, Any, int, str]] = [
    ("GET", "/outbox?state=gone", None, 400, "state is one of waiting, dead"),
    ("GET", "/outbox?limit=x", None, 400, "limit is a whole number"),
    ("GET", "/outbox?page=1", None, 400, "the query knows"),
    ("POST", "/retry", {}, 400, "one of id, channel, and all"),
    ("POST", "/retry", {"id": 1, "all": True}, 400, "one of id, channel, and all"),
    ("POST", "/drop", {"ids": [1]}, 400, "ids: is no key of this API"),
    ("POST", "/test", {}, 400, "channel: is missing"),
    ("POST", "/test", {"channel": "x" * 5000}, 413, "more than 4096 bytes"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "says"), WRONG)
async def test_what_is_wrong_is_told(
    method: str, path: str, body: Any, status: int, says: str
) -> None:
    async with telling() as on:
        reply = await on.admin(method, path, body)
        assert reply.status == status
        assert says in reply.json()["detail"]


async def test_looking_is_for_viewers_and_doing_for_operators() -> None:
    async with telling() as on:
        roles = {path: role for (_, path), role in on.plugin.admin.roles.items()}
        assert roles == {
            "/channels": "viewer",
            "/outbox": "viewer",
            "/test": "operator",
            "/retry": "operator",
            "/drop": "operator",
        }
