"""Estimates have bounds that are honest, and are the same for the same evidence."""

from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.cost_meter.advising.evidence import MONTH, Evidence, estimate, share_between
from tests.plugins.cost_meter.advising.advised import DAY, attempts, evidence
from tests.plugins.cost_meter.rowed import NOON


def test_a_saving_on_every_attempt_is_as_sure_as_it_gets() -> None:
    rows = attempts(480)
    found = estimate(evidence(rows), {one.id: 1000 for one in rows}, "x")
    assert found.p10 <= found.p50 <= found.p90
    assert found.p50 == 480 * 1000 * 3
    assert (found.sure, found.sample) == (99, 480)


def test_without_evidence_nothing_is_saved() -> None:
    assert estimate(Evidence(NOON, NOON, ()), {}, "x") == (0, 0, 0, 0, 0)


def test_rows_that_are_a_sample_stand_for_all_that_was_spent() -> None:
    rows = attempts(480)
    whole = evidence(rows)
    half = Evidence(
        whole.since, whole.until, tuple(one._replace(rows=one.rows[::2]) for one in whole.pieces)
    )
    savings = {one.id: 1000 for one in rows}
    assert estimate(half, savings, "x").p50 == estimate(whole, savings, "x").p50


def test_minutes_are_not_multiplied_into_a_month() -> None:
    rows = [one._replace(at=NOON + number) for number, one in enumerate(attempts(100))]
    short = evidence(rows, 1)._replace(until=NOON + 100)
    assert estimate(short, {one.id: 1000 for one in rows}, "x").p90 <= 100_000 * MONTH // DAY * 2


def test_what_is_saved_on_one_day_alone_is_not_sure() -> None:
    rows = attempts(480)
    first = {one.id: 10_000 for one in rows if one.at < NOON + DAY}
    found = estimate(evidence(rows), first, "x")
    assert found.p10 < found.p50 / 2
    assert found.p90 > found.p50 * 1.3


def test_few_days_are_less_sure_than_many_of_the_same_kind() -> None:
    def width(days: int) -> float:
        rows = attempts(days * 20, days=days)
        saved = {one.id: 5000 if int((one.at - NOON) // DAY) % 2 else 1000 for one in rows}
        found = estimate(evidence(rows, days), saved, "x")
        return (found.p90 - found.p10) / found.p50

    # By chance alone it would be the root of 8, which is less than 3.
    assert width(4) > 3.3 * width(32)


def test_hours_of_one_day_are_alike_and_prove_little() -> None:
    rows = attempts(480, days=4)
    saved = {one.id: 5000 if one.at < NOON + DAY else 100 for one in rows}
    found = estimate(evidence(rows, 4), saved, "x")
    assert found.p10 < found.p50 / 3


def test_where_every_attempt_saves_something_nobody_says_that_it_may_cost_more() -> None:
    rows = attempts(480)
    saved = {one.id: 100_000 if one.at < NOON + DAY else 1 for one in rows}
    found = estimate(evidence(rows), saved, "x")
    assert found.p10 > 0
    assert found.sure == 99


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-5000, 5000), min_size=48, max_size=48), st.text(max_size=4))
def test_the_middle_lies_between_the_bounds_and_near_the_truth(each: list[int], seed: str) -> None:
    rows = attempts(48)
    savings = {one.id: saved for one, saved in zip(rows, each, strict=True)}
    found = estimate(evidence(rows), savings, seed)
    assert found == estimate(evidence(rows), savings, seed)
    assert found.p10 <= found.p50 <= found.p90
    truth = sum(each) * 3
    spread = 3 * 5000 * 48
    assert abs(found.p50 - truth) <= spread


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_share_lies_between_its_bounds(part: int, more: int) -> None:
    least, most = share_between(part, part + more)
    assert -1e-9 <= least <= part / (part + more) <= most <= 1 + 1e-9


def test_of_nothing_the_share_may_be_anything() -> None:
    assert share_between(0, 0) == (0.0, 1.0)
