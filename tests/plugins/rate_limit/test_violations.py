"""Who was refused how often."""

from hypothesis import given
from hypothesis import strategies as st

from plugins.rate_limit.violations import Violations
from tests.kit.properties import examples

MIDNIGHT = 20_000 * 86_400.0


def violations(refused: int = 3, most: int = 100) -> Violations:
    return Violations({}, refused, 3600, most)


def test_refusals_are_counted_by_minute_hour_and_day() -> None:
    counts = violations()
    for seconds in (0, 59, 60, 3600, 86_399):
        counts.add("per-user", "ann", MIDNIGHT + seconds)
    (one,) = counts.latest(MIDNIGHT + 86_399, 10)
    assert one == ("per-user", "ann", 1, 1, 5, MIDNIGHT + 86_399)
    (later,) = counts.latest(MIDNIGHT + 86_400, 10)
    assert (later.minute, later.hour, later.day) == (0, 0, 0)


def test_rules_and_users_are_counted_by_themselves_the_latest_first() -> None:
    counts = violations()
    for rule, user in (("a", "ann"), ("a", "bob"), ("b", "ann"), ("a", None)):
        counts.add(rule, user, MIDNIGHT)
    counts.add("a", "ann", MIDNIGHT)
    listed = [(one.rule, one.user, one.minute) for one in counts.latest(MIDNIGHT, 10)]
    assert listed == [("a", "ann", 2), ("a", None, 1), ("b", "ann", 1), ("a", "bob", 1)]
    assert len(list(counts.latest(MIDNIGHT, 2))) == 2


def test_it_is_too_often_once_in_each_period() -> None:
    counts = violations(refused=3)
    often = [counts.add("a", "ann", MIDNIGHT + second) for second in range(6)]
    assert often == [False, False, True, False, False, False]
    again = [counts.add("a", "ann", MIDNIGHT + 3600 + second) for second in range(3)]
    assert again == [False, False, True]


def test_who_was_refused_longest_ago_is_forgotten_first() -> None:
    counts = violations(most=2)
    for user in ("ann", "bob", "ann", "cleo"):
        counts.add("a", user, MIDNIGHT)
    assert [one.user for one in counts.latest(MIDNIGHT, 10)] == ["cleo", "ann"]


def test_the_next_one_goes_on_with_what_was_counted() -> None:
    table: dict[object, object] = {}
    Violations(table, 2, 3600).add("a", "ann", MIDNIGHT)
    assert Violations(table, 2, 3600).add("a", "ann", MIDNIGHT + 1)


@given(st.lists(st.integers(0, 200_000), max_size=30))
@examples(100)
def test_each_count_is_that_of_the_refusals_in_its_period(gaps: list[int]) -> None:
    counts, at, times = violations(), MIDNIGHT, []
    for gap in gaps:
        at += gap
        counts.add("a", "ann", at)
        times.append(at)
    for one in counts.latest(at, 1):
        for count, period in ((one.minute, 60), (one.hour, 3600), (one.day, 86_400)):
            assert count == sum(time // period == at // period for time in times)
