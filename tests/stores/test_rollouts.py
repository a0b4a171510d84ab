"""What all stores have in common: one suite for memory, SQLite and Redis."""

import asyncio
from dataclasses import replace

import pytest

from proxy.core.rollout_state import (
    DEFAULT_PLAN,
    Approval,
    Declared,
    Mark,
    Phase,
    RolloutState,
    ScopedHold,
)
from proxy.stores.rollouts import ConflictError, RolloutStore
from tests.stores.written import NOW, change, entry, heard

Doors = tuple[RolloutStore, RolloutStore]

MARK = Mark("ana", "it fails \ud800 for naïve callers", NOW)
FULL = RolloutState(
    "campaigns",
    percentage=12.5,
    phase=Phase.BAKE,
    step=1,
    plan=DEFAULT_PLAN,
    since=NOW,
    healthy=1.25,
    segment=3,
    segment_since=NOW,
    killed=MARK,
    paused=MARK,
    holds=(ScopedHold(MARK, "orders", "eu"),),
    approvals=(Approval(1, MARK),),
    whitelist=frozenset({"é", "b"}),
    braked=(NOW,),
    latched=True,
    evidence={"errors": {"log_e": 7.5, "keys": [1, 2]}},
    declared=Declared(5.0, plan=DEFAULT_PLAN),
)


async def test_a_new_store_is_empty(store: RolloutStore) -> None:
    assert await store.load() == {}
    assert await store.audit() == []
    assert await store.find("once") is None


async def test_the_clock_is_told_in_unix_seconds(store: RolloutStore) -> None:
    assert await store.now() > 1_700_000_000


async def test_a_state_comes_back_whole_through_another_door(doors: Doors) -> None:
    stored = await change(doors[0], FULL)
    assert stored == replace(FULL, version=1)
    assert await doors[1].load() == {"campaigns": stored}


async def test_versions_count_up_by_one_with_each_entry(store: RolloutStore) -> None:
    state = RolloutState("campaigns")
    for version in (1, 2, 3):
        state = await change(store, replace(state, percentage=float(version)))
        assert state.version == version


async def test_without_an_entry_the_version_stays_and_nothing_is_told(store: RolloutStore) -> None:
    state = await change(store, FULL)
    moved = await store.save(replace(state, healthy=9.0), 1, None)
    assert (moved.version, moved.healthy) == (1, 9.0)
    assert await store.load() == {"campaigns": moved}
    assert len(await store.audit()) == 1


async def test_a_store_that_lost_its_data_goes_on_from_the_version_that_was_known(
    store: RolloutStore,
) -> None:
    stored = await store.save(FULL, 0, entry(version=8))
    assert (await store.load())["campaigns"] == stored == replace(FULL, version=8)
    with pytest.raises(ConflictError):
        await store.save(FULL, 1, entry(version=9))
    assert (await change(store, stored)).version == 9
    assert (await store.save(FULL, 9, entry(version=3))).version == 10


async def test_a_first_position_may_be_stored_without_an_entry(store: RolloutStore) -> None:
    stored = await store.save(RolloutState("campaigns", percentage=5.0), 0, None)
    assert stored.version == 0
    assert (await change(store, stored)).version == 1


async def test_a_stale_writer_learns_how_it_stands(doors: Doors) -> None:
    current = await change(doors[0], FULL)
    with pytest.raises(ConflictError) as caught:
        await doors[1].save(RolloutState("campaigns"), 0, entry())
    assert caught.value.current == current
    assert len(await doors[1].audit()) == 1


async def test_a_stale_position_is_a_conflict_too(doors: Doors) -> None:
    current = await change(doors[0], FULL)
    with pytest.raises(ConflictError) as caught:
        await doors[1].save(FULL, 0, None)
    assert caught.value.current == current


async def test_a_version_of_what_is_not_stored_is_a_conflict(store: RolloutStore) -> None:
    with pytest.raises(ConflictError) as caught:
        await store.save(RolloutState("campaigns", version=4), 4, entry(version=5))
    assert caught.value.current == RolloutState("campaigns")
    assert await store.load() == {}


async def test_of_two_writers_with_one_version_one_has_a_conflict(doors: Doors) -> None:
    state = await change(doors[0], RolloutState("campaigns"))
    writes = (
        store.save(replace(state, percentage=percentage), 1, entry(version=2))
        for store, percentage in zip(doors, (5.0, 25.0), strict=True)
    )
    one, other = sorted(
        await asyncio.gather(*writes, return_exceptions=True),
        key=lambda end: isinstance(end, ConflictError),
    )
    assert isinstance(one, RolloutState)
    assert isinstance(other, ConflictError)
    assert other.current == one
    assert (await doors[0].load())["campaigns"] == one
    assert [found.version for found in await doors[1].audit()] == [2, 1]


async def test_rollouts_have_versions_of_their_own(store: RolloutStore) -> None:
    first = await change(store, RolloutState("campaigns"))
    other = await change(store, RolloutState("orders", percentage=5.0))
    assert await store.load() == {"campaigns": first, "orders": other}


async def test_an_entry_comes_back_as_it_was(store: RolloutStore) -> None:
    told = entry(
        evidence={"errors": {"log_e": float("inf")}}, reason="half a pair: \ud83d", before={}
    )
    await store.save(FULL, 0, told)
    (found,) = await store.audit()
    assert found == told.stored(found.id)
    assert set(found.id) <= set("0123456789-")


async def test_the_audit_goes_back_page_by_page(store: RolloutStore) -> None:
    state = RolloutState("campaigns")
    for _ in range(7):
        state = await change(store, state)
    pages, before = [], ""
    while page := await store.audit(before=before, limit=3):
        pages.append([found.version for found in page])
        before = page[-1].id
    assert pages == [[7, 6, 5], [4, 3, 2], [1]]


async def test_the_audit_of_one_rollout_leaves_the_others_out(store: RolloutStore) -> None:
    campaigns, orders = RolloutState("campaigns"), RolloutState("orders")
    for _ in range(3):
        campaigns, orders = await change(store, campaigns), await change(store, orders)
    newest, *_ = found = await store.audit(rollout="orders", limit=2)
    assert [(one.rollout, one.version) for one in found] == [("orders", 3), ("orders", 2)]
    older = await store.audit(rollout="orders", before=found[-1].id)
    assert [one.version for one in older] == [1]
    assert newest == (await store.audit(limit=1))[0]
    assert await store.audit(rollout="nobody") == []


async def test_the_order_of_ids_is_that_of_the_entries(store: RolloutStore) -> None:
    state = RolloutState("campaigns")
    for _ in range(12):
        state = await change(store, state)
    ids = [tuple(map(int, found.id.split("-"))) for found in await store.audit()]
    assert ids == sorted(ids, reverse=True)
    assert len(set(ids)) == 12


@pytest.mark.parametrize("before", ["-", "abc", "1", "1-2-3", "'; --", "9" * 40 + "-1"])
async def test_before_what_is_no_id_there_is_nothing(store: RolloutStore, before: str) -> None:
    await change(store, FULL)
    assert await store.audit(before=before) == []
    assert await store.audit(rollout="campaigns", before=before) == []


@pytest.mark.parametrize(("limit", "count"), [(-1, 1), (0, 1), (2, 2), (10**9, 3)])
async def test_a_page_has_bounds(store: RolloutStore, limit: int, count: int) -> None:
    state = RolloutState("campaigns")
    for _ in range(3):
        state = await change(store, state)
    assert len(await store.audit(limit=limit)) == count


async def test_a_change_is_found_by_its_idempotency_key(doors: Doors) -> None:
    await change(doors[0], FULL, idempotency_key="once")
    await change(doors[0], RolloutState("orders"), idempotency_key="\ud800" * 500)
    found = await doors[1].find("once")
    assert found is not None
    assert (found.rollout, found.version, found.idempotency_key) == ("campaigns", 1, "once")
    assert await doors[1].find("\ud800" * 500) is not None
    assert await doors[1].find("twice") is None
    assert await doors[1].find("") is None


async def test_the_other_door_hears_of_changes(doors: Doors) -> None:
    if doors[0].url.startswith("sqlite"):
        doors[1].watch(lambda: None)
        assert not doors[1].shared
        return
    told = asyncio.Event()
    doors[1].watch(told.set)
    if doors[1].shared:
        await heard(told)  # it listens from now on
        told.clear()
    await change(doors[0], RolloutState("campaigns"))
    await heard(told)
    assert (await doors[1].load())["campaigns"].version == 1
