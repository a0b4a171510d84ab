"""What operators do to a queue and see of it, by examples."""

from typing import Literal

import pytest

from plugins.message_queue.message import Priority, State
from plugins.message_queue.store import AGING, ASKED_MOST, Filter
from tests.plugins.message_queue.stores.bench import (
    ENDED,
    GONE,
    LEASE,
    NOW,
    STATES,
    Bench,
    OnABench,
    number_of,
)


class Operating(OnABench):
    """What people do, and what is told; see `Behaviour`."""

    # -- of a request ----------------------------------------------------------

    async def test_the_messages_of_a_request_are_found_until_they_are_purged(
        self, bench: Bench
    ) -> None:
        for request_id in ("r-1", "r-10", "r-1", "", "r"):
            await bench.put(request_id=request_id)

        async def found(request_id: str) -> list[int]:
            records = await bench.store.of_request(request_id)
            return [number_of(one) for one in records]

        assert await found("r-1") == [1, 3]
        assert await found("r") == [5]
        assert (await found("r-2"), await found("")) == ([], [])
        assert await bench.store.of_request("r-10") == (await bench.record(2),)
        await bench.store.cancel("m00001")
        assert await found("r-1") == [1, 3]
        await bench.store.purge("cancelled", NOW + 1)
        assert await found("r-1") == [3]

    async def test_of_one_request_no_more_than_some_are_told(self, bench: Bench) -> None:
        for _ in range(ASKED_MOST + 1):
            await bench.put(request_id="r")
        found = await bench.store.of_request("r")
        assert [number_of(one) for one in found] == list(range(1, ASKED_MOST + 1))

    # -- what people do --------------------------------------------------------

    @pytest.mark.parametrize("state", STATES)
    async def test_what_waits_can_be_cancelled(self, bench: Bench, state: State) -> None:
        await bench.in_state(state, media_urls=("https://x/1",))
        before = await bench.record()
        record = await bench.store.cancel("m00001")
        after = await bench.record()
        if state not in ("held", "queued"):
            assert (record, after) == (None, before)
            return
        assert record == after
        assert after.state == "cancelled"
        assert after.message == before.message.model_copy(update=GONE)

    @pytest.mark.parametrize("state", STATES)
    async def test_what_is_over_can_be_put_in_again(self, bench: Bench, state: State) -> None:
        claimed = await bench.in_state(state, dedupe_key="k")
        before = await bench.record()
        bench.clock.at += 7
        record = await bench.store.requeue("m00001", NOW + 99)
        after = await bench.record()
        if state not in ("dead", "uncertain", "queued"):
            assert (record, after) == (None, before)
            return
        assert record == after
        assert after.message == before.message.model_copy(update={"expires_at": NOW + 99})
        due = NOW if state == "queued" else NOW + 7
        generation = claimed.receipt.generation if claimed else 0
        assert after[1:] == ("queued", due, 0, 0, generation, NOW + 7, "", "", "")

    async def test_what_is_queued_for_later_can_be_made_due(self, bench: Bench) -> None:
        await bench.put(due_at=NOW + 500)
        assert await bench.store.requeue("m00001", NOW + 900)
        assert await bench.numbers() == [1]

    @pytest.mark.parametrize("state", STATES)
    @pytest.mark.parametrize("word", ["sent", "dead"])
    async def test_a_person_says_what_became_of_it(
        self, bench: Bench, state: State, word: Literal["sent", "dead"]
    ) -> None:
        await bench.in_state(state)
        before = await bench.record()
        record = await bench.store.settle("m00001", word, "BY_HAND", "seen")
        after = await bench.record()
        if state != "uncertain" and not (word == "dead" and state in ("held", "queued")):
            assert (record, after) == (None, before)
            return
        assert record == after
        assert (after.state, after.code, after.why) == (word, "BY_HAND", "seen")
        assert bool(after.message.content) == (word == "dead")

    @pytest.mark.parametrize("state", STATES)
    async def test_what_has_ended_long_ago_can_be_removed(self, bench: Bench, state: State) -> None:
        await bench.in_state(state, dedupe_key="k")
        purged = await bench.store.purge(state, NOW)
        assert purged == 0
        purged = await bench.store.purge(state, NOW + 1)
        assert purged == (state in ENDED)
        assert (await bench.store.get("m00001") is None) == (state in ENDED)
        assert (await bench.put(dedupe_key="k")).created == (state in ENDED)

    async def test_nothing_more_than_those_of_a_state_and_a_time_is_removed(
        self, bench: Bench
    ) -> None:
        for state in ENDED:
            await bench.in_state(state)
        bench.clock.at += 5
        await bench.in_state("dead")
        assert await bench.store.purge("dead", NOW + 5) == 1
        assert await bench.listed() == [1, 2, 4, 5]
        assert (await bench.store.stats()).depth["dead", Priority.medium] == 1

    async def test_a_pause_is_one_of_three_kinds(self, bench: Bench) -> None:
        for wrong in ("", "everything", "priority:urgent", "user:"):
            with pytest.raises(ValueError, match="all"):
                await bench.store.pause(wrong)
            with pytest.raises(ValueError, match="all"):
                await bench.store.resume(wrong)

    # -- looking ---------------------------------------------------------------

    async def test_a_list_is_of_what_was_asked_for(self, bench: Bench) -> None:
        await bench.put("a", priority=Priority.low)
        await bench.put("b")
        await bench.in_state("held", user="a")
        await bench.put("a")
        assert await bench.listed() == [1, 2, 3, 4]
        assert await bench.listed(user="a") == [1, 3, 4]
        assert await bench.listed(state="queued", user="a") == [1, 4]
        assert await bench.listed(priority=Priority.medium, state="queued") == [2, 4]
        assert await bench.listed(limit=2) == [1, 2]
        assert await bench.listed(limit=2, after="m00002") == [3, 4]
        assert await bench.store.list(Filter(user="z"), limit=9) == ()

    async def test_a_position_counts_who_goes_before(self, bench: Bench) -> None:
        await bench.put(priority=Priority.low)
        await bench.put(due_at=NOW + 5)
        await bench.put()
        await bench.put("b", priority=Priority.critical)
        await bench.put(priority=Priority.critical, due_at=NOW + 9)
        found = [await bench.store.position(f"m{number:05}") for number in range(1, 7)]
        assert found == [3, 2, 1, 0, 0, None]
        await bench.store.cancel("m00003")
        assert await bench.store.position("m00003") is None
        assert await bench.store.position("m00001") == 2

    async def test_stats_count_states_and_what_waits(self, bench: Bench) -> None:
        for state in reversed(STATES):  # what is queued comes when nothing is claimed any more
            await bench.in_state(state)
        await bench.put("b", priority=Priority.low, due_at=NOW + 1)
        await bench.put("b", priority=Priority.low, due_at=NOW + 2)
        await bench.put("b", priority=Priority.high, due_at=NOW + 50)
        for what in ("priority:low", "all", "user:x"):
            await bench.store.pause(what)
        bench.clock.at += 3
        found = await bench.store.stats()
        assert found.depth == {
            **{(state, Priority.medium): 1 for state in STATES},
            ("queued", Priority.low): 2,
            ("queued", Priority.high): 1,
        }
        assert found.oldest_due == {Priority.medium: NOW, Priority.low: NOW + 1}
        assert found.paused == ("all", "priority:low", "user:x")

    async def test_stats_tell_how_many_came_to_what(self, bench: Bench) -> None:
        for state in ENDED:
            await bench.in_state(state)
        bench.clock.at += 90
        await bench.in_state("dead")
        await bench.put()
        found = (await bench.store.stats()).rates
        assert found["enqueued"] == (2, 6)
        assert found["dead"] == (1, 2)
        assert found["sent"] == found["uncertain"] == found["cancelled"] == (0, 1)
        bench.clock.at += 59.875
        assert (await bench.store.stats()).rates["enqueued"] == (2, 6)
        bench.clock.at += 0.125
        assert (await bench.store.stats()).rates["enqueued"] == (0, 6)
        bench.clock.at += 3_540
        found = (await bench.store.stats()).rates
        assert set(found.values()) == {(0, 0)}

    # -- waiting ---------------------------------------------------------------

    async def test_it_foresees_when_there_is_something_to_do(self, bench: Bench) -> None:
        async def ahead() -> float | None:
            moment = await bench.store.next_moment()
            return None if moment is None else moment - NOW

        assert await ahead() is None
        await bench.put(approval=None, expires_at=NOW + 900)
        assert await ahead() == 900
        await bench.put(priority=Priority.high, due_at=NOW + 50)
        assert await ahead() == 50
        await bench.store.pause("all")
        assert await ahead() == 900
        await bench.store.resume("all")
        await bench.store.pause("user:z")
        await bench.several("z", "z", priority=Priority.low)
        assert await ahead() == AGING
        await bench.store.cancel("m00003")
        await bench.store.cancel("m00004")
        bench.clock.at += 50
        claimed = await bench.one()
        assert await ahead() == 50 + LEASE
        await bench.store.throttle(claimed.receipt, NOW + 70, "limit", whole_user=NOW + 70)
        assert await ahead() == 70
        await bench.put()
        assert await ahead() == 70
        await bench.put("b", due_at=NOW + 50)
        moment = await ahead()
        assert moment is not None
        assert moment <= 50

    async def test_it_can_be_closed(self, bench: Bench) -> None:
        await bench.put()
        await bench.store.close()
        assert bench.store.url
