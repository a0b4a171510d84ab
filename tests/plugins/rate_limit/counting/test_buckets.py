"""How many buckets there may be, and which go."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from plugins.rate_limit.counting.buckets import Buckets
from plugins.rate_limit.counting.memory import MemoryCounts
from tests.kit.properties import examples
from tests.plugins.rate_limit.counting.behaviour import Clock, distinct, lease, level, log


def names(buckets: Buckets, *asked: str) -> str:
    """Those of them that are there."""
    return "".join(name for name in asked if buckets.get(name))


def use(buckets: Buckets, name: str, lifetime: int, now: int) -> None:
    buckets.used(name, buckets.get(name) or [0, 0], lifetime, now)


def test_expired_ones_go_first_and_then_that_not_used_for_longest() -> None:
    buckets = Buckets({}, 3)
    use(buckets, "a", 100, 0)
    use(buckets, "b", 10, 1)
    use(buckets, "c", 100, 2)
    use(buckets, "d", 100, 11)
    assert (names(buckets, *"abcd"), buckets.evicted) == ("acd", 0)
    use(buckets, "a", 100, 12)
    use(buckets, "e", 10, 13)
    assert (names(buckets, *"abcde"), buckets.evicted) == ("ade", 1)


def test_new_ones_drop_what_has_expired_long_before_there_are_too_many() -> None:
    buckets = Buckets({}, 1_000)
    for number in range(500):
        use(buckets, f"b{number}", 10, number)
        assert len(buckets) <= 11


def test_a_bucket_whose_rule_was_changed_expires_as_the_new_one_says() -> None:
    buckets = Buckets({}, 2)
    use(buckets, "a", 10, 0)
    use(buckets, "a", 100, 1)
    use(buckets, "b", 10, 2)
    use(buckets, "c", 10, 50)
    assert names(buckets, *"abc") == "ac"
    buckets.drop("a")
    buckets.drop("a")
    assert names(buckets, *"abc") == "c"


def test_where_there_may_be_fewer_than_before_those_used_last_stay() -> None:
    state: dict[str, Any] = {}
    for number in range(9):
        use(Buckets(state, 9), f"{number}", 10 + number % 3, number)
    buckets = Buckets(state, 4)
    use(buckets, "new", 10, 9)
    assert (names(buckets, *"012345678", "new"), buckets.evicted) == ("678new", 6)


@examples(60)
@given(
    st.integers(1, 6),
    st.lists(
        st.tuples(st.sampled_from("abcdefghij"), st.sampled_from([3, 8, 20]), st.integers(0, 4)),
        max_size=80,
    ),
)
def test_nothing_that_counts_goes_while_something_has_expired(
    most: int, asked: list[tuple[str, int, int]]
) -> None:
    buckets, now = Buckets({}, most), 0
    right: dict[str, tuple[int, int]] = {}
    for name, lifetime, passed in asked:
        now += passed
        counting = {one for one, (until, _) in right.items() if until > now and one != name}
        use(buckets, name, lifetime, now)
        there = {one for one in counting if buckets.get(one)}
        lost = counting - there
        if lost:
            assert len(counting) == most
            assert [right[one][1] for one in lost] == [min(right[one][1] for one in counting)]
        right = {one: right[one] for one in there} | {name: (now + lifetime, now)}
        assert len(buckets) <= most


def test_counts_of_all_kinds_are_bounded_and_say_how_many_went() -> None:
    clock = Clock()
    counts = MemoryCounts({}, clock, most=40)
    for number in range(25):
        clock.now += 1
        claims = tuple(
            kind((2, 1_000), bucket=f"{kind.__name__}{number}")
            for kind in (log, level, distinct, lease)
        )
        assert counts.take_now(claims, "t").admitted
    assert (len(counts), counts.evicted) == (40, 60)
    clock.now += 2_000
    assert counts.take_now((log((2, 1_000), bucket="new"),), "t").admitted
    assert counts.evicted == 60


def test_what_is_only_looked_at_refused_or_free_takes_no_place() -> None:
    counts = MemoryCounts({}, Clock())
    counts.peek_now((log((1, 10)),))
    counts.take_now((log((1, 10), cost=2), level((1, 10))), "t")
    counts.take_now((log((1, 10), cost=0), level((1, 10), cost=0)), "t")
    counts.refund_now((lease((1, 10)), distinct((1, 10))), "t")
    assert len(counts) == 0
