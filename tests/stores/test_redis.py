"""The store of a fleet: fences, repetitions, outages, watching, and what it leaves in Redis."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256

import pytest

from proxy.core.rollout_state import RolloutState
from proxy.stores.records import AUDIT_KEPT
from proxy.stores.redis import RedisStore
from proxy.stores.redis_fleet import RedisFleet
from proxy.stores.redis_link import RedisLink, place_of
from proxy.stores.rollouts import ConflictError, FencedError, StoreLostError
from tests.kit.redis import redis_server
from tests.stores.written import change, entry, heard


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(RedisLink(place_of(redis_url)))
    yield store
    await store.close()


async def keys(store: RedisStore) -> set[str]:
    found = await store.link.call("KEYS", store.link.place.key("*"))
    return {key.decode().partition("}:")[2] for key in found}


async def test_the_leader_of_yesterday_is_fenced_off(store: RedisStore) -> None:
    fleet = RedisFleet(store.link)
    old = await fleet.lead("a")
    state = await store.save(RolloutState("campaigns"), 0, entry(), old)
    await fleet.leave("a")
    assert (await store.save(state, 1, entry(version=2), old)).version == 2
    new = await fleet.lead("b")
    assert new > old
    for told in (entry(version=3), None):
        with pytest.raises(FencedError, match="another replica leads"):
            await store.save(replace(state, version=2, healthy=5.0), 2, told, old)
    assert [one.version for one in await store.audit()] == [2, 1]
    assert (await store.load())["campaigns"].healthy == 0.0
    await store.save(replace(state, version=2), 2, entry(version=3), new)
    await store.save(replace(state, version=3), 3, entry(version=4))  # an operator needs no lease


async def test_a_save_whose_answer_was_lost_is_done_once(
    store: RedisStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = uuid.uuid4()
    monkeypatch.setattr("proxy.stores.redis.uuid.uuid4", lambda: mark)
    for _ in range(3):
        stored = await store.save(RolloutState("campaigns"), 0, entry())
        assert stored.version == 1
    assert len(await store.audit()) == 1
    monkeypatch.undo()
    with pytest.raises(ConflictError):
        await store.save(RolloutState("campaigns"), 0, entry())


async def test_everything_is_kept_under_the_prefix_and_named_as_documented(
    store: RedisStore,
) -> None:
    await change(store, RolloutState("campaigns"), idempotency_key="once")
    await RedisFleet(store.link).lead("a")
    once = f"once:{sha256(b'once').hexdigest()}"
    assert await keys(store) == {
        "states",
        "versions",
        "marks",
        "audit",
        "audit:campaigns",
        once,
        "lease",
        "fence",
    }


async def test_prefixes_do_not_see_each_other(store: RedisStore, redis_url: str) -> None:
    await change(store, RolloutState("campaigns"))
    other = RedisStore(RedisLink(place_of(f"{redis_url}.other")))
    assert await other.load() == {}
    assert await other.audit() == []
    await other.close()


async def test_a_key_is_kept_for_a_day(store: RedisStore) -> None:
    await change(store, RolloutState("campaigns"), idempotency_key="once")
    (once,) = [key for key in await keys(store) if key.startswith("once:")]
    left = await store.link.call("TTL", store.link.place.key(once))
    assert 86_000 < left <= 86_400
    await store.link.call("DEL", store.link.place.key(once))
    assert await store.find("once") is None


async def test_the_audit_is_bounded(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.stores.redis.AUDIT_KEPT", 10)
    state = RolloutState("campaigns")
    for _ in range(250):  # Redis trims a hundred at a time
        state = await change(store, state)
    found = await store.audit(limit=1_000)
    assert 10 <= len(found) < 250
    assert found[0].version == 250
    assert await store.audit(rollout="campaigns", limit=1_000) == found
    assert AUDIT_KEPT == 100_000


async def test_an_entry_that_was_trimmed_is_no_longer_told_of(store: RedisStore) -> None:
    state = await change(store, RolloutState("campaigns"), idempotency_key="once")
    await change(store, state)
    first = (await store.audit())[-1]
    await store.link.call("XDEL", store.link.place.key("audit"), first.id)
    assert [one.version for one in await store.audit(rollout="campaigns")] == [2]
    assert await store.find("once") is None


async def test_what_was_stored_outlives_a_restart_and_a_pause() -> None:
    async with redis_server() as server:
        store = RedisStore(RedisLink(place_of(server.url), patience=0.2))
        state = await change(store, RolloutState("campaigns", percentage=5.0))
        server.restart()
        assert await store.load() == {"campaigns": state}
        state = await change(store, state)
        server.pause()
        with pytest.raises(StoreLostError, match="did not answer"):
            await change(store, state)
        server.resume()
        found = (await store.load())["campaigns"]
        assert found.version in {2, 3}  # nobody knows, but state and audit agree
        assert (await store.audit())[0].version == found.version
        assert (await change(store, found)).version == found.version + 1
        await store.close()


async def test_a_watch_goes_on_after_an_outage() -> None:
    async with redis_server() as server:
        store, other = (RedisStore(RedisLink(place_of(server.url)), again=0.01) for _ in "ab")
        told = asyncio.Event()
        store.watch(told.set)
        await heard(told)
        told.clear()
        server.restart()
        await heard(told)  # something may have been missed
        told.clear()
        await change(other, RolloutState("campaigns"))
        await heard(told)
        assert await store.load() == await other.load() != {}
        await store.close()
        await other.close()


async def test_a_watch_does_not_hear_of_its_own_store(store: RedisStore, redis_url: str) -> None:
    other, told = RedisStore(RedisLink(place_of(redis_url))), asyncio.Event()
    hints = []

    def hear() -> None:
        hints.append(1)
        told.set()

    store.watch(hear)
    await heard(told)
    told.clear()
    state = await change(store, await change(store, RolloutState("campaigns")))
    await change(other, state)
    await heard(told)
    assert len(hints) == 2  # at first, and of the other's
    await other.close()


async def test_a_watch_that_begins_in_an_outage_waits_for_its_end() -> None:
    async with redis_server() as server:
        server.stop()
        store = RedisStore(RedisLink(place_of(server.url)), again=0.01)
        told = asyncio.Event()
        store.watch(told.set)
        with pytest.raises(StoreLostError):
            await store.open()
        server.start()
        await heard(told)
        assert await store.load() == {}
        await store.close()
