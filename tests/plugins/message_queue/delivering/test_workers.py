"""Workers send what is due at the moment it is, and end in good order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from plugins.message_queue.delivering.workers import Workers
from tests.kit.onlyfans import hang, waits
from tests.kit.waiting import until
from tests.plugins.message_queue.delivering.desk import (
    LEASE,
    TIMEOUT,
    Desk,
    ScriptedLimits,
    desk,
    refused,
    window,
)


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


@asynccontextmanager
async def working(
    at: Desk, *, concurrency: int = 4, poll: float = 1000.0
) -> AsyncIterator[Workers]:
    workers = at.workers(concurrency=concurrency, poll=poll)
    at.services.spawn(workers.run(), "workers")
    yield workers
    await workers.close(TIMEOUT)
    assert workers.under_way == 0


def limits(at: Desk) -> ScriptedLimits:
    assert at.limits is not None
    return at.limits


async def test_what_is_there_is_sent(at: Desk) -> None:
    for _ in range(10):
        await at.put()
    async with working(at):
        for number in range(1, 11):
            await at.becomes("sent", number)
    assert len(at.there.executions) == 10


async def test_what_comes_later_is_sent_when_the_bell_rings(at: Desk) -> None:
    async with working(at) as workers:
        await at.asleep()
        await at.put()
        workers.ring()
        await at.becomes("sent")
    assert len(at.there.executions) == 1


async def test_what_is_due_later_is_sent_then_and_not_at_the_next_look(at: Desk) -> None:
    await at.put(due=30.0)
    async with working(at):
        await at.jump(29.9)
        await at.asleep()
        assert (await at.record()).state == "queued"
        await at.jump(0.102)
        await at.becomes("sent")


async def test_what_a_limit_puts_off_is_sent_when_it_opens(at: Desk) -> None:
    limits(at).script.append(refused(window(12.0, "user")))
    await at.put()
    await at.put()
    async with working(at, concurrency=1):
        await until(lambda: not limits(at).script)
        await at.idle()
        assert at.there.executions == []
        await at.jump(12.001)
        await at.becomes("sent", 1)
        await at.becomes("sent", 2)


async def test_what_another_process_has_put_is_found_by_looking(at: Desk) -> None:
    async with working(at, poll=1.0):
        await at.asleep()
        await at.put()
        await at.jump(1.0)
        await at.becomes("sent")
    assert len(at.there.executions) == 1


async def test_a_limit_of_everybody_stops_claiming_for_as_long(at: Desk) -> None:
    limits(at).script.append(refused(window(3.0)))
    await at.put()
    async with working(at, concurrency=1) as workers:
        await until(lambda: not limits(at).script)
        await at.idle()
        await at.put(user="b")
        workers.ring()
        await at.idle()
        assert (await at.record(2)).generation == 0
        await at.jump(3.001)
        await at.becomes("sent", 1)
        await at.becomes("sent", 2)


async def test_no_more_are_sent_at_a_time_than_there_are_places(at: Desk) -> None:
    at.there.stand("*", hang(executed=False))
    for number in range(5):
        await at.put(user=f"u{number}")
    async with working(at, concurrency=2) as workers:
        await at.there.begun(2)
        await at.idle()
        assert workers.under_way == 2
        at.there.stand("*", None)
        await at.there.down()
        assert at.there.counts["arrived"] == 2


async def test_while_one_is_being_sent_its_lease_is_renewed(at: Desk) -> None:
    at.there.script("*", waits("executing"))
    await at.put()
    async with working(at):
        await at.there.begun()
        for _ in range(4):
            await at.jump(LEASE / 3)
        at.there.go()
        await at.becomes("sent")
    record = await at.record()
    assert (record.generation, record.attempts, len(at.there.executions)) == (1, 0, 1)


async def test_a_store_that_fails_is_asked_again_and_said_to_be_in_trouble(at: Desk) -> None:
    at.store.fails.extend(("claim", "claim"))
    await at.put()
    async with working(at) as workers:
        await until(lambda: bool(workers.trouble))
        assert "the disk is full" in workers.trouble
        for _ in range(2):
            await at.jump(8.0)
            await at.idle()
        await at.becomes("sent")
        await until(lambda: not workers.trouble)
    assert len(at.services.logged("messages_not_claimed")) == 1


async def test_one_message_that_breaks_the_delivery_leaves_the_others_alone(at: Desk) -> None:
    class Broken(ScriptedLimits):
        async def take(self, facts, rules=()):  # type: ignore[no-untyped-def]
            if facts["user"] == "a":
                raise ZeroDivisionError
            return await super().take(facts, rules)

    at.limits = Broken()
    await at.put()
    await at.put(user="b")
    async with working(at, concurrency=1):
        await at.becomes("sent", 2)
        await until(lambda: len(at.services.logged("delivery_failed")) > 0)
    assert at.services.logged("delivery_failed")[0]["error"] == "ZeroDivisionError"
    assert (await at.record()).state == "queued"


async def test_closing_lets_what_is_being_sent_end_and_claims_nothing_more(at: Desk) -> None:
    at.there.script("*", waits("executing"))
    await at.put()
    async with working(at, concurrency=1) as workers:
        await at.there.begun()
        await at.put()
        closing = asyncio.create_task(workers.close(TIMEOUT))
        await at.idle()
        assert not closing.done()
        at.there.go()
        await closing
        assert (await at.record(1)).state == "sent"
        assert (await at.record(2)).state == "queued"


async def test_what_takes_too_long_at_the_end_is_cut_off_and_found_uncertain(at: Desk) -> None:
    at.there.script("*", hang(executed=True))
    await at.put()
    async with working(at) as workers:
        await at.there.begun()
        await workers.close(0.01)
        assert workers.under_way == 0
    await at.there.ended()
    await at.services.jumping.jump(LEASE)
    await at.claims()
    assert (await at.record()).state == "uncertain"


async def test_closing_gives_back_what_was_claimed_and_not_begun(at: Desk) -> None:
    class Slow(ScriptedLimits):
        async def take(self, facts, rules=()):  # type: ignore[no-untyped-def]
            await asyncio.Event().wait()

    at.limits = Slow()
    await at.put()
    async with working(at) as workers:
        await until(lambda: workers.under_way == 1)
        await workers.close(0.01)
    record = await at.record()
    assert (record.state, record.attempts) == ("queued", 0)
    assert at.there.calls == []


async def test_being_cancelled_cancels_what_is_under_way(at: Desk) -> None:
    at.there.script("*", hang(executed=False))
    await at.put()
    workers = at.workers()
    running = asyncio.create_task(workers.run())
    await at.there.begun()
    running.cancel()
    await asyncio.wait((running,))
    await until(lambda: workers.under_way == 0)
    await at.there.ended()
    assert at.there.calls[0].ended == "client left"


async def test_workers_that_never_ran_are_closed_at_once(at: Desk) -> None:
    workers = at.workers()
    await workers.close(5.0)
    assert workers.under_way == 0


async def test_two_workers_never_send_the_same_message(at: Desk) -> None:
    for number in range(40):
        await at.put(user=f"u{number % 7}")
    async with working(at, poll=0.5), working(at, poll=0.5):
        for number in range(1, 41):
            await at.becomes("sent", number)
    assert sorted(one.key for one in at.there.executions) == [f"m{n:05}" for n in range(1, 41)]
