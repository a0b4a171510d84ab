"""What is asked at the same time goes out together, and nobody waits longer than patience."""

import asyncio
from collections.abc import Sequence

import pytest

from plugins.rate_limit.counting.batching import CALLS, TOGETHER, Batches
from proxy.api import StoreError
from tests.kit.transport import MemoryLoop, on_memory_loop

LONG = 60.0


class Doubling:
    """Answers with the double, one call after the other as `let` says; all that it heard."""

    def __init__(self, patience: float = LONG) -> None:
        self.calls: list[list[int]] = []
        self.unheard: list[tuple[int, int]] = []
        self.let = asyncio.Event()
        self.let.set()
        self.batches: Batches[int, int] = Batches(
            self.send, lambda *heard: self.unheard.append(heard), "store://x", patience
        )

    async def send(self, asked: Sequence[int]) -> list[int | StoreError]:
        self.calls.append(list(asked))
        await self.let.wait()
        if 13 in asked:
            raise StoreError("the whole call went wrong")
        return [StoreError("seven alone") if one == 7 else 2 * one for one in asked]


async def test_each_gets_its_own_answer_in_one_call_for_all() -> None:
    doubling = Doubling()
    answers = await asyncio.gather(*(doubling.batches.ask(i) for i in range(5)))
    assert answers == [0, 2, 4, 6, 8]
    assert doubling.calls == [[0, 1, 2, 3, 4]]


async def test_a_call_is_bounded_and_so_is_how_many_are_under_way() -> None:
    doubling = Doubling()
    doubling.let.clear()
    asked = [doubling.batches.ask(i) for i in range(10 * TOGETHER, 13 * TOGETHER)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert [len(call) for call in doubling.calls] == [TOGETHER] * CALLS
    doubling.let.set()
    await asyncio.gather(*asked)
    assert [one for call in doubling.calls for one in call] == list(
        range(10 * TOGETHER, 13 * TOGETHER)
    )


async def test_what_went_wrong_for_one_is_not_told_to_the_others() -> None:
    doubling = Doubling()
    first, seven, last = (doubling.batches.ask(one) for one in (6, 7, 8))
    assert (await first, await last) == (12, 16)
    with pytest.raises(StoreError, match="seven alone"):
        await seven


async def test_a_call_that_failed_failed_for_all_in_it_and_for_nobody_after() -> None:
    doubling = Doubling()
    asked = [doubling.batches.ask(one) for one in (12, 13)]
    for one in asked:
        with pytest.raises(StoreError, match="the whole call"):
            await one
    assert await doubling.batches.ask(1) == 2


async def test_who_is_late_is_late_for_all_that_wait_behind() -> None:
    doubling = Doubling(patience=0.01)
    doubling.let.clear()
    asked = [doubling.batches.ask(i) for i in range(20, 20 + 4 * TOGETHER)]
    for one in asked:
        with pytest.raises(StoreError, match="store://x: did not answer within 10 ms"):
            await one
    assert len(doubling.calls) <= CALLS
    doubling.let.set()
    assert await doubling.batches.ask(1) == 2


def memory_loop() -> MemoryLoop:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, MemoryLoop)
    return loop


@on_memory_loop
async def test_who_waited_for_others_has_half_of_the_patience_at_least() -> None:
    lasts = iter((0.18, 0.18, 0.05))

    async def send(asked: Sequence[int]) -> list[int | StoreError]:
        await asyncio.sleep(next(lasts))
        return list(asked)

    batches: Batches[int, int] = Batches(send, lambda *_: None, "store://x", patience=0.2)
    answers = asyncio.gather(*[batches.ask(i) for i in range(2 * TOGETHER + 1)])
    while not answers.done():
        await memory_loop().jump(0.01)
    assert answers.result() == list(range(2 * TOGETHER + 1))


@on_memory_loop
async def test_a_store_is_not_to_blame_for_what_held_up_this_process() -> None:
    async def send(asked: Sequence[int]) -> list[int | StoreError]:
        memory_loop().stall(0.1)
        await asyncio.sleep(0.02)
        return list(asked)

    batches: Batches[int, int] = Batches(send, lambda *_: None, "store://x", patience=0.02)
    answer = batches.ask(1)
    while not answer.done():
        await memory_loop().jump(0.001)
    assert answer.result() == 1


async def test_an_answer_that_nobody_waits_for_is_told_and_who_went_before_is_not_asked() -> None:
    doubling = Doubling()
    doubling.let.clear()
    under_way = doubling.batches.ask(1)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiting, other = doubling.batches.ask(2), doubling.batches.ask(3)
    under_way.cancel()
    waiting.cancel()
    doubling.let.set()
    assert await other == 6
    assert doubling.calls == [[1], [3]]
    assert doubling.unheard == [(1, 2)]


async def test_whoever_waits_at_the_end_is_told() -> None:
    doubling = Doubling()
    doubling.let.clear()
    asked = [doubling.batches.ask(i) for i in range(20, 20 + 3 * TOGETHER)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await doubling.batches.close()
    for one in asked:
        with pytest.raises(StoreError, match="store://x: was closed"):
            await one


async def test_an_answer_that_cannot_be_read_is_an_error_of_those_who_asked() -> None:
    async def send(asked: Sequence[int]) -> list[int | StoreError]:
        return [int("x") for _ in asked]

    batches: Batches[int, int] = Batches(send, lambda *_: None, "store://x", LONG)
    for _ in range(2):
        with pytest.raises(StoreError, match="store://x: ValueError"):
            await batches.ask(1)
