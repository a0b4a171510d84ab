"""In which order a queue gives its messages, by examples."""

from collections import Counter

from plugins.message_queue.message import Priority
from plugins.message_queue.store import AGING, SWEPT
from tests.plugins.message_queue.stores.bench import (
    LEASE,
    NOW,
    PRIORITIES,
    ROOMY,
    Bench,
    OnABench,
)

LETTER = {priority: priority.name[0] for priority in PRIORITIES}


class Ordering(OnABench):
    """The order of claims; see `Behaviour`."""

    # -- between classes -------------------------------------------------------

    async def test_of_15_turns_critical_has_8_high_4_medium_2_low_1(self, bench: Bench) -> None:
        for priority in PRIORITIES:
            await bench.several(*"ab" * 20, priority=priority)
        turns = ""
        for most in (1, 15, 7, 3, 4):
            turns += "".join(LETTER[one.record.message.priority] for one in await bench.take(most))
        assert turns[:15] == "chmlcchcchmcchc"
        for start in range(15):
            shares = Counter(turns[start : start + 15])
            assert shares == {"c": 8, "h": 4, "m": 2, "l": 1}

    async def test_classes_share_what_the_others_leave(self, bench: Bench) -> None:
        await bench.several(*"a" * 12, priority=Priority.high)
        await bench.several(*"a" * 6, priority=Priority.low)
        found = [one.record.message.priority for one in await bench.take(15)]
        assert Counter(found) == {Priority.high: 12, Priority.low: 3}

    async def test_a_class_that_had_nothing_does_not_save_up(self, bench: Bench) -> None:
        await bench.several(*"a" * 40, priority=Priority.low)
        assert len(await bench.take(20)) == 20
        await bench.several(*"a" * 40, priority=Priority.critical)
        found = [one.record.message.priority for one in await bench.take(26)]
        assert Counter(found) == {Priority.critical: 24, Priority.low: 2}

    # -- between users ---------------------------------------------------------

    async def test_users_take_turns_however_many_messages_they_have(self, bench: Bench) -> None:
        await bench.several(*"aaaaaa")
        await bench.several(*"bbc")
        assert await bench.users(4) == ["a", "b", "c", "a"]
        assert await bench.users() == ["b", "a", "a", "a", "a"]

    async def test_who_is_new_goes_to_the_end_of_the_round(self, bench: Bench) -> None:
        await bench.several(*"bbbccc")
        assert await bench.users(1) == ["b"]
        await bench.several(*"aa")
        assert await bench.users(5) == ["c", "b", "a", "c", "b"]

    async def test_who_has_waited_longest_joins_first(self, bench: Bench) -> None:
        await bench.put("a", due_at=NOW + 5)
        await bench.put("b", due_at=NOW + 4)
        await bench.put("d", due_at=NOW + 3)
        await bench.put("c", due_at=NOW + 3)
        bench.clock.at += 10
        assert await bench.users() == ["c", "d", "b", "a"]

    async def test_who_has_been_away_goes_to_the_end_of_the_round(self, bench: Bench) -> None:
        await bench.several(*"aabbcc")
        assert await bench.users(1) == ["a"]
        await bench.store.pause("user:b")
        await bench.store.resume("user:b")
        assert await bench.users() == ["c", "a", "b", "c", "b"]

    async def test_the_rounds_of_classes_are_apart(self, bench: Bench) -> None:
        await bench.several(*"aab", priority=Priority.high)
        await bench.several(*"aab", priority=Priority.medium)
        found = [one.record.message for one in await bench.take()]
        users = {
            priority: [one.user for one in found if one.priority == priority]
            for priority in (Priority.high, Priority.medium)
        }
        assert users == {Priority.high: ["a", "b", "a"], Priority.medium: ["a", "b", "a"]}

    async def test_a_hundred_users_join_a_round_at_once(self, bench: Bench) -> None:
        for number in range(SWEPT + 5):
            await bench.put(f"u{number:03}")
        await bench.put("z", priority=Priority.low)
        assert len(await bench.take(999)) == SWEPT + 1
        assert len(await bench.take(999)) == 5

    # -- of one user -----------------------------------------------------------

    async def test_of_a_user_what_became_due_first_goes_first(self, bench: Bench) -> None:
        await bench.put(due_at=NOW - 1)
        await bench.put(due_at=NOW - 2)
        await bench.put(due_at=NOW - 2)
        await bench.put(due_at=NOW + 1)
        assert await bench.numbers() == [2, 3, 1]

    async def test_nothing_is_claimed_before_it_is_due(self, bench: Bench) -> None:
        await bench.put(due_at=NOW + 5)
        bench.clock.at += 4.875
        assert await bench.take() == ()
        bench.clock.at += 0.125
        assert await bench.numbers() == [1]

    async def test_a_user_has_so_many_in_flight(self, bench: Bench) -> None:
        bench.bounds = ROOMY._replace(in_flight=2)
        await bench.several(*"aaaab")
        await bench.put("a", priority=Priority.critical)
        first, *others = await bench.take()
        assert [first.record.message.user, *(one.record.message.user for one in others)] == [
            "a",
            "a",
            "b",
        ]
        await bench.store.begin(first.receipt, LEASE)
        assert await bench.take() == ()
        await bench.store.sent(first.receipt, "p-1")
        assert await bench.users() == ["a"]
        bench.bounds = ROOMY._replace(in_flight=3)
        assert await bench.users() == ["a"]
        bench.bounds = ROOMY._replace(in_flight=1)
        assert await bench.take() == ()

    # -- aging -----------------------------------------------------------------

    async def test_what_waits_moves_up_until_it_is_high(self, bench: Bench) -> None:
        await bench.put("z", priority=Priority.low)
        for seconds, moved in ((AGING - 0.125, 0), (0.125, 1), (AGING, 2), (AGING, 2)):
            bench.clock.at += seconds
            await bench.store.pause("all")
            assert await bench.take() == ()  # which moves it
            assert await bench.take() == ()  # which does not
            await bench.store.resume("all")
            before = await self.how_far(bench)
            assert before == moved
        assert (await bench.record()).message.priority == Priority.low

    async def how_far(self, bench: Bench) -> int:
        """In how many classes a message of the same user counts as one that goes after."""
        found = 0
        for priority in (Priority.medium, Priority.high, Priority.critical):
            put = await bench.put("z", priority=priority, due_at=NOW + 9_000)
            position = await bench.store.position(put.record.message.id)
            found += position == 1
            await bench.store.cancel(put.record.message.id)
        return found

    async def test_what_has_moved_up_keeps_its_place_among_its_users(self, bench: Bench) -> None:
        await bench.put(priority=Priority.medium)
        await bench.put(priority=Priority.high, due_at=NOW + 1)
        bench.clock.at += AGING
        assert await bench.numbers() == [1, 2]

    async def test_what_begins_anew_is_in_the_class_of_its_priority(self, bench: Bench) -> None:
        await bench.put("z", priority=Priority.low)
        await bench.store.pause("all")
        bench.clock.at += AGING
        await bench.take()
        assert await self.how_far(bench) == 1
        await bench.store.requeue("m00001", NOW + 900)  # it is queued, and stays
        assert await self.how_far(bench) == 1
        await bench.store.settle("m00001", "dead", "c", "w")
        await bench.store.requeue("m00001", NOW + 900)
        assert await self.how_far(bench) == 0

    async def test_time_to_move_up_counts_from_when_it_is_due(self, bench: Bench) -> None:
        await bench.put(priority=Priority.medium, due_at=NOW + 20)
        await bench.put("b", priority=Priority.high, due_at=NOW + AGING)
        await bench.put("b", priority=Priority.high, due_at=NOW + AGING)
        bench.clock.at += AGING
        assert await bench.numbers() == [2, 1, 3]

    # -- pauses ----------------------------------------------------------------

    async def test_nothing_that_is_paused_is_claimed(self, bench: Bench) -> None:
        await bench.put("a")
        await bench.put("b")
        await bench.put("b", priority=Priority.low)
        for what, users in (("all", []), ("user:b", ["a"]), ("priority:medium", ["b"])):
            assert await bench.store.pause(what)
            assert not await bench.store.pause(what)
            assert await bench.users() == users
            assert await bench.store.resume(what)
            assert not await bench.store.resume(what)
        assert await bench.users() == ["b"]

    async def test_a_paused_priority_counts_whatever_its_class(self, bench: Bench) -> None:
        await bench.put(priority=Priority.medium)
        await bench.put(priority=Priority.high, due_at=NOW + 1)
        await bench.store.pause("priority:medium")
        bench.clock.at += AGING
        assert await bench.numbers() == [2]
        assert await bench.store.position("m00001") == 0
        await bench.store.resume("priority:medium")
        assert await bench.numbers() == [1]
