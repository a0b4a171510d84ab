"""The coarse timer: deadlines are kept within one interval, and never early."""

import asyncio

from proxy.dataplane.sweep import INTERVAL, NEVER, Sweep
from tests.kit.transport import MemoryLoop, on_memory_loop


class Waiting:
    """Notes when it was called; waits on for as long as it was told to."""

    def __init__(self, deadline: float, again: float = NEVER) -> None:
        self.deadline = deadline
        self.again = again
        self.called: list[float] = []

    def on_deadline(self, now: float) -> None:
        self.called.append(now)
        self.deadline = now + self.again


def running() -> MemoryLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    return loop


async def pass_time(seconds: float) -> None:
    for _ in range(round(seconds / INTERVAL)):
        await running().jump(INTERVAL)


@on_memory_loop
async def test_a_deadline_is_met_within_an_interval_and_never_early() -> None:
    loop, ticks = running(), list[float]()
    sweep = Sweep(loop, ticks.append)
    begun = loop.time()
    soon, later, never = Waiting(begun + 0.05), Waiting(begun + 0.95), Waiting(NEVER)
    sweep.watched |= {soon, later, never}
    await pass_time(2.0)
    sweep.close()
    for one in (soon, later):
        assert len(one.called) == 1
    assert 0.05 <= soon.called[0] - begun <= 0.05 + INTERVAL
    assert 0.95 <= later.called[0] - begun <= 0.95 + INTERVAL
    assert never.called == []
    assert len(ticks) >= 19


@on_memory_loop
async def test_who_sets_a_new_deadline_is_called_again() -> None:
    sweep = Sweep(running(), lambda _: None)
    one = Waiting(running().time(), again=0.3)
    sweep.watched.add(one)
    await pass_time(1.0)
    sweep.close()
    assert len(one.called) >= 3


@on_memory_loop
async def test_who_leaves_during_a_sweep_does_no_harm() -> None:
    sweep = Sweep(running(), lambda _: None)
    watched = [Waiting(0.0) for _ in range(3)]

    class Leaving(Waiting):
        def on_deadline(self, now: float) -> None:
            super().on_deadline(now)
            sweep.watched.discard(self)
            sweep.watched.add(Waiting(NEVER))

    leaving = Leaving(0.0)
    sweep.watched |= {*watched, leaving}
    await pass_time(0.3)
    sweep.close()
    assert [len(one.called) for one in (*watched, leaving)] == [1, 1, 1, 1]


@on_memory_loop
async def test_who_was_given_more_time_in_the_same_sweep_is_not_called() -> None:
    sweep = Sweep(running(), lambda _: None)
    watched: list[Waiting] = []

    class Generous(Waiting):
        def on_deadline(self, now: float) -> None:
            super().on_deadline(now)
            for one in watched:
                one.deadline = NEVER

    watched += [Generous(0.0) for _ in range(5)]
    sweep.watched |= set(watched)
    await pass_time(1.0)
    sweep.close()
    assert sum(len(one.called) for one in watched) == 1


@on_memory_loop
async def test_a_closed_sweep_calls_nobody() -> None:
    sweep = Sweep(running(), lambda _: None)
    one = Waiting(0.0)
    sweep.watched.add(one)
    sweep.close()
    await pass_time(0.5)
    assert one.called == []


@on_memory_loop
async def test_the_date_is_a_line_of_its_own() -> None:
    sweep = Sweep(running(), lambda _: None)
    sweep.close()
    assert sweep.date.startswith(b"Date: ")
    assert sweep.date.endswith(b" GMT\r\n")
    assert len(sweep.date) == 37
