"""A message while it is ours: for a lease, and for another with each beat."""

from collections.abc import AsyncIterator

import pytest

from plugins.message_queue.delivering.hold import Hold
from tests.plugins.message_queue.delivering.desk import LEASE, Desk, desk


@pytest.fixture
async def at() -> AsyncIterator[Desk]:
    async with desk() as opened:
        yield opened


def hold(at: Desk, claimed: object) -> Hold:
    return Hold(claimed, at.store, at.services, LEASE)  # type: ignore[arg-type]


async def test_each_third_of_a_lease_it_is_renewed_and_a_beat_may_fail(at: Desk) -> None:
    ours = hold(at, await at.claimed())
    assert await ours.begin()
    async with ours.beating():
        at.store.fails.append("extend")
        for _ in range(5):
            await at.jump(LEASE / 3)
            await at.asleep()
            assert await at.claims() == ()
    assert not at.store.fails
    await at.services.jumping.jump(LEASE)
    await at.claims()
    assert (await at.record()).code == "lease_lost"


async def test_a_heart_that_beats_for_nothing_stops(at: Desk) -> None:
    ours = hold(at, await at.claimed())
    async with ours.beating():
        await at.store.park(ours.receipt, "TIMEOUT", "no answer")
        await at.jump(LEASE / 3)
        await at.idle()
    assert at.services.jumping._asleep == []


async def test_what_is_told_is_told_once_where_the_store_takes_it(at: Desk) -> None:
    ours = hold(at, await at.claimed())
    assert await ours.settle(lambda: at.store.bury(ours.receipt, "NOT_FOUND", "gone"))
    assert not await ours.settle(lambda: at.store.bury(ours.receipt, "NOT_FOUND", "gone"))


async def test_without_a_lease_left_nothing_is_told_again(at: Desk) -> None:
    ours = hold(at, await at.claimed())
    await at.services.jumping.jump(LEASE)
    at.store.fails.append("bury")
    assert not await ours.settle(lambda: at.store.bury(ours.receipt, "NOT_FOUND", "gone"))
    assert len(at.services.logged("delivery_not_noted")) == 1
