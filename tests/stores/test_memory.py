"""The store in memory: bounded, and lost on demand."""

import pytest

from proxy.core.rollout_state import RolloutState
from proxy.stores import memory
from proxy.stores.memory import MemoryStore
from proxy.stores.rollouts import StoreLostError
from tests.stores.written import NOW, change

DAY = 86_400.0


async def test_the_oldest_entries_go_when_there_are_too_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert memory._AUDIT_KEPT == 10_000
    monkeypatch.setattr(memory, "_AUDIT_KEPT", 5)
    store = MemoryStore(lambda: NOW)
    state = RolloutState("campaigns")
    for _ in range(7):
        state = await change(store, state)
    assert [entry.version for entry in await store.audit()] == [7, 6, 5, 4, 3]


async def test_a_lost_store_says_so_whatever_it_is_asked() -> None:
    store = MemoryStore(lambda: NOW)
    other = store.another()
    store.lost = "the cable is out"
    asked = (
        store.open(),
        store.now(),
        store.load(),
        store.find("once"),
        store.audit(),
        change(store, RolloutState("campaigns")),
    )
    for call in asked:
        with pytest.raises(StoreLostError, match="the cable is out"):
            await call
    assert await other.load() == {}
    store.lost = ""
    await change(store, RolloutState("campaigns"))
    assert list(await other.load()) == ["campaigns"]


async def test_a_key_is_forgotten_after_a_day() -> None:
    now = NOW
    store = MemoryStore(lambda: now)
    await change(store, RolloutState("campaigns"), idempotency_key="once")
    now += DAY - 1
    assert await store.find("once") is not None
    now += 2
    assert await store.find("once") is None


async def test_a_clock_that_goes_back_does_not_reorder_the_audit() -> None:
    now = NOW
    store = MemoryStore(lambda: now)
    state = await change(store, RolloutState("campaigns"))
    now -= DAY
    await change(store, state)
    assert [entry.version for entry in await store.audit()] == [2, 1]
    last = (await store.audit())[0]
    assert [entry.version for entry in await store.audit(before=last.id)] == [1]


async def test_a_closed_door_hears_no_more() -> None:
    store = MemoryStore(lambda: NOW)
    other, told = store.another(), [0]
    other.watch(lambda: told.append(1))
    await other.close()
    await change(store, RolloutState("campaigns"))
    assert await store.load() != {}
    assert told == [0]
