"""The jumping clock: time passes by jumps alone, and wakes up everybody in order."""

import asyncio
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.api.testing import JumpingClock
from tests.kit.properties import examples


async def test_time_stands_still_until_it_jumps() -> None:
    clock = JumpingClock()
    begun, date = clock.clock(), clock.now()
    await asyncio.sleep(0)
    assert (clock.clock(), clock.now()) == (begun, date)
    await clock.jump(90)
    assert (clock.clock() - begun, clock.now() - date) == (90, 90)


def test_the_first_date_is_the_one_that_is_documented() -> None:
    assert datetime.fromtimestamp(JumpingClock().now(), UTC) == datetime(
        2025, 6, 15, 15, 6, 40, tzinfo=UTC
    )


async def test_a_sleeper_wakes_up_at_its_time_and_not_before() -> None:
    clock = JumpingClock()
    woken: list[float] = []

    async def sleeper() -> None:
        await clock.sleep(5)
        woken.append(clock.clock())

    task = asyncio.create_task(sleeper())
    await clock.jump(4.9)
    assert woken == []
    await clock.jump(10)
    assert woken == [1005.0]
    assert clock.clock() == pytest.approx(1014.9)
    await task


async def test_a_task_that_wakes_up_every_second_does_so_sixty_times_in_a_minute() -> None:
    clock = JumpingClock()
    times: list[float] = []

    async def ticking() -> None:
        while True:
            await clock.sleep(1)
            times.append(clock.clock())

    task = asyncio.create_task(ticking())
    await clock.jump(60)
    assert times == [1000.0 + second for second in range(1, 61)]
    task.cancel()


async def test_no_time_or_less_lets_the_others_go_first() -> None:
    clock = JumpingClock()
    order: list[str] = []

    async def other() -> None:
        order.append("other")

    task = asyncio.create_task(other())
    await clock.sleep(0)
    order.append("sleeper")
    await clock.sleep(-1)
    assert order == ["other", "sleeper"]
    await task


async def test_whoever_was_cancelled_is_not_woken_up() -> None:
    clock = JumpingClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.jump(1)
    task.cancel()
    await clock.jump(10)
    assert task.cancelled()


async def test_a_jump_back_is_refused() -> None:
    with pytest.raises(ValueError, match="time goes forward"):
        await JumpingClock().jump(-1)


async def test_waking_up_without_end_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.api.testing.clock._MOST_WOKEN", 100)
    clock = JumpingClock()

    async def restless() -> None:
        while True:
            await clock.sleep(0.001)

    task = asyncio.create_task(restless())
    with pytest.raises(RuntimeError, match="sleep longer, or jump less far"):
        await clock.jump(3600)
    task.cancel()


@given(naps=st.lists(st.integers(1, 50), max_size=12), jumps=st.lists(st.integers(0, 30)))
@examples(50)
def test_everybody_wakes_up_in_the_order_of_their_times(naps: list[int], jumps: list[int]) -> None:
    async def life() -> tuple[list[float], float]:
        clock = JumpingClock()
        woken: list[float] = []

        async def sleeper(seconds: int) -> None:
            await clock.sleep(seconds)
            woken.append(clock.clock() - 1000)

        tasks = [asyncio.create_task(sleeper(nap)) for nap in naps]
        for seconds in jumps:
            await clock.jump(seconds)
        passed = clock.clock() - 1000
        for task in tasks:
            task.cancel()
        return woken, passed

    woken, passed = asyncio.run(life())
    assert passed == sum(jumps)
    assert woken == sorted(nap for nap in naps if jumps and nap <= passed)


async def test_nothing_passes_while_somebody_holds_it() -> None:
    clock = JumpingClock()
    order: list[tuple[str, float]] = []
    answers = asyncio.Event()

    async def asking() -> None:
        await clock.sleep(1)
        with clock.held():
            await answers.wait()
            order.append(("answered", clock.clock()))
        await clock.sleep(1)
        order.append(("again", clock.clock()))

    tasks = [asyncio.create_task(asking()) for _ in range(2)]
    jump = asyncio.create_task(clock.jump(10))
    for _ in range(100):
        await asyncio.sleep(0)
    assert clock.clock() == 1001.0
    assert not jump.done()
    answers.set()
    await jump
    assert order == [("answered", 1001.0)] * 2 + [("again", 1002.0)] * 2
    assert all(task.done() for task in tasks)


async def test_holding_it_without_end_is_told_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("proxy.api.testing.clock._MOST_WOKEN", 100)
    clock = JumpingClock()

    async def restless() -> None:
        while True:
            with clock.held():
                await asyncio.sleep(0)

    task = asyncio.create_task(restless())
    with pytest.raises(RuntimeError, match="sleep between two questions"):
        await clock.settled()
    task.cancel()
