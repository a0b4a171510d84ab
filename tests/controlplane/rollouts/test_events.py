"""Listeners hear everything from now on, in order, and a slow one costs nobody anything."""

import asyncio
import gc

from proxy.controlplane.rollouts.events import KEPT, Events


def test_each_listener_hears_what_comes_after_it() -> None:
    async def story() -> None:
        events = Events(lambda: 1.5)
        events.tell("alert", {"n": 0})
        one = events.listen()
        events.tell("alert", {"n": 1})
        two = events.listen()
        events.tell("store_lost", {"n": 2})
        assert [(await anext(one)).data["n"] for _ in range(2)] == [1, 2]
        event = await anext(two)
        assert (event.id, event.kind) == ("1500-3", "store_lost")

    asyncio.run(story())


async def test_a_listener_waits_for_the_next() -> None:
    events = Events(lambda: 0.0)
    listener = events.listen()
    waiting = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    assert not waiting.done()
    events.tell("alert", {})
    assert (await waiting).kind == "alert"


async def test_of_too_many_the_oldest_are_missed() -> None:
    events = Events(lambda: 0.0)
    listener = events.listen()
    for number in range(KEPT + 5):
        events.tell("alert", {"n": number})
    assert (await anext(listener)).data["n"] == 5


async def test_the_end_lets_listeners_finish() -> None:
    events = Events(lambda: 0.0)
    listener = events.listen()
    events.tell("alert", {"n": 1})
    events.close()
    events.tell("alert", {"n": 2})
    assert [event.data["n"] async for event in listener] == [1]
    assert [event async for event in events.listen()] == []


async def test_a_listener_that_was_closed_hears_no_more() -> None:
    events = Events(lambda: 0.0)
    listener = events.listen()
    listener.close()
    events.tell("alert", {})
    assert [event async for event in listener] == []


async def test_a_listener_that_nobody_holds_is_forgotten() -> None:
    events = Events(lambda: 0.0)
    events.listen()
    gc.collect()
    assert len(events._listeners) == 0
