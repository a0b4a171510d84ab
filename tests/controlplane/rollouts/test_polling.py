"""The store is looked at again and again, and at once when there is a hint."""

import asyncio

from proxy.controlplane.rollouts.polling import Polling


async def test_it_looks_again_and_again() -> None:
    looks: asyncio.Queue[None] = asyncio.Queue()

    async def refresh() -> None:
        looks.put_nowait(None)

    polling = Polling(refresh, interval=0.0)
    polling.start()
    async with asyncio.timeout(20):
        for _ in range(3):
            await looks.get()
    await polling.close()
    await polling.close()
    while not looks.empty():
        looks.get_nowait()
    await asyncio.sleep(0)
    assert looks.empty()


async def test_a_hint_makes_it_look_at_once_and_hints_do_not_add_up() -> None:
    looked = asyncio.Event()
    looks = 0

    async def refresh() -> None:
        nonlocal looks
        looks += 1
        looked.set()

    polling = Polling(refresh, interval=3600.0)
    polling.start()
    polling.hint()
    polling.hint()
    async with asyncio.timeout(20):
        await looked.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    assert looks == 1
    await polling.close()
