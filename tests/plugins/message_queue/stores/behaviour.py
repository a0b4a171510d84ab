"""What every queue promises, by examples: a class of tests for each kind to inherit.

A kind says in `opened` how an empty one is opened; see `test_sqlite.py`.
"""

import asyncio
from typing import Any

import pytest

from plugins.message_queue.message import Approval, Priority, Receipt, State
from plugins.message_queue.store import SWEPT, QueueFullError, QueueStore
from tests.plugins.message_queue.stores.bench import (
    ENDED,
    GONE,
    LEASE,
    NOW,
    ROOMY,
    STATES,
    Bench,
    Opened,
    message,
    number_of,
)
from tests.plugins.message_queue.stores.machine import play
from tests.plugins.message_queue.stores.operating import Operating
from tests.plugins.message_queue.stores.ordering import Ordering


class Behaviour(Ordering, Operating):
    """All that a `QueueStore` promises."""

    times = 25
    """So often the model is played against."""

    @pytest.mark.parametrize("repeats", [False, True])
    def test_whatever_is_asked_it_does_what_the_model_does(
        self, opened: Opened, repeats: bool
    ) -> None:
        assert play(opened, self.times, 40, repeating=repeats) >= self.times

    # -- put -------------------------------------------------------------------

    async def test_what_was_put_is_there(self, bench: Bench) -> None:
        new = message(1, content="naïve ☂", media_urls=("https://x/1",), digest="d", trace_id="t")
        put = await bench.store.put(new, bench.bounds)
        assert put.created
        assert put.claimed is None
        assert put.record.message == new
        assert put.record[1:] == ("queued", NOW, 0, 0, 0, NOW, "", "", "")
        assert await bench.store.get(new.id) == put.record
        assert await bench.store.get("m00002") is None

    async def test_without_approval_it_is_held_until_there_is_one(self, bench: Bench) -> None:
        assert (await bench.put(approval=None)).record.state == "held"
        assert await bench.take() == ()
        bench.clock.at += 9
        approval = Approval(approved_by="p", approved_at=NOW + 9, was_modified=True)
        record = await bench.store.approve("m00001", approval)
        assert record == await bench.record()
        assert (record.state, record.message.approval) == ("queued", approval)
        assert await bench.store.approve("m00001", approval) is None
        assert await bench.numbers() == [1]

    @pytest.mark.parametrize("state", STATES)
    async def test_a_dedupe_key_finds_a_message_in_any_state(
        self, bench: Bench, state: State
    ) -> None:
        await bench.in_state(state, dedupe_key="k")
        before = await bench.record()
        put = await bench.put(dedupe_key="k", user="b", lease=LEASE)
        assert put == (before, False, None)
        assert await bench.store.get("m00002") is None
        assert (await bench.put(dedupe_key="other")).created

    async def test_it_takes_no_more_than_its_bounds(self, bench: Bench) -> None:
        bench.bounds = ROOMY._replace(messages=3, user_messages=2, user_bytes=3_000)
        await bench.put("b", approval=None)
        with pytest.raises(QueueFullError, match="bytes"):
            await bench.put("a", content="x" * 3_000)
        await bench.several("a", "a")
        with pytest.raises(QueueFullError):
            await bench.put("a")
        with pytest.raises(QueueFullError):
            await bench.put("c")
        assert await bench.listed() == [1, 3, 4]
        assert len(await bench.take()) == 2
        with pytest.raises(QueueFullError):  # what is on its way counts
            await bench.put("a")

    async def test_what_has_ended_makes_room(self, bench: Bench) -> None:
        bench.bounds = ROOMY._replace(messages=1, user_messages=1, user_bytes=2_000)
        for state in ENDED:
            await bench.in_state(state, content="x" * 1_000)
        assert (await bench.put()).created

    async def test_who_puts_a_message_may_have_it_at_once(self, bench: Bench) -> None:
        put = await bench.put(lease=5)
        assert put.claimed == (put.record, Receipt("m00001", 1), NOW + 5)
        assert put.record.state == "leased"
        assert await bench.take() == ()
        assert await bench.store.sent(put.claimed.receipt, "p-1")

    @pytest.mark.parametrize(
        "fields", [{"approval": None}, {"due_at": NOW + 1}, {"expires_at": NOW}]
    )
    async def test_nobody_has_at_once_what_may_not_be_claimed(
        self, bench: Bench, fields: dict[str, Any]
    ) -> None:
        assert (await bench.put(lease=5, **fields)).claimed is None

    @pytest.mark.parametrize("what", ["all", "priority:medium", "user:a"])
    async def test_nobody_has_at_once_what_is_paused(self, bench: Bench, what: str) -> None:
        await bench.store.pause(what)
        assert (await bench.put(lease=5)).claimed is None
        await bench.store.resume(what)
        assert (await bench.put("b", lease=5)).claimed is not None

    async def test_nobody_has_at_once_more_than_may_be_in_flight(self, bench: Bench) -> None:
        bench.bounds = ROOMY._replace(in_flight=1)
        assert (await bench.put(lease=5)).claimed is not None
        assert (await bench.put(lease=5)).claimed is None
        assert (await bench.put("b", lease=5)).claimed is not None

    async def test_nobody_goes_before_what_waits_already(self, bench: Bench) -> None:
        await bench.put(priority=Priority.high)
        await bench.put(priority=Priority.critical, due_at=NOW + 1)
        assert (await bench.put(priority=Priority.high, lease=5)).claimed is None
        assert (await bench.put(priority=Priority.low, lease=5)).claimed is None
        assert (await bench.put(priority=Priority.critical, lease=5)).claimed is not None
        assert (await bench.put("b", priority=Priority.low, lease=5)).claimed is not None

    # -- leases ----------------------------------------------------------------

    async def test_a_message_is_with_one_worker(self, bench: Bench) -> None:
        await bench.several(*"abcdefgh" * 3)
        claims = [bench.store.claim(bench.bounds, most=2, lease=LEASE) for _ in range(20)]
        found = [one for some in await asyncio.gather(*claims) for one in some]
        assert sorted(number_of(one.record) for one in found) == list(range(1, 25))
        assert {one.lease_until for one in found} == {NOW + LEASE}

    async def test_a_receipt_is_good_until_its_lease_is_over(self, bench: Bench) -> None:
        claimed = await bench.in_state("leased")
        assert claimed
        bench.clock.at += LEASE - 0.125
        assert await bench.store.extend(claimed.receipt, 10)
        assert await bench.record() == claimed.record
        bench.clock.at += 9.875
        assert await bench.store.begin(claimed.receipt, 10)
        assert (await bench.record()).changed_at == bench.clock.at
        bench.clock.at += 10
        await of_no_use(bench.store, claimed.receipt)
        assert await bench.state() == "sending"

    async def test_a_receipt_is_of_no_use_once_it_was_leased_anew(self, bench: Bench) -> None:
        claimed = await bench.in_state("leased")
        assert claimed
        bench.clock.at += LEASE
        again = await bench.one()
        assert again.receipt == (claimed.receipt.id, claimed.receipt.generation + 1)
        await of_no_use(bench.store, claimed.receipt)
        assert await bench.state() == "leased"
        assert await bench.store.sent(again.receipt, "p")
        await of_no_use(bench.store, again.receipt)
        await of_no_use(bench.store, Receipt("m00009", 1))

    async def test_a_lease_that_is_lost_before_sending_is_an_attempt(self, bench: Bench) -> None:
        await bench.put(max_attempts=2)
        for attempts in (0, 1):
            claimed = await bench.one()
            assert (claimed.record.attempts, claimed.record.due_at) == (attempts, NOW)
            bench.clock.at += LEASE
        assert await bench.take() == ()
        record = await bench.record()
        assert (record.state, record.code, record.attempts) == ("dead", "lease_lost", 2)
        assert record.why
        assert record.changed_at == bench.clock.at

    async def test_a_lease_that_is_lost_while_sending_leaves_it_open(self, bench: Bench) -> None:
        await bench.in_state("sending")
        bench.clock.at += LEASE
        assert await bench.take() == ()
        record = await bench.record()
        assert (record.state, record.code, record.attempts) == ("uncertain", "lease_lost", 0)

    async def test_a_store_that_repeats_sends_it_again(self, repeating: Bench) -> None:
        bench = repeating
        await bench.in_state("sending", max_attempts=2)
        bench.clock.at += LEASE
        again = await bench.one()
        assert (again.record.attempts, again.record.code) == (1, "lease_lost")
        assert await bench.store.begin(again.receipt, LEASE)
        bench.clock.at += LEASE
        assert await bench.take() == ()
        record = await bench.record()
        assert (record.state, record.code, record.attempts) == ("uncertain", "lease_lost", 2)

    async def test_what_has_expired_is_dead(self, bench: Bench) -> None:
        await bench.put(expires_at=NOW + 10)
        await bench.put(expires_at=NOW + 10, approval=None)
        await bench.put("b", expires_at=NOW + 10.125)
        bench.clock.at += 10
        assert await bench.numbers() == [3]
        for number in (1, 2):
            record = await bench.record(number)
            assert (record.state, record.code, record.changed_at) == ("dead", "expired", NOW + 10)
            assert record.why

    async def test_of_many_who_have_expired_none_is_claimed(self, bench: Bench) -> None:
        for _ in range(SWEPT + 5):
            await bench.put(expires_at=NOW + 10)
        await bench.put("b")
        bench.clock.at += 10
        assert await bench.take() == ()
        depth = (await bench.store.stats()).depth
        assert depth == {("dead", Priority.medium): SWEPT, ("queued", Priority.medium): 6}
        moment = await bench.store.next_moment()
        assert moment is not None
        assert moment <= bench.clock.at
        assert await bench.users() == ["b"]

    # -- what becomes of it ----------------------------------------------------

    async def test_what_was_sent_forgets_its_words(self, bench: Bench) -> None:
        claimed = await bench.in_state("leased", media_urls=("https://x/1",), dedupe_key="k")
        assert claimed
        await bench.store.retry(claimed.receipt, NOW, "NETWORK_ERROR", "away")
        claimed = await bench.one()
        bench.clock.at += 1
        assert await bench.store.sent(claimed.receipt, "p-1")
        record = await bench.record()
        assert record.message == claimed.record.message.model_copy(update=GONE)
        assert record[1:] == ("sent", NOW, 1, 0, 2, NOW + 1, "p-1", "", "")

    async def test_a_failure_is_tried_again_until_no_attempt_is_left(self, bench: Bench) -> None:
        await bench.put(max_attempts=2)
        claimed = await bench.one()
        assert await bench.store.retry(claimed.receipt, NOW + 5, "SERVICE_UNAVAILABLE", "busy")
        record = await bench.record()
        assert (record.state, record.due_at, record.attempts) == ("queued", NOW + 5, 1)
        assert (record.code, record.why) == ("SERVICE_UNAVAILABLE", "busy")
        assert await bench.take() == ()
        bench.clock.at += 5
        claimed = await bench.one()
        assert claimed.record.code == "SERVICE_UNAVAILABLE"
        assert await bench.store.retry(claimed.receipt, NOW + 9, "NETWORK_ERROR", "away")
        record = await bench.record()
        assert (record.state, record.attempts) == ("dead", 2)
        assert (record.code, record.why) == ("NETWORK_ERROR", "away")

    async def test_to_be_put_off_is_no_attempt(self, bench: Bench) -> None:
        await bench.several("a", "a")
        (claimed,) = await bench.take(1)
        assert await bench.store.throttle(claimed.receipt, NOW + 5, "limit")
        record = await bench.record()
        assert (record.state, record.due_at) == ("queued", NOW + 5)
        assert (record.attempts, record.throttles, record.why) == (0, 1, "limit")
        assert await bench.numbers() == [2]
        bench.clock.at += 5
        assert await bench.numbers() == [1]

    async def test_a_user_who_is_put_off_waits_with_all_his_messages(self, bench: Bench) -> None:
        await bench.several("a", "a", "b")
        (claimed,) = await bench.take(1)
        until = NOW + 5
        assert await bench.store.throttle(claimed.receipt, until, "limit", whole_user=until)
        assert (await bench.record()).due_at == NOW
        await bench.put("a", priority=Priority.critical)
        assert await bench.users() == ["b"]
        bench.clock.at += 5
        assert await bench.numbers() == [4, 1, 2]

    async def test_the_later_put_off_of_a_user_stands(self, bench: Bench) -> None:
        await bench.several("a", "a")
        first, second = await bench.take()
        await bench.store.throttle(first.receipt, NOW + 9, "limit", whole_user=NOW + 9)
        await bench.store.throttle(second.receipt, NOW + 5, "limit", whole_user=NOW + 5)
        bench.clock.at += 5
        assert await bench.take() == ()
        bench.clock.at += 4
        assert await bench.numbers() == [1, 2]

    async def test_what_is_given_back_keeps_its_place(self, bench: Bench) -> None:
        await bench.several("a", "a")
        bench.clock.at += 1
        (claimed,) = await bench.take(1)
        await bench.store.throttle(claimed.receipt, NOW + 1, "closing")
        assert await bench.numbers() == [1, 2]

    async def test_what_will_never_go_is_dead(self, bench: Bench) -> None:
        await bench.in_state("dead")
        record = await bench.record()
        assert (record.state, record.code, record.why) == ("dead", "VALIDATION_ERROR", "too long")
        assert record.message.content
        assert await bench.take() == ()

    async def test_what_nobody_knows_the_end_of_is_uncertain(self, bench: Bench) -> None:
        await bench.in_state("uncertain")
        record = await bench.record()
        assert (record.state, record.code, record.why) == ("uncertain", "TIMEOUT", "no answer")
        bench.clock.at += LEASE
        assert await bench.take() == ()


async def of_no_use(store: QueueStore, receipt: Receipt) -> None:
    """Nothing that takes a receipt takes this one."""
    before = await store.get(receipt.id)
    asked = (
        store.begin(receipt, LEASE),
        store.extend(receipt, LEASE),
        store.sent(receipt, "p"),
        store.retry(receipt, NOW, "c", "w"),
        store.throttle(receipt, NOW, "w", whole_user=NOW + 9e9),
        store.bury(receipt, "c", "w"),
        store.park(receipt, "c", "w"),
    )
    assert [await one for one in asked] == [False] * 7
    assert await store.get(receipt.id) == before
