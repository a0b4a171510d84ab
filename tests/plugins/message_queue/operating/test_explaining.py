"""What is told of a request that brought messages: how they came in, and how they stand."""

from plugins.message_queue.operating.views import notes_of
from proxy.api import Note
from proxy.api.endpoints import iso
from tests.kit.onlyfans import status
from tests.plugins.message_queue.queueing import Queueing, asks, queueing


async def explained(on: Queueing, request_id: str) -> list[tuple[str, str]]:
    """What is told, without when."""
    notes: tuple[Note, ...] = await on.plugin.application.explain(request_id)
    return [(note.what, note.why) for note in notes]


async def test_a_request_is_told_what_became_of_its_message() -> None:
    async with queueing() as on:
        made = (await on.send(asks("POST", request_id="r-1"))).json()["data"]["messageId"]
        assert await explained(on, "r-1") == [
            ("taken", f"message {made}: custom, medium"),
            (
                "sent",
                f"message {made}: 0 of 5 attempts failed, the platform calls it of-00000001",
            ),
        ]
        begun, ended = await on.plugin.application.explain("r-1")
        assert begun.at <= ended.at <= on.now
        assert await explained(on, "r-2") == []


async def test_why_a_message_waits_died_or_is_uncertain_is_told_without_what_it_says() -> None:
    async with queueing() as on:
        at = iso(on.now + 3600)
        later = {"scheduleFor": at, "content": "SECRET", "recipientId": "fan-7"}
        await on.send(asks("POST", request_id="later"), **later)
        taken, waits = await explained(on, "later")
        assert f"custom, medium, not before {at}" in taken[1]
        assert waits[0] == "queued"
        assert f": 0 of 5 attempts failed, goes from {at} on" in waits[1]
        for request_id, code, state in (("bad", 422, "dead"), ("lost", 500, "uncertain")):
            on.there.script("*", status(code))
            await on.send(asks("POST", request_id=request_id), content="SECRET")
            _, (what, why) = await explained(on, request_id)
            assert what == state
            word = {"dead": "VALIDATION_ERROR", "uncertain": "INTERNAL_ERROR"}[state]
            assert f"attempts failed, {word}" in why
        told = repr([await explained(on, one) for one in ("later", "bad", "lost")])
        assert not any(secret in told for secret in ("SECRET", "fan-", "ann"))


async def test_who_was_put_off_is_told_how_often_and_by_what() -> None:
    async with queueing() as on:
        made = (await on.send()).json()["data"]["messageId"]
        record = (await on.record(made))._replace(state="queued", platform_id="")
        for throttles, times in ((1, "1 time"), (2, "2 times")):
            waits = record._replace(throttles=throttles, why="limited by user-1m")
            why = notes_of(waits)[1].why
            assert f"attempts failed, put off {times}, limited by user-1m, goes from" in why
