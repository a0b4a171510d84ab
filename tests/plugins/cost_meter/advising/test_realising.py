"""What was saved is the difference of what answers cost, with the doubt that is due."""

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from plugins.cost_meter.advising.realising import by_answer, by_hour, kept_promises
from plugins.cost_meter.row import Sums, plus, sums_of
from tests.plugins.cost_meter.rowed import row

WEEK = 7 * 86_400.0


def sums(*costs: int) -> Sums:
    return reduce(plus, (sums_of(row(nano_usd=cost)) for cost in costs), Sums())


def test_cheaper_answers_are_a_saving_whatever_the_volume() -> None:
    found = by_answer(sums(*[3_000_000] * 100), sums(*[1_000_000] * 70), WEEK)
    assert found is not None
    assert (found.before, found.after, found.samples) == (3_000_000, 1_000_000, (100, 70))
    assert found.p10 == found.p50 == found.p90 == 70 * 2_000_000 * 30 // 7


def test_answers_that_cost_now_this_and_now_that_leave_a_doubt() -> None:
    found = by_answer(sums(*[1_000_000, 5_000_000] * 20), sums(*[1_000_000, 4_000_000] * 20), WEEK)
    assert found is not None
    assert found.p10 < 0 < found.p50 < found.p90


def test_attempts_without_an_answer_make_answers_dearer() -> None:
    lost = reduce(plus, [sums_of(row(nano_usd=1000, outcome="failed"))] * 50, Sums())
    found = by_answer(plus(sums(*[1000] * 50), lost), sums(*[1000] * 50), WEEK)
    assert found is not None
    assert (found.before, found.after) == (2000, 1000)


def test_few_answers_tell_nothing() -> None:
    assert by_answer(sums(*[1] * 9), sums(*[1] * 90), WEEK) is None
    assert by_hour([1] * 9, [1] * 90, WEEK) is None


def test_cheaper_hours_are_a_saving() -> None:
    found = by_hour([2_000] * 100, [500] * 100, WEEK)
    assert found is not None
    assert found.p10 == found.p50 == found.p90 == 1_500 * 720


@given(st.lists(st.tuples(st.integers(-(10**12), 10**12), st.integers(0, 10**12))))
def test_promises_are_believed_to_between_a_tenth_and_all(pairs: list[tuple[int, int]]) -> None:
    assert 10 <= kept_promises(pairs) <= 100


def test_a_promise_is_believed_as_far_as_it_was_kept() -> None:
    assert kept_promises([]) == 100
    assert kept_promises([(50, 100), (100, 100)]) == 75
    assert kept_promises([(300, 100)]) == 100
    assert kept_promises([(-50, 100)]) == 10
