"""What replicas share: one leader, those that are alive, sums that count once."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from proxy.core.observations import Totals, name
from proxy.core.reason import Arm
from proxy.core.rollout_state import RolloutState
from proxy.core.sketch import KEPT
from proxy.stores import redis_fleet
from proxy.stores.opening import fleet_of, store_for
from proxy.stores.redis_fleet import RedisFleet
from proxy.stores.redis_link import RedisLink, place_of
from proxy.stores.rollouts import Beat, Flush, StoreLostError
from tests.kit.redis import redis_server
from tests.stores.written import change, heard

DAY = 86_400
ERRORS = name("", "eu \ud800 west", Arm.NEW, "errors")
REQUESTS = name("orders", "", Arm.NEW, "requests")


@pytest.fixture
async def link(redis_url: str) -> AsyncIterator[RedisLink]:
    link = RedisLink(place_of(redis_url))
    yield link
    await link.close()


@pytest.fixture
def fleet(link: RedisLink) -> RedisFleet:
    return RedisFleet(link)


def flush(sequence: int = 1, **more: object) -> Flush:
    nothing = Flush("campaigns", 1, sequence, {}, {}, {}, {})
    return replace(nothing, **more)  # type: ignore[arg-type]


async def slice_now(link: RedisLink) -> int:
    return int((await link.call("TIME"))[0]) // 10


# -- the lease ---------------------------------------------------------------------


async def test_one_replica_leads_and_keeps_its_token(fleet: RedisFleet) -> None:
    tokens = await asyncio.gather(*(fleet.lead(replica) for replica in "abcdef"))
    (leader,) = [replica for replica, token in zip("abcdef", tokens, strict=True) if token]
    again = [await fleet.lead(replica) for replica in "abcdef"]
    assert again == tokens
    assert await fleet.lead(leader) == max(tokens)


async def test_the_lease_ends_by_itself_and_tokens_grow(link: RedisLink, fleet: RedisFleet) -> None:
    lease = link.place.key("lease")
    tokens = []
    for replica in "abab":
        tokens.append(await fleet.lead(replica))
        assert 9_000 < await link.call("PTTL", lease) <= 10_000
        await link.call("DEL", lease)  # as when ten seconds have passed
    assert tokens == sorted(set(tokens))
    assert tokens[0] > 0


async def test_renewing_makes_the_lease_last(link: RedisLink, fleet: RedisFleet) -> None:
    lease = link.place.key("lease")
    await fleet.lead("a")
    await link.call("PEXPIRE", lease, 5_000)
    assert await fleet.lead("b") == 0
    assert await link.call("PTTL", lease) <= 5_000
    await fleet.lead("a")
    assert await link.call("PTTL", lease) > 9_000


async def test_tokens_do_not_begin_anew_where_the_counter_was_lost(
    link: RedisLink, fleet: RedisFleet
) -> None:
    before = await fleet.lead("a")
    await link.call("DEL", link.place.key("fence"), link.place.key("lease"))
    assert await fleet.lead("b") >= before


async def test_who_leaves_lets_go_of_the_lease(fleet: RedisFleet) -> None:
    first = await fleet.lead("a")
    await fleet.leave("b")
    assert await fleet.lead("b") == 0
    await fleet.leave("a")
    assert await fleet.lead("b") > first


# -- heartbeats --------------------------------------------------------------------


async def test_all_who_are_alive_are_told_of(fleet: RedisFleet) -> None:
    await fleet.beat(Beat("a", "digest", {"campaigns": 3}))
    found = await fleet.beat(Beat("b", "other", {}))
    by_name = {beat.replica: beat for beat in found}
    assert by_name["a"] == Beat("a", "digest", {"campaigns": 3}, by_name["a"].at)
    assert by_name["b"].config == "other"
    assert by_name["a"].at > 1_700_000_000
    await fleet.beat(Beat("a", "digest", {"campaigns": 4}))
    found = await fleet.beat(Beat("b", "other", {}))
    assert {beat.replica: dict(beat.applied) for beat in found} == {"a": {"campaigns": 4}, "b": {}}


async def test_who_is_silent_for_six_seconds_is_gone(link: RedisLink, fleet: RedisFleet) -> None:
    beats = link.place.key("beats")
    for replica in "abc":
        await fleet.beat(Beat(replica, "", {}))
    await link.call("ZINCRBY", beats, -5_000, "a")
    await link.call("ZINCRBY", beats, -6_001, "b")
    found = await fleet.beat(Beat("c", "", {}))
    assert {beat.replica for beat in found} == {"a", "c"}
    assert await link.call("HEXISTS", link.place.key("said"), "b") in (0, False)


async def test_who_leaves_is_gone_at_once(fleet: RedisFleet) -> None:
    await fleet.beat(Beat("a", "", {}))
    await fleet.leave("a")
    assert [beat.replica for beat in await fleet.beat(Beat("b", "", {}))] == ["b"]


async def test_a_heartbeat_that_cannot_be_read_is_a_lost_store(
    link: RedisLink, fleet: RedisFleet
) -> None:
    await fleet.beat(Beat("a", "", {}))
    await link.call("HSET", link.place.key("said"), "a", json.dumps([]))
    with pytest.raises(StoreLostError, match="heartbeat"):
        await fleet.beat(Beat("b", "", {}))


# -- observations ------------------------------------------------------------------


async def test_what_replicas_observed_adds_up(link: RedisLink, fleet: RedisFleet) -> None:
    now = await slice_now(link)
    seen = {
        "a": (3, frozenset({1, 2, 2**64 - 1}), frozenset({10, 20})),
        "b": (4, frozenset({2, 3}), frozenset({20, 30})),
    }
    for replica, (count, keys, tags) in seen.items():
        told = flush(
            counts={ERRORS: count},
            slices={now: {REQUESTS: count}, now - 1: {ERRORS: 1}},
            keys={ERRORS: keys},
            sketches={REQUESTS: tags},
        )
        await fleet.add(replica, told)
    assert await fleet.totals("campaigns", 1, now - 1) == Totals(
        counts={ERRORS: 7},
        slices={now - 1: {ERRORS: 2}, now: {REQUESTS: 7}},
        keys={ERRORS: 4},
        sketches={REQUESTS: frozenset({10, 20, 30})},
    )
    assert list((await fleet.totals("campaigns", 1, now)).slices) == [now]


async def test_segments_and_rollouts_are_kept_apart(link: RedisLink, fleet: RedisFleet) -> None:
    now = await slice_now(link)
    await fleet.add("a", flush(1, counts={ERRORS: 1}, keys={ERRORS: frozenset({1})}))
    await fleet.add("a", flush(2, segment=2, counts={ERRORS: 5}, slices={now: {ERRORS: 2}}))
    await fleet.add("a", flush(1, rollout="orders", counts={ERRORS: 9}))
    first, second = [await fleet.totals("campaigns", segment, now) for segment in (1, 2)]
    assert (first.counts, second.counts) == ({ERRORS: 1}, {ERRORS: 5})
    assert (first.keys, second.keys) == ({ERRORS: 1}, {})
    assert first.slices == second.slices == {now: {ERRORS: 2}}
    assert (await fleet.totals("orders", 1, now)).counts == {ERRORS: 9}
    assert await fleet.totals("nobody", 1, now) == Totals()


async def test_a_flush_that_is_sent_again_counts_once(link: RedisLink, fleet: RedisFleet) -> None:
    now = await slice_now(link)
    told = flush(5, counts={ERRORS: 1}, slices={now: {ERRORS: 1}}, keys={ERRORS: frozenset({1})})
    await asyncio.gather(*(fleet.add("a", told) for _ in range(5)))
    await fleet.add("a", flush(4, counts={ERRORS: 100}))
    await fleet.add("b", told)
    await fleet.add("a", flush(6, counts={ERRORS: 1}))
    totals = await fleet.totals("campaigns", 1, now)
    assert totals.counts == {ERRORS: 3}
    assert totals.slices == {now: {ERRORS: 2}}


async def test_whatever_is_repeated_the_sum_is_that_of_the_flushes(fleet: RedisFleet) -> None:
    chance = random.Random(3)
    right = 0
    for sequence in range(60):
        count = chance.randint(1, 9)
        right += 2 * count
        for replica in "ab":
            for _ in range(chance.randint(1, 3)):
                await fleet.add(replica, flush(sequence, counts={ERRORS: count}))
    assert (await fleet.totals("campaigns", 1, 0)).counts == {ERRORS: right}


async def test_a_sketch_replaces_the_one_before_of_its_replica(fleet: RedisFleet) -> None:
    for sequence, tags in enumerate(({5, 6}, {3, 5}), 1):
        await fleet.add("a", flush(sequence, sketches={ERRORS: frozenset(tags)}))
    await fleet.add("b", flush(sketches={ERRORS: frozenset({9})}))
    assert (await fleet.totals("campaigns", 1, 0)).sketches == {ERRORS: frozenset({3, 5, 9})}
    for replica, begin in (("a", 0), ("b", 1)):
        odd_or_even = frozenset(range(begin, 2 * KEPT, 2))
        await fleet.add(replica, flush(9, sketches={ERRORS: odd_or_even}))
    totals = await fleet.totals("campaigns", 1, 0)
    assert totals.sketches == {ERRORS: frozenset(range(KEPT))}


async def test_a_set_takes_keys_until_it_is_full(
    fleet: RedisFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_fleet, "KEYS_MOST", 2_500)
    for sequence in range(3):
        keys = frozenset(range(sequence * 1_100, (sequence + 1) * 1_100))
        await fleet.add("a", flush(sequence, keys={ERRORS: keys}))
    assert (await fleet.totals("campaigns", 1, 0)).keys == {ERRORS: 2_500}


async def test_names_are_bounded_and_the_known_ones_go_on(
    link: RedisLink, fleet: RedisFleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_fleet, "NAMES_MOST", 3)
    now = await slice_now(link)
    for sequence, names in enumerate(("abc", "cde"), 1):
        counts = dict.fromkeys(names, 1)
        sets = dict.fromkeys(names, frozenset({sequence}))
        told = flush(sequence, counts=counts, slices={now: counts}, keys=sets, sketches=sets)
        await fleet.add("r", told)
    totals = await fleet.totals("campaigns", 1, now)
    assert totals.counts == totals.slices[now] == {"a": 1, "b": 1, "c": 2}
    assert totals.keys == {"a": 1, "b": 1, "c": 2}
    assert set(totals.sketches) == {"a", "b", "c"}


async def test_slices_of_long_ago_and_of_the_far_future_are_left_out(
    link: RedisLink, fleet: RedisFleet
) -> None:
    now = await slice_now(link)
    slices = {now + late: {ERRORS: 1} for late in (-500, -100, 0, 3, 1_000)}
    await fleet.add("a", flush(slices=slices))
    found = await fleet.totals("campaigns", 1, 0)
    assert set(found.slices) == {now - 100, now, now + 3}


async def test_everything_expires_by_itself(link: RedisLink, fleet: RedisFleet) -> None:
    now = await slice_now(link)
    await fleet.beat(Beat("a", "", {}))
    few = {ERRORS: frozenset({1})}
    told = flush(counts={ERRORS: 1}, slices={now: {ERRORS: 1}}, keys=few, sketches=few)
    await fleet.add("a", told)
    left = {
        key.decode("utf-8", "surrogatepass").partition("}:")[2]: await link.call("TTL", key)
        for key in await link.call("KEYS", link.place.key("*"))
    }
    assert set(left) == {
        "beats",
        "said",
        "sequence:campaigns:a",
        "segment:campaigns:1:counts",
        "segment:campaigns:1:sets",
        f"segment:campaigns:1:keys:{ERRORS}",
        "segment:campaigns:1:sketches",
        f"slice:campaigns:{now}",
    }
    assert left.pop(f"slice:campaigns:{now}") in range(1_150, 1_201)
    assert set(left.values()) <= set(range(DAY - 50, DAY + 1))


# -- rights ------------------------------------------------------------------------


async def test_a_user_of_its_own_needs_only_the_documented_rights() -> None:
    rights = "+@read +@write +@scripting +@pubsub +@connection +time"
    patterns = "~crossfade:* &crossfade:*"
    async with redis_server() as server:
        answer = server.say(f"ACL SETUSER crossfade on >hush {patterns} -@all {rights}")
        assert answer == b"+OK\r\n"
        store = store_for(f"redis://crossfade:hush@127.0.0.1:{server.port}/0")
        fleet = fleet_of(store)
        assert fleet is not None
        told = asyncio.Event()
        store.watch(told.set)
        await heard(told)
        await change(store, RolloutState("campaigns"), idempotency_key="once")
        assert await store.find("once") is not None
        assert len(await store.audit(rollout="campaigns")) == len(await store.audit()) == 1
        assert await store.now() > 0
        assert len(await fleet.beat(Beat("a", "", {}))) == 1
        assert await fleet.lead("a") > 0
        await fleet.add("a", flush(counts={ERRORS: 1}, keys={ERRORS: frozenset({1})}))
        assert (await fleet.totals("campaigns", 1, 0)).keys == {ERRORS: 1}
        await fleet.leave("a")
        await store.close()
