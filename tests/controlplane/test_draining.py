"""A generation's plugins end with its last request, not before, and not later than the process."""

import asyncio
import io
from collections.abc import Callable

from proxy.controlplane.draining import MOST, Draining, DrainingStatus
from tests.controlplane.log_lines import logging_into

FOREVER = 3600.0


class Plugins:
    """What a generation holds on to until it is over."""

    def __init__(self) -> None:
        self.released = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.broken = False

    async def release(self) -> None:
        await self.may_end.wait()
        self.released += 1
        if self.broken:
            raise RuntimeError("this plugin does not end well")


class Serving:
    """A generation that is replaced, with requests that the test ends."""

    def __init__(self, number: int, in_flight: int = 1) -> None:
        self.number = number
        self.in_flight = in_flight
        self.retired = False
        self.on_drained: Callable[[], None] | None = None
        self.plugins: Plugins | None = Plugins()
        self.closed_after: list[int] = []

    async def close(self) -> None:
        self.closed_after.append(0 if self.plugins is None else self.plugins.released)

    def left(self) -> None:
        self.in_flight -= 1
        if self.retired and not self.in_flight and self.on_drained is not None:
            self.on_drained()

    @property
    def released(self) -> int:
        assert self.plugins is not None
        return self.plugins.released


class Drain:
    """A `Draining`, and what it has cut."""

    def __init__(self) -> None:
        self.cut: list[int] = []
        self.now = 1_700_000_000.0
        self.draining: Draining[Serving] = Draining(self._cut, lambda: self.now)

    def _cut(self, generation: Serving) -> None:
        self.cut.append(generation.number)
        while generation.in_flight:
            generation.left()

    def retire(self, *numbers: int) -> list[Serving]:
        generations = [Serving(number) for number in numbers]
        for generation in generations:
            self.draining.retire(generation)
        return generations

    def numbers(self) -> list[int]:
        return [status.number for status in self.draining.statuses()]


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_plugins_are_released_when_the_last_request_is_over_and_not_before() -> None:
    drain = Drain()
    generation = Serving(1, in_flight=2)
    drain.draining.retire(generation)
    assert generation.retired
    for _ in range(2):
        await turns()
        assert generation.released == 0
        assert drain.numbers() == [1]
        generation.left()
    await turns()
    assert generation.released == 1
    assert drain.numbers() == []


async def test_a_generation_without_requests_is_released_at_once() -> None:
    drain = Drain()
    generation = Serving(1, in_flight=0)
    drain.draining.retire(generation)
    assert drain.numbers() == []
    await turns()
    assert generation.released == 1


async def test_a_generation_without_plugins_drains_like_any_other() -> None:
    drain = Drain()
    [generation] = drain.retire(1)
    generation.plugins = None
    generation.left()
    await drain.draining.close()
    assert drain.numbers() == []


async def test_the_status_tells_who_drains_and_with_how_many_requests() -> None:
    drain = Drain()
    drain.draining.retire(Serving(4, in_flight=3))
    drain.now += 5
    drain.draining.retire(Serving(5, in_flight=1))
    assert drain.draining.statuses() == (
        DrainingStatus(4, 3, 1_700_000_000.0),
        DrainingStatus(5, 1, 1_700_000_005.0),
    )


async def test_there_is_room_until_there_are_too_many() -> None:
    drain = Drain()
    for number in range(1, MOST + 1):
        async with asyncio.timeout(20):
            await drain.draining.make_room(FOREVER)
        drain.retire(number)
    assert drain.numbers() == [1, 2, 3]


async def test_one_too_many_waits_for_the_oldest() -> None:
    drain = Drain()
    oldest, second, _ = drain.retire(1, 2, 3)
    with logging_into(io.StringIO()):
        room = asyncio.create_task(drain.draining.make_room(FOREVER))
        await turns()
        second.left()
        await turns()
        assert not room.done()
        oldest.left()
        await room
    assert drain.cut == []
    assert drain.numbers() == [3]


async def test_the_oldest_is_cut_when_it_takes_too_long() -> None:
    drain = Drain()
    oldest, second, _ = drain.retire(1, 2, 3)
    with logging_into(io.StringIO()) as out:
        await drain.draining.make_room(0)
    await turns()
    assert drain.cut == [1]
    assert drain.numbers() == [2, 3]
    assert (oldest.released, second.released) == (1, 0)
    assert "drain_awaited" in out.getvalue()
    assert "drain_cut" in out.getvalue()


async def test_a_change_that_is_given_up_while_it_waits_cuts_nobody() -> None:
    drain = Drain()
    drain.retire(1, 2, 3)
    with logging_into(io.StringIO()):
        room = asyncio.create_task(drain.draining.make_room(FOREVER))
        await turns()
        room.cancel()
        await asyncio.wait({room})
    assert drain.cut == []
    assert drain.numbers() == [1, 2, 3]


async def test_plugins_that_end_badly_are_logged_and_hold_up_nothing() -> None:
    drain = Drain()
    bad, good = drain.retire(1, 2)
    assert bad.plugins is not None
    bad.plugins.broken = True
    with logging_into(io.StringIO()) as out:
        bad.left()
        good.left()
        await drain.draining.close()
    assert (bad.released, good.released) == (1, 1)
    assert (bad.closed_after, good.closed_after) == ([1], [1]), "after its plugins, once"
    assert "release_failed" in out.getvalue()


async def test_the_end_of_the_process_waits_until_everything_is_released() -> None:
    drain = Drain()
    left, staying = drain.retire(1, 2)
    assert left.plugins is not None
    left.plugins.may_end.clear()
    left.left()
    with logging_into(io.StringIO()):
        closing = asyncio.create_task(drain.draining.close())
        await turns()
        assert not closing.done()
        left.plugins.may_end.set()
        await closing
    assert drain.cut == [2], "what still had a request was cut"
    assert (left.released, staying.released) == (1, 1)
